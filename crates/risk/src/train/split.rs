//! Who is learned from, chosen on and judged on.

use super::fit::TrainConfig;
use crate::dataset::Dataset;
use crate::error::{Result, RiskError};
use crate::ingest::Part;
use tollgate_core::Seed;

/// Fewest users of either outcome in a part.
const OUTCOMES_MIN: usize = 2;
/// Defaults among validation users that choices can rest on; with fewer, training users are held out in turn.
pub(crate) const CHOICE_MIN: usize = 40;
/// How many turns.
const TURNS: u32 = 5;

/// Users' numbers by part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// What it is called.
    pub name: String,
    /// Learned from.
    pub train: Vec<u32>,
    /// Chosen on; empty where training users are held out instead.
    pub valid: Vec<u32>,
    /// Judged on.
    pub test: Vec<u32>,
}

/// Users with an outcome.
pub(super) fn labelled(data: &Dataset) -> Vec<u32> {
    (0..data.users.count as u32).filter(|u| data.users.labels[*u as usize].is_some()).collect()
}

pub(super) fn truth(data: &Dataset, users: &[u32]) -> Vec<bool> {
    users.iter().map(|u| data.users.labels[*u as usize] == Some(true)).collect()
}

/// The splits of a data set: the declared one, the declared folds (repeat by repeat), or one drawn from the seed.
///
/// # Errors
/// A part has fewer than two users of either outcome.
pub fn splits(data: &Dataset, config: &TrainConfig) -> Result<Vec<Split>> {
    let users = labelled(data);
    let of = |keep: &dyn Fn(u32) -> bool| users.iter().copied().filter(|u| keep(*u)).collect::<Vec<_>>();
    let mut found = Vec::new();
    if !data.users.parts.is_empty() {
        let part = |part| of(&|u| data.users.parts[u as usize] == part);
        found.push(Split {
            name: "split".into(),
            train: part(Part::Train),
            valid: part(Part::Valid),
            test: part(Part::Test),
        });
    } else if !data.users.folds.is_empty() {
        for (repeat, folds) in data.users.folds.iter().enumerate().take(config.repeats) {
            let occurring: std::collections::BTreeSet<u32> =
                users.iter().map(|u| folds[*u as usize]).collect();
            for fold in occurring {
                let name = format!("repeat {repeat}, fold {fold}");
                let (test, train) = (of(&|u| folds[u as usize] == fold), of(&|u| folds[u as usize] != fold));
                found.push(Split { name, train, valid: Vec::new(), test });
            }
        }
    } else {
        let draw = |u: u32| config.seed.derive(&format!("split {u}")).unit();
        found.push(Split {
            name: "drawn split".into(),
            train: of(&|u| draw(u) < 0.6),
            valid: of(&|u| (0.6..0.75).contains(&draw(u))),
            test: of(&|u| draw(u) >= 0.75),
        });
    }
    for split in &found {
        for (part, users) in [("training", &split.train), ("test", &split.test)] {
            enough(data, &format!("{}: {part}", split.name), users)?;
        }
    }
    Ok(found)
}

fn enough(data: &Dataset, place: &str, users: &[u32]) -> Result<()> {
    let defaults = truth(data, users).into_iter().filter(|l| *l).count();
    if defaults < OUTCOMES_MIN || users.len() - defaults < OUTCOMES_MIN {
        return Err(RiskError::Data(format!(
            "{place} users: {defaults} of {} defaulted; {OUTCOMES_MIN} of either outcome are needed",
            users.len()
        )));
    }
    Ok(())
}

/// Pairs of users to fit on and users to hold out: the validation users, a fifth of the training users, or five turns.
pub(super) fn inner(data: &Dataset, train: &[u32], valid: &[u32], seed: Seed) -> Vec<(Vec<u32>, Vec<u32>)> {
    let defaults = |users: &[u32]| truth(data, users).into_iter().filter(|l| *l).count();
    if defaults(valid) >= CHOICE_MIN {
        return vec![(train.to_vec(), valid.to_vec())];
    }
    let all = [train, valid].concat();
    // Stratified: each outcome is dealt out in an order drawn from the seed.
    let mut order: Vec<(bool, u64, u32)> = all
        .iter()
        .zip(truth(data, &all))
        .map(|(u, l)| (l, seed.derive(&format!("turn {u}")).bits(), *u))
        .collect();
    order.sort_unstable();
    let turn = |wanted: u32| {
        let (mut fit, mut held) = (Vec::new(), Vec::new());
        for ((_, _, user), i) in order.iter().zip(0u32..) {
            (if i % TURNS == wanted { &mut held } else { &mut fit }).push(*user);
        }
        (fit, held)
    };
    let turns = if defaults(&all) / TURNS as usize >= CHOICE_MIN { 1 } else { TURNS };
    (0..turns).map(turn).collect()
}
