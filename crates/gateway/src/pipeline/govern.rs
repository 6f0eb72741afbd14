//! Governance on one request: what its caller may do with it, asked before every attempt.
//!
//! Without governance in the policy nothing here is asked. With it, models that no permitted place serves are not
//! offered, pools and instances that are not permitted are not placed on, denied tools leave the request or end it,
//! and every denial is kept with its rule. Invariant: whatever path a request takes, a spent budget's and a
//! fallback's included, it is only sent where [`Gate::permits`] says yes.

use super::authenticate::Caller;
use super::choose::{Demand, Offer};
use super::tokens::PriceTag;
use crate::offered::offered;
use crate::snapshot::{ModelEntry, Snapshot};
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind};
use tollgate_policy::{Ask, Clearance, Decision, Denial, Topic};
use tollgate_select::model::Capabilities;
use tollgate_signals::Ceiling;
use tollgate_wire::view::RequestView;

/// Most denials that are kept of one request.
const DENIALS_MAX: usize = 32;

/// What governs a request, and what it denied so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    clearance: Option<Arc<Clearance>>,
    denials: Vec<Denial>,
    /// It offers a tool that the provider runs: nobody says what that will cost.
    runs_tools: bool,
}

/// The fault that tells the caller of a denial.
pub(crate) fn fault(denial: &Denial) -> Fault {
    let fault = Fault::caller(FaultKind::Forbidden, denial.to_string());
    if denial.quotes() { fault.quoting(denial.discreet().to_string()) } else { fault }
}

impl Gate {
    /// What the policy in force says of this caller and this decision.
    pub(crate) fn of(snapshot: &Snapshot, caller: &Caller, decision: &Decision) -> Self {
        let clearance = snapshot.policy.cleared(&caller.roles, decision);
        Self { clearance: clearance.map(Arc::new), ..Self::default() }
    }

    /// The clearance, where anything is governed.
    pub(crate) const fn clearance(&self) -> Option<&Arc<Clearance>> {
        self.clearance.as_ref()
    }

    /// The clearance as it goes on, where anything is governed.
    pub(crate) fn clearance_mut(&mut self) -> Option<&mut Clearance> {
        self.clearance.as_mut().map(Arc::make_mut)
    }

    /// Whether a request with this model must go masked to the instance of this position over all pools.
    pub(crate) fn masks(
        &self,
        snapshot: &Snapshot,
        model: &ModelEntry,
        stake: &Stake<'_>,
        site: usize,
    ) -> bool {
        let (Some(clearance), Some(place)) = (&self.clearance, snapshot.places.get(site)) else {
            return false;
        };
        !clearance.masks(&self.ask(model, stake), place).is_empty()
    }

    /// The guards that bind.
    pub(crate) fn binding(&self) -> Vec<String> {
        self.clearance.as_ref().map(|clearance| clearance.binding()).unwrap_or_default()
    }

    /// What was denied, once per guard, topic and subject.
    pub(crate) fn denials(&self) -> &[Denial] {
        &self.denials
    }

    /// Notes a denial on the way. The last place is kept for the one that decides.
    fn note(&mut self, denial: Denial) {
        if self.denials.len() + 1 < DENIALS_MAX && !self.denials.contains(&denial) {
            self.denials.push(denial);
        }
    }

    /// Notes the denial that decides: it is always kept.
    pub(crate) fn refuse<T>(&mut self, denial: Denial, field: &str) -> Result<T, Fault> {
        let fault = fault(&denial).at(field);
        if !self.denials.contains(&denial) {
            self.denials.push(denial);
        }
        Err(fault)
    }

    /// Lets the caller in, and notes the offered tools that it may not use.
    pub(crate) fn admit(&mut self, view: &RequestView) -> Result<(), Fault> {
        let Some(clearance) = self.clearance.clone() else { return Ok(()) };
        if let Err(denial) = clearance.caller() {
            let field = if denial.topic == Topic::Unread { "messages" } else { "key" };
            return self.refuse(denial, field);
        }
        let offered = offered(&clearance, view);
        self.runs_tools = offered.runs_tools;
        offered.denied.into_iter().for_each(|denial| self.note(denial));
        offered.refused.map_or(Ok(()), |(denial, field)| self.refuse(denial, &field))
    }

    /// Whether the gateway's own encoder may answer.
    pub(crate) fn here(&mut self, model: &str) -> Result<(), Fault> {
        let Some(clearance) = &self.clearance else { return Ok(()) };
        clearance.here(&free(model)).or_else(|denial| self.refuse(denial, "model"))
    }

