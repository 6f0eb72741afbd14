//! Settle: what a request reserves before it is sent, and what it really cost.
//!
//! Every request that is sent reserves its estimate from each budget that binds it and settles with the actual usage
//! at its end, whatever the end is. When a budget is spent its rule says: reject, or use a cheaper model. A degraded
//! request reserves nothing of the spent budget, where its actual usage is still settled, as overrun; of every other
//! budget it reserves the cheaper model's estimate.

pub(super) mod sell;
mod ware;

use super::authenticate::Caller;
use super::cached::Fill;
use super::journey::{End, Journey};
use super::tokens::{PriceTag, Tokens, Writes};
use crate::config::{Budget, BudgetScope};
use crate::snapshot::{ModelEntry, Snapshot};
use crate::state::{InFlight, Shared};
use bytes::Bytes;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind, Timestamp};
use tollgate_store::budget::{
    Limit, Limits, Line, Meter, Refusal, Reservation, Subject, Target, Usage, Window,
};

/// The estimate of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    pub(crate) prompt_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) writes: Writes,
}

impl Estimate {
    fn usage(self, tag: &PriceTag) -> Usage {
        let tokens = tag.dearest(self.prompt_tokens, self.writes, self.output_tokens);
        let sum = self.prompt_tokens.saturating_add(self.output_tokens);
        Usage { requests: 1, tokens: sum, micro: tag.cost_micro(tokens) }
    }
}

/// What the budgets say.
pub(crate) enum Verdict {
    /// Reserved.
    Granted(Reservation),
    /// Spent: use this model instead, with what is reserved for it.
    Degraded { model: usize, budget: String, reservation: Reservation },
}

/// Reserves the estimate of a request for `tag`'s model. Where a spent budget names another model, that one's
/// estimate is reserved of the budgets that are not spent; of several spent ones the last names the model.
pub(crate) fn reserve(
    shared: &Shared,
    snapshot: &Snapshot,
    caller: &Caller,
    estimate: Estimate,
    tag: &PriceTag,
    now: Timestamp,
) -> Result<Verdict, Spent> {
    let payer = caller.payer();
    let mut ask = estimate.usage(tag);
    let mut spent = Vec::new();
    let mut instead = None;
    // Every round but the last adds one of the payer's limits to the spent ones, so it ends.
    loop {
        let refusal = match shared.store.budgets().reserve_beside(&payer, ask, &spent, now) {
            Ok(reservation) => {
                return Ok(match instead {
                    None => Verdict::Granted(reservation),
                    Some((model, budget)) => Verdict::Degraded { model, budget, reservation },
                });
            }
            Err(refusal) => refusal,
        };
        let line = refusal.line().filter(|line| !spent.contains(line));
        let rule = line.as_ref().and_then(|line| fallback(snapshot, caller, line));
        let (Some(line), Some((budget, model, entry))) = (line, rule) else {
            return Err(Spent::of(&refusal, now));
        };
        ask = estimate.usage(&PriceTag::of(entry));
        spent.push(line);
        instead = Some((model, budget.name.clone()));
    }
}

/// Reserves a request that uses nothing: an answer that was kept. Limits on requests bind it all the same.
pub(crate) fn reserve_free(shared: &Shared, caller: &Caller, now: Timestamp) -> Result<Reservation, Spent> {
    reserve_usage(shared, caller, FREE, now)
}

/// Reserves what costs no money of an upstream's.
pub(crate) fn reserve_usage(
    shared: &Shared,
    caller: &Caller,
    usage: Usage,
    now: Timestamp,
) -> Result<Reservation, Spent> {
    shared.store.budgets().reserve(&caller.payer(), usage, now).map_err(|refusal| Spent::of(&refusal, now))
}

/// The leave of the budgets to ask a classifier that costs money. Dropped, since the caller left meanwhile, it settles the most
/// that the question costs.
pub(crate) struct Leave {
    reservation: Option<Reservation>,
    micro: u64,
}

