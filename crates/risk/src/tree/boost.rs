//! Trees one after the other, each on what those before it left.

use super::bins::Binned;
use super::grow::{Grower, Tree};
use crate::evaluate::{auc, sigmoid};
use crate::feature::Matrix;
use serde::{Deserialize, Serialize};
use tollgate_core::Seed;

/// How trees are grown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeParams {
    /// Most trees.
    pub rounds: usize,
    /// Share of each tree that is kept.
    pub rate: f64,
    /// Leaves of a tree.
    pub leaves: usize,
    /// Fewest users of a leaf.
    pub child_min: u32,
    /// Least sum of second derivatives of a leaf.
    pub hessian_min: f64,
    /// Least gain of a split.
    pub gain_min: f64,
    /// Penalty on squared leaf values.
    pub l2: f64,
    /// Share of users that each tree sees.
    pub row_share: f64,
    /// Share of features that each tree sees.
    pub column_share: f64,
    /// Trees without a better validation AUC after which growing ends.
    pub patience: usize,
    /// Seed of the samples.
    pub seed: Seed,
}

impl Default for TreeParams {
    fn default() -> Self {
        Self {
            rounds: 500,
            rate: 0.04,
            leaves: 15,
            child_min: 20,
            hessian_min: 1e-3,
            gain_min: 1e-9,
            l2: 3.0,
            row_share: 0.7,
            column_share: 0.3,
            patience: 60,
            seed: Seed(1),
        }
    }
}

/// Boosted trees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    /// Logit of the share of defaults.
    pub base: f64,
    /// The trees.
    pub trees: Vec<Tree>,
    /// Columns that a row must have.
    pub width: usize,
}

impl Forest {
    /// Learns from `train`, and keeps as many trees as are best on `valid` (all of them where that is empty).
    #[must_use]
    pub fn fit(
        features: &Matrix,
        labels: &[bool],
        train: &[u32],
        valid: &[u32],
        params: &TreeParams,
    ) -> Self {
        let binned = Binned::of(features, train);
        let truth: Vec<bool> = train.iter().map(|i| labels[*i as usize]).collect();
        let share = (truth.iter().filter(|l| **l).count() as f64 + 0.5) / (truth.len() as f64 + 1.0);
        let base = (share / (1.0 - share)).ln();
        let mut logits = vec![base; train.len()];
        let held: Vec<bool> = valid.iter().map(|i| labels[*i as usize]).collect();
        let mut held_logits = vec![base; valid.len()];
        let mut forest = Self { base, trees: Vec::new(), width: features.width() };
        let (mut best, mut kept) = (f64::NEG_INFINITY, 0);
        for round in 0..params.rounds {
            let seed = params.seed.derive(&format!("tree {round}"));
            let gradients: Vec<(f32, f32)> = logits
                .iter()
                .zip(&truth)
                .map(|(x, l)| {
                    let p = sigmoid(*x);
                    ((p - f64::from(u8::from(*l))) as f32, (p * (1.0 - p)) as f32)
                })
                .collect();
            let columns = sample(features.width(), params.column_share, seed.derive("columns"));
            let rows = sample(binned.rows, params.row_share, seed.derive("rows"));
            let grower = Grower { binned: &binned, params, features: columns };
            let tree = grower.grow(rows.into_iter().map(|r| r as u32).collect(), &gradients);
            let add = |logits: &mut [f64], rows: &[u32]| {
                logits
                    .iter_mut()
                    .zip(rows)
                    .for_each(|(x, row)| *x += f64::from(tree.answer(features.row(*row as usize))));
            };
            add(&mut logits, train);
            add(&mut held_logits, valid);
            forest.trees.push(tree);
            let Some(found) = auc(&held_logits, &held) else {
                kept = round + 1;
                continue;
            };
            // Equal ranking by fewer trees is the simpler model.
            if found > best + 1e-6 {
                (best, kept) = (found, round + 1);
            } else if round + 1 >= kept + params.patience {
                break;
            }
        }
        forest.trees.truncate(kept);
        forest
    }

