//! Risk over turns: what a request adds to what is known of its conversation and its caller, and what follows.
//!
//! The suspicion of a request is the worst of attack and hazard in what came since the model's last answer, and in every other
//! text that this conversation has not had looked at, whatever role it claims: whoever sends a history writes it. The risk of
//! conversation, end user and caller moves toward it, and the worst is answered: by a safer model, by less freedom besides, or
//! by an end. A caller is many people and what they let tools read: its risk alone leads to the safer model and no further. What cannot be read is refused, unless the configuration says otherwise.

use super::authenticate::Caller;
use super::choose::{self, Demand, ModelPlan, ModelWhy, Offer};
use super::decide::Decided;
use super::govern::Gate;
use super::journey::Journey;
use super::shape::Edited;
use crate::config::{SafetyFailure, SafetySettings};
use crate::observe::metrics::OutcomeLabel;
use crate::safety::{Scored, Suspect};
use crate::snapshot::Snapshot;
use crate::state::Shared;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use tollgate_core::{Digest, Fault, FaultKind, Seed};
use tollgate_policy::{Algorithm, Effects, ParamEdit, Route, ToolFilter};
use tollgate_signals::safety::{Answer, Looks, Suspicion};
use tollgate_wire::view::{RequestView, Role, TextSpan};

/// Longest text that is read on the thread that serves, in bytes.
const INLINE_MAX: usize = 64 << 10;

/// What the risk of a request came to.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Weighed {
    /// Suspicion of this turn.
    pub(crate) suspicion: f64,
    /// Risk of the conversation, of its end user where the request names one, and of the caller where it is known.
    pub(crate) session: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caller: Option<f64>,
    /// What follows.
    pub(crate) answer: Answer,
}

impl Weighed {
    /// As the header tells it: `safer; 0.412`.
    pub(crate) fn told(&self) -> String {
        let worst = [self.user, self.caller].into_iter().flatten().fold(self.session, f64::max);
        format!("{}; {worst:.3}", word(self.answer))
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
pub(crate) async fn weigh(
    shared: &Shared,
    snapshot: &Snapshot,
    view: &RequestView,
    caller: &Caller,
    session: &Arc<str>,
    journey: &mut Journey,
) -> Result<[f64; 2], Fault> {
    let Some(settings) = &snapshot.settings.safety else { return Ok([0.0; 2]) };
    let (text, digests) = unread(view, &shared.scored, session);
    let Some(found) = suspicion(shared, text).await else {
        return match settings.on_failure {
            SafetyFailure::Reject => Err(Fault::caller(
                FaultKind::Forbidden,
                "the message is too long to be read for attacks and hazards; shorten it",
            )),
            SafetyFailure::Pass => Ok(known(shared, snapshot, caller, session)),
        };
    };
    shared.scored.note(session, &digests);
    let suspicion = f64::from(found.attack.max(found.hazard));
    let (now, rules) = (journey.time(), &settings.rules);
    let see = |suspect: Suspect| shared.suspects.see(&suspect, suspicion, now, rules);
    let (of_session, mut answer) = see(Suspect::Session(session.clone()));
    let (mut of_user, mut of_caller) = (None, None);
    // Without a key, a name is anybody's: nobody is stopped by what others send under it.
    let user = view.user.filter(|_| !caller.id.is_empty()).map(|user| view.text(user));
    if let Some(user) = user.filter(|user| !user.is_empty()) {
        // A digest: the name is the caller's to give, of any length.
        let user = Digest::of(user.as_bytes()).to_string();
        let (risk, says) = see(Suspect::User(caller.id.clone(), user.into()));
        (of_user, answer) = (Some(risk), answer.max(says));
    }
    if !caller.id.is_empty() {
        let (risk, says) = see(Suspect::Caller(caller.id.clone()));
        (of_caller, answer) = (Some(risk), answer.max(says.min(Answer::Safer)));
    }
    let weighed = Weighed { suspicion, session: of_session, user: of_user, caller: of_caller, answer };
    shared.metrics.risk.get_or_create(&OutcomeLabel { outcome: word(answer) }).inc();
    journey.story.risk = Some(weighed);
    Ok([of_session, of_caller.unwrap_or(0.0)])
}

/// What is suspected of a text: a long one is read beside the threads that serve, a few at a time. None where it cannot be read.
async fn suspicion(shared: &Shared, text: String) -> Option<Suspicion> {
    if text.len() <= INLINE_MAX {
        return Suspicion::of(&text, Looks::ALL);
    }
    let permit = shared.scanning.clone().acquire_owned().await.ok()?;
    let scan = move || {
        let _permit = permit;
        Suspicion::of(&text, Looks::ALL)
    };
    tokio::task::spawn_blocking(scan).await.ok()?
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

/// What this conversation has not had looked at, with what came since the model's last answer in any case, and the digests of all
/// texts of the request: what is said again is suspected again, and what is only carried along is not.
fn unread(view: &RequestView, scored: &Scored, session: &str) -> (String, Vec<u64>) {
    let last = view.messages.iter().rposition(|message| message.role == Role::Assistant);
    let since = last.map_or(0, |at| at + 1);
    let of_messages = view.messages.iter().enumerate().flat_map(|(at, message)| {
        let now = at >= since && message.role != Role::System;
        message.text.iter().map(move |text| (*text, now))
    });
    let tools = view.tools_span.map(|span| TextSpan { span, escaped: true });
    let others = view.system.iter().chain(&view.aside).chain(&view.arguments).copied().chain(tools);
    let texts: Vec<(Cow<'_, str>, bool)> = of_messages
        .chain(others.map(|text| (text, false)))
        .map(|(text, now)| (view.text(text), now))
        .collect();
    let digests: Vec<u64> = texts.iter().map(|(text, _)| scored.digest(text)).collect();
    let mut fresh = scored.fresh(session, &digests);
    let mut unread: Vec<&str> = Vec::new();
    for ((text, now), digest) in texts.iter().zip(&digests) {
        if fresh.remove(digest) || *now {
            unread.push(text);
        }
    }
    (unread.join("\n"), digests)
}

/// Whether risk shapes what is sent.
pub(crate) fn shapes(journey: &Journey) -> bool {
    journey.story.risk.is_some_and(|weighed| weighed.answer > Answer::Pass)
}
