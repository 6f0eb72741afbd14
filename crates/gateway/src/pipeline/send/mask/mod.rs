//! Mask: personal data is replaced in a request before it goes up, where the route or a class of data asks for it.
//!
//! Every string of the body is read, keys, definitions of tools and JSON inside of strings too; what stays is what would stop
//! being what it is: names of offered tools, the model, encoded bytes. One piece of data gets one mask throughout the request,
//! `[EMAIL_1]`, so that an answer can still tell two apart. Where a class of data asks, the policy is asked once more, of what
//! is left.

mod masks;
mod pieces;
#[cfg(test)]
mod tests;

use crate::pipeline::authenticate::Caller;
use crate::pipeline::decide::{Known, input, recognise};
use crate::pipeline::govern::Gate;
use crate::pipeline::risk;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use http::HeaderMap;
use masks::Masks;
use std::collections::BTreeMap;
use tollgate_core::Fault;
use tollgate_signals::{Answers, Reading};
use tollgate_wire::edit::Edits;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// A request with masks.
pub(crate) struct Masked {
    view: RequestView,
    /// Whether it goes up masked wherever it goes.
    always: bool,
    /// How many pieces of each type were masked.
    counts: BTreeMap<&'static str, usize>,
}

impl Masked {
    /// The request as it goes up: masked, where the route says so or the place needs it.
    pub(crate) fn view(&self, place_needs_it: bool) -> Option<&RequestView> {
        (self.always || place_needs_it).then_some(&self.view)
    }

    /// What was masked, in words.
    pub(crate) fn told(&self) -> Option<String> {
        let parts: Vec<String> = self.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        (!parts.is_empty()).then(|| format!("personal data masked: {}", parts.join(", ")))
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
) -> Result<Option<Masked>, Fault> {
    let by_class: Vec<String> = gate.masking();
    if by_route.is_empty() && by_class.is_empty() {
        return Ok(None);
    }
    let wanted = |kind: &str| by_route.iter().chain(&by_class).any(|word| word == kind);
    let mut masks = Masks::default();
    let mut edits = Edits::new(view);
    masks.all(view, &mut edits, &wanted).map_err(|e| e.fault())?;
    let always = !by_route.is_empty();
    let view = if edits.is_empty() {
        view.clone()
    } else {
        let depth = u8::try_from(snapshot.settings.limits.json_depth).unwrap_or(u8::MAX);
        let body = edits.apply().map_err(|e| e.fault())?;
        peek(view.dialect, body, &Limits { depth, ..Limits::default() }).map_err(|e| e.fault())?
    };
    if !by_class.is_empty() {
        let input = input(&view, headers, caller, known);
        let mut reading = Reading::new(&snapshot.signals, &input, &*shared.clock);
        // What classifiers said of the words with the data holds for those without.
        reading.answered(answers);
        let session = recognise(shared, &mut reading, &view, known);
        reading.risk(risk::known(shared, snapshot, caller, &session));
        gate.carry(&snapshot.policy.decide(&mut reading, false));
    }
    Ok(Some(Masked { view, always, counts: masks.counts }))
}