/// Asks the budgets for a question that costs `micro` at most; one that is spent and goes on with another model is passed over.
pub(crate) fn leave(
    shared: &Shared,
    snapshot: &Snapshot,
    caller: &Caller,
    micro: u64,
    now: Timestamp,
) -> Result<Leave, Spent> {
    let (payer, ask) = (caller.payer(), Usage { requests: 1, tokens: 0, micro });
    let mut spent = Vec::new();
    // Every round but the last adds one of the payer's limits to the spent ones, so it ends.
    loop {
        let refusal = match shared.store.budgets().reserve_beside(&payer, ask, &spent, now) {
            Ok(reservation) => return Ok(Leave { reservation: Some(reservation), micro }),
            Err(refusal) => refusal,
        };
        let line = refusal.line().filter(|line| !spent.contains(line));
        match line.filter(|line| fallback(snapshot, caller, line).is_some()) {
            Some(line) => spent.push(line),
            None => return Err(Spent::of(&refusal, now)),
        }
    }
}

impl Leave {
    /// Settles what the question cost; the request that it was asked for is counted by itself.
    pub(crate) fn settle(mut self, micro: u64) {
        self.micro = micro;
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(Usage { requests: 0, tokens: 0, micro: self.micro });
        }
    }
}

/// The usage of an answer that was kept.
pub(crate) const FREE: Usage = Usage { requests: 1, tokens: 0, micro: 0 };

/// The budget that set this limit with the model that it names for when it is spent, where the caller may use it.
fn fallback<'s>(
    snapshot: &'s Snapshot,
    caller: &Caller,
    line: &Line,
) -> Option<(&'s Budget, usize, &'s ModelEntry)> {
    let budget = ruling(&snapshot.settings.budgets, caller, line)?;
    let name = budget.degrade_to.as_deref().filter(|model| caller.allows_model(model))?;
    let model = snapshot.models.iter().position(|entry| *entry.name == *name)?;
    Some((budget, model, snapshot.models.get(model)?))
}

/// The budget that set a limit of the caller: as in the ledger, one that names the subject goes before one for each,
/// and of two alike the later counts.
fn ruling<'b>(budgets: &'b [Budget], caller: &Caller, line: &Line) -> Option<&'b Budget> {
    let named = |budget: &Budget| match (&budget.scope, &line.subject) {
        (BudgetScope::Global, Subject::Global) => true,
        (BudgetScope::Key(name), Subject::Key(_)) => {
            caller.key.as_ref().is_some_and(|key| key.spec.name == *name)
        }
        (BudgetScope::Tenant(name), Subject::Tenant(tenant)) => **tenant == **name,
        _ => false,
    };
    let each = |budget: &Budget| match (&budget.scope, &line.subject) {
        (BudgetScope::Key(name), Subject::Key(_)) | (BudgetScope::Tenant(name), Subject::Tenant(_)) => {
            name == "*"
        }
        _ => false,
    };
    let limits = |budget: &&Budget| {
        let limited = match line.meter {
            Meter::Requests => budget.requests.is_some(),
            Meter::Tokens => budget.tokens.is_some(),
            Meter::Micro => budget.micro.is_some(),
        };
        limited && budget.window == line.window.word()
    };
    let mut setting = budgets.iter().filter(limits);
    setting.clone().rfind(|b| named(b)).or_else(|| setting.rfind(|b| each(b)))
}

/// A request that its budgets do not hold, with the seconds until the spent one starts again.
pub(crate) struct Spent {
    pub(crate) fault: Fault,
    pub(crate) retry_after_s: Option<u32>,
}

impl Spent {
    fn of(refusal: &Refusal, now: Timestamp) -> Self {
        let retry_after_s = match refusal {
            Refusal::Spent { resets, .. } if resets.0 < i64::MAX => {
                u32::try_from(resets.seconds().saturating_sub(now.seconds()).max(1)).ok()
            }
            _ => None,
        };
        let fault = match refusal {
            // Waiting does not help, so it must not look like a limit that passes.
            Refusal::Oversize { meter: Meter::Tokens | Meter::Micro, .. } => {
                let message = format!(
                    "this request may need more than its budget ever holds: {refusal}; lower max_tokens or shorten the prompt"
                );
                Fault::caller(FaultKind::TooLarge, message).at("max_tokens")
            }
            _ => Fault::caller(FaultKind::LimitReached, refusal.to_string()),
        };
        Self { fault, retry_after_s }
    }
}

