//! A decision that nobody acts on, with everything that others may ask about it: the evaluation API.

use super::authenticate::Caller;
use super::decide::{Known, characterise, input, models, recognise};
use super::govern::Gate;
use super::risk;
use crate::snapshot::Snapshot;
use crate::sources::answered;
use crate::state::Shared;
use http::HeaderMap;
use tollgate_core::signal::Signal;
use tollgate_core::{Fault, Seed};
use tollgate_policy::{Decision, LabelReport, RouteReport};
use tollgate_signals::{Answers, Reading};
use tollgate_wire::view::RequestView;

/// A decision with everything that carries a label.
pub(crate) struct Evaluation {
    pub(crate) decision: Decision,
    pub(crate) labels: Vec<LabelReport>,
    /// Every route with every test of its condition.
    pub(crate) routes: Vec<RouteReport>,
    /// Index, nanoseconds and value of every signal read.
    pub(crate) read: Vec<(usize, u64, Signal)>,
    pub(crate) known: Known,
    /// What governance leaves of the decision; absent where nothing is governed.
    pub(crate) governed: Option<Governed>,
}

/// What governance leaves of a decision.
#[derive(Default)]
pub(crate) struct Governed {
    /// The models that may serve it, in the order in which they are tried.
    pub(crate) models: Vec<String>,
    /// Why it is refused.
    pub(crate) refused: Option<String>,
}

/// The models that are left for a decision, as dispatch would try them.
fn governed(
    shared: &Shared,
    snapshot: &Snapshot,
    (view, headers): (&RequestView, &HeaderMap),
    caller: &Caller,
    (known, decision, answers): (&Known, &Decision, &Answers),
) -> Option<Governed> {
    let mut gate = Gate::of(snapshot, caller, decision);
    gate.clearance()?;
    let Some(route) = decision.route() else { return Some(Governed::default()) };
    let demand = known.demand(shared, snapshot, view, route, caller);
    let seed = Seed(shared.seeds.next().0.0);
    let plan = gate.admit(view).and_then(|()| {
        if route.effects.answer.is_some() {
            return Ok(None);
        }
        let by_route = &route.effects.mask;
        super::mask::masked(
            shared,
            snapshot,
            (view, headers),
            caller,
            (known, answers, by_route),
            &mut gate,
        )?;
        models(snapshot, view, &route.effects, &demand, caller, seed, &mut gate).map(Some)
    });
    Some(match plan {
        Ok(plan) => {
            let order = plan.map(|plan| plan.order).unwrap_or_default();
            let names = order.iter().filter_map(|offer| snapshot.models.get(offer.model));
            Governed { models: names.map(|model| model.name.to_string()).collect(), refused: None }
        }
        Err(fault) => Governed { models: Vec::new(), refused: Some(fault.message) },
    })
}

/// Decides for a request without sending it, and reads every signal.
///
/// # Errors
/// The caller's budget is spent, and a classifier that costs money would have to be asked.
pub(crate) async fn evaluate(
    shared: &Shared,
    snapshot: &Snapshot,
    view: &RequestView,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<Evaluation, Fault> {
    let known = characterise(shared, view, caller, shared.clock.now());
    let input = input(view, headers, caller, &known);
    let mut reading = Reading::new(&snapshot.signals, &input, &*shared.clock);
    let session = recognise(shared, &mut reading, view, &known);
    reading.risk(risk::known(shared, snapshot, caller, &session));
    let encoder = shared.encoder.as_ref().is_some_and(|pool| pool.serves_signals());
    reading.with_encoder(encoder);
    reading.with_names(encoder);
    let mut asked = Vec::new();
    let (decision, labels, routes) = loop {
        let decision = snapshot.policy.decide(&mut reading, true);
        let labels = snapshot.policy.labelled(&mut reading);
        let routes = snapshot.policy.decide_reading_all(&mut reading);
        if !answered(shared, (snapshot, caller, known.now), &mut reading, &mut asked).await? {
            break (decision, labels, routes);
        }
    };
    let mut answers = reading.answers().clone();
    if let Some(route) = decision.route() {
        let gate = Gate::of(snapshot, caller, &decision);
        let asked = (&known, &answers, &*route.effects.mask);
        answers = super::mask::looked_through(shared, snapshot, (view, headers), caller, asked, &gate).await;
    }
    let read = reading.take_times();
    let governed = governed(shared, snapshot, (view, headers), caller, (&known, &decision, &answers));
    Ok(Evaluation { decision, labels, routes, read, known, governed })
}
