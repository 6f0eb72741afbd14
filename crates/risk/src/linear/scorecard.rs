//! The scorecard: points per interval of each characteristic, as a credit officer reads it.
//!
//! Intervals are cut at quantiles and merged until the share of defaults is monotone; each gets the weight of evidence
//! ln((good share) / (bad share)); a logistic regression weighs the characteristics (Siddiqi, Credit Risk Scorecards,
//! 2006). Points: 600 at odds of 50 to 1, 20 more double the odds.

use super::logistic::newton;
use crate::feature::Matrix;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// Points at [`ODDS`].
const POINTS: f64 = 600.0;
/// Good to bad.
const ODDS: f64 = 50.0;
/// Points that double the odds.
const DOUBLE: f64 = 20.0;
/// Intervals before merging.
const FINE: usize = 20;
/// Least share of users in an interval.
const SHARE_MIN: f64 = 0.04;
/// Least information value of a characteristic.
const VALUE_MIN: f64 = 0.01;
/// Most characteristics.
const CHARACTERISTICS_MAX: usize = 20;
/// Characteristics more alike than this are not both taken.
const ALIKE_MAX: f64 = 0.85;

/// One characteristic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Characteristic {
    /// The feature.
    pub name: String,
    /// Its column.
    pub column: usize,
    /// Upper ends of all intervals but the last.
    pub edges: Vec<f32>,
    /// Weight of evidence per interval, then that of a missing value.
    pub evidence: Vec<f64>,
    /// Points per interval, then those of a missing value.
    pub points: Vec<f64>,
    /// Information value.
    pub value: f64,
}

impl Characteristic {
    fn interval(&self, value: f32) -> usize {
        if value.is_nan() { self.edges.len() + 1 } else { self.edges.partition_point(|edge| *edge < value) }
    }
}

/// Characteristics and what everybody gets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scorecard {
    /// The characteristics, by falling information value.
    pub rows: Vec<Characteristic>,
    /// Points that everybody gets.
    pub base: f64,
}

impl Scorecard {
    /// Learns from the users given.
    #[must_use]
    pub fn fit(features: &Matrix, labels: &[bool], train: &[u32]) -> Self {
        let truth: Vec<bool> = train.iter().map(|i| labels[*i as usize]).collect();
        let mut found: Vec<Characteristic> = (0..features.width())
            .filter_map(|column| {
                let values: Vec<f32> = features.column(column, train).collect();
                characteristic(&features.names[column], column, &values, &truth)
            })
            .filter(|c| c.value >= VALUE_MIN)
            .collect();
        found.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.column.cmp(&b.column)));
        let mut rows: Vec<Characteristic> = Vec::new();
        let mut taken: Vec<Vec<f64>> = Vec::new();
        for c in found {
            let evidence: Vec<f64> =
                features.column(c.column, train).map(|v| c.evidence[c.interval(v)]).collect();
            if rows.len() < CHARACTERISTICS_MAX && taken.iter().all(|t| alike(t, &evidence) < ALIKE_MAX) {
                rows.push(c);
                taken.push(evidence);
            }
        }
        let mut x = Array2::ones((train.len(), rows.len() + 1));
        for (j, column) in taken.iter().enumerate() {
            column.iter().enumerate().for_each(|(i, v)| x[(i, j)] = *v);
        }
        let weights = newton(&x, &truth, 1.0, Array1::zeros(rows.len() + 1));
        let factor = DOUBLE / std::f64::consts::LN_2;
        for (row, weight) in rows.iter_mut().zip(&weights) {
            // The regression is of defaults: a point more is a default less.
            row.points = row.evidence.iter().map(|e| -weight * e * factor).collect();
        }
        let base = POINTS - factor * ODDS.ln() - factor * weights[rows.len()];
        Self { rows, base }
    }

    /// Whether every characteristic reads a feature that there is and has points for each of its intervals.
    #[must_use]
    pub fn is_sound(&self, width: usize) -> bool {
        let whole = |c: &Characteristic| {
            let lists = [&c.points, &c.evidence];
            c.column < width
                && lists.iter().all(|l| l.len() == c.edges.len() + 2 && l.iter().all(|v| v.is_finite()))
                && c.edges.is_sorted_by(|a, b| a < b)
        };
        self.base.is_finite() && self.rows.iter().all(whole)
    }

    /// The points of a row: a sum of one entry per characteristic.
    #[must_use]
    pub fn points(&self, row: &[f32]) -> f64 {
        let of = |c: &Characteristic| c.points[c.interval(row.get(c.column).copied().unwrap_or(f32::NAN))];
        self.base + self.rows.iter().map(of).sum::<f64>()
    }

    /// The logit of a default that the points stand for.
    #[must_use]
    pub fn logit(&self, row: &[f32]) -> f64 {
        (POINTS - self.points(row)) * std::f64::consts::LN_2 / DOUBLE - ODDS.ln()
    }
}

