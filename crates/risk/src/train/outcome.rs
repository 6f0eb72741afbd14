//! What training found: each kind on held-out and on test users, and which won.

use super::fitted::{Fitted, Kind};
use super::split::truth;
use crate::error::Result;
use crate::evaluate::{DeLong, Metrics, auc, delong};
use crate::feature::{Lookup, Matrix};
use crate::monitor::{Fairness, fairness};
use crate::shelf::Shelf;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tollgate_core::Seed;

/// One kind of model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub kind: Kind,
    /// Mean AUC on held-out users: what the winner is chosen by.
    pub held_auc: f64,
    /// Mean AUC of the test parts.
    pub test_auc: f64,
    /// Standard deviation over the test parts.
    pub test_auc_sd: f64,
    /// Figures of all test users of all parts together; a user who is tested in several repeats counts once, with the mean
    /// of the scores.
    pub pooled: Option<Metrics>,
    /// Against the winner on the same users.
    pub beside_winner: Option<DeLong>,
}

/// What training found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Test parts.
    pub parts: usize,
    /// All kinds, the best on held-out users first.
    pub candidates: Vec<Candidate>,
    /// The best on held-out users.
    pub winner: Kind,
    /// Mean AUC of the winner on the test parts.
    pub test_auc: f64,
    /// How alike the winner treats groups of test users, by attribute.
    #[serde(default)]
    pub fairness: Vec<Fairness>,
}

/// What people are compared by, and the group of each user; no model reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute.
    pub name: String,
    /// By the user's number; empty where it is not known.
    pub groups: Vec<String>,
}

#[derive(Default)]
struct Row {
    held: Vec<f64>,
    test: Vec<f64>,
    scores: Vec<f64>,
}

/// Results split by split.
#[derive(Default)]
pub(super) struct Collected {
    rows: BTreeMap<Kind, Row>,
    truth: Vec<bool>,
    users: Vec<u32>,
    parts: usize,
}

impl Collected {
    pub(super) fn add(
        &mut self,
        shelf: &mut Shelf<'_>,
        lookup: &Lookup,
        features: &Matrix,
        fitted: &Fitted,
        test: &[u32],
    ) -> Result<()> {
        let truth = truth(shelf.about(), test);
        let logits = shelf.gathered(test, |data, users| fitted.logits(data, lookup, features, users))?;
        for kind in fitted.kinds() {
            let row = self.rows.entry(kind).or_default();
            let scores = fitted.probabilities(&logits, kind);
            row.test.extend(logits.get(&kind).and_then(|x| auc(x, &truth)));
            row.held.extend(fitted.held_auc.get(&kind));
            row.scores.extend(scores);
        }
        self.truth.extend(truth);
        self.users.extend(test);
        self.parts += 1;
        Ok(())
    }

    /// Test users, each once, in order, and what happened.
    fn judged(&self) -> BTreeMap<u32, bool> {
        self.users.iter().copied().zip(self.truth.iter().copied()).collect()
    }

    /// Probabilities that a kind gave to test users, in the order of [`Collected::judged`]: the mean over repeats, for
    /// copies of a user are no further users, and intervals would be too small.
    pub(super) fn scores(&self, kind: Kind) -> Vec<f64> {
        let mut sums: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for (user, score) in
            self.users.iter().zip(self.rows.get(&kind).into_iter().flat_map(|row| &row.scores))
        {
            let sum = sums.entry(*user).or_default();
            *sum = (sum.0 + score, sum.1 + 1.0);
        }
        sums.into_values().map(|(sum, count)| sum / count).collect()
    }

    /// How alike groups of people are treated by a kind that has not seen them.
    pub(super) fn fairness(&self, kind: Kind, attributes: &[Attribute], approved: f64) -> Vec<Fairness> {
        let scores = self.scores(kind);
        let judged = self.judged();
        let labels: Vec<Option<bool>> = judged.values().map(|label| Some(*label)).collect();
        let of = |attribute: &Attribute| {
            let group = |user: &u32| attribute.groups.get(*user as usize).cloned().unwrap_or_default();
            let groups: Vec<String> = judged.keys().map(group).collect();
            fairness(&attribute.name, &groups, &scores, &labels, approved)
        };
        attributes.iter().filter_map(of).collect()
    }

    pub(super) fn finish(&self, seed: Seed) -> Outcome {
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
        let deviation = |v: &[f64]| {
            let m = mean(v);
            (v.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (v.len().max(2) - 1) as f64).sqrt()
        };
        let mut order: Vec<(&Kind, &Row)> = self.rows.iter().collect();
        order.sort_by(|a, b| mean(&b.1.held).total_cmp(&mean(&a.1.held)));
        let Some((winner, best)) = order.first().copied() else { return Outcome::default() };
        let truth: Vec<bool> = self.judged().into_values().collect();
        let winning = self.scores(*winner);
        let candidates = order.iter().map(|(kind, row)| (*kind, *row, self.scores(**kind)));
        let candidates = candidates.map(|(kind, row, scores)| Candidate {
            kind: *kind,
            held_auc: mean(&row.held),
            test_auc: mean(&row.test),
            test_auc_sd: deviation(&row.test),
            pooled: Metrics::of(&scores, &truth, seed),
            beside_winner: delong(&scores, &winning, &truth).filter(|_| kind != winner),
        });
        Outcome {
            parts: self.parts,
            candidates: candidates.collect(),
            winner: *winner,
            test_auc: mean(&best.test),
            fairness: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(repeats: usize) -> Collected {
        let (users, draws) = (60u32, [0.31, 0.77, 0.13, 0.58, 0.92, 0.44, 0.05]);
        let score = |user: u32, shift: usize| draws[(user as usize + shift) % draws.len()];
        let mut all = Collected { parts: repeats, ..Collected::default() };
        for (kind, shift) in [(Kind::Logistic, 0), (Kind::Trees, 3)] {
            let scores = (0..repeats).flat_map(|_| (0..users).map(move |user| score(user, shift))).collect();
            let held = vec![if kind == Kind::Trees { 0.6 } else { 0.7 }];
            all.rows.insert(kind, Row { held, test: vec![0.5], scores });
        }
        for _ in 0..repeats {
            all.users.extend(0..users);
            all.truth.extend((0..users).map(|user| user % 5 == 0));
        }
        all
    }

    /// Copies of a user are no further users: they must not make an interval smaller or a difference surer.
    #[test]
    fn repeats_are_no_further_users() {
        let [once, five] = [1, 5].map(|repeats| collected(repeats).finish(Seed(1)));
        for (a, b) in once.candidates.iter().zip(&five.candidates) {
            let (left, right) = (a.pooled.unwrap(), b.pooled.unwrap());
            assert_eq!((left.users, right.users), (60, 60));
            assert!((left.auc - right.auc).abs() < 1e-12);
            let close = |x: (f64, f64), y: (f64, f64)| (x.0 - y.0).abs() < 1e-12 && (x.1 - y.1).abs() < 1e-12;
            assert!(close(left.auc_interval, right.auc_interval), "{left:?} {right:?}");
            assert_eq!(a.beside_winner.is_some(), a.kind == Kind::Trees);
            if let (Some(left), Some(right)) = (&a.beside_winner, &b.beside_winner) {
                assert!((left.p - right.p).abs() < 1e-9 && (left.error - right.error).abs() < 1e-9);
            }
        }
    }
}
