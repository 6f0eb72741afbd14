//! Select and place: which models, which pools, which instances, in which order, and why.

use super::tokens::Writes;
use crate::fleet::{Fleet, PoolState};
use crate::snapshot::{ModelEntry, Snapshot};
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;
use tollgate_core::{Blame, Fault, FaultKind, Retry, Seed, Tick};
use tollgate_policy::{Algorithm, Candidate, Effort};
use tollgate_select::model::{Capabilities, Dropped, ModelCandidate, ModelReason, ModelRule, Need, choose};
use tollgate_select::place::{InstanceView, PlaceReason, Placement, Standing};
use tollgate_select::pool::members::Ask;
use tollgate_select::pool::{PoolAsk, PoolChoice, PoolReason, PoolView, choose_pool};
use tollgate_signals::Ceiling;

/// What a request needs of model, pool and instance.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// Prompt tokens, estimated.
    pub(crate) prompt_tokens: u64,
    /// Output tokens to leave room for.
    pub(crate) output_tokens: u64,
    /// What it can use at most.
    pub(crate) ceiling: Ceiling,
    /// Most tokens of one answer that its budgets promised, where it states no limit itself.
    pub(crate) held: Option<u64>,
    /// What it may have written to a cache, where a model's price says that this costs more.
    pub(crate) writes: Writes,
    /// What the model must be able to do.
    pub(crate) needs: Capabilities,
    /// What placement reads: tokens and prefix blocks.
    pub(crate) ask: Ask,
}

/// A model that may be chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// Position in the snapshot's models.
    pub(crate) model: usize,
    /// Share of the route's traffic.
    pub(crate) weight: u32,
    /// Reasoning effort that the policy wants of it.
    pub(crate) effort: Option<Effort>,
}

/// The models in the order in which they are tried.
#[derive(Clone, Debug)]
pub(crate) struct ModelPlan {
    /// The offers that are left, the first choice first.
    pub(crate) order: Vec<Offer>,
    /// Why the first is first, and why others were dropped.
    pub(crate) reason: ModelWhy,
}

/// Why a model is first; put into words where somebody reads it.
#[derive(Clone, Debug)]
pub(crate) enum ModelWhy {
    /// The caller names it.
    Named,
    /// The risk of conversation or caller asks for a safer one.
    Risk,
    /// What another one said asks for a safer one.
    Output,
    /// The context did not support what another one said.
    Support,
    /// A budget is spent, and it says so.
    Budget { budget: String, model: String },
    /// The rule of selection, and who was dropped.
    Chosen { first: ModelReason, dropped: Vec<(String, Dropped)> },
}

impl fmt::Display for ModelWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => f.write_str("named by the caller"),
            Self::Risk => f.write_str("safer, for the risk of the conversation or the caller"),
            Self::Output => f.write_str("safer, for what another one said"),
            Self::Support => f.write_str("another, since the context did not support what the first said"),
            Self::Budget { budget, model } => write!(f, "budget {budget} is spent: {model} instead"),
            Self::Chosen { first, dropped } => {
                write!(f, "{first}")?;
                dropped.iter().try_for_each(|(name, why)| write!(f, "; {name} dropped: {why}"))
            }
        }
    }
}

impl Serialize for ModelWhy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a pool and an instance; put into words where somebody reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceWhy {
    pub(crate) pool: PoolReason,
    pub(crate) borderline: bool,
    pub(crate) place: &'static str,
}

impl Serialize for PlaceWhy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let borderline = if self.borderline { ", borderline" } else { "" };
        serializer.collect_str(&format_args!("{}{borderline}; {}", self.pool, self.place))
    }
}

/// A route's candidates as offers; names that the configuration lacks are left out.
pub(crate) fn offers(snapshot: &Snapshot, candidates: &[Candidate]) -> Vec<Offer> {
    let offer = |c: &Candidate| {
        let model = snapshot.models.iter().position(|m| *m.name == *c.model)?;
        Some(Offer { model, weight: c.weight, effort: c.effort })
    };
    candidates.iter().filter_map(offer).collect()
}

