//! Whom a model may be judged on: users with an outcome from whom it has not learned.

use crate::dataset::Dataset;
use crate::ingest::Part;
use crate::model::Model;
use serde::Serialize;

/// Users whom models are judged on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Per user whether figures rest on it.
    #[serde(skip)]
    pub users: Vec<bool>,
    /// How many they are.
    pub count: usize,
    /// Users with an outcome who are left out because a model has learned from them.
    pub left_out: usize,
    /// Whether there is nobody else, so that the figures are of users whom a model has learned from: they say nothing of
    /// how good it is.
    pub training: bool,
}

impl Judged {
    /// Users with an outcome from whom none of the models has learned; all with an outcome where there are none.
    #[must_use]
    pub fn of(models: &[&Model], data: &Dataset) -> Self {
        let labelled = |user: usize| data.users.labels.get(user).is_some_and(Option::is_some);
        let mut unseen: Vec<bool> = (0..data.users.count).map(labelled).collect();
        for model in models {
            match model.card.made_from.fitted_on.known(data) {
                Some(seen) => unseen.iter_mut().zip(seen).for_each(|(unseen, seen)| *unseen &= !seen),
                // Too many to be listed: who was kept for the test by the data's own split is not among them.
                None => unseen.iter_mut().enumerate().for_each(|(user, unseen)| {
                    *unseen &= data.users.parts.get(user) == Some(&Part::Test);
                }),
            }
        }
        let all = (0..data.users.count).filter(|user| labelled(*user)).count();
        let count = unseen.iter().filter(|unseen| **unseen).count();
        if count == 0 {
            let users = (0..data.users.count).map(labelled).collect();
            return Self { users, count: all, left_out: 0, training: all > 0 };
        }
        Self { users: unseen, count, left_out: all - count, training: false }
    }

    /// Values of the users who are judged, each with its outcome; users without a score are left out.
    #[must_use]
    pub fn pairs(&self, data: &Dataset, scores: &[f64]) -> (Vec<f64>, Vec<bool>) {
        let of = |(user, score): (usize, &f64)| {
            let label = data.users.labels.get(user).copied().flatten()?;
            (self.users.get(user) == Some(&true) && score.is_finite()).then_some((*score, label))
        };
        scores.iter().enumerate().filter_map(of).unzip()
    }

    /// What must stand beside figures that rest on these users; none where it need not.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.training.then(|| {
            format!(
                "TRAINING FIGURES: a model has learned from all of these {} users, so they say nothing of how good it is",
                self.count
            )
        })
    }
}
