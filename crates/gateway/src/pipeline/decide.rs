//! Characterise, signal and decide: what the request is, what the policy asks about it, and where it goes.

use super::authenticate::Caller;
use super::choose::{self, Demand, ModelPlan};
use super::govern::Gate;
use super::heard::Heard;
use super::journey::Facts;
use super::reach::{Entered, Reach, Skipped};
use super::risk;
use super::tokens::Writes;
use crate::offered::ceiling;
use crate::snapshot::Snapshot;
use crate::sources::{Asked, answered};
use crate::state::Shared;
use http::HeaderMap;
use std::sync::Arc;
use tollgate_core::{Blame, Fault, FaultKind, Retry, Seed, Timestamp};
use tollgate_policy::{Algorithm, Decision, Effects, Outcome, Route};
use tollgate_select::model::Capabilities;
use tollgate_select::pool::members::Ask;
use tollgate_select::prefix::PromptBlocks;
use tollgate_signals::{Answers, Forecast, Input, Reading, repeated_tokens};
use tollgate_wire::Dialect;
use tollgate_wire::view::RequestView;

/// A session is warm when its last turn is not older than this.
const WARM_US: i64 = 5 * 60 * 1_000_000;
/// The header in which a client names its session.
const SESSION_HEADER: &str = "x-session-id";

/// What is known of a request before its words are read.
pub(crate) struct Known {
    /// Forecasts for signals and placement.
    pub(crate) forecast: Forecast,
    /// Share of the tightest budget that is left.
    pub(crate) budget_left: f64,
    /// Estimated prompt tokens.
    pub(crate) prompt_tokens: u64,
    /// Bytes from which they were estimated, and when.
    pub(crate) prompt_bytes: usize,
    pub(crate) now: Timestamp,
}

/// Characterises a request from its shape and from earlier traffic.
pub(crate) fn characterise(shared: &Shared, view: &RequestView, caller: &Caller, now: Timestamp) -> Known {
    let prompt_bytes = tollgate_signals::prompt_bytes(view);
    let (ratio, prompt_tokens, output) = {
        let estimates = shared.estimates.lock();
        let ratio = estimates.ratio.bytes_per_token(view.dialect.word());
        let prompt_tokens = tollgate_signals::prompt_tokens_of(view, prompt_bytes, ratio);
        (ratio, prompt_tokens, estimates.output.expect("", prompt_tokens, view.max_tokens).1)
    };
    let forecast = Forecast { bytes_per_token: ratio, output_tokens: output, ..Forecast::default() };
    let budget_left = shared.store.budgets().left_share(&caller.payer(), now).ratio();
    Known { forecast, budget_left, prompt_tokens: prompt_tokens as u64, prompt_bytes, now }
}

fn session_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION_HEADER).and_then(|v| v.to_str().ok()).filter(|id| !id.is_empty() && id.len() <= 256)
}

impl Known {
    /// Sizes and shape, for the record.
    pub(crate) fn facts(&self, view: &RequestView) -> Facts {
        Facts {
            bytes: view.body.len(),
            turns: view.messages.iter().filter(|m| m.role == tollgate_wire::view::Role::User).count(),
            tools: view.tools.len(),
            prompt_tokens: self.prompt_tokens,
            output_tokens: self.forecast.output_tokens as u64,
        }
    }