/// The configured budgets as the ledger wants them: of a name every key that has it. A key that a budget names and that
/// does not exist yet gets its limit when it is created and the limits are set again.
pub(crate) fn limits(budgets: &[Budget], key_ids: impl Fn(&str) -> Vec<Arc<str>>) -> Limits {
    let mut limits = Vec::new();
    for budget in budgets {
        let targets = match &budget.scope {
            BudgetScope::Global => vec![Target::Global],
            BudgetScope::Key(name) if name == "*" => vec![Target::EachKey],
            BudgetScope::Key(name) => key_ids(name).into_iter().map(Target::Key).collect(),
            BudgetScope::Tenant(name) if name == "*" => vec![Target::EachTenant],
            BudgetScope::Tenant(name) => vec![Target::Tenant(name.as_str().into())],
        };
        let Some(window) = Window::parse(&budget.window) else { continue };
        let meters = [
            (Meter::Requests, budget.requests),
            (Meter::Tokens, budget.tokens),
            (Meter::Micro, budget.micro),
        ];
        for (meter, limit) in meters {
            let Some(limit) = limit else { continue };
            limits.extend(targets.iter().map(|target| Limit {
                target: target.clone(),
                meter,
                window,
                limit,
            }));
        }
    }
    Limits::new(limits)
}

/// Where an answer of the Responses dialect is kept.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    pub(crate) owner: String,
    pub(crate) previous_id: Option<String>,
    pub(crate) metadata: String,
    pub(crate) input: String,
}

/// Everything that happens once at the end of a request that was sent.
pub(crate) struct Closing {
    pub(crate) shared: Arc<Shared>,
    pub(crate) journey: Journey,
    pub(crate) reservation: Option<Reservation>,
    pub(crate) prompt_bytes: usize,
    pub(crate) keep: Option<Keep>,
    pub(crate) in_flight: InFlight,
    /// What the answer may become in the cache.
    pub(crate) fill: Option<Box<Fill>>,
}

impl Closing {
    /// Hands an answer that went well to the cache.
    pub(crate) fn fill(&mut self, whole: Option<&Bytes>, tokens: Tokens) {
        let enough = self.journey.story.support.last().is_none_or(|checked| checked.enough);
        let Some(fill) = self.fill.take().filter(|_| enough) else { return };
        let model = self.journey.price.as_ref().map_or("", |tag| &*tag.model);
        fill.done(whole, self.journey.id.as_str(), (model, tokens), self.journey.time());
    }

    /// Settles, learns and records; returns the cost in micro-dollars.
    pub(crate) fn close(mut self, end: End, answer: Option<&[u8]>) -> u64 {
        let cost = self.journey.price.as_ref().map_or(0, |tag| tag.cost_micro(end.tokens));
        if let Some(sold) = self.journey.sold.take() {
            sold.end(cost);
        }
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(self.journey.usage_with(end.tokens, cost));
        }
        self.learn(end.tokens);
        if let (Some(keep), Some(answer)) = (self.keep.take(), answer) {
            crate::pipeline::responses::store(&self.shared, keep, answer, self.journey.arrived);
        }
        let now = self.journey.lap(super::SETTLE);
        let cost = self.journey.end_at(end, now);
        drop(self.in_flight);
        cost
    }

    fn learn(&self, tokens: Tokens) {
        let Some(tag) = self.journey.price.as_ref() else { return };
        if tokens.exact {
            let mut estimates = self.shared.estimates.lock();
            estimates.ratio.observe(self.journey.dialect.word(), self.prompt_bytes as u64, tokens.prompt);
            if let Some(route) = &self.journey.route {
                estimates.output.observe(route, tokens.prompt as f64, tokens.completion);
            }
        }
        if let (Some(session), Some(last)) = (&self.journey.session, self.journey.story.attempts.last()) {
            let (pool, instance) = (Some(last.pool.clone()), Some(last.instance.clone()));
            let now = self.journey.time();
            self.shared.store.sessions().note(session, tag.model.clone(), pool, instance, now);
        }
    }
}
