//! How good scores are: ranking, calibration, and whether a difference is more than chance.

mod calibration;
mod compare;
mod rank;

pub use calibration::{Calibrator, Isotonic, Platt, brier, ece, reliability, sigmoid};
pub use compare::{DeLong, bootstrap, delong};
pub use rank::{auc, average_precision, ks, recall_at};

use serde::{Deserialize, Serialize};
use tollgate_core::Seed;

/// The figures of one set of scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Users.
    pub users: usize,
    /// Of them, defaults.
    pub defaults: usize,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Its 95 % bootstrap interval over users.
    pub auc_interval: (f64, f64),
    /// Kolmogorov-Smirnov distance between the scores of defaults and of others.
    pub ks: f64,
    /// Average precision (area under precision by recall).
    pub pr_auc: f64,
    /// Share of defaults among the tenth of users with the highest scores, over the share among all.
    pub lift: f64,
    /// Mean squared error of the probabilities.
    pub brier: f64,
    /// Expected calibration error over ten bins of equal counts.
    pub ece: f64,
}

/// Resamples of an interval.
const RESAMPLES: usize = 200;

impl Metrics {
    /// Computes all of them; `None` when one of the outcomes does not occur.
    #[must_use]
    pub fn of(scores: &[f64], labels: &[bool], seed: Seed) -> Option<Self> {
        let defaults = labels.iter().filter(|l| **l).count();
        let auc = auc(scores, labels)?;
        Some(Self {
            users: labels.len(),
            defaults,
            auc,
            auc_interval: bootstrap(scores, labels, RESAMPLES, seed).unwrap_or((auc, auc)),
            ks: ks(scores, labels),
            pr_auc: average_precision(scores, labels),
            lift: recall_at(scores, labels, 0.1) / 0.1,
            brier: brier(scores, labels),
            ece: ece(scores, labels, 10),
        })
    }
}
