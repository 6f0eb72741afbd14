//! Masks: the personal data of a request replaced, as a function of the request alone.
//!
//! Every string of the body is read, keys, definitions of tools and JSON inside of strings too; what stays is what would stop
//! being what it is: names of offered tools, the model, encoded bytes. One piece of data gets one mask throughout the request,
//! `[EMAIL_1]`, so that an answer can still tell two apart. Invariant: whatever asks what a mask leaves of a request, the gateway
//! or a command, asks here.

mod masks;
mod pieces;
#[cfg(test)]
mod tests;

use crate::names::Names;
use masks::Masks;
use std::collections::BTreeMap;
use tollgate_core::signal::NAMED;
use tollgate_wire::WireError;
use tollgate_wire::edit::Edits;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// A request with masks.
#[derive(Debug)]
pub struct Masked {
    /// What is left of it.
    pub view: RequestView,
    /// How many pieces of each type were masked.
    pub counts: BTreeMap<&'static str, usize>,
    /// Texts whose names are to be masked and are not known, each once: to be looked through, and the request masked again.
    pub unread: Vec<String>,
}

impl Masked {
    /// Masks the types of personal data for which `wanted` says yes: what has a form, and of [`names`](crate::names) those that are
    /// known. Where others are wanted, they stand [unmasked](Self::unread).
    ///
    /// # Errors
    /// An edit that cannot be made, or a body that is none within `limits` any more.
    pub fn of(
        view: &RequestView,
        limits: &Limits,
        wanted: impl Fn(&str) -> bool,
        names: &Names,
    ) -> Result<Self, WireError> {
        let mut masks = Masks::new(names, NAMED.into_iter().any(&wanted));
        let mut edits = Edits::new(view);
        masks.all(view, &mut edits, &wanted)?;
        let view = if edits.is_empty() { view.clone() } else { peek(view.dialect, edits.apply()?, limits)? };
        Ok(Self { view, counts: masks.counts, unread: masks.unread.into_iter().collect() })
    }

    /// What was masked, in words; nothing where nothing was.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let parts: Vec<String> = self.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        (!parts.is_empty()).then(|| format!("personal data masked: {}", parts.join(", ")))
    }
}