    /// What model, pool and instance must offer.
    pub(crate) fn demand(
        &self,
        shared: &Shared,
        snapshot: &Snapshot,
        view: &RequestView,
        route: &Route,
        caller: &Caller,
    ) -> Demand {
        let learned =
            shared.estimates.lock().output.expect(&route.name, self.prompt_tokens as f64, view.max_tokens).1;
        let mut needs = Capabilities::default();
        if !view.tools.is_empty() {
            needs = needs.with(Capabilities::TOOLS);
        }
        if view.messages.iter().any(|m| m.images > 0) {
            needs = needs.with(Capabilities::IMAGES);
        }
        if view.stream {
            needs = needs.with(Capabilities::STREAMING);
        }
        let embeds = view.dialect == Dialect::OpenaiEmbeddings;
        if embeds {
            needs = needs.with(Capabilities::EMBEDDINGS);
        }
        let span = view.messages_span.unwrap_or_default();
        let parts = [view.system_span.map_or(&[][..], |s| view.bytes(s)), view.bytes(span)];
        let prompt_bytes = parts.iter().map(|p| p.len()).sum();
        // Who holds which prefix matters where there is a choice.
        let blocks = match snapshot.fleet.has_choice {
            true => PromptBlocks::of(prefix_root(shared, caller), &parts),
            false => PromptBlocks::default(),
        };
        let ask = Ask { prompt_tokens: self.prompt_tokens, prompt_bytes, blocks };
        let output_tokens = if embeds { 0 } else { learned as u64 };
        let ceiling = ceiling(&snapshot.policy, view, &route.effects);
        let writes = if snapshot.bills_writes { Writes::of(&view.body) } else { Writes::None };
        Demand { prompt_tokens: self.prompt_tokens, output_tokens, ceiling, held: None, writes, needs, ask }
    }
}

/// Tenants never share an estimate of what is cached; neither do keys without a tenant.
fn prefix_root(shared: &Shared, caller: &Caller) -> u64 {
    let owner = if caller.tenant.is_empty() { &caller.id } else { &caller.tenant };
    tollgate_core::Digest::of_parts([&shared.prefix_root.to_le_bytes()[..], owner.as_bytes()]).short()
}

/// The decision, as the later phases need it.
pub(crate) struct Decided {
    /// The route: its name and what it does.
    pub(crate) route: Arc<Route>,
    /// How sure it is.
    pub(crate) confidence: f64,
    /// The signals read.
    pub(crate) heard: Arc<Heard>,
    /// The conversation.
    pub(crate) session: Arc<str>,
    /// The decision itself.
    pub(crate) decision: Decision,
    /// The classifiers that were asked on the way.
    pub(crate) asked: Vec<Asked>,
    /// What they said.
    pub(crate) answers: Answers,
}

impl Decided {
    /// What the route does.
    pub(crate) fn effects(&self) -> &Effects {
        &self.route.effects
    }
}

/// Reads the signals that the policy asks for and decides; `weigh` says what risk the conversation and its caller are.
pub(crate) async fn decide(
    shared: &Shared,
    snapshot: &Arc<Snapshot>,
    view: &RequestView,
    headers: &HeaderMap,
    caller: &Caller,
    known: &Known,
    weigh: impl AsyncFnOnce(&Arc<str>) -> Result<[f64; 2], Fault>,
) -> Result<Decided, Fault> {
    run(shared, snapshot, (view, headers), caller, known, (false, weigh)).await
}

pub(super) fn input<'a>(
    view: &'a RequestView,
    headers: &'a HeaderMap,
    caller: &'a Caller,
    known: &Known,
) -> Input<'a> {
    Input {
        view,
        caller: caller.facts(),
        budget_left: known.budget_left,
        risk: [0.0; 2],
        session: session_header(headers),
        forecast: known.forecast,
        kind: &caller.kind,
    }
}

/// Which conversation a reading is of; one with a recent turn is told so before any signal is read.
pub(super) fn recognise(
    shared: &Shared,
    reading: &mut Reading<'_>,
    view: &RequestView,
    known: &Known,
) -> Arc<str> {
    let session = session_name(reading.session().key);
    let last = shared.store.sessions().seen(&session);
    if last.is_some_and(|last| known.now.0.saturating_sub(last.0) < WARM_US) {
        reading.warm(repeated_tokens(view, known.prompt_tokens as f64, known.forecast.bytes_per_token));
    }
    session
}