    /// The forest whose logit is the mean of those of several on rows of the same width; empty of none.
    #[must_use]
    pub fn mean(mut forests: Vec<Self>) -> Self {
        if forests.len() == 1 {
            return forests.remove(0);
        }
        let share = 1.0 / forests.len().max(1) as f64;
        let mut all = Self::default();
        for forest in forests {
            all.base += share * forest.base;
            all.width = forest.width;
            all.trees.extend(forest.trees.into_iter().map(|mut tree| {
                tree.value.iter_mut().for_each(|value| *value *= share as f32);
                tree
            }));
        }
        all
    }

    /// The logit of a row.
    #[must_use]
    pub fn logit(&self, row: &[f32]) -> f64 {
        self.base + self.trees.iter().map(|tree| f64::from(tree.answer(row))).sum::<f64>()
    }
}

/// A share of the numbers below `count`, ascending, at least one.
fn sample(count: usize, share: f64, seed: Seed) -> Vec<usize> {
    if share >= 1.0 {
        return (0..count).collect();
    }
    let wanted = ((count as f64 * share).ceil() as usize).clamp(1, count.max(1));
    let mut draw = seed;
    let mut left = wanted;
    let mut taken = Vec::with_capacity(wanted);
    // Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S).
    for i in 0..count {
        draw = draw.next();
        if draw.unit() * ((count - i) as f64) < left as f64 {
            taken.push(i);
            left -= 1;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two features in an exclusive or, one of noise, some values missing.
    fn exclusive(n: usize) -> (Matrix, Vec<bool>) {
        let mut seed = Seed(5);
        let mut unit = || {
            seed = seed.next();
            seed.unit() as f32
        };
        let mut values = Vec::new();
        let mut labels = Vec::new();
        for _ in 0..n {
            let (a, b, c) = (unit(), unit(), unit());
            values.extend([a, b, if c < 0.1 { f32::NAN } else { c }]);
            labels.push(((a > 0.5) != (b > 0.5)) != (unit() < 0.1));
        }
        (Matrix { names: ["a", "b", "c"].map(Into::into).to_vec(), width: 3, values, rows: n }, labels)
    }

    #[test]
    fn learns_what_no_line_can_and_repeats_itself() {
        let (features, labels) = exclusive(3000);
        let (train, rest): (Vec<u32>, Vec<u32>) = (0..3000).partition(|i| *i < 1500);
        let (valid, test) = rest.split_at(500);
        let params = TreeParams { rounds: 80, column_share: 1.0, ..TreeParams::default() };
        let forest = Forest::fit(&features, &labels, &train, valid, &params);
        let logits: Vec<f64> = test.iter().map(|i| forest.logit(features.row(*i as usize))).collect();
        let truth: Vec<bool> = test.iter().map(|i| labels[*i as usize]).collect();
        // A tenth of the labels is turned: the best possible is 0.9.
        assert!(auc(&logits, &truth).unwrap() > 0.86);
        assert!(forest.trees.iter().all(Tree::is_sound) && forest.trees.len() < 80);
        assert_eq!(Forest::fit(&features, &labels, &train, valid, &params), forest);
        let other = Forest::fit(&features, &labels, &train, &[], &TreeParams { rounds: 9, ..params });
        let both = Forest::mean(vec![forest.clone(), other.clone()]);
        for i in test {
            let row = features.row(*i as usize);
            let mean = (forest.logit(row) + other.logit(row)) / 2.0;
            assert!((both.logit(row) - mean).abs() < 1e-5, "{i}");
        }
    }

    #[test]
    fn samples_have_the_size_asked_for() {
        for (n, share) in [(10, 0.3), (1, 0.1), (100, 0.999), (5, 1.0)] {
            let found = sample(n, share, Seed(2));
            assert_eq!(found.len(), ((n as f64 * share).ceil() as usize).max(1));
            assert!(found.is_sorted());
        }
    }
}
