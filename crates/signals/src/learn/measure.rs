//! How good predictions are: with intervals, and apart by where texts come from.

use super::Example;
use crate::head::Scores;
use serde::Serialize;
use std::collections::BTreeMap;
use tollgate_core::Seed;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 400;
/// Bins of a reliability curve.
const BINS: usize = 15;

/// A figure with the middle 95 % of its resamples.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, serde::Deserialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// 2.5 % of resamples are below.
    pub low: f64,
    /// 2.5 % of resamples are above.
    pub high: f64,
}

/// A figure of `count` cases, with the interval of a seeded bootstrap (percentiles; Efron 1979).
pub fn interval(count: usize, seed: Seed, figure: &dyn Fn(&[usize]) -> f64) -> Interval {
    let mut pick: Vec<usize> = (0..count).collect();
    let value = figure(&pick);
    let mut draw = seed.derive("bootstrap");
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for slot in &mut pick {
                *slot = (draw.unit() * count as f64) as usize;
                draw = draw.next();
            }
            figure(&pick)
        })
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values.get((share * RESAMPLES as f64) as usize).copied().unwrap_or(value);
    Interval { value, low: at(0.025), high: at(0.975) }
}

/// Area under the ROC curve of scores for cases that hold, by ranks with ties shared.
#[must_use]
pub fn auroc(cases: &[(f32, bool)]) -> f64 {
    let mut sorted = cases.to_vec();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut before, mut sum) = (0.0, 0.0);
    for same in sorted.chunk_by(|a, b| a.0 == b.0) {
        let rank = before + (same.len() as f64 + 1.0) / 2.0;
        sum += rank * same.iter().filter(|(_, holds)| *holds).count() as f64;
        before += same.len() as f64;
    }
    let positive = cases.iter().filter(|(_, holds)| *holds).count() as f64;
    let negative = cases.len() as f64 - positive;
    if positive == 0.0 || negative == 0.0 {
        return f64::NAN;
    }
    (sum - positive * (positive + 1.0) / 2.0) / (positive * negative)
}

/// The share of cases that hold which are above the threshold that lets this share of the others through, and that threshold.
#[must_use]
pub fn recall_at(cases: &[(f32, bool)], false_positives: f64) -> (f64, f32) {
    let mut others: Vec<f32> = cases.iter().filter(|(_, holds)| !holds).map(|(score, _)| *score).collect();
    others.sort_unstable_by(|a, b| b.total_cmp(a));
    let allowed = (false_positives * others.len() as f64) as usize;
    let threshold = others.get(allowed).copied().unwrap_or(f32::NEG_INFINITY);
    let hold = cases.iter().filter(|(_, holds)| *holds).count().max(1);
    let above = cases.iter().filter(|(score, holds)| *holds && *score > threshold).count();
    (above as f64 / hold as f64, threshold)
}

/// Spearman's rank correlation, ties sharing their rank.
#[must_use]
pub fn spearman(pairs: &[(f64, f64)]) -> f64 {
    let ranks = |values: Vec<f64>| -> Vec<f64> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
        let mut ranks = vec![0.0; values.len()];
        let mut before = 0.0;
        for same in order.chunk_by(|a, b| values[*a] == values[*b]) {
            same.iter().for_each(|at| ranks[*at] = before + (same.len() as f64 - 1.0) / 2.0);
            before += same.len() as f64;
        }
        ranks
    };
    let (x, y) = (ranks(pairs.iter().map(|p| p.0).collect()), ranks(pairs.iter().map(|p| p.1).collect()));
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(&y).map(|(a, b)| f(a - mean, b - mean)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

/// One bin of a reliability curve.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, serde::Deserialize)]
pub struct Reliability {
    /// How many predictions were this sure.
    pub count: usize,
    /// How sure they were in the mean.
    pub sure: f64,
    /// How many of them were right, as a share.
    pub right: f64,
}

/// How sure the best labels were beside how often they were right, in equal steps of sureness; empty bins are left out.
#[must_use]
pub fn reliability(scores: &[Scores], labels: &[usize]) -> Vec<Reliability> {
    let mut bins = vec![(0_usize, 0.0_f64, 0_usize); BINS];
    for (scores, label) in scores.iter().zip(labels) {
        let (best, sure) = scores.best();
        let at = ((f64::from(sure) * BINS as f64) as usize).min(BINS - 1);
        bins[at].0 += 1;
        bins[at].1 += f64::from(sure);
        bins[at].2 += usize::from(best == *label);
    }
    let full = bins.into_iter().filter(|(count, ..)| *count > 0);
    full.map(|(count, sure, right)| Reliability {
        count,
        sure: sure / count as f64,
        right: right as f64 / count as f64,
    })
    .collect()
}

/// The expected calibration error of a reliability curve.
fn ece(curve: &[Reliability]) -> f64 {
    let total: usize = curve.iter().map(|bin| bin.count).sum();
    curve.iter().map(|bin| bin.count as f64 * (bin.sure - bin.right).abs()).sum::<f64>() / total.max(1) as f64
}

/// How good a head is on some texts.
#[derive(Clone, PartialEq, Debug, Serialize, serde::Deserialize)]
pub struct Quality {
    /// How many texts.
    pub count: usize,
    /// Share of right labels.
    pub accuracy: Interval,
    /// Mean over labels of F1.
    pub macro_f1: Interval,
    /// Area under the ROC curve: of the second of two labels, or the mean over labels, each against the rest; absent where
    /// all texts have one label.
    pub auroc: Option<Interval>,
    /// Expected calibration error of the best label.
    pub ece: f64,
    /// Texts by true label, then by predicted label.
    pub confusion: Vec<Vec<usize>>,
    /// F1 by label.
    pub f1: Vec<f64>,
}

fn confusion(pairs: impl Iterator<Item = (usize, usize)>, labels: usize) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; labels]; labels];
    for (truth, found) in pairs {
        if let Some(cell) = table.get_mut(truth).and_then(|row| row.get_mut(found)) {
            *cell += 1;
        }
    }
    table
}