async fn run(
    shared: &Shared,
    snapshot: &Arc<Snapshot>,
    (view, headers): (&RequestView, &HeaderMap),
    caller: &Caller,
    known: &Known,
    (trace, weigh): (bool, impl AsyncFnOnce(&Arc<str>) -> Result<[f64; 2], Fault>),
) -> Result<Decided, Fault> {
    let input = input(view, headers, caller, known);
    let evidence = snapshot.settings.log.content;
    let mut reading = Reading::new(&snapshot.signals, &input, &*shared.clock);
    reading.show_evidence(evidence);
    let encoder = shared.encoder.as_ref().is_some_and(|pool| pool.serves_signals());
    reading.with_encoder(encoder);
    reading.with_names(encoder);
    let session = recognise(shared, &mut reading, view, known);
    reading.risk(weigh(&session).await?);
    let mut asked = Vec::new();
    let decision = loop {
        let decision = snapshot.policy.decide(&mut reading, trace);
        if !answered(shared, (snapshot, caller, known.now), &mut reading, &mut asked).await? {
            break decision;
        }
    };
    let answers = reading.answers().clone();
    let read = decision.read.clone();
    let heard = Arc::new(Heard::new(snapshot.clone(), reading.take_times(), read, view.unread));
    let route = match &decision.outcome {
        Outcome::Route(route) | Outcome::Default(route) => route.clone(),
        Outcome::Rejected(rejection) => {
            let message =
                format!("signal {} failed and the policy refuses then: {}", rejection.signal, rejection.why);
            return Err(Fault::caller(FaultKind::Forbidden, message).retry(Retry::Later));
        }
    };
    let confidence = decision.confidence.low;
    Ok(Decided { route, confidence, heard, session, decision, asked, answers })
}

/// A conversation's key as text, 16 hex digits.
fn session_name(key: u64) -> Arc<str> {
    let digits = tollgate_core::id::hex::<16>(u128::from(key));
    std::str::from_utf8(&digits).unwrap_or_default().into()
}

/// The models to try, in order: the one that the caller names, else the route's candidates.
pub(crate) fn models(
    snapshot: &Snapshot,
    view: &RequestView,
    effects: &Effects,
    demand: &Demand,
    caller: &Caller,
    seed: Seed,
    gate: &mut Gate,
) -> Result<ModelPlan, Fault> {
    let asked = view.model().unwrap_or_default();
    let allows = |model: &str| caller.allows_model(model);
    if snapshot.chooses(&asked) {
        let offers = choose::offers(snapshot, &effects.models);
        let offers = gate.offers(snapshot, offers, demand, effects.pool.as_deref())?;
        return choose::select(snapshot, &offers, effects.algorithm, demand, allows, seed);
    }
    let Some(index) = snapshot.model_index(&asked) else {
        let shown: String = asked.chars().take(80).collect();
        let message = format!(
            "the model {shown:?} does not exist; GET /v1/models lists those that do, `auto` lets the policy choose"
        );
        return Err(Fault::caller(FaultKind::NotFound, message).at("model").quoting("no such model"));
    };
    // The caller's choice of model stands; the policy's effort for that model, if it names one, applies.
    let name = snapshot.models.get(index).map_or("", |m| &m.name);
    let listed = effects.models.iter().find(|c| *c.model == *name);
    let pinned = choose::Offer { model: index, weight: 1, effort: listed.and_then(|c| c.effort) };
    let pinned = gate.offers(snapshot, vec![pinned], demand, effects.pool.as_deref())?;
    let mut plan = choose::select(snapshot, &pinned, Algorithm::Static, demand, allows, seed)?;
    plan.reason = choose::ModelWhy::Named;
    Ok(plan)
}

