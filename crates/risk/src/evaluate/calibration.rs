//! Probabilities that mean what they say.

use serde::{Deserialize, Serialize};

/// Mean squared error of probabilities (Brier 1950).
#[must_use]
pub fn brier(scores: &[f64], labels: &[bool]) -> f64 {
    let error: f64 = scores.iter().zip(labels).map(|(p, l)| (p - f64::from(u8::from(*l))).powi(2)).sum();
    error / scores.len().max(1) as f64
}

/// Mean probability, share of defaults and users of each bin of about equal counts, by rising score.
///
/// Users of one score are in one bin, for which of them come first says nothing.
#[must_use]
pub fn reliability(scores: &[f64], labels: &[bool], bins: usize) -> Vec<(f64, f64, usize)> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let n = order.len();
    let cut = |bin: usize| {
        let at = bin * n / bins;
        // To the end of the users who have the score of the last before the cut.
        let last = at.checked_sub(1).and_then(|before| order.get(before)).map(|user| scores[*user]);
        last.map_or(at, |last| order.partition_point(|user| scores[*user].total_cmp(&last).is_le()))
    };
    (0..bins)
        .map(|bin| &order[cut(bin)..cut(bin + 1)])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let size = part.len() as f64;
            let mean = part.iter().map(|i| scores[*i]).sum::<f64>() / size;
            (mean, part.iter().filter(|i| labels[**i]).count() as f64 / size, part.len())
        })
        .collect()
}

/// Expected calibration error over bins of equal counts.
#[must_use]
pub fn ece(scores: &[f64], labels: &[bool], bins: usize) -> f64 {
    let n = scores.len().max(1) as f64;
    reliability(scores, labels, bins)
        .iter()
        .map(|(p, share, size)| (p - share).abs() * *size as f64 / n)
        .sum()
}

/// The logistic function.
#[must_use]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A line on the logit (Platt 1999, with his smoothed targets).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// Slope.
    pub slope: f64,
    /// Offset.
    pub offset: f64,
}

impl Platt {
    /// Fits by Newton's method.
    #[must_use]
    pub fn fit(logits: &[f64], labels: &[bool]) -> Self {
        let positive = labels.iter().filter(|l| **l).count() as f64;
        let negative = labels.len() as f64 - positive;
        let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
        let (mut slope, mut offset) = (1.0, 0.0);
        for _ in 0..50 {
            let (mut g, mut h) = ([0.0; 2], [1e-9, 0.0, 1e-9]);
            for (x, l) in logits.iter().zip(labels) {
                let p = sigmoid(slope * x + offset);
                let (d, w) = (p - if *l { high } else { low }, p * (1.0 - p));
                g = [g[0] + d * x, g[1] + d];
                h = [h[0] + w * x * x, h[1] + w * x, h[2] + w];
            }
            let det = h[0] * h[2] - h[1] * h[1];
            let step = [(h[2] * g[0] - h[1] * g[1]) / det, (h[0] * g[1] - h[1] * g[0]) / det];
            if !step.iter().all(|s| s.is_finite()) {
                break;
            }
            (slope, offset) = (slope - step[0].clamp(-2.0, 2.0), offset - step[1].clamp(-2.0, 2.0));
            if step.iter().all(|s| s.abs() < 1e-9) {
                break;
            }
        }
        // A slope that turns the order round is no calibration.
        if slope > 0.0 { Self { slope, offset } } else { Self { slope: 1.0, offset: 0.0 } }
    }
}

/// A rising step function (pool adjacent violators), with lines between the steps so that order is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Mean logit of each pool.
    pub at: Vec<f64>,
    /// Share of defaults of each pool.
    pub share: Vec<f64>,
}

