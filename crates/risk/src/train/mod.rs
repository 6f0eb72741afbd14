//! Training: every kind of model on the same users, complexity and winner chosen on held-out ones, judged on the rest.
//!
//! Invariant: nothing is decided on test users. Per split: features are learned on its training and validation users;
//! penalties, numbers of trees, the blend, calibration and the winner are chosen on users that the fit in question has not
//! seen; then the models are fitted again on both. The model that is kept is fitted on all users with an outcome that
//! the declared split does not keep for the test, or on all where folds are declared.

mod fit;
mod fitted;
mod outcome;
mod split;

pub use fit::{TrainConfig, TrainStep, fit};
pub use fitted::{Fitted, Kind};
pub use outcome::{Candidate, Outcome};
pub(crate) use split::CHOICE_MIN;
pub use split::{Split, splits};

use crate::dataset::Dataset;
use crate::error::Result;
use crate::feature::FeatureSpace;
use crate::model::{Card, Model};
use crate::monitor::Reference;

/// Trains, judges and keeps.
///
/// # Errors
/// There are too few users of either outcome in a part.
pub fn train(data: &Dataset, config: &TrainConfig, step: &mut dyn FnMut(TrainStep<'_>)) -> Result<Model> {
    let splits = splits(data, config)?;
    let mut collected = outcome::Collected::default();
    let mut last = None;
    for split in &splits {
        step(TrainStep::Split(&split.name));
        let known = [split.train.as_slice(), split.valid.as_slice()].concat();
        let space = FeatureSpace::learn(data, &known);
        let features = space.rows(data);
        let fitted = fit(data, &features, &space, &split.train, &split.valid, config, step)?;
        collected.add(data, &space.lookup(&data.names), &features, &fitted, &split.test);
        last = Some((space, fitted, known, features));
    }
    let outcome = collected.finish(config.seed);
    let (space, mut fitted, known, features) = match (last, data.users.parts.is_empty()) {
        (Some(kept), false) => kept,
        _ => {
            step(TrainStep::Split("all users"));
            let all = split::labelled(data);
            let space = FeatureSpace::learn(data, &all);
            let features = space.rows(data);
            let fitted = fit(data, &features, &space, &all, &[], config, step)?;
            (space, fitted, all, features)
        }
    };
    fitted.winner = outcome.winner;
    let scores = collected.scores(outcome.winner);
    let reference = Reference::of(data, &space, &features, &known, &scores);
    let mut card = Card::new(data, space, outcome);
    card.reference = Some(reference);
    Ok(Model { card, fitted })
}
