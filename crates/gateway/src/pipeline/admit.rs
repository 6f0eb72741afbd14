//! Admit: what a request may use at most is promised to it before it is sent.
//!
//! Where a budget of tokens or money binds, the promise is the most that the request can use: the greatest limit that it
//! states, for as many answers as it asks for. One that states none gets one, written into what is sent. So however many
//! requests come at once, what they use together stays within what was promised to them together.

use super::answer::Refusal;
use super::authenticate::Caller;
use super::choose::{Demand, ModelPlan, ModelWhy, Offer};
use super::govern::{Gate, OUTPUT_MIN, unstated_most};
use super::journey::Promise;
use super::settle::{self, Estimate, Spent, Verdict};
use super::tokens::PriceTag;
use crate::snapshot::{ModelEntry, Snapshot};
use crate::state::Shared;
use tollgate_core::{Fault, FaultKind, Timestamp};
use tollgate_select::model::Capabilities;

/// The gateway's side of an admission, at one moment.
pub(super) struct Ours<'a> {
    pub(super) shared: &'a Shared,
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
}

/// Reserves for the first model; a spent budget may put a cheaper one in its place.
pub(super) fn admit(
    ours: &Ours<'_>,
    caller: &Caller,
    demand: &mut Demand,
    plan: ModelPlan,
    gate: &mut Gate,
    pool: Option<&str>,
) -> Result<(ModelPlan, Promise), Box<Refusal>> {
    let snapshot = ours.snapshot;
    let Some(model) = plan.order.first().and_then(|offer| snapshot.models.get(offer.model)) else {
        return Err(Fault::internal("the choice of models is empty").into());
    };
    let (verdict, estimate) = promised(ours, caller, demand, model)?;
    let promise = |reservation| Promise::new(reservation, estimate, demand.ceiling.choices);
    match verdict {
        Verdict::Granted(reservation) => Ok((plan, promise(reservation))),
        Verdict::Degraded { model, budget, reservation } => {
            let name = snapshot.models.get(model).map_or("", |entry| &*entry.name).to_owned();
            if let Err(denial) = gate.model(snapshot, model, demand, pool) {
                return gate.refuse(denial, "model").map_err(|fault| {
                    let why =
                        format!("budget {budget} is spent and names {name} instead, but {}", fault.message);
                    Fault { message: why, ..fault }.into()
                });
            }
            let order = vec![Offer { model, weight: 1, effort: None }];
            let reason = ModelWhy::Budget { budget, model: name };
            Ok((ModelPlan { order, reason }, promise(reservation)))
        }
    }
}

/// What the budgets promise, and the usage that it is for.
fn promised(
    ours: &Ours<'_>,
    caller: &Caller,
    demand: &mut Demand,
    model: &ModelEntry,
) -> Result<(Verdict, Estimate), Box<Refusal>> {
    let Ours { shared, snapshot, now } = *ours;
    let tag = PriceTag::of(model);
    let choices = demand.ceiling.choices.max(1);
    let estimate = |each: u64| Estimate {
        prompt_tokens: demand.prompt_tokens,
        output_tokens: each.saturating_mul(choices),
        writes: demand.writes,
    };
    let reserve = |estimate| settle::reserve(shared, snapshot, caller, estimate, &tag, now);
    let expected = estimate(demand.output_tokens);
    // Without budgets, which is most often, nothing more is looked at.
    let bound = !snapshot.settings.budgets.is_empty() && shared.store.budgets().bounds_size(&caller.payer());
    let embeds = demand.needs.missing(Capabilities::EMBEDDINGS).is_empty();
    if !bound || embeds {
        return Ok((reserve(expected)?, expected));
    }
    if let Some(name) = demand.ceiling.unreadable() {
        let message = format!("`{name}` is no number from 0, and a budget bounds what this request may use");
        return Err(Fault::caller(FaultKind::BadRequest, message).at(name).into());
    }
    let left = model
        .candidate
        .context_tokens
        .map_or(u64::MAX, |window| window.saturating_sub(demand.prompt_tokens).max(OUTPUT_MIN));
    if let Some(stated) = demand.ceiling.stated() {
        let most = estimate(stated.min(left));
        return Ok((reserve(most)?, most));
    }
    // What is usual is promised where there is room for it, else what is expected.
    let roomy = unstated_most(demand).min(left);
    let most = estimate(roomy.saturating_add(demand.ceiling.thinking()));
    if let Ok(Verdict::Granted(reservation)) = reserve(most) {
        demand.held = Some(roomy);
        return Ok((Verdict::Granted(reservation), most));
    }
    let least = demand.output_tokens.max(OUTPUT_MIN).min(left);
    let most = estimate(least.saturating_add(demand.ceiling.thinking()));
    let verdict: Result<Verdict, Spent> = reserve(most);
    demand.held = Some(least);
    Ok((verdict?, most))
}