fn alike(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().max(1) as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    (sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt().max(1e-12)).abs()
}

/// Cuts and merges; `None` when nothing is left to cut.
fn characteristic(name: &str, column: usize, values: &[f32], truth: &[bool]) -> Option<Characteristic> {
    let mut pairs: Vec<(f32, bool)> =
        values.iter().copied().zip(truth.iter().copied()).filter(|(v, _)| !v.is_nan()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut bins: Vec<Interval> = Vec::new();
    let size = pairs.len().div_ceil(FINE).max(1);
    let mut at = 0;
    while at < pairs.len() {
        let value = pairs[(at + size - 1).min(pairs.len() - 1)].0;
        let end = pairs.partition_point(|p| p.0 <= value);
        let bad = pairs[at..end].iter().filter(|p| p.1).count() as f64;
        bins.push((value, (end - at) as f64 - bad, bad));
        at = end;
    }
    let small = SHARE_MIN * pairs.len() as f64;
    merge(&mut bins, |a, b| (a.1 + a.2).min(b.1 + b.2) < small);
    let share = |b: &Interval| (b.2 + 0.5) / (b.1 + b.2 + 1.0);
    // The way most users go says whether risk should rise or fall.
    let half = bins.len() / 2;
    let total = |part: &[Interval]| part.iter().fold((0.0, 0.0, 0.0), |t, b| (b.0, t.1 + b.1, t.2 + b.2));
    let (low, high) = bins.split_at(half);
    let rising = share(&total(low)) <= share(&total(high));
    merge(&mut bins, |a, b| if rising { share(a) >= share(b) } else { share(a) <= share(b) });
    if bins.len() < 2 {
        return None;
    }
    let (good, bad) = bins.iter().fold((0.0, 0.0), |t, b| (t.0 + b.1, t.1 + b.2));
    let mut value = 0.0;
    let mut evidence: Vec<f64> = bins
        .iter()
        .map(|b| {
            let (g, d) = ((b.1 + 0.5) / (good + 1.0), (b.2 + 0.5) / (bad + 1.0));
            value += (g - d) * (g / d).ln();
            (g / d).ln()
        })
        .collect();
    let hidden = values.len() - pairs.len();
    let hidden_bad = values.iter().zip(truth).filter(|(v, l)| v.is_nan() && **l).count() as f64;
    let missing = if hidden == 0 {
        0.0
    } else {
        ((hidden as f64 - hidden_bad + 0.5) / (good + 1.0) / ((hidden_bad + 0.5) / (bad + 1.0))).ln()
    };
    evidence.push(missing);
    let edges = bins[..bins.len() - 1].iter().map(|b| b.0).collect();
    Some(Characteristic { name: name.to_owned(), column, edges, evidence, points: Vec::new(), value })
}

/// Upper end, users without a default, users with one.
type Interval = (f32, f64, f64);

/// Joins neighbours for as long as a pair asks for it.
fn merge(bins: &mut Vec<Interval>, joins: impl Fn(&Interval, &Interval) -> bool) {
    while let Some(at) = bins.windows(2).position(|w| joins(&w[0], &w[1])) {
        let right = bins.remove(at + 1);
        bins[at] = (right.0, bins[at].1 + right.1, bins[at].2 + right.2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::auc;
    use tollgate_core::Seed;

    #[test]
    fn points_double_the_odds_and_intervals_are_monotone() {
        let mut seed = Seed(4);
        let mut unit = || {
            seed = seed.next();
            seed.unit()
        };
        let rows = 4000;
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let (a, b) = (unit() as f32, unit() as f32);
            labels.push(unit() < f64::from(0.05 + 0.4 * a * a));
            values.extend([a, b, if a > 0.9 { f32::NAN } else { b }]);
        }
        let features = Matrix { names: ["a", "b", "c"].map(Into::into).to_vec(), width: 3, values, rows };
        let train: Vec<u32> = (0..rows as u32).collect();
        let card = Scorecard::fit(&features, &labels, &train);
        let a = &card.rows[0];
        assert_eq!(a.name, "a");
        assert!(a.evidence[..a.edges.len() + 1].is_sorted_by(|x, y| x >= y), "{:?}", a.evidence);
        let logits: Vec<f64> = (0..rows).map(|i| card.logit(features.row(i))).collect();
        assert!(auc(&logits, &labels).unwrap() > 0.7);
        let row = features.row(7);
        assert!(
            (card.logit(row) - ((600.0 - card.points(row)) / 20.0 * 2f64.ln() - 50f64.ln())).abs() < 1e-9
        );
        let mean = logits.iter().map(|x| crate::evaluate::sigmoid(*x)).sum::<f64>() / rows as f64;
        let share = labels.iter().filter(|l| **l).count() as f64 / rows as f64;
        assert!((mean - share).abs() < 0.005, "{mean} {share}");
    }
}
