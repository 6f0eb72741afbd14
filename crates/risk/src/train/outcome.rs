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
    /// Figures of all test users of all parts together.
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

    /// Probabilities that a kind gave to all test users.
    pub(super) fn scores(&self, kind: Kind) -> Vec<f64> {
        self.rows.get(&kind).map_or_else(Vec::new, |row| row.scores.clone())
    }

    /// How alike groups of people are treated by a kind that has not seen them.
    pub(super) fn fairness(&self, kind: Kind, attributes: &[Attribute], approved: f64) -> Vec<Fairness> {
        let scores = self.scores(kind);
        let labels: Vec<Option<bool>> = self.truth.iter().map(|label| Some(*label)).collect();
        let of = |attribute: &Attribute| {
            let group = |user: &u32| attribute.groups.get(*user as usize).cloned().unwrap_or_default();
            let groups: Vec<String> = self.users.iter().map(group).collect();
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
        let candidates = order.iter().map(|(kind, row)| Candidate {
            kind: **kind,
            held_auc: mean(&row.held),
            test_auc: mean(&row.test),
            test_auc_sd: deviation(&row.test),
            pooled: Metrics::of(&row.scores, &self.truth, seed),
            beside_winner: delong(&row.scores, &best.scores, &self.truth).filter(|_| kind != &winner),
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
