//! Mask: personal data is replaced in a request before it goes up, where the route or a class of data asks for it.
//!
//! What is replaced by what says [`tollgate_signals::mask`]. Where a class of data asks, the policy is asked once more, of what is
//! left.

use crate::offered::{self, Unmasked};
use crate::pipeline::authenticate::Caller;
use crate::pipeline::decide::{Known, input, recognise};
use crate::pipeline::govern::Gate;
use crate::pipeline::risk;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use http::HeaderMap;
use tollgate_core::signal::NAMED;
use tollgate_core::{Fault, FaultKind, Retry};
use tollgate_signals::{Answers, Reading, Wanted, mask};
use tollgate_wire::peek::Limits;
use tollgate_wire::view::RequestView;

/// A request with masks.
pub(crate) struct Masked {
    request: mask::Masked,
    /// Whether it goes up masked wherever it goes.
    always: bool,
}

impl Masked {
    /// The request as it goes up: masked, where the route says so or the place needs it.
    pub(crate) fn view(&self, place_needs_it: bool) -> Option<&RequestView> {
        (self.always || place_needs_it).then_some(&self.request.view)
    }

    /// What was masked, in words.
    pub(crate) fn told(&self) -> Option<String> {
        self.request.told()
    }
}

/// Masks a request, where its route (`by_route`: the types) or a binding class of data asks for it.
pub(crate) fn masked(
    shared: &Shared,
    snapshot: &Snapshot,
    (view, headers): (&RequestView, &HeaderMap),
    caller: &Caller,
    (known, answers, by_route): (&Known, &Answers, &[String]),
    gate: &mut Gate,
) -> Result<Option<Box<Masked>>, Fault> {
    let depth = u8::try_from(snapshot.settings.limits.json_depth).unwrap_or(u8::MAX);
    let limits = Limits { depth, ..Limits::default() };
    let again = |view: &RequestView| {
        let input = input(view, headers, caller, known);
        let mut reading = Reading::new(&snapshot.signals, &input, &*shared.clock);
        // What classifiers said of the words with the data holds for those without.
        reading.answered(answers);
        let session = recognise(shared, &mut reading, view, known);
        reading.risk(risk::known(shared, snapshot, caller, &session));
        snapshot.policy.decide(&mut reading, false)
    };
    let request = offered::masked(gate.clearance_mut(), by_route, (view, &limits, answers.names()), again);
    let request = request.map_err(|error| match error {
        Unmasked::Edit(error) => error.fault(),
        Unmasked::Names => Fault::caller(FaultKind::Forbidden, error.to_string()).retry(Retry::Later),
    })?;
    Ok(request.map(|request| Box::new(Masked { request, always: !by_route.is_empty() })))
}

/// Has the names of a request looked for that is to go up without them, and those of what is left of it then, for the policy to be
/// asked once more; `answers` with what was found. What nobody finds in time stays unknown, and the request is then refused.
pub(crate) async fn looked_through(
    shared: &Shared,
    snapshot: &Snapshot,
    (view, headers): (&RequestView, &HeaderMap),
    caller: &Caller,
    (known, answers, by_route): (&Known, &Answers, &[String]),
    gate: &Gate,
) -> Answers {
    let mut answers = answers.clone();
    let by_class = gate.clearance().map(|clearance| clearance.masking()).unwrap_or_default();
    let wanted = |kind: &str| by_route.iter().any(|word| word == kind) || by_class.contains(&kind);
    let Some(encoder) = shared.encoder.as_ref().filter(|_| NAMED.into_iter().any(wanted)) else {
        return answers;
    };
    let depth = u8::try_from(snapshot.settings.limits.json_depth).unwrap_or(u8::MAX);
    let limits = Limits { depth, ..Limits::default() };
    let Ok(first) = mask::Masked::of(view, &limits, wanted, answers.names()) else { return answers };
    if !answers.names().has_room(&first.unread) {
        return answers;
    }
    let found = encoder.names(first.unread.clone()).await;
    for (text, found) in first.unread.into_iter().zip(found) {
        answers.names_mut().know(text, found);
    }
    let Ok(masked) = mask::Masked::of(view, &limits, wanted, answers.names()) else { return answers };
    let input = input(&masked.view, headers, caller, known);
    let mut reading = Reading::new(&snapshot.signals, &input, &*shared.clock);
    reading.answered(&answers);
    reading.with_names(encoder.serves_signals());
    snapshot.policy.decide(&mut reading, false);
    while let Some(Wanted::Names(texts)) = reading.wanted() {
        let found = encoder.names(texts).await;
        reading.named(found, 0);
        snapshot.policy.decide(&mut reading, false);
    }
    reading.answers().clone()
}
