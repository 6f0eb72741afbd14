//! Select and place: which models, which pools, which instances, in which order, and why.

use crate::fleet::Fleet;
use crate::snapshot::{ModelEntry, Snapshot};
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind, Retry, Seed, Tick};
use tollgate_policy::{Algorithm, Candidate};
use tollgate_select::model::{Capabilities, ModelCandidate, ModelRule, Need, choose};
use tollgate_select::place::Placement;
use tollgate_select::pool::members::Ask;
use tollgate_select::pool::{PoolAsk, PoolChoice, PoolView, choose_pool};

/// What a request needs of model, pool and instance.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// Prompt tokens, estimated.
    pub(crate) prompt_tokens: u64,
    /// Output tokens to leave room for.
    pub(crate) output_tokens: u64,
    /// What the model must be able to do.
    pub(crate) needs: Capabilities,
    /// What placement reads: tokens and prefix blocks.
    pub(crate) ask: Ask,
}

/// The models in the order in which they are tried.
#[derive(Clone, Debug)]
pub(crate) struct ModelPlan {
    /// Positions in the snapshot's models, with the policy's candidate.
    pub(crate) order: Vec<(usize, Candidate)>,
    /// Why the first is first, and why others were dropped.
    pub(crate) reason: String,
}

/// Orders the candidates that the caller may use and that can serve the request.
pub(crate) fn select(
    snapshot: &Snapshot,
    candidates: &[Candidate],
    algorithm: Algorithm,
    demand: &Demand,
    allows: impl Fn(&str) -> bool,
    seed: Seed,
) -> Result<ModelPlan, Fault> {
    let mut known: Vec<(usize, &Candidate)> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let position = snapshot.models.iter().position(|m| *m.name == *candidate.model);
        known.extend(position.map(|p| (p, candidate)));
    }
    let entries: Vec<ModelCandidate> = known
        .iter()
        .filter_map(|(p, c)| {
            snapshot.models.get(*p).map(|m| ModelCandidate { weight: c.weight, ..m.candidate.clone() })
        })
        .collect();
    let allowed: Vec<String> = entries.iter().filter(|e| allows(&e.name)).map(|e| e.name.clone()).collect();
    let need = Need {
        allowed: Some(&allowed),
        prompt_tokens: demand.prompt_tokens,
        output_tokens: demand.output_tokens,
        needs: demand.needs,
    };
    let rule = match algorithm {
        Algorithm::Static => ModelRule::First,
        Algorithm::Weighted => ModelRule::Weighted,
    };
    let choice = choose(&entries, &need, rule, seed)
        .map_err(|e| refuse(&allowed, demand, &entries, &e.to_string()))?;
    let mut reason = choice.reason.to_string();
    for (index, why) in &choice.dropped {
        let name = entries.get(*index).map_or("", |e| e.name.as_str());
        reason.push_str(&format!("; {name} dropped: {why}"));
    }
    let order = choice.order.iter().filter_map(|i| known.get(*i).map(|(p, c)| (*p, (*c).clone()))).collect();
    Ok(ModelPlan { order, reason })
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

/// The pools that serve `model`, in the order in which they are tried, as positions in the fleet.
#[derive(Clone, Debug)]
pub(crate) struct PoolPlan {
    /// Positions in the fleet.
    pub(crate) order: Vec<usize>,
    /// Why the first is first.
    pub(crate) reason: String,
    /// Whether the request lies in (B, γB] of a smaller pool and could be compressed to fit.
    pub(crate) borderline: bool,
}

/// Chooses among the pools that serve `model`.
pub(crate) fn pools(
    fleet: &Fleet,
    model: &ModelEntry,
    demand: &Demand,
    only: Option<&str>,
    now: Tick,
) -> Result<PoolPlan, Fault> {
    let (positions, views): (Vec<usize>, Vec<PoolView<'_>>) =
        fleet.pools.iter().enumerate().filter_map(|(i, p)| p.view(&model.name, now).map(|v| (i, v))).unzip();
    let ask = PoolAsk { prompt_tokens: demand.prompt_tokens, output_tokens: demand.output_tokens, only };
    let total = demand.prompt_tokens.saturating_add(demand.output_tokens);
    // Each pool states its own rule; the smallest pool that fits is the one whose rule decides whether to spill.
    let ruling = views.iter().position(|v| v.max_total_tokens >= total).and_then(|i| positions.get(i));
    let rule = ruling.and_then(|i| fleet.pools.get(*i)).map(|p| p.rule).unwrap_or_default();
    let PoolChoice { order, reason, borderline } = choose_pool(&views, &ask, &rule)
        .map_err(|e| Fault::caller(FaultKind::ContextTooLong, e.to_string()).at("messages"))?;
    Ok(PoolPlan {
        order: order.iter().filter_map(|i| positions.get(*i).copied()).collect(),
        reason: reason.to_string(),
        borderline: borderline.is_some(),
    })
}

/// The instances of one pool that serve a model, in the order in which they are tried.
#[derive(Clone, Debug)]
pub(crate) struct PlacePlan {
    /// Positions in the pool.
    pub(crate) order: Vec<usize>,
    /// Why the first is first.
    pub(crate) reason: &'static str,
    /// Expected time to first content of the first, in milliseconds.
    pub(crate) expected_ttft_ms: f64,
}

/// Orders the instances of pool `at` that serve `model`.
pub(crate) fn place(
    fleet: &Fleet,
    at: usize,
    model: &str,
    demand: &Demand,
    seed: Seed,
    now: Tick,
) -> Result<PlacePlan, Fault> {
    let unavailable = |why: String| {
        let fault = Fault::upstream(FaultKind::Unavailable, why);
        fault.retry(Retry::Later)
    };
    let Some(pool) = fleet.pools.get(at) else { return Err(unavailable("the pool is gone".into())) };
    let members = pool.members.lock();
    let views = members.views(&demand.ask, now);
    let Placement { order, reason } =
        members.place(&demand.ask, seed, now).map_err(|e| unavailable(format!("pool {}: {e}", pool.name)))?;
    drop(members);
    let serves = |i: &usize| pool.sites.get(*i).is_some_and(|s| s.models.contains_key(model));
    let mut order: Vec<usize> = order.iter().map(|i| usize::from(*i)).filter(serves).collect();
    // The placement names only its best few; where none of them serves the model, the others stand in.
    if order.is_empty() {
        let available = |i: &usize| views.get(*i).is_some_and(|v| v.standing.available());
        order = (0..pool.sites.len()).filter(serves).filter(available).collect();
    }
    let Some(first) = order.first() else {
        return Err(unavailable(format!(
            "pool {}: no instance that serves {model} can take a request now",
            pool.name
        )));
    };
    let expected_ttft_ms = views.get(*first).map_or(0.0, tollgate_select::place::InstanceView::ttft_ms);
    Ok(PlacePlan { order, reason: reason.word(), expected_ttft_ms })
}

/// What one attempt goes to.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// Position of the model in the snapshot.
    pub(crate) model: usize,
    /// The model's name.
    pub(crate) model_name: Arc<str>,
    /// Position of the pool in the fleet.
    pub(crate) pool: usize,
    /// Position of the instance in the pool.
    pub(crate) member: usize,
}
