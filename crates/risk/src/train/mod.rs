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
pub use outcome::{Attribute, Candidate, Outcome};
pub(crate) use split::CHOICE_MIN;
pub use split::{Split, splits};

use crate::dataset::Dataset;
use crate::error::Result;
use crate::feature::FeatureSpace;
use crate::model::{Card, Model};
use crate::monitor::Reference;
use crate::shelf::Shelf;

/// Trains, judges and keeps.
///
/// # Errors
/// There are too few users of either outcome in a part.
pub fn train(data: &Dataset, config: &TrainConfig, step: &mut dyn FnMut(TrainStep<'_>)) -> Result<Model> {
    train_from(&mut Shelf::Whole(data), config, step)
}

/// The same from a shelf of histories: in memory are users, their features, and one part at a time.
///
/// # Errors
/// As [`train`]; a part cannot be read.
pub fn train_from(
    shelf: &mut Shelf<'_>,
    config: &TrainConfig,
    step: &mut dyn FnMut(TrainStep<'_>),
) -> Result<Model> {
    let splits = splits(shelf.about(), config)?;
    let mut collected = outcome::Collected::default();
    let mut last = None;
    for split in &splits {
        step(TrainStep::Split(&split.name));
        let known = [split.train.as_slice(), split.valid.as_slice()].concat();
        let space = FeatureSpace::learn_from(shelf, &known)?;
        let features = space.rows_from(shelf)?;
        let fitted = fit(shelf, &features, &space, split, config, step)?;
        let lookup = space.lookup(&shelf.about().names);
        collected.add(shelf, &lookup, &features, &fitted, &split.test)?;
        last = Some((space, fitted, known, features));
    }
    let mut outcome = collected.finish(config.seed);
    outcome.fairness = collected.fairness(outcome.winner, &config.attributes, config.approved);
    let (space, mut fitted, known, features) = match (last, shelf.about().users.parts.is_empty()) {
        (Some(kept), false) => kept,
        _ => {
            step(TrainStep::Split("all users"));
            let all = split::labelled(shelf.about());
            let space = FeatureSpace::learn_from(shelf, &all)?;
            let features = space.rows_from(shelf)?;
            let whole = Split { name: "all users".into(), train: all, ..Split::default() };
            let fitted = fit(shelf, &features, &space, &whole, config, step)?;
            (space, fitted, whole.train, features)
        }
    };
    fitted.winner = outcome.winner;
    let scores = collected.scores(outcome.winner);
    let reference = Reference::of(shelf, &space, &features, &known, &scores)?;
    let mut card = Card::new(shelf, space, outcome, &known)?;
    card.reference = Some(reference);
    Ok(Model { card, fitted, digest: String::new() })
}