/// Orders the offers that the caller may use and that can serve the request.
pub(crate) fn select(
    snapshot: &Snapshot,
    offers: &[Offer],
    algorithm: Algorithm,
    demand: &Demand,
    allows: impl Fn(&str) -> bool,
    seed: Seed,
) -> Result<ModelPlan, Fault> {
    let entry = |offer: &Offer| snapshot.models.get(offer.model).map(|m| &m.candidate);
    let rule = match algorithm {
        Algorithm::Static => ModelRule::First,
        Algorithm::Weighted => ModelRule::Weighted,
    };
    let need = |allowed| Need {
        allowed,
        prompt_tokens: demand.prompt_tokens,
        output_tokens: demand.output_tokens,
        needs: demand.needs,
    };
    // Most requests have one offer: nothing is copied for it, and its weight does not matter.
    if let [offer] = offers
        && let Some(only) = entry(offer)
        && allows(&only.name)
        && let Ok(choice) = choose(std::slice::from_ref(only), &need(None), rule, seed)
    {
        let reason = ModelWhy::Chosen { first: choice.reason, dropped: Vec::new() };
        return Ok(ModelPlan { order: vec![*offer], reason });
    }
    let entries: Vec<ModelCandidate> = offers
        .iter()
        .filter_map(|offer| entry(offer).map(|m| ModelCandidate { weight: offer.weight, ..m.clone() }))
        .collect();
    let allowed: Vec<String> = entries.iter().filter(|e| allows(&e.name)).map(|e| e.name.clone()).collect();
    let choice = choose(&entries, &need(Some(&allowed)), rule, seed)
        .map_err(|e| refuse(&allowed, demand, &entries, &e.to_string()))?;
    let name = |index: &usize| entries.get(*index).map(|e| e.name.clone()).unwrap_or_default();
    let dropped = choice.dropped.iter().map(|(index, why)| (name(index), *why)).collect();
    let reason = ModelWhy::Chosen { first: choice.reason, dropped };
    Ok(ModelPlan { order: choice.order.iter().filter_map(|i| offers.get(*i)).copied().collect(), reason })
}

fn refuse(allowed: &[String], demand: &Demand, entries: &[ModelCandidate], why: &str) -> Fault {
    let needed = demand.prompt_tokens.saturating_add(demand.output_tokens);
    let fits = |e: &ModelCandidate| e.context_tokens.is_none_or(|window| window >= needed);
    if allowed.is_empty() {
        return Fault::caller(FaultKind::Forbidden, format!("no model is allowed to this caller: {why}"))
            .at("model");
    }
    if !entries.iter().any(fits) {
        let message =
            format!("the request needs about {needed} tokens, more than any candidate model has: {why}");
        return Fault::caller(FaultKind::ContextTooLong, message).at("messages");
    }
    Fault::caller(FaultKind::BadRequest, format!("no candidate model can serve this request: {why}"))
        .at("model")
}

/// Whether a request may go to the instance of a position over all pools; absent where nothing is governed.
pub(crate) type Permits<'a> = Option<&'a dyn Fn(usize) -> bool>;

/// The pools that serve `model`, in the order in which they are tried, as positions in the fleet.
#[derive(Clone, Debug)]
pub(crate) struct PoolPlan {
    /// Positions in the fleet.
    pub(crate) order: Vec<usize>,
    /// Why the first is first.
    pub(crate) reason: PoolReason,
    /// Whether the request lies in (B, γB] of a smaller pool and could be compressed to fit.
    pub(crate) borderline: bool,
}

