//! Risk over turns: what a request adds to what is known of its conversation and its caller, and what follows.
//!
//! The suspicion of a turn is the worst of attack and hazard in what came since the model's last answer, results of tools
//! included. The risk of conversation and caller moves toward it, and the worse of the two is answered: by a safer model, by
//! less freedom besides, or by an end. What cannot be read is refused, unless the configuration says otherwise.

use super::authenticate::Caller;
use super::choose::{self, Demand, ModelPlan, ModelWhy, Offer};
use super::decide::Decided;
use super::govern::Gate;
use super::journey::Journey;
use super::shape::Edited;
use crate::config::{SafetyFailure, SafetySettings};
use crate::observe::metrics::OutcomeLabel;
use crate::safety::Suspect;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use serde::Serialize;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind, Seed};
use tollgate_policy::{Algorithm, Effects, ParamEdit, Route, ToolFilter};
use tollgate_signals::safety::{Answer, Looks, Suspicion};
use tollgate_wire::view::{RequestView, Role};

/// What the risk of a request came to.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Weighed {
    /// Suspicion of this turn.
    pub(crate) suspicion: f64,
    /// Risk of the conversation, and of the caller where it is known.
    pub(crate) session: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caller: Option<f64>,
    /// What follows.
    pub(crate) answer: Answer,
}

impl Weighed {
    /// As the header tells it: `safer; 0.412`.
    pub(crate) fn told(&self) -> String {
        format!("{}; {:.3}", word(self.answer), self.caller.unwrap_or(0.0).max(self.session))
    }
}

const fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Pass => "pass",
        Answer::Safer => "safer",
        Answer::Narrow => "narrow",
        Answer::Stop => "stop",
    }
}

/// What is known of a conversation and a caller, for a decision that nobody acts on.
pub(crate) fn known(shared: &Shared, snapshot: &Snapshot, caller: &Caller, session: &Arc<str>) -> [f64; 2] {
    let Some(settings) = &snapshot.settings.safety else { return [0.0; 2] };
    let now = shared.clock.now();
    let risk = |suspect: Suspect| shared.suspects.risk(&suspect, now, &settings.rules);
    let of_caller = if caller.id.is_empty() { 0.0 } else { risk(Suspect::Caller(caller.id.clone())) };
    [risk(Suspect::Session(session.clone())), of_caller]
}

/// Weighs a request where that is configured, before anything is decided; gives the risk of conversation and caller.
pub(crate) fn weigh(
    shared: &Shared,
    snapshot: &Snapshot,
    view: &RequestView,
    caller: &Caller,
    session: &Arc<str>,
    journey: &mut Journey,
) -> Result<[f64; 2], Fault> {
    let Some(settings) = &snapshot.settings.safety else { return Ok([0.0; 2]) };
    let Some(found) = Suspicion::of(&since_last_answer(view), Looks::ALL) else {
        return match settings.on_failure {
            SafetyFailure::Reject => Err(Fault::caller(
                FaultKind::Forbidden,
                "the message is too long to be read for attacks and hazards; shorten it",
            )),
            SafetyFailure::Pass => Ok(known(shared, snapshot, caller, session)),
        };
    };
    let suspicion = f64::from(found.attack.max(found.hazard));
    let (now, rules) = (journey.time(), &settings.rules);
    let session = Suspect::Session(session.clone());
    let (of_session, mut answer) = shared.suspects.see(&session, suspicion, now, rules);
    let mut of_caller = None;
    if !caller.id.is_empty() {
        let (risk, says) = shared.suspects.see(&Suspect::Caller(caller.id.clone()), suspicion, now, rules);
        (of_caller, answer) = (Some(risk), answer.max(says));
    }
    let weighed = Weighed { suspicion, session: of_session, caller: of_caller, answer };
    shared.metrics.risk.get_or_create(&OutcomeLabel { outcome: word(answer) }).inc();
    journey.story.risk = Some(weighed);
    Ok([of_session, of_caller.unwrap_or(0.0)])
}

/// What follows from the risk. It is in the decision from here on: its route is narrowed.
pub(crate) fn follow(snapshot: &Snapshot, decided: &mut Decided, journey: &mut Journey) -> Result<(), Fault> {
    let (Some(settings), Some(Weighed { answer, .. })) = (&snapshot.settings.safety, journey.story.risk)
    else {
        return Ok(());
    };
    if answer == Answer::Stop {
        tracing::warn!(request = %journey.id, session = %decided.session, "a conversation is stopped for its risk");
        let message = "this conversation is stopped: what was asked in it adds up to a risk";
        return Err(Fault::caller(FaultKind::Forbidden, message));
    }
    if answer == Answer::Narrow {
        decided.route = Arc::new(narrowed(&decided.route, settings));
        journey.story.edits = Edited::by(decided.route.clone());
    }
    Ok(())
}

/// What a route does with less freedom: a cooler model without tools.
fn narrowed(route: &Route, settings: &SafetySettings) -> Route {
    let mut effects: Effects = route.effects.clone();
    effects.params.push(ParamEdit::Cap { name: "temperature".into(), at: settings.temperature });
    effects.tools.push(ToolFilter::Keep(Vec::new()));
    Route { effects, ..route.clone() }
}

/// The safer model in place of those of the policy or the caller, where risk asks for it.
pub(crate) fn models(
    snapshot: &Snapshot,
    journey: &Journey,
    demand: &Demand,
    gate: &mut Gate,
    pool: Option<&str>,
) -> Option<Result<ModelPlan, Fault>> {
    let asked = journey.story.risk.as_ref().is_some_and(|weighed| weighed.answer >= Answer::Safer);
    let settings = snapshot.settings.safety.as_ref().filter(|_| asked)?;
    let model = snapshot.model_index(&settings.safer_model)?;
    let offer = Offer { model, weight: 1, effort: None };
    let plan = gate.offers(snapshot, vec![offer], demand, pool).and_then(|offers| {
        // The operator's choice: the key need not list it.
        choose::select(snapshot, &offers, Algorithm::Static, demand, |_| true, Seed(0))
    });
    Some(plan.map(|plan| ModelPlan { reason: ModelWhy::Risk, ..plan }))
}

/// What was said since the model's last answer: the user's words and what tools brought.
fn since_last_answer(view: &RequestView) -> String {
    let last = view.messages.iter().rposition(|message| message.role == Role::Assistant);
    let fresh = view.messages.iter().skip(last.map_or(0, |at| at + 1));
    let fresh = fresh.filter(|message| message.role != Role::System);
    let texts: Vec<_> = fresh.flat_map(|message| &message.text).map(|text| view.text(*text)).collect();
    texts.join("\n")
}

/// Whether risk shapes what is sent.
pub(crate) fn shapes(journey: &Journey) -> bool {
    journey.story.risk.is_some_and(|weighed| weighed.answer > Answer::Pass)
}
