//! What of a buyer's request is sold: text, and what a dialect needs for it.
//!
//! A buyer is nobody, and the seller's account pays upstream. So nothing of it goes there that could choose another model, place,
//! price, tool or account than those that are sold. Names that do so cannot be listed to the end, hence a list of what is sold: what is
//! not on it is refused by its name, before anything is asked of the buyer. Invariant: what is let pass goes up as it is.

use crate::pipeline::members::unlocks;
use http::HeaderMap;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tollgate_core::{Fault, FaultKind};
use tollgate_wire::members::{inside, is_text};
use tollgate_wire::view::RequestView;

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