/// Chooses among the pools that serve `model`.
pub(crate) fn pools(
    fleet: &Fleet,
    model: &ModelEntry,
    demand: &Demand,
    only: Option<&str>,
    permits: Permits<'_>,
    now: Tick,
) -> Result<PoolPlan, Fault> {
    let open = |pool: &PoolState| {
        permits.is_none_or(|permits| {
            pool.sites.iter().any(|s| s.models.contains_key(&*model.name) && permits(s.index))
        })
    };
    let (positions, views): (Vec<usize>, Vec<PoolView<'_>>) = fleet
        .pools
        .iter()
        .enumerate()
        .filter(|(_, p)| open(p))
        .filter_map(|(i, p)| p.view(&model.name, now).map(|v| (i, v)))
        .unzip();
    if !views.iter().any(|view| only.is_none_or(|only| only == view.name)) {
        return Err(unserved(fleet, &model.name, only));
    }
    let ask = PoolAsk { prompt_tokens: demand.prompt_tokens, output_tokens: demand.output_tokens, only };
    let total = demand.prompt_tokens.saturating_add(demand.output_tokens);
    // Each pool states its own rule; the smallest pool that fits is the one whose rule decides whether to spill.
    let ruling = views.iter().position(|v| v.max_total_tokens >= total).and_then(|i| positions.get(i));
    let rule = ruling.and_then(|i| fleet.pools.get(*i)).map(|p| p.rule).unwrap_or_default();
    let PoolChoice { order, reason, borderline } = choose_pool(&views, &ask, &rule)
        .map_err(|e| Fault::caller(FaultKind::ContextTooLong, e.to_string()).at("messages"))?;
    Ok(PoolPlan {
        order: order.iter().filter_map(|i| positions.get(*i).copied()).collect(),
        reason,
        borderline: borderline.is_some(),
    })
}

/// No pool that may take the request serves the model: a fault of the configuration, whatever the request's length.
fn unserved(fleet: &Fleet, model: &str, only: Option<&str>) -> Fault {
    let serving = fleet.pools.iter().filter(|pool| pool.sites.iter().any(|s| s.models.contains_key(model)));
    let names: Vec<&str> = serving.map(|pool| &*pool.name).take(SEEN_MAX).collect();
    let by = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let message = match only.filter(|only| !names.contains(only)) {
        Some(pool) => format!(
            "pool {pool:?} does not serve model {model:?} (pools that do: {by}): name another pool in the policy's route, \
             or give the pool's instances the model"
        ),
        None => format!("no pool that this request may use serves model {model:?} (pools that do: {by})"),
    };
    Fault { blame: Blame::Us, ..Fault::upstream(FaultKind::Unavailable, message) }
}

/// The instances of one pool that serve a model, in the order in which they are tried.
#[derive(Clone, Debug)]
pub(crate) struct PlacePlan {
    /// Positions in the pool.
    pub(crate) order: Vec<usize>,
    /// Why the first is first.
    pub(crate) reason: &'static str,
    /// Whether none is up, and they are tried all the same.
    pub(crate) panic: bool,
    /// Expected time to first content of the first, in milliseconds.
    pub(crate) expected_ttft_ms: f64,
    /// The instances that were compared, those in `order` first; empty where one that is up was the only one.
    pub(crate) seen: Vec<Seen>,
}

/// Most instances that are kept of one placement.
const SEEN_MAX: usize = 16;

/// One instance as its placement saw it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Seen {
    instance: Arc<str>,
    standing: &'static str,
    in_flight: u32,
    wait_ms: f64,
    prefill_ms: f64,
}

impl Seen {
    fn new(name: &Arc<str>, view: &InstanceView) -> Self {
        // Microseconds say enough, and print shorter.
        let short = |ms: f64| (ms * 1000.0).round() / 1000.0;
        Self {
            instance: name.clone(),
            standing: view.standing.word(),
            in_flight: view.in_flight,
            wait_ms: short(view.wait_ms),
            prefill_ms: short(view.prefill_ms),
        }
    }
}

/// Why no instance of a pool takes a request, and when one may again.
pub(crate) struct Shut {
    pub(crate) fault: Fault,
    pub(crate) retry_after_ms: Option<u64>,
}