    /// Leaves out the offers that no permitted place serves.
    pub(crate) fn offers(
        &mut self,
        snapshot: &Snapshot,
        offers: Vec<Offer>,
        demand: &Demand,
        pool: Option<&str>,
    ) -> Result<Vec<Offer>, Fault> {
        if self.clearance.is_none() {
            return Ok(offers);
        }
        let asked = offers.len();
        let mut no = None;
        let mut left = Vec::with_capacity(asked);
        for offer in offers {
            match self.model(snapshot, offer.model, demand, pool) {
                Ok(()) => left.push(offer),
                Err(denial) => no = Some(Denial::furthest(no, denial)),
            }
        }
        match no {
            Some(denial) if left.is_empty() => self.refuse(denial, "model"),
            _ => Ok(left),
        }
    }

    /// Whether any permitted place serves a model; places that are not permitted are noted.
    pub(crate) fn model(
        &mut self,
        snapshot: &Snapshot,
        model: usize,
        demand: &Demand,
        pool: Option<&str>,
    ) -> Result<(), Denial> {
        let (Some(clearance), Some(entry)) = (self.clearance.clone(), snapshot.models.get(model)) else {
            return Ok(());
        };
        let ask = self.ask(entry, &demand.stake(0));
        let serves = |place: &&tollgate_policy::Place| {
            place.models.contains(&*entry.name) && pool.is_none_or(|pool| pool == place.pool)
        };
        let (mut open, mut no) = (false, None);
        for place in snapshot.places.iter().filter(serves) {
            match clearance.place(&ask, place) {
                Ok(()) => open = true,
                Err(denial) => {
                    self.note(denial.clone());
                    no = Some(Denial::furthest(no, denial));
                }
            }
        }
        // A model that nothing serves is the choice of pools' to refuse.
        no.filter(|_| !open).map_or(Ok(()), Err)
    }

    /// Whether the policy knows classes of data.
    pub(crate) fn classifies(&self) -> bool {
        self.clearance.as_ref().is_some_and(|clearance| clearance.classifies())
    }

    /// Whether anything is bounded for this request.
    pub(crate) fn restricts(&self) -> bool {
        self.clearance.as_ref().is_some_and(|clearance| clearance.restricts())
    }

    /// Whether a model may be asked at the instance of this position over all pools.
    pub(crate) fn permits(
        &self,
        snapshot: &Snapshot,
        model: &ModelEntry,
        stake: &Stake<'_>,
        site: usize,
    ) -> bool {
        let Some(clearance) = &self.clearance else { return true };
        snapshot.places.get(site).is_some_and(|place| clearance.place(&self.ask(model, stake), place).is_ok())
    }

    /// The clearance at a place: only the roles that allow it are left.
    fn narrowed(
        &self,
        snapshot: &Snapshot,
        model: &ModelEntry,
        stake: &Stake<'_>,
        site: usize,
    ) -> Option<Clearance> {
        let mut clearance = Clearance::clone(self.clearance.as_ref()?);
        if let Some(place) = snapshot.places.get(site) {
            clearance.at(&self.ask(model, stake), place);
        }
        Some(clearance)
    }

    /// The clearance at the place of an attempt, where tools are governed.
    pub(crate) fn at(
        &self,
        snapshot: &Snapshot,
        model: &ModelEntry,
        stake: &Stake<'_>,
        site: usize,
    ) -> Option<Clearance> {
        self.watches()?;
        self.narrowed(snapshot, model, stake, site)
    }

    /// Most tokens of one answer that a ceiling of cost leaves at a place, where the request itself states no limit. The tools
    /// that stay (`keep` says which, and narrows the clearance) come first: their roles are those whose ceilings count.
    pub(crate) fn limit(
        &self,
        snapshot: &Snapshot,
        model: &ModelEntry,
        stake: &Stake<'_>,
        site: usize,
        keep: impl FnOnce(&mut Clearance) -> bool,
    ) -> Option<u64> {
        let ceiling = &stake.demand.ceiling;
        if ceiling.stated().is_some() || model.price.output_micro == 0 {
            return None;
        }
        let mut clearance = self.narrowed(snapshot, model, stake, site)?;
        let calls = keep(&mut clearance);
        let most = clearance.cost_most(calls)?;
        let tag = PriceTag::of(model);
        let prompt = tag.cost_micro(tag.dearest(prompt(model, ceiling), stake.demand.writes, 0));
        let left = most.saturating_sub(stake.risked_micro).saturating_sub(prompt);
        let tokens = u128::from(left) * 1_000_000 / u128::from(model.price.output_micro);
        let each = tokens / u128::from(ceiling.choices.max(1));
        let each = u64::try_from(each).unwrap_or(u64::MAX).saturating_sub(ceiling.thinking());
        // More than the model can write is no limit, and servers refuse it.
        match model.candidate.context_tokens {
            Some(window) if each >= window => None,
            Some(window) => Some(each.min(window.saturating_sub(stake.demand.prompt_tokens).max(OUTPUT_MIN))),
            None => Some(each.min(unstated_most(stake.demand))),
        }
    }

