//! A model ready to score one user at a time.

use super::history::History;
use crate::dataset::{DAY, Dataset};
use crate::error::{Result, RiskError};
use crate::explain::{Reason, Reasons};
use crate::feature::{Index, Lookup, Matrix};
use crate::ingest::{EventsMap, Mapping, TIME_MAX, Users};
use crate::model::{Model, Score};
use crate::train::Kind;
use serde::Serialize;

/// A model, with what is looked up for every user made once.
#[derive(Debug, Clone, Default)]
pub struct Scorer {
    model: Model,
    index: Index,
    /// Names of the features.
    names: Vec<String>,
    mapping: Mapping,
}

/// A user's score, and what of the history it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// Probability of a default.
    pub probability: f64,
    /// 600 at odds of 50 to 1, 20 more double the odds.
    pub points: f64,
    /// Payments in the window.
    pub payments: usize,
    /// Payments at or after the moment of the decision: not known then, and not used.
    pub after: usize,
    /// Payments before the window.
    pub before: usize,
}

impl Scorer {
    /// Makes a model ready.
    ///
    /// # Errors
    /// The model was trained on merchants put together by how many users have them, which one user's payments do not
    /// tell; or its card does not fit its weights.
    pub fn new(model: Model) -> Result<Self> {
        if model.card.users_min > 1 {
            return Err(RiskError::model(
                "the model",
                format!(
                    "puts merchants of fewer than {} users together, which takes all users' payments; train with keys.users_min 1",
                    model.card.users_min
                ),
            ));
        }
        Self::of_tables(model)
    }

    /// Makes a model ready for users of data sets that were read whole.
    ///
    /// # Errors
    /// Its card does not fit its weights.
    pub fn of_tables(model: Model) -> Result<Self> {
        let space = &model.card.space;
        let events =
            space.events.then(|| EventsMap { numbers: space.numbers.clone(), ..EventsMap::default() });
        let mut scorer = Self {
            index: space.index(),
            names: Vec::new(),
            mapping: Mapping { events, ..Mapping::default() },
            model,
        };
        let (data, _) = History::default().dataset(&scorer, 0);
        let mut values = Vec::new();
        let space = &scorer.model.card.space;
        space.write(&data, &Lookup::default(), Some(&mut scorer.names), &mut values);
        let (found, width) = (scorer.names.len(), scorer.model.fitted.forest.width);
        if found != width {
            return Err(RiskError::model(
                "model.json",
                format!("names {found} features, and the trees read {width}; train again"),
            ));
        }
        Ok(scorer)
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Names of the features, column by column.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Numbers that each payment must bring.
    #[must_use]
    pub const fn numbers(&self) -> usize {
        self.model.card.space.numbers.len()
    }

    pub(super) const fn index(&self) -> &Index {
        &self.index
    }

    /// A data set of one user without payments who is judged at a moment.
    pub(super) fn template(&self, at: i64) -> Dataset {
        let space = &self.model.card.space;
        Dataset {
            mapping: self.mapping.clone(),
            users: Users {
                count: 1,
                labels: vec![None],
                numbers: vec![vec![f32::NAN]; space.profile.len()],
                number_names: space.profile.clone(),
                ..Users::default()
            },
            ends: vec![at],
            length: self.model.card.window_days.max(1) * DAY,
            ..Dataset::default()
        }
    }

    /// Scores a history at a moment, with the numbers known of the user then, in the order of the model's profile.
    ///
    /// # Errors
    /// There are other numbers of the user than the model was trained with, or one is missing of which it has not learned
    /// what that means.
    pub fn score(&self, history: &History, at: i64, profile: &[f32]) -> Result<Scored> {
        let (data, [after, before]) = self.known(history, at, profile)?;
        let score = self.scored(&data, history.lookup());
        let Score { probability, points, .. } = score;
        Ok(Scored { probability, points, payments: data.folded.events.len(), after, before })
    }

    /// Up to four reasons for the score of a history at a moment.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn reasons(&self, history: &History, at: i64, profile: &[f32]) -> Result<Vec<Reason>> {
        let (data, _) = self.known(history, at, profile)?;
        Ok(Reasons::new(self).of(&data, history.lookup(), 0))
    }

    /// The history at a moment as a data set of one user.
    ///
    /// # Errors
    /// There are other numbers of the user than the model was trained with.
    fn known(&self, history: &History, at: i64, profile: &[f32]) -> Result<(Dataset, [usize; 2])> {
        if !(-TIME_MAX..=TIME_MAX).contains(&at) {
            return Err(RiskError::model("the moment", format!("{at} is no time in seconds; milliseconds?")));
        }
        let wanted = &self.model.card.space.profile;
        if wanted.len() != profile.len() {
            return Err(RiskError::model(
                "the user",
                format!("has {} numbers, and the model reads [{}]", profile.len(), wanted.join(", ")),
            ));
        }
        let (mut data, beside) = history.dataset(self, at);
        let known = |n: &f32| vec![if n.is_finite() { *n } else { f32::NAN }];
        data.users.numbers = profile.iter().map(known).collect();
        if let Some(name) = self.model.card.space.lacks(&data, 0) {
            return Err(RiskError::model(
                "the user",
                format!(
                    "lacks the number {name:?}, which the users that the model learned from had; give it"
                ),
            ));
        }
        Ok((data, beside))
    }

    /// The features of every user of a data set whose dictionaries `lookup` is about.
    pub(crate) fn features(&self, data: &Dataset, lookup: &Lookup) -> Matrix {
        let mut features = Matrix { rows: data.users.count, width: self.names.len(), ..Matrix::default() };
        self.model.card.space.write(data, lookup, None, &mut features.values);
        features
    }

    /// Logits of the winner for every user of a data set.
    pub(crate) fn logits(&self, data: &Dataset, lookup: &Lookup) -> Vec<f64> {
        self.logits_of(data, lookup, &self.features(data, lookup))
    }

    /// The same with features that are there already, a row per user.
    pub(crate) fn logits_of(&self, data: &Dataset, lookup: &Lookup, features: &Matrix) -> Vec<f64> {
        let users: Vec<u32> = (0..features.rows as u32).collect();
        self.model.fitted.logits_of(self.model.fitted.winner, data, lookup, features, &users)
    }

    /// Whether the winner reads payments beside features.
    #[must_use]
    pub fn reads_payments(&self) -> bool {
        let fitted = &self.model.fitted;
        fitted.winner == Kind::Network
            || (fitted.winner == Kind::Blend && fitted.blend.contains(&Kind::Network))
    }

    fn scored(&self, data: &Dataset, lookup: &Lookup) -> Score {
        let logit = self.logits(data, lookup).first().copied().unwrap_or(0.0);
        let fitted = &self.model.fitted;
        Score::of(String::new(), fitted.probability(fitted.winner, logit))
    }
}
