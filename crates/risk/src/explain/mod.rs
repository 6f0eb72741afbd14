//! Why a score is what it is: what each merchant moved, exactly and by Shapley values, and up to four reasons in words.
//!
//! A merchant's exact effect is the logit with it minus the logit of the same history without it. Shapley values share the
//! whole difference between the history and no history among the merchants (Shapley 1953; sampled orders: Castro, Gómez
//! and Tejada 2009); within one order effects telescope, so they add up whatever the sample.

mod reasons;

pub use reasons::{REASONS_MAX, Reason, reasons};

use crate::dataset::Dataset;
use crate::error::{Result, RiskError};
use crate::fold::Folded;
use crate::ingest::Users;
use crate::model::Model;
use serde::Serialize;
use tollgate_core::Seed;

/// What one merchant moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The merchant: its name where it has one, else its key.
    pub merchant: String,
    /// Payments there.
    pub payments: usize,
    /// Logit with it minus logit without it.
    pub left_out: f64,
    /// Shapley value.
    pub shapley: f64,
}

/// Why one user's score is what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Logit of the winner.
    pub logit: f64,
    /// Merchants, the largest exact effect first.
    pub merchants: Vec<Effect>,
    /// By how much the Shapley values miss the difference that they share.
    pub additivity_error: f64,
    /// Up to four reasons, the weightiest first.
    pub reasons: Vec<Reason>,
}

/// Most orders sampled.
const ORDERS_MAX: usize = 1_000;

/// Explains the score of the user with a number.
///
/// # Errors
/// There is no such user, or the data do not fit the model.
pub fn explain(model: &Model, data: &Dataset, user: usize, orders: usize, seed: Seed) -> Result<Explanation> {
    if user >= data.users.count {
        return Err(RiskError::Data(format!("there is no user number {user} among {}", data.users.count)));
    }
    let groups: Vec<usize> = data.folded.groups_of(user).collect();
    let all: Vec<bool> = vec![true; groups.len()];
    let without = |place: usize| (0..groups.len()).map(|i| i != place).collect::<Vec<bool>>();
    let mut kept = vec![all];
    kept.extend((0..groups.len()).map(without));
    let mut drawn = Vec::new();
    for order in 0..orders.min(ORDERS_MAX) {
        let order = shuffled(groups.len(), seed.derive(&format!("order {order}")));
        let mut with = vec![false; groups.len()];
        kept.push(with.clone());
        for place in &order {
            with[*place] = true;
            kept.push(with.clone());
        }
        drawn.push(order);
    }
    let logits = logits_of(model, data, user, &groups, &kept)?;
    let whole = logits[0];
    let mut shapley = vec![0.0; groups.len()];
    let mut rest = &logits[1 + groups.len()..];
    let mut shared = 0.0;
    for order in &drawn {
        for (step, place) in order.iter().enumerate() {
            shapley[*place] += (rest[step + 1] - rest[step]) / drawn.len() as f64;
        }
        shared = whole - rest[0];
        rest = &rest[order.len() + 1..];
    }
    let additivity_error = if drawn.is_empty() { 0.0 } else { (shared - shapley.iter().sum::<f64>()).abs() };
    let mut merchants: Vec<Effect> = groups
        .iter()
        .enumerate()
        .map(|(place, group)| Effect {
            merchant: name(data, data.folded.merchants[*group]),
            payments: data.folded.behaviours_of(*group).len(),
            left_out: whole - logits[1 + place],
            shapley: shapley[place],
        })
        .collect();
    merchants.sort_by(|a, b| b.left_out.abs().total_cmp(&a.left_out.abs()));
    let one = variants(data, user, &groups, &kept[..1]);
    let features = model.features(&one)?;
    Ok(Explanation {
        logit: whole,
        merchants,
        additivity_error,
        reasons: reasons(model, &features.names, features.row(0)),
    })
}

fn logits_of(
    model: &Model,
    data: &Dataset,
    user: usize,
    groups: &[usize],
    kept: &[Vec<bool>],
) -> Result<Vec<f64>> {
    let made = variants(data, user, groups, kept);
    let features = model.features(&made)?;
    let users: Vec<u32> = (0..kept.len() as u32).collect();
    let mut logits = model.fitted.logits(&made, &features, &users);
    Ok(logits.remove(&model.fitted.winner).unwrap_or_default())
}

/// A data set in which each user is the one given with some merchants only.
fn variants(data: &Dataset, user: usize, groups: &[usize], kept: &[Vec<bool>]) -> Dataset {
    let mut rows = Vec::new();
    let mut users = Vec::new();
    for (number, kept) in kept.iter().enumerate() {
        for (group, _) in groups.iter().zip(kept).filter(|(_, keep)| **keep) {
            for row in data.folded.behaviours_of(*group) {
                rows.push(row as u32);
                users.push(number as u32);
            }
        }
    }
    let mut events = data.folded.events.taken(&rows);
    events.user = users;
    let count = kept.len();
    Dataset {
        mapping: data.mapping.clone(),
        names: data.names.clone(),
        merchants: data.merchants.clone(),
        users: Users {
            count,
            labels: vec![None; count],
            numbers: data.users.numbers.iter().map(|column| vec![column[user]; count]).collect(),
            number_names: data.users.number_names.clone(),
            ..Users::default()
        },
        folded: Folded::of(&events, Some(count as u32)),
        ends: vec![data.ends[user]; count],
        length: data.length,
        report: data.report.clone(),
    }
}

fn name(data: &Dataset, merchant: u32) -> String {
    let named = data.merchants.names.get(merchant as usize).map_or("", |text| data.names.texts.word(*text));
    if !named.is_empty() {
        return named.to_owned();
    }
    data.names.merchants.list().get(merchant as usize).map_or_else(|| "the rest".into(), ToString::to_string)
}

/// The numbers below `count` in an order drawn from the seed (Fisher and Yates).
fn shuffled(count: usize, seed: Seed) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut draw = seed;
    for last in (1..count).rev() {
        draw = draw.next();
        order.swap(last, (draw.unit() * (last + 1) as f64) as usize);
    }
    order
}