    fn ask<'m>(&self, model: &'m ModelEntry, stake: &Stake<'m>) -> Ask<'m> {
        let tools = self.runs_tools.then_some("it offers a tool that the provider runs and charges for");
        let unbounded = stake.demand.ceiling.unbounded.as_deref().or(tools).filter(|_| model.priced);
        let cost_micro = worst_micro(model, stake).filter(|_| unbounded.is_none());
        Ask { model: &model.name, cost_micro, unbounded }
    }

    /// Whether a ceiling of cost binds.
    pub(crate) fn bounds_cost(&self) -> bool {
        self.clearance.as_ref().is_some_and(|clearance| clearance.cost_most(true).is_some())
    }

    /// The clearance, where calls of tools in the answer must be watched.
    pub(crate) fn watches(&self) -> Option<&Arc<Clearance>> {
        self.clearance.as_ref().filter(|clearance| clearance.watches_tools())
    }
}

/// Whether a caller may use a model at all, whatever it asks: what no request decides, the rules of content and the cost
/// of a long answer, is left open.
pub(crate) fn may_use(snapshot: &Snapshot, caller: &Caller, model: &ModelEntry) -> bool {
    if !caller.allows_model(&model.name) {
        return false;
    }
    let Some(clearance) = snapshot.policy.clearance(&caller.roles, &[]) else { return true };
    let ask = Ask { model: &model.name, cost_micro: model.priced.then_some(0), unbounded: None };
    let mut serving = snapshot.places.iter().filter(|place| place.models.contains(&*model.name)).peekable();
    // A model that nothing serves is told so when it is asked for.
    clearance.caller().is_ok()
        && (serving.peek().is_none() || serving.any(|place| clearance.place(&ask, place).is_ok()))
}

/// The same of the gateway's own encoder.
pub(crate) fn may_use_here(snapshot: &Snapshot, caller: &Caller, model: &str) -> bool {
    let clearance = snapshot.policy.clearance(&caller.roles, &[]);
    caller.allows_model(model) && clearance.is_none_or(|clearance| clearance.here(&free(model)).is_ok())
}

/// What is asked of a model that costs nothing.
const fn free(model: &str) -> Ask<'_> {
    Ask { model, cost_micro: Some(0), unbounded: None }
}

/// Least output that a ceiling of cost must leave: the smallest limit that every provider takes.
pub(crate) const OUTPUT_MIN: u64 = 16;

/// Most output that a request without a limit gets where the model's window is not declared, unless more is expected.
const UNSTATED_MAX: u64 = 4_096;

/// Most output of one answer that a request without a limit is given room for.
pub(crate) fn unstated_most(demand: &Demand) -> u64 {
    demand.output_tokens.saturating_mul(4).max(UNSTATED_MAX)
}

/// What is at stake with the next attempt.
#[derive(Clone, Copy)]
pub(crate) struct Stake<'a> {
    pub(crate) demand: &'a Demand,
    /// What earlier attempts cost, or may have cost.
    pub(crate) risked_micro: u64,
}

impl Demand {
    pub(crate) const fn stake(&self, risked_micro: u64) -> Stake<'_> {
        Stake { demand: self, risked_micro }
    }
}

/// Most prompt tokens: an upstream takes no more than its window holds.
pub(crate) fn prompt(model: &ModelEntry, ceiling: &Ceiling) -> u64 {
    ceiling.prompt_tokens.min(model.candidate.context_tokens.unwrap_or(u64::MAX))
}

/// What a request can cost at most with a model, earlier attempts included; nothing where the model has no price or
/// the request no bound. A request that states no limit gets one ([`Gate::limit`]), so its expected output counts.
pub(crate) fn worst_micro(model: &ModelEntry, stake: &Stake<'_>) -> Option<u64> {
    let ceiling = &stake.demand.ceiling;
    if !model.priced || ceiling.unbounded.is_some() {
        return None;
    }
    let embeds = stake.demand.needs.missing(Capabilities::EMBEDDINGS).is_empty();
    let completion =
        if embeds { 0 } else { ceiling.output_tokens(stake.demand.output_tokens.max(OUTPUT_MIN)) };
    let tag = PriceTag::of(model);
    let tokens = tag.dearest(prompt(model, ceiling), stake.demand.writes, completion);
    Some(tag.cost_micro(tokens).saturating_add(stake.risked_micro))
}
