//! What of a buyer's request is sold: text, and what a dialect needs for it.
//!
//! A buyer is nobody, and the seller's account pays upstream. So nothing of it goes there that could choose another model, place,
//! price, tool or account than those that are sold. Names that do so cannot be listed to the end, hence a list of what is sold: what is
//! not on it is refused by its name, before anything is asked of the buyer. Nor does a model that is not sold answer in place of one that
//! is. Invariant: what is let pass goes up as it is.

use crate::config::written::SupportAct;
use crate::pipeline::members::unlocks;
use crate::pipeline::validate::Validation;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use http::HeaderMap;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tollgate_core::{Fault, FaultKind};
use tollgate_policy::{Effects, OutputAct};
use tollgate_wire::members::{inside, is_text};
use tollgate_wire::view::RequestView;

/// The models that may answer in place of the chosen ones, for what those say: they are sold too and in the bill, or nothing is.
pub(super) fn instead<'s>(
    (shared, snapshot): (&Shared, &'s Snapshot),
    view: &RequestView,
    effects: &Effects,
) -> Vec<&'s str> {
    let settings = &snapshot.settings;
    let is_safer = effects.output.iter().any(|rule| rule.act == OutputAct::Safer);
    let safer = settings.output.safer_model.as_deref().filter(|_| is_safer);
    let support = settings.support.as_ref().filter(|support| support.act == SupportAct::Retry);
    let again = support.and_then(|support| support.retry_model.as_deref());
    let again = again.filter(|_| Validation::wanted(shared, snapshot, view).is_some());
    safer.into_iter().chain(again).collect()
}

/// Refuses what is not sold, by its name.
pub(super) fn check(view: &RequestView, headers: &HeaderMap) -> Result<(), Fault> {
    let refuse = |at: &str, why: &str| {
        /// Most characters of a name that are told: the buyer chose it.
        const SHOWN: usize = 64;
        let at: String = at.chars().take(SHOWN).collect();
        Fault::caller(FaultKind::BadRequest, format!("`{at}` is not sold: {why}")).at(at)
    };
    if let Some(name) = unlocks(headers) {
        return Err(refuse(name, "leave the header out"));
    }
    for (key, value) in &view.members {
        let (name, value) = (view.text(*key), view.bytes(*value));
        if !is_text(view.dialect, &name) || name == "store" && value != b"false" {
            return Err(refuse(&name, "leave it out"));
        }
        if let Some(known) = inside(&name).filter(|_| value != b"null") {
            // Members that stand twice are one here as they are for whoever reads the last.
            let Ok(inner) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(value) else {
                return Err(refuse(&name, "it is no object"));
            };
            if let Some(inner) = inner.keys().find(|inner| !known.contains(&inner.as_str())) {
                return Err(refuse(&format!("{name}.{inner}"), "leave it out"));
            }
        }
    }
    if let Some(at) = view.tools.iter().position(|tool| tool.built_in.is_some() || tool.nested) {
        return Err(refuse(&format!("tools[{at}]"), "nobody knows what a tool of the provider's will cost"));
    }
    Ok(())
}
