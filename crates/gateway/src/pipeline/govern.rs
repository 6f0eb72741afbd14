//! Governance on one request: what its caller may do with it, asked before every attempt.
//!
//! Without governance in the policy nothing here is asked. With it, models that no permitted place serves are not
//! offered, pools and instances that are not permitted are not placed on, denied tools leave the request or end it,
//! and every denial is kept with its rule. Invariant: whatever path a request takes, a spent budget's and a
//! fallback's included, it is only sent where [`Gate::permits`] says yes.

use super::authenticate::Caller;
use super::choose::{Demand, Offer};
use super::journey::Tokens;
use super::settle::PriceTag;
use crate::snapshot::{ModelEntry, Snapshot};
use std::borrow::Cow;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind};
use tollgate_policy::{Ask, Clearance, Decision, Denial, Standing};
use tollgate_wire::view::RequestView;

/// Most denials that are kept of one request.
const DENIALS_MAX: usize = 32;

/// What governs a request, and what it denied so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    clearance: Option<Arc<Clearance>>,
    denials: Vec<Denial>,
}

/// The fault that tells the caller of a denial.
pub(crate) fn fault(denial: &Denial) -> Fault {
    Fault::caller(FaultKind::Forbidden, denial.to_string())
}

impl Gate {
    /// What the policy in force says of this caller and this decision.
    pub(crate) fn of(snapshot: &Snapshot, caller: &Caller, decision: &Decision) -> Self {
        let clearance = snapshot.policy.clearance(&caller.roles, &decision.binding);
        Self { clearance: clearance.map(Arc::new), denials: Vec::new() }
    }

    /// The clearance, where anything is governed.
    pub(crate) const fn clearance(&self) -> Option<&Arc<Clearance>> {
        self.clearance.as_ref()
    }

    /// The guards that bind.
    pub(crate) fn binding(&self) -> Vec<String> {
        self.clearance.as_ref().map(|clearance| clearance.binding()).unwrap_or_default()
    }

    /// What was denied, once per guard, topic and subject.
    pub(crate) fn denials(&self) -> &[Denial] {
        &self.denials
    }

    fn note(&mut self, denial: Denial) {
        if self.denials.len() < DENIALS_MAX && !self.denials.contains(&denial) {
            self.denials.push(denial);
        }
    }

    fn refuse<T>(&mut self, denial: Denial, field: &str) -> Result<T, Fault> {
        let fault = fault(&denial).at(field);
        self.note(denial);
        Err(fault)
    }

    /// Lets the caller in, and notes the offered tools that it may not use.
    pub(crate) fn admit(&mut self, view: &RequestView) -> Result<(), Fault> {
        let Some(clearance) = self.clearance.clone() else { return Ok(()) };
        if let Err(denial) = clearance.caller() {
            return self.refuse(denial, "key");
        }
        if !clearance.watches_tools() {
            return Ok(());
        }
        if let Some(field) = unread(view) {
            return self.refuse(clearance.unread(&field), &field);
        }
        for tool in &view.tools {
            let built_in = tool.built_in.map(|kind| view.text(kind));
            match clearance.offer(&view.text(tool.name), built_in.as_deref()) {
                Standing::Denied { denial, block: true } => return self.refuse(denial, "tools"),
                Standing::Denied { denial, block: false } => self.note(denial),
                Standing::Allowed | Standing::Conditional => {}
            }
        }
        Ok(())
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
                Err(denial) => no = Some(denial),
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
        let ask = ask(entry, demand);
        let serves = |place: &&tollgate_policy::Place| {
            place.models.contains(&*entry.name) && pool.is_none_or(|pool| pool == place.pool)
        };
        let (mut open, mut no) = (false, None);
        for place in snapshot.places.iter().filter(serves) {
            match clearance.place(&ask, place) {
                Ok(()) => open = true,
                Err(denial) => {
                    self.note(denial.clone());
                    no = Some(denial);
                }
            }
        }
        // A model that nothing serves is the choice of pools' to refuse.
        no.filter(|_| !open).map_or(Ok(()), Err)
    }

    /// Whether a model may be asked at the instance of this position over all pools.
    pub(crate) fn permits(
        &self,
        snapshot: &Snapshot,
        model: &ModelEntry,
        demand: &Demand,
        site: usize,
    ) -> bool {
        let Some(clearance) = &self.clearance else { return true };
        snapshot.places.get(site).is_some_and(|place| clearance.place(&ask(model, demand), place).is_ok())
    }

    /// The clearance at the place of an attempt, where tools are governed: only the roles that allow the place are left.
    pub(crate) fn at(
        &self,
        snapshot: &Snapshot,
        model: &ModelEntry,
        demand: &Demand,
        site: usize,
    ) -> Option<Clearance> {
        let mut clearance = Clearance::clone(self.watches()?);
        if let Some(place) = snapshot.places.get(site) {
            clearance.at(&ask(model, demand), place);
        }
        Some(clearance)
    }

    /// The clearance, where calls of tools in the answer must be watched.
    pub(crate) fn watches(&self) -> Option<&Arc<Clearance>> {
        self.clearance.as_ref().filter(|clearance| clearance.watches_tools())
    }
}

/// Fields that bring tools beside `tools`, over all dialects: the older functions of OpenAI's chat and its search, a
/// stored prompt, MCP servers of Anthropic, and what OpenRouter, xAI and Qwen add to chat.
const UNREAD: [&str; 8] = [
    "functions",
    "function_call",
    "web_search_options",
    "mcp_servers",
    "prompt",
    "plugins",
    "search_parameters",
    "enable_search",
];

/// The first such field of a request; a null or `false` stands for an absent one.
fn unread(view: &RequestView) -> Option<String> {
    let set = view.members.iter().filter(|(_, value)| !matches!(view.bytes(*value), b"null" | b"false"));
    set.map(|(key, _)| view.text(*key))
        .find(|key| UNREAD.iter().any(|name| key.eq_ignore_ascii_case(name)))
        .map(Cow::into_owned)
}

fn ask<'m>(model: &'m ModelEntry, demand: &Demand) -> Ask<'m> {
    let tokens =
        Tokens { prompt: demand.prompt_tokens, cached: 0, completion: demand.output_tokens, exact: false };
    Ask { model: &model.name, cost_micro: model.priced.then(|| PriceTag::of(model).cost_micro(tokens)) }
}