/// F1 by label; none for labels that no text has.
fn f1(table: &[Vec<usize>]) -> Vec<Option<f64>> {
    (0..table.len())
        .map(|label| {
            let hit = table[label][label] as f64;
            let truly: usize = table[label].iter().sum();
            let said: usize = table.iter().map(|row| row[label]).sum();
            (truly > 0).then(|| 2.0 * hit / (truly + said) as f64)
        })
        .collect()
}

fn macro_f1(table: &[Vec<usize>]) -> f64 {
    let each: Vec<f64> = f1(table).into_iter().flatten().collect();
    each.iter().sum::<f64>() / each.len().max(1) as f64
}

/// Judges predictions.
#[must_use]
pub fn quality(scores: &[Scores], labels: &[usize], names: usize, seed: Seed) -> Quality {
    let found: Vec<usize> = scores.iter().map(|scores| scores.best().0).collect();
    let count = labels.len();
    let table = |pick: &[usize]| confusion(pick.iter().map(|at| (labels[*at], found[*at])), names);
    let area = |pick: &[usize]| {
        let of = |label: usize| {
            let cases: Vec<(f32, bool)> =
                pick.iter().map(|at| (scores[*at].of(label), labels[*at] == label)).collect();
            auroc(&cases)
        };
        if names == 2 {
            return of(1);
        }
        let each: Vec<f64> = (0..names).map(of).filter(|area| area.is_finite()).collect();
        each.iter().sum::<f64>() / each.len().max(1) as f64
    };
    let all: Vec<usize> = (0..count).collect();
    let whole = table(&all);
    let right = |pick: &[usize]| {
        pick.iter().filter(|at| labels[**at] == found[**at]).count() as f64 / count.max(1) as f64
    };
    // An area of many labels is dear to resample; its interval is narrow where there are many texts.
    let narrow = area(&all);
    let auroc = match narrow.is_finite() {
        false => None,
        true if names == 2 => Some(interval(count, seed, &area)),
        true => Some(Interval { value: narrow, low: narrow, high: narrow }),
    };
    Quality {
        count,
        accuracy: interval(count, seed, &right),
        macro_f1: interval(count, seed, &|pick| macro_f1(&table(pick))),
        auroc,
        ece: ece(&reliability(scores, labels)),
        f1: f1(&whole).into_iter().map(|f1| f1.unwrap_or(0.0)).collect(),
        confusion: whole,
    }
}

/// Predictions apart by what `of` says of each text: name, count, share of right labels.
#[must_use]
pub fn between_sources(
    scores: &[Scores],
    examples: &[Example],
    of: &dyn Fn(&Example) -> String,
) -> Vec<(String, usize, f64)> {
    let mut by: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (scores, example) in scores.iter().zip(examples) {
        let cell = by.entry(of(example)).or_default();
        cell.0 += 1;
        cell.1 += usize::from(scores.best().0 == example.label);
    }
    by.into_iter().map(|(name, (count, right))| (name, count, right as f64 / count.max(1) as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_by_hand() {
        assert_eq!(auroc(&[(0.1, false), (0.4, true), (0.3, false), (0.9, true)]), 1.0);
        assert_eq!(auroc(&[(0.5, false), (0.5, true)]), 0.5);
        assert!(auroc(&[(0.5, true)]).is_nan());
        assert_eq!(recall_at(&[(0.9, true), (0.2, true), (0.5, false), (0.1, false)], 0.0), (0.5, 0.5));
        assert!((spearman(&[(1.0, 10.0), (2.0, 20.0), (3.0, 15.0)]) - 0.5).abs() < 1e-12);
        let table = confusion([(0, 0), (0, 1), (1, 1)].into_iter(), 2);
        assert_eq!(table, vec![vec![1, 1], vec![0, 1]]);
        assert!((macro_f1(&table) - f64::midpoint(2.0 / 3.0, 2.0 / 3.0)).abs() < 1e-12);
        let curve = reliability(&[Scores(vec![0.9, 0.1]), Scores(vec![0.9, 0.1])], &[0, 1]);
        assert!((ece(&curve) - 0.4).abs() < 1e-6);
    }

    proptest! {
        /// Ranks give what counting every pair gives.
        #[test]
        fn area_equals_pairs(cases in proptest::collection::vec((0_u8..6, any::<bool>()), 2..40)) {
            let cases: Vec<(f32, bool)> = cases.into_iter().map(|(s, holds)| (f32::from(s), holds)).collect();
            let (mut won, mut pairs) = (0.0, 0.0);
            for (a, _) in cases.iter().filter(|c| c.1) {
                for (b, _) in cases.iter().filter(|c| !c.1) {
                    pairs += 1.0;
                    won += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                }
            }
            prop_assume!(pairs > 0.0);
            prop_assert!((auroc(&cases) - won / pairs).abs() < 1e-9);
        }

        #[test]
        fn intervals_hold_their_figure(right in proptest::collection::vec(any::<bool>(), 30..60)) {
            let share = |pick: &[usize]| pick.iter().filter(|at| right[**at]).count() as f64 / right.len() as f64;
            let found = interval(right.len(), Seed(4), &share);
            prop_assert!(found.low <= found.value && found.value <= found.high);
            prop_assert_eq!(found, interval(right.len(), Seed(4), &share));
        }
    }
}
