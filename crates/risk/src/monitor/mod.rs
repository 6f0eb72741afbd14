//! After training: whether the users who are scored now are still those that the model was made from, how good it is
//! period by period, and whom it serves worse.
//!
//! Outcomes come months later, so inputs are watched first: the population stability index of the score and of every
//! feature against bins that were fixed in training, and the shape of the folds.

mod drift;
mod fair;
mod judged;
mod vintage;

pub use drift::{Bins, Drift, Level, Reference, Shape, psi};
pub use fair::{Fairness, Group, fairness, groups};
pub use judged::Judged;
pub use vintage::{Vintage, vintages};

use crate::dataset::Dataset;
use crate::evaluate::{DeLong, auc, delong};
use crate::feature::Matrix;
use crate::model::Model;
use serde::Serialize;

/// Loss of KS against the model's own test from which on somebody should look.
const KS_LOST: f64 = 0.05;
/// Calibration error of a period from which on somebody should look.
const ECE_MAX: f64 = 0.05;
/// Defaults of a period below which its figures are chance.
const DEFAULTS_MIN: usize = 30;
/// By how much a figure of the folds' shape may move.
const SHAPE_MOVED: f64 = 0.25;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// How urgent.
    pub level: Level,
    /// What was found, and against what.
    pub text: String,
}

/// What monitoring found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watched {
    /// Drift of the score.
    pub score: Option<Drift>,
    /// Drift of the inputs, the largest first.
    pub inputs: Vec<Drift>,
    /// The folds' shape in training, and now.
    pub shape: Option<(Shape, Shape)>,
    /// Whom the figures by period rest on.
    pub judged: Judged,
    /// By period of the decision, in order.
    pub vintages: Vec<Vintage>,
    /// What to look at, the most urgent first.
    pub alarms: Vec<Alarm>,
}

/// Looks at a data set: `features` and `scores` (probabilities) are those of the model for its users.
///
/// Periods are `days` long; those without outcomes have no figures.
#[must_use]
pub fn monitor(model: &Model, data: &Dataset, features: &Matrix, scores: &[f64], days: u32) -> Watched {
    let reference = model.card.reference.as_ref();
    let score = reference.map(|r| Drift::of("score", &r.score, scores.iter().copied()));
    let all: Vec<u32> = (0..features.rows as u32).collect();
    let mut inputs: Vec<Drift> = reference.map_or_else(Vec::new, |r| {
        let column = |(i, (name, bins)): (usize, &(String, Bins))| {
            Drift::of(name, bins, features.column(i, &all).map(f64::from))
        };
        r.inputs.iter().enumerate().map(column).collect()
    });
    inputs.sort_by(|a, b| b.psi.total_cmp(&a.psi).then(a.name.cmp(&b.name)));
    let now = Shape::of(data, &model.card.space);
    let judged = Judged::of(&[model], data);
    let mut watched = Watched {
        score,
        inputs,
        shape: reference.map(|r| (r.shape, now)),
        vintages: vintages(data, scores, days, &judged),
        judged,
        alarms: Vec::new(),
    };
    watched.alarms = alarms(model, &watched);
    watched
}

fn alarms(model: &Model, watched: &Watched) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for drift in watched.score.iter().chain(&watched.inputs).filter(|d| d.level != Level::Stable) {
        let text = format!("{} drifted: PSI {:.3}", drift.name, drift.psi);
        alarms.push(Alarm { level: drift.level, text });
    }
    for (name, then, now) in watched.shape.iter().flat_map(|(then, now)| then.beside(now)) {
        if (now - then).abs() > SHAPE_MOVED * then.abs().max(0.04) {
            let text = format!("{name} is {now:.3}, and was {then:.3} in training");
            alarms.push(Alarm { level: Level::Watch, text });
        }
    }
    let tested = model.card.outcome.candidates.iter().find(|c| c.kind == model.fitted.winner);
    for vintage in watched.vintages.iter().filter(|v| v.defaults >= DEFAULTS_MIN) {
        if let Some(then) = tested.and_then(|c| c.pooled).filter(|then| vintage.ks < then.ks - KS_LOST) {
            let text =
                format!("KS of {} is {:.3}, and was {:.3} in the test", vintage.name, vintage.ks, then.ks);
            alarms.push(Alarm { level: Level::Act, text });
        }
        if vintage.ece > ECE_MAX {
            let text = format!(
                "{}: {:.3} expected and {:.3} defaulted (ECE {:.3})",
                vintage.name, vintage.expected, vintage.observed, vintage.ece
            );
            alarms.push(Alarm { level: Level::Watch, text });
        }
    }
    alarms.extend(watched.judged.warning().map(|text| Alarm { level: Level::Watch, text }));
    alarms.sort_by_key(|a| std::cmp::Reverse(a.level));
    alarms
}

/// A challenger beside the champion on the same users.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Challenge {
    /// Users with an outcome from whom neither has learned.
    pub users: usize,
    /// The champion's AUC.
    pub champion: f64,
    /// The challenger's AUC.
    pub challenger: f64,
    /// The paired test of the difference.
    pub test: Option<DeLong>,
    /// Whether the challenger is better beyond chance (5 %).
    pub takes_over: bool,
}

/// Compares on users from whom neither has learned; none where an outcome does not occur among them, or there are none.
#[must_use]
pub fn challenge(data: &Dataset, judged: &Judged, champion: &[f64], challenger: &[f64]) -> Option<Challenge> {
    if judged.training {
        return None;
    }
    let users: Vec<usize> = (0..data.users.count)
        .filter(|user| judged.users[*user] && champion[*user].is_finite() && challenger[*user].is_finite())
        .collect();
    let of = |scores: &[f64]| users.iter().map(|u| scores[*u]).collect::<Vec<f64>>();
    let labels: Vec<bool> = users.iter().map(|u| data.users.labels[*u] == Some(true)).collect();
    let (a, b) = (of(champion), of(challenger));
    let (champion, challenger) = (auc(&a, &labels)?, auc(&b, &labels)?);
    let test = delong(&b, &a, &labels);
    let takes_over = challenger > champion && test.as_ref().is_some_and(|t| t.p < 0.05);
    Some(Challenge { users: labels.len(), champion, challenger, test, takes_over })
}