impl From<Fault> for Shut {
    fn from(fault: Fault) -> Self {
        Self { fault, retry_after_ms: None }
    }
}

/// Where every instance was told to pause the caller is told the same, as a rate limit; else none is available.
fn shut(why: &str, standings: &[Standing], now: Tick) -> Shut {
    let paused = |s: &Standing| matches!(s, Standing::Cooling(_));
    let limited = !standings.is_empty() && standings.iter().all(paused);
    let kind = if limited { FaultKind::LimitReached } else { FaultKind::Unavailable };
    let fault = Fault::upstream(kind, why).retry(Retry::Later);
    let until = |s: &Standing| match s {
        Standing::Open(t) | Standing::Ejected(t) | Standing::Cooling(t) | Standing::Refusing(t) => Some(*t),
        Standing::Ready | Standing::Probing | Standing::Down => None,
    };
    let until = standings.iter().filter_map(until).min();
    Shut { fault, retry_after_ms: until.map(|tick| tick.since_ns(now).div_ceil(1_000_000)) }
}

/// Orders the instances of pool `at` that serve `model`.
pub(crate) fn place(
    fleet: &Fleet,
    at: usize,
    model: &str,
    demand: &Demand,
    seed: Seed,
    permits: Permits<'_>,
    now: Tick,
) -> Result<PlacePlan, Shut> {
    let Some(pool) = fleet.pools.get(at) else { return Err(shut("the pool is gone", &[], now)) };
    let members = pool.members.lock();
    let views = members.views(&demand.ask, now);
    let placed = members.place_seen(&views, &demand.ask, seed);
    drop(members);
    let serves = |i: &usize| {
        pool.sites
            .get(*i)
            .is_some_and(|s| s.models.contains_key(model) && permits.is_none_or(|permits| permits(s.index)))
    };
    let refuse = |why: String| {
        let standing = |i: usize| views.get(i).map(|v| v.standing);
        let standings: Vec<_> = (0..pool.sites.len()).filter(serves).filter_map(standing).collect();
        shut(&format!("pool {}: {why}", pool.name), &standings, now)
    };
    let Placement { order, reason } = placed.map_err(|e| refuse(e.to_string()))?;
    let mut order: Vec<usize> = order.iter().map(|i| usize::from(*i)).filter(serves).collect();
    // The placement names only its best few; where none of them serves the model, the others stand in.
    if order.is_empty() {
        let available = |i: &usize| views.get(*i).is_some_and(|v| v.standing.available());
        order = (0..pool.sites.len()).filter(serves).filter(available).collect();
    }
    let Some(first) = order.first() else {
        return Err(refuse(format!("no instance that serves {model} can take a request now")));
    };
    let expected_ttft_ms = views.get(*first).map_or(0.0, InstanceView::ttft_ms);
    let mut seen = Vec::new();
    let panic = reason == PlaceReason::Panic;
    if pool.sites.len() > 1 || panic {
        let others = (0..pool.sites.len()).filter(serves).filter(|i| !order.contains(i));
        let compared = order.iter().copied().chain(others).take(SEEN_MAX);
        let view = |i: usize| Some(Seen::new(&pool.sites.get(i)?.name, views.get(i)?));
        seen.extend(compared.filter_map(view));
    }
    if seen.len() < 2 && !panic {
        seen.clear();
    }
    Ok(PlacePlan { order, reason: reason.word(), panic, expected_ttft_ms, seen })
}

/// What one attempt goes to.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// Position of the model in the snapshot.
    pub(crate) model: usize,
    /// The model's name.
    pub(crate) model_name: Arc<str>,
    /// Reasoning effort that the policy wants of it.
    pub(crate) effort: Option<Effort>,
    /// Position of the pool in the fleet.
    pub(crate) pool: usize,
    /// Position of the instance in the pool.
    pub(crate) member: usize,
}
