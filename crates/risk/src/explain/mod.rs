//! Why a score is what it is: what each merchant and each field moved, and up to four reasons in words.
//!
//! The exact effect of a merchant or a field is the logit with it minus the logit of the same history without it. Shapley
//! values share the whole difference between the history and nothing (Shapley 1953): among the merchants by sampled
//! orders (Castro, Gómez and Tejada 2009), which add up whatever the sample, because within one order effects telescope;
//! among the fields exactly, over all their subsets.

mod cause;
mod reasons;
mod variant;

pub use reasons::{REASONS_MAX, Reason, Reasons};
pub use variant::Field;

use crate::dataset::Dataset;
use crate::error::{Result, RiskError};
use crate::feature::Lookup;
use crate::online::Scorer;
use serde::Serialize;
use tollgate_core::Seed;
use variant::{Variant, variants};

/// What one merchant moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The merchant: its name where it has one, else its key.
    pub merchant: String,
    /// Payments there.
    pub payments: usize,
    /// Logit with it minus logit without it.
    pub left_out: f64,
    /// Shapley value, from the sampled orders.
    pub shapley: f64,
}

/// What one field moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldEffect {
    /// Which.
    pub field: Field,
    /// Logit with it minus logit without it.
    pub left_out: f64,
    /// Shapley value, exact.
    pub shapley: f64,
}

/// Why one user's score is what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Logit of the winner.
    pub logit: f64,
    /// Merchants, the largest exact effect first.
    pub merchants: Vec<Effect>,
    /// Fields, the largest exact effect first.
    pub fields: Vec<FieldEffect>,
    /// By how much Shapley values miss the differences that they share: the larger of merchants' and fields'.
    pub additivity_error: f64,
    /// Up to four reasons, the weightiest first.
    pub reasons: Vec<Reason>,
}

/// Most orders sampled.
const ORDERS_MAX: usize = 1_000;
/// Variants that are scored at once: bounds the memory of an explanation.
const AT_ONCE: usize = 512;

/// Explains the score of the user with a number; `lookup` is what the model knows of the data set's dictionaries.
///
/// # Errors
/// There is no such user.
pub fn explain(
    scorer: &Scorer,
    (data, lookup): (&Dataset, &Lookup),
    user: usize,
    orders: usize,
    seed: Seed,
) -> Result<Explanation> {
    if user >= data.users.count {
        return Err(RiskError::Data(format!("there is no user number {user} among {}", data.users.count)));
    }
    let middle = scorer.model().fitted.logistic.scaler.middle();
    let logits = |list: &[Variant]| -> Vec<f64> {
        let of = |list| scorer.logits(&variants(data, user, list, &middle), lookup);
        list.chunks(AT_ONCE).flat_map(of).collect()
    };
    let groups: Vec<usize> = data.folded.groups_of(user).collect();
    let without = |place: usize| Variant::of((0..groups.len()).map(|i| i != place).collect());
    let mut list = vec![Variant::of(vec![true; groups.len()])];
    list.extend((0..groups.len()).map(without));
    let exact = logits(&list);
    let whole = exact[0];
    let (shapley, merchants_error) = sampled(groups.len(), orders.min(ORDERS_MAX), seed, &logits);
    let mut merchants: Vec<Effect> = groups
        .iter()
        .enumerate()
        .map(|(place, group)| Effect {
            merchant: name(data, data.folded.merchants[*group]),
            payments: data.folded.behaviours_of(*group).len(),
            left_out: whole - exact[1 + place],
            shapley: shapley[place],
        })
        .collect();
    merchants.sort_by(|a, b| b.left_out.abs().total_cmp(&a.left_out.abs()));
    let (fields, fields_error) = fields(data, groups.len(), &logits);
    let reasons = Reasons::new(scorer).of(data, lookup, user);
    let additivity_error = merchants_error.max(fields_error);
    Ok(Explanation { logit: whole, merchants, fields, additivity_error, reasons })
}

/// Shapley values of merchants from orders drawn, and by how much their sum misses the difference that they share.
fn sampled(
    merchants: usize,
    orders: usize,
    seed: Seed,
    logits: &impl Fn(&[Variant]) -> Vec<f64>,
) -> (Vec<f64>, f64) {
    let mut shapley = vec![0.0; merchants];
    let mut error: f64 = 0.0;
    for turn in 0..orders {
        let order = shuffled(merchants, seed.derive(&format!("order {turn}")));
        let mut with = vec![false; merchants];
        let mut list = vec![Variant::of(with.clone())];
        for place in &order {
            with[*place] = true;
            list.push(Variant::of(with.clone()));
        }
        let found = logits(&list);
        for (step, place) in order.iter().enumerate() {
            shapley[*place] += (found[step + 1] - found[step]) / orders as f64;
        }
        error += (found[merchants] - found[0]) / orders as f64;
    }
    let error = (error - shapley.iter().sum::<f64>()).abs();
    (shapley, error)
}

/// Exact Shapley values of the fields there are, and by how much their sum misses the difference that they share.
fn fields(
    data: &Dataset,
    merchants: usize,
    logits: &impl Fn(&[Variant]) -> Vec<f64>,
) -> (Vec<FieldEffect>, f64) {
    let all: Vec<Field> = Field::ALL.into_iter().filter(|f| f.is_in(data)).collect();
    let count = all.len();
    let subsets = 1usize << count;
    let list: Vec<Variant> =
        (0..subsets).map(|kept| Variant::fields(merchants, &all, |i| kept & (1 << i) != 0)).collect();
    let found = logits(&list);
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    let mut effects: Vec<FieldEffect> = all
        .iter()
        .enumerate()
        .map(|(i, field)| {
            let bit = 1 << i;
            let shapley = (0..subsets).filter(|kept| kept & bit == 0).map(|kept| {
                let size = kept.count_ones() as usize;
                let share = factorial(size) * factorial(count - size - 1) / factorial(count);
                share * (found[kept | bit] - found[kept])
            });
            let left_out = found[subsets - 1] - found[(subsets - 1) & !bit];
            FieldEffect { field: *field, left_out, shapley: shapley.sum() }
        })
        .collect();
    let shared = found[subsets - 1] - found[0];
    let error = (shared - effects.iter().map(|e| e.shapley).sum::<f64>()).abs();
    effects.sort_by(|a, b| b.left_out.abs().total_cmp(&a.left_out.abs()));
    (effects, error)
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
