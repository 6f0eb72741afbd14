//! Models fitted side by side, and their blend.

use crate::dataset::Dataset;
use crate::error::{Result, RiskError};
use crate::evaluate::{Calibrator, Platt};
use crate::feature::{Lookup, Matrix};
use crate::linear::{Logistic, Scorecard};
use crate::model::Card;
use crate::net::Network;
use crate::tree::Forest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Logistic regression.
    #[default]
    Logistic,
    /// Boosted trees.
    Trees,
    /// The weight-of-evidence scorecard.
    Scorecard,
    /// The network on folded histories.
    Network,
    /// The mean of the best of them.
    Blend,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Trees => "trees",
            Self::Scorecard => "scorecard",
            Self::Network => "network",
            Self::Blend => "blend",
        }
    }
}

/// All models of one fit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Logistic regression.
    pub logistic: Logistic,
    /// Boosted trees; their arrays lie in the file of tensors.
    #[serde(skip)]
    pub forest: Forest,
    /// The scorecard.
    pub scorecard: Scorecard,
    /// Networks whose logits are averaged; none where there are no histories. Their weights lie in the file of tensors.
    #[serde(skip)]
    pub networks: Vec<Network>,
    /// Each kind's line to a common logit, by which they are blended.
    pub lines: BTreeMap<Kind, Platt>,
    /// Members of the blend.
    pub blend: Vec<Kind>,
    /// Each kind's way from logit to probability.
    pub calibrators: BTreeMap<Kind, Calibrator>,
    /// AUC of each kind on held-out users.
    pub held_auc: BTreeMap<Kind, f64>,
    /// The kind that is asked for a score.
    pub winner: Kind,
}

impl Fitted {
    /// Checks what a file could lie about: a number that is none, or lists that are not as long as each other.
    ///
    /// # Errors
    /// The part that is wrong.
    pub(crate) fn checked(&self, card: &Card, place: &str) -> Result<()> {
        let wrong =
            |what: &str| Err(RiskError::model(place, format!("has {what}; the file is broken, train again")));
        let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
        let trees = self.forest.trees.iter().flat_map(|tree| &tree.value);
        if !self.forest.base.is_finite() || !trees.clone().all(|v| v.is_finite()) {
            return wrong("trees with a value that is no number");
        }
        if !self.networks.iter().flat_map(|network| &network.weights).all(|w| w.is_finite()) {
            return wrong("a network with a weight that is no number");
        }
        let width = self.forest.width;
        let (weights, scales) = (self.logistic.weights.len(), self.logistic.scaler.width());
        if weights != width
            || scales != width
            || !finite(&self.logistic.weights)
            || !self.logistic.offset.is_finite()
        {
            return wrong("a logistic regression of another width, or with a weight that is no number");
        }
        let scaled = |network: &Network| network.scaler.width() == width && network.scaler.is_sound();
        if !self.logistic.scaler.is_sound() || !self.networks.iter().all(scaled) {
            return wrong("a scale of features that is not whole");
        }
        if !self.scorecard.is_sound(width) {
            return wrong("a scorecard whose points and intervals do not match");
        }
        if !self.calibrators.values().all(Calibrator::is_sound)
            || !self.calibrators.contains_key(&self.winner)
        {
            return wrong("a calibration that is not whole");
        }
        if card.space.holes.iter().any(|name| !card.space.profile.contains(name)) {
            return wrong("a missing number that it does not read");
        }
        Ok(())
    }

    /// The kinds there are.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.calibrators.keys().copied().collect()
    }

    /// Logits of every kind for the users given; `lookup` is what the models' space knows of the data set's dictionaries.
    #[must_use]
    pub fn logits(
        &self,
        data: &Dataset,
        lookup: &Lookup,
        features: &Matrix,
        users: &[u32],
    ) -> BTreeMap<Kind, Vec<f64>> {
        let mut all = BTreeMap::new();
        for kind in [Kind::Logistic, Kind::Trees, Kind::Scorecard, Kind::Network] {
            if kind != Kind::Network || !self.networks.is_empty() {
                all.insert(kind, self.single(kind, data, lookup, features, users));
            }
        }
        all.insert(Kind::Blend, blended(&all, &self.lines, &self.blend, users.len()));
        all
    }

    /// Logits of one kind, the same as [`Fitted::logits`] gives.
    #[must_use]
    pub fn logits_of(
        &self,
        kind: Kind,
        data: &Dataset,
        lookup: &Lookup,
        features: &Matrix,
        users: &[u32],
    ) -> Vec<f64> {
        let of = |kind| self.single(kind, data, lookup, features, users);
        if kind == Kind::Blend {
            let members = self.blend.iter().map(|kind| (*kind, of(*kind))).collect();
            blended(&members, &self.lines, &self.blend, users.len())
        } else {
            of(kind)
        }
    }

    /// Logits of a kind that is no blend.
    fn single(
        &self,
        kind: Kind,
        data: &Dataset,
        lookup: &Lookup,
        features: &Matrix,
        users: &[u32],
    ) -> Vec<f64> {
        let by_row = |f: &dyn Fn(&[f32]) -> f64| {
            users.iter().map(|u| f(features.row(*u as usize))).collect::<Vec<f64>>()
        };
        match kind {
            Kind::Logistic | Kind::Blend => by_row(&|row| self.logistic.logit(row)),
            Kind::Trees => by_row(&|row| self.forest.logit(row)),
            Kind::Scorecard => by_row(&|row| self.scorecard.logit(row)),
            Kind::Network => {
                let mut sum = vec![0.0; users.len()];
                for network in &self.networks {
                    let found = network.logits_with(data, lookup, features, users);
                    sum.iter_mut().zip(found).for_each(|(s, x)| *s += x / self.networks.len() as f64);
                }
                sum
            }
        }
    }

    /// The probability of a default from a logit of a kind.
    #[must_use]
    pub fn probability(&self, kind: Kind, logit: f64) -> f64 {
        self.calibrators
            .get(&kind)
            .map_or_else(|| crate::evaluate::sigmoid(logit), |calibrator| calibrator.probability(logit))
    }

    /// Probabilities of the winner from the logits of all kinds.
    #[must_use]
    pub fn probabilities(&self, logits: &BTreeMap<Kind, Vec<f64>>, kind: Kind) -> Vec<f64> {
        let of = |x: &f64| self.probability(kind, *x);
        logits.get(&kind).map_or_else(Vec::new, |logits| logits.iter().map(of).collect())
    }
}

/// The mean of the members' logits, each on its line.
pub(super) fn blended(
    logits: &BTreeMap<Kind, Vec<f64>>,
    lines: &BTreeMap<Kind, Platt>,
    members: &[Kind],
    count: usize,
) -> Vec<f64> {
    let mut sum = vec![0.0; count];
    for kind in members {
        if let (Some(logits), Some(line)) = (logits.get(kind), lines.get(kind)) {
            let share = 1.0 / members.len() as f64;
            sum.iter_mut().zip(logits).for_each(|(s, x)| *s += share * (line.slope * x + line.offset));
        }
    }
    sum
}