/// Decides for a request without sending it: the explanation of `POST /v1/route`.
pub(crate) async fn explain_request(
    shared: &Shared,
    snapshot: &Arc<Snapshot>,
    view: &RequestView,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<serde_json::Value, Fault> {
    let known = characterise(shared, view, caller, shared.clock.now());
    let weigh = async |session: &Arc<str>| Ok(risk::known(shared, snapshot, caller, session));
    let decided = run(shared, snapshot, (view, headers), caller, &known, (true, weigh)).await?;
    let demand = known.demand(shared, snapshot, view, &decided.route, caller);
    let seed = Seed(shared.seeds.next().0.0);
    let mut out = serde_json::json!({
        "route": decided.route.name,
        "confidence": decided.confidence,
        "runner_up": decided.decision.runner_up(),
        "facts": known.facts(view),
        "asked": decided.asked,
        "session": &*decided.session,
        "signals": *decided.heard,
        "edits": super::shape::describe(decided.effects(), None),
        "explanation": decided.decision.explain(),
        "trace": decided.decision.trace,
    });
    let mut gate = Gate::of(snapshot, caller, &decided.decision);
    let admitted = gate.admit(view);
    out["governed"] = serde_json::json!(gate.binding());
    out["denials"] = serde_json::json!(gate.denials());
    if let Err(fault) = admitted {
        out["refused"] = serde_json::json!(fault.message);
        return Ok(out);
    }
    if let Some(answer) = &decided.effects().answer {
        out["answer"] = serde_json::json!(answer);
        return Ok(out);
    }
    if let Some(encoder) = super::local::encoder(shared, view) {
        match super::local::allow(encoder, caller, &mut gate) {
            Ok(()) => out["model"] = serde_json::json!(encoder.model()),
            Err(fault) => out["refused"] = serde_json::json!(fault.message),
        }
        out["denials"] = serde_json::json!(gate.denials());
        return Ok(out);
    }
    let by_route = &decided.effects().mask;
    let asked = (&known, &decided.answers, &**by_route);
    let answers = super::mask::looked_through(shared, snapshot, (view, headers), caller, asked, &gate).await;
    let masked = super::mask::masked(
        shared,
        snapshot,
        (view, headers),
        caller,
        (&known, &answers, by_route),
        &mut gate,
    )?;
    out["masked"] = serde_json::json!(masked.and_then(|masked| masked.told()));
    let plan = models(snapshot, view, decided.effects(), &demand, caller, seed, &mut gate);
    out["denials"] = serde_json::json!(gate.denials());
    let plan = match plan {
        Ok(plan) => plan,
        Err(fault) if gate.denials().is_empty() => return Err(fault),
        Err(fault) => {
            out["refused"] = serde_json::json!(fault.message);
            return Ok(out);
        }
    };
    let now = shared.clock.tick();
    let names: Vec<_> =
        plan.order.iter().filter_map(|offer| snapshot.models.get(offer.model)).map(|m| &*m.name).collect();
    out["models"] = serde_json::json!({"order": names, "reason": plan.reason});
    let reach = Reach {
        snapshot,
        plan: &plan,
        gate: &gate,
        demand: &demand,
        pool: decided.effects().pool.as_deref(),
        risked_micro: 0,
        seed,
    };
    match reach.first(0, now) {
        Ok((entered, skipped)) => explain_place(&mut out, snapshot, &plan, &entered, &skipped),
        Err(shut) if shut.fault.blame == Blame::Caller => return Err(shut.fault),
        Err(shut) => {
            out["model"] = serde_json::json!(names.first());
            out["place"] = serde_json::json!({"order": [], "reason": shut.fault.message});
        }
    }
    Ok(out)
}

/// Says where the first attempt would go.
fn explain_place(
    out: &mut serde_json::Value,
    snapshot: &Snapshot,
    plan: &ModelPlan,
    entered: &Entered,
    skipped: &[Skipped],
) {
    let Entered { model, pools, pool, place } = entered;
    let model = plan.order.get(*model).and_then(|offer| snapshot.models.get(offer.model));
    out["model"] = serde_json::json!(model.map(|m| &*m.name));
    if !skipped.is_empty() {
        out["skipped"] = serde_json::json!(skipped);
    }
    let pool_of = |i: &usize| snapshot.fleet.pools.get(*i);
    let names: Vec<_> = pools.order.iter().filter_map(pool_of).map(|p| &*p.name).collect();
    out["pool"] = serde_json::json!(names.get(*pool));
    out["pools"] = serde_json::json!({"order": names, "reason": pools.reason.to_string(), "borderline": pools.borderline});
    let sites = pools.order.get(*pool).and_then(pool_of).map(|p| &p.sites);
    let site = |i: &usize| sites.and_then(|s| s.get(*i)).map(|s| &*s.name);
    let order: Vec<_> = place.order.iter().filter_map(site).collect();
    out["place"] = serde_json::json!({"order": order, "reason": place.reason, "expected_ttft_ms": place.expected_ttft_ms,
        "instances": place.seen});
}
