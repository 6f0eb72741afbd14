//! Chance: intervals by resampling users, and the paired test of two models on the same users.

use super::rank::auc;
use serde::{Deserialize, Serialize};
use tollgate_core::Seed;

/// The middle 95 % of the AUC over resampled users; `None` when one outcome is missing.
#[must_use]
pub fn bootstrap(scores: &[f64], labels: &[bool], resamples: usize, seed: Seed) -> Option<(f64, f64)> {
    auc(scores, labels)?;
    let mut draw = seed.derive("bootstrap");
    let n = labels.len();
    let mut found = Vec::with_capacity(resamples);
    let (mut s, mut l) = (vec![0.0; n], vec![false; n]);
    for _ in 0..resamples {
        for i in 0..n {
            let from = ((draw.unit() * n as f64) as usize).min(n - 1);
            draw = draw.next();
            (s[i], l[i]) = (scores[from], labels[from]);
        }
        found.extend(auc(&s, &l));
    }
    found.sort_by(f64::total_cmp);
    let at = |q: f64| found.get(((found.len() as f64 - 1.0) * q).round() as usize).copied();
    Some((at(0.025)?, at(0.975)?))
}

/// The difference of two AUCs on the same users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeLong {
    /// First minus second.
    pub difference: f64,
    /// Its standard error.
    pub error: f64,
    /// Two-sided probability of as large a difference by chance.
    pub p: f64,
}

/// The paired test of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), with the ranks of Sun and Xu (2014).
#[must_use]
pub fn delong(first: &[f64], second: &[f64], labels: &[bool]) -> Option<DeLong> {
    let difference = auc(first, labels)? - auc(second, labels)?;
    let (a, b) = (placements(first, labels), placements(second, labels));
    let variance = |positive: bool| {
        let d: Vec<f64> =
            a.iter().zip(&b).zip(labels).filter(|(_, l)| **l == positive).map(|((x, y), _)| x - y).collect();
        let mean = d.iter().sum::<f64>() / d.len() as f64;
        d.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (d.len() as f64 - 1.0).max(1.0) / d.len() as f64
    };
    let error = (variance(true) + variance(false)).sqrt();
    let z = if error > 0.0 { difference / error } else { 0.0 };
    Some(DeLong { difference, error, p: libm::erfc(z.abs() / std::f64::consts::SQRT_2) })
}

/// For each user the share of the other outcome's users on its right side: below a default, above another.
fn placements(scores: &[f64], labels: &[bool]) -> Vec<f64> {
    let side = |positive: bool| {
        let mut side: Vec<f64> =
            scores.iter().zip(labels).filter(|(_, l)| **l == positive).map(|(s, _)| *s).collect();
        side.sort_by(f64::total_cmp);
        side
    };
    let (defaults, others) = (side(true), side(false));
    let below = |side: &[f64], s: f64| {
        (side.partition_point(|x| *x < s) as f64 + side.partition_point(|x| *x <= s) as f64) / 2.0
    };
    let place = |(s, l): (&f64, &bool)| {
        if *l {
            below(&others, *s) / others.len() as f64
        } else {
            1.0 - below(&defaults, *s) / defaults.len() as f64
        }
    };
    scores.iter().zip(labels).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand: two defaults, two others.
    #[test]
    fn the_paired_test_of_a_small_case() {
        let labels = [true, true, false, false];
        let found = delong(&[4.0, 2.0, 3.0, 1.0], &[4.0, 3.0, 2.0, 1.0], &labels).unwrap();
        assert_eq!(found.difference, -0.25);
        // Placements: (1, .5 | .5, 1) and (1, 1 | 1, 1): differences 0, -.5 and -.5, 0; each variance .125 / 2.
        assert!((found.error - 0.125f64.sqrt()).abs() < 1e-12);
        assert!((found.p - 0.4795).abs() < 1e-3);
        let same = delong(&[4.0, 2.0, 3.0, 1.0], &[4.0, 2.0, 3.0, 1.0], &labels).unwrap();
        assert_eq!((same.difference, same.p), (0.0, 1.0));
    }

    #[test]
    fn the_interval_holds_the_value() {
        let labels: Vec<bool> = (0..200).map(|i| i % 3 == 0).collect();
        let scores: Vec<f64> =
            (0..200).map(|i| f64::from(i % 7) + if i % 3 == 0 { 2.0 } else { 0.0 }).collect();
        let (low, high) = bootstrap(&scores, &labels, 100, Seed(1)).unwrap();
        let value = auc(&scores, &labels).unwrap();
        assert!(low < value && value < high && high - low < 0.2);
    }
}