impl Isotonic {
    /// Fits by pooling neighbours that are out of order.
    #[must_use]
    pub fn fit(logits: &[f64], labels: &[bool]) -> Self {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| logits[*a].total_cmp(&logits[*b]));
        let mut pools: Vec<(f64, f64, f64)> = Vec::new();
        let mut last = f64::NAN;
        for i in order {
            let hit = f64::from(u8::from(labels[i]));
            match pools.last_mut() {
                // Users of one score cannot be told apart.
                Some(pool) if logits[i] == last => *pool = (pool.0 + logits[i], pool.1 + hit, pool.2 + 1.0),
                _ => pools.push((logits[i], hit, 1.0)),
            }
            last = logits[i];
        }
        let mut merged: Vec<(f64, f64, f64)> = Vec::new();
        for pool in pools {
            merged.push(pool);
            while let [.., a, b] = merged[..] {
                if a.1 / a.2 < b.1 / b.2 {
                    break;
                }
                merged.truncate(merged.len() - 2);
                merged.push((a.0 + b.0, a.1 + b.1, a.2 + b.2));
            }
        }
        // No share is certain.
        let least = 0.5 / (logits.len() as f64 + 1.0);
        let (at, share) =
            merged.into_iter().map(|(x, hits, n)| (x / n, (hits / n).clamp(least, 1.0 - least))).unzip();
        Self { at, share }
    }

    fn value(&self, logit: f64) -> f64 {
        let above = self.at.partition_point(|x| *x < logit);
        match (
            above.checked_sub(1).and_then(|i| self.at.get(i).zip(self.share.get(i))),
            self.at.get(above).zip(self.share.get(above)),
        ) {
            (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (logit - x0) / (x1 - x0).max(1e-12),
            (Some((_, y)), None) | (None, Some((_, y))) => *y,
            (None, None) => sigmoid(logit),
        }
    }
}

/// From a model's logit to a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibrator {
    /// A line on the logit.
    Platt(Platt),
    /// A rising function.
    Isotonic(Isotonic),
}

/// Defaults from which on a free curve is better than a line.
const ISOTONIC_MIN: usize = 500;

impl Calibrator {
    /// Fits on users that the model has not learned from: a line, or a curve where there are defaults enough.
    #[must_use]
    pub fn fit(logits: &[f64], labels: &[bool]) -> Self {
        if labels.iter().filter(|l| **l).count() >= ISOTONIC_MIN {
            Self::Isotonic(Isotonic::fit(logits, labels))
        } else {
            Self::Platt(Platt::fit(logits, labels))
        }
    }

    /// Whether it is whole: numbers, as many places as shares.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Platt(p) => p.slope.is_finite() && p.offset.is_finite(),
            Self::Isotonic(i) => {
                i.at.len() == i.share.len() && i.at.iter().chain(&i.share).all(|v| v.is_finite())
            }
        }
    }

    /// The probability of a default; NaN, which nobody gets good terms for, where the logit is none.
    #[must_use]
    pub fn probability(&self, logit: f64) -> f64 {
        match self {
            _ if logit.is_nan() => f64::NAN,
            Self::Platt(p) => sigmoid(p.slope * logit + p.offset),
            Self::Isotonic(i) => i.value(logit).clamp(1e-6, 1.0 - 1e-6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn platt_finds_the_line() {
        let logits: Vec<f64> = (0..4000).map(|i| f64::from(i % 40) / 5.0 - 4.0).collect();
        let mut seed = tollgate_core::Seed(3);
        let labels: Vec<bool> = logits
            .iter()
            .map(|x| {
                seed = seed.next();
                seed.unit() < sigmoid(0.5 * x - 1.0)
            })
            .collect();
        let found = Platt::fit(&logits, &labels);
        assert!((found.slope - 0.5).abs() < 0.06 && (found.offset + 1.0).abs() < 0.12, "{found:?}");
        let raw: Vec<f64> = logits.iter().map(|x| sigmoid(*x)).collect();
        let mended: Vec<f64> = logits.iter().map(|x| Calibrator::Platt(found).probability(*x)).collect();
        assert!(ece(&mended, &labels, 10) < 0.03 && ece(&raw, &labels, 10) > 0.1);
    }

    #[test]
    fn one_score_is_one_bin_whatever_the_order() {
        let labels: Vec<bool> = (0..100).map(|i| i >= 80).collect();
        assert!(ece(&[0.2; 100], &labels, 10) < 1e-12);
        assert_eq!(reliability(&[0.2; 100], &labels, 10).len(), 1);
        assert!(
            Calibrator::Isotonic(Isotonic::fit(&[0.0, 1.0], &[false, true])).probability(f64::NAN).is_nan()
        );
    }

    proptest! {
        #[test]
        fn isotonic_never_falls(rows in prop::collection::vec((-9i8..9, any::<bool>()), 1..60)) {
            let logits: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let labels: Vec<bool> = rows.iter().map(|r| r.1).collect();
            let fitted = Isotonic::fit(&logits, &labels);
            let values: Vec<f64> = (-100..100).map(|x| fitted.value(f64::from(x) / 10.0)).collect();
            prop_assert!(values.is_sorted_by(|a, b| *a <= *b + 1e-12));
        }
    }
}
