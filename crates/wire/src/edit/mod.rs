//! Edits of a request as splices into its original bytes.
//!
//! Bytes that no edit names stay as they were: numbers keep their spelling, unknown fields their place. [`Edits`]
//! collects what is wanted, and [`Edits::apply`] checks that no two edits touch the same bytes and makes the new
//! body in one allocation.
//!
//! ```
//! use tollgate_wire::{Dialect, edit::{Edits, SystemEdit}, peek::{peek, Limits}};
//! let body = r#"{"model": "auto", "seed": 1e0, "messages": [{"role":"user","content":"hi"}]}"#;
//! let view = peek(Dialect::OpenaiChat, body.into(), &Limits::default()).unwrap();
//! let mut edits = Edits::new(&view);
//! edits.model("small").unwrap();
//! edits.system(SystemEdit::Append, "Be brief.").unwrap();
//! assert_eq!(edits.apply().unwrap(), concat!(
//!     r#"{"model": "small", "seed": 1e0, "messages": [{"role":"system","content":"Be brief."},"#,
//!     r#"{"role":"user","content":"hi"}]}"#));
//! ```

mod splice;
mod system;
mod tools;

pub use system::SystemEdit;

use crate::json::{Aligned, DEPTH_MAX, quote, validate};
use crate::view::{RequestView, Span, TextSpan};
use crate::{Dialect, WireError, json};
use bytes::Bytes;
use splice::{Member, Splice, assemble, cut, member, members};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Edits of one request, not yet made.
#[derive(Debug)]
pub struct Edits<'v> {
    view: &'v RequestView,
    /// New values by member number.
    values: BTreeMap<usize, Vec<u8>>,
    removed: BTreeSet<usize>,
    /// New members in the order in which they were first set.
    added: Vec<(String, Vec<u8>)>,
    /// Splices inside values.
    inner: Vec<Splice>,
    /// A system prompt that stands in place of what was there (or was not).
    system: Option<String>,
    /// Whether the system prompts of the body go.
    drop_system: bool,
}

impl<'v> Edits<'v> {
    /// No edits yet.
    #[must_use]
    pub const fn new(view: &'v RequestView) -> Self {
        Self {
            view,
            values: BTreeMap::new(),
            removed: BTreeSet::new(),
            added: Vec::new(),
            inner: Vec::new(),
            system: None,
            drop_system: false,
        }
    }

    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.removed.is_empty()
            && self.added.is_empty()
            && self.inner.is_empty()
            && self.system.is_none()
            && !self.drop_system
    }

    /// Sets a top-level member to a JSON value, in place when it is there, else at the end. The last set counts.
    ///
    /// # Errors
    /// [`WireError::Syntax`] when `value` is not JSON.
    pub fn set(&mut self, key: &str, value: impl Into<Vec<u8>>) -> Result<(), WireError> {
        let value = value.into();
        validate(&value, DEPTH_MAX)?;
        let places = self.places(key);
        if let Some((first, rest)) = places.split_first() {
            self.removed.remove(first);
            self.removed.extend(rest);
            self.values.insert(*first, value);
        } else if let Some((_, old)) = self.added.iter_mut().find(|(k, _)| k == key) {
            *old = value;
        } else {
            self.added.push((key.to_owned(), value));
        }
        Ok(())
    }

    /// Sets a top-level member to a string.
    ///
    /// # Errors
    /// As for [`Edits::set`]; none in practice.
    pub fn set_text(&mut self, key: &str, text: &str) -> Result<(), WireError> {
        self.set(key, quote(text))
    }

    /// Removes a top-level member wherever it stands.
    pub fn remove(&mut self, key: &str) {
        for place in self.places(key) {
            self.values.remove(&place);
            self.removed.insert(place);
        }
        self.added.retain(|(k, _)| k != key);
    }

    /// Names another model.
    ///
    /// # Errors
    /// [`WireError::Edit`] in Gemini's dialect, whose model stands in the URL.
    pub fn model(&mut self, name: &str) -> Result<(), WireError> {
        if self.view.dialect == Dialect::Gemini {
            return Err(refuse("model", "gemini names the model in the URL; change the path instead"));
        }
        self.set_text("model", name)
    }

    /// Sees to it that a chat stream ends with a usage chunk. Nothing to do in other dialects.
    ///
    /// # Errors
    /// As for [`Edits::set`]; none in practice.
    pub fn include_usage(&mut self) -> Result<(), WireError> {
        if self.view.dialect != Dialect::OpenaiChat || self.view.include_usage {
            return Ok(());
        }
        let Some(span) = self.view.stream_options else {
            return self.set("stream_options", *br#"{"include_usage":true}"#);
        };
        if let Some(value) = member(self.view, span, "include_usage") {
            self.inner.push(Splice { span: value, with: b"true".to_vec() });
            return Ok(());
        }
        let entries: Vec<Span> = members(self.view, span).into_iter().map(Member::entry).collect();
        let new = [br#""include_usage":true"#.to_vec()];
        self.inner.extend(cut(&entries, |_| false, span.start + 1, &[], &new));
        Ok(())
    }

    /// Replaces the JSON value that stands at `span` (from the view) by another.
    ///
    /// # Errors
    /// [`WireError::Edit`] when no value stands there, [`WireError::Syntax`] when `value` is not JSON.
    pub fn replace(&mut self, span: Span, value: impl Into<Vec<u8>>) -> Result<(), WireError> {
        let value = value.into();
        validate(&value, DEPTH_MAX)?;
        let whole = validate(self.view.bytes(span), DEPTH_MAX).is_ok_and(|found| found.len() == span.len());
        if !whole {
            return Err(refuse(
                "a value",
                "no whole JSON value stands at that span; take spans from the view",
            ));
        }
        self.inner.push(Splice { span, with: value });
        Ok(())
    }

    /// Replaces a range of a text, in bytes of its decoded form, by other words.
    ///
    /// # Errors
    /// [`WireError::Edit`] when the range is past the text or cuts a character.
    pub fn mask(&mut self, text: TextSpan, range: Range<usize>, with: &str) -> Result<(), WireError> {
        self.mask_all(text, [(range, with)])
    }

    /// Replaces several ranges of a text as [`Edits::mask`] does; they are ascending and apart. One pass over the text.
    ///
    /// # Errors
    /// [`WireError::Edit`] when a range is past the text, cuts a character, or begins before the one before it ends.
    pub fn mask_all<'w>(
        &mut self,
        text: TextSpan,
        masks: impl IntoIterator<Item = (Range<usize>, &'w str)>,
    ) -> Result<(), WireError> {
        let raw = self.view.bytes(text.span);
        let (mut aligned, mut seen) = (Aligned::new(raw), 0);
        for (range, with) in masks {
            if range.start < seen || range.end < range.start {
                return Err(refuse(
                    "a text",
                    "the range begins before the one before it ends, or ends before it starts",
                ));
            }
            seen = range.end;
            let mut place = |decoded: usize| aligned.raw(decoded).and_then(|at| u32::try_from(at).ok());
            let (Some(start), Some(end)) = (place(range.start), place(range.end)) else {
                return Err(refuse("a text", "the range is past its end or cuts a character"));
            };
            let span = Span { start: text.span.start + start, end: text.span.start + end };
            let mut escaped = Vec::with_capacity(with.len());
            json::escape_into(with, &mut escaped);
            self.inner.push(Splice { span, with: escaped });
        }
        Ok(())
    }

    /// The edited body.
    ///
    /// # Errors
    /// [`WireError::Edit`] when two edits touch the same bytes.
    pub fn apply(mut self) -> Result<Bytes, WireError> {
        self.settle_system()?;
        let view = self.view;
        let entries: Vec<Span> =
            view.members.iter().map(|(key, value)| Member { key: *key, value: *value }.entry()).collect();
        let new = |(key, value): &(String, Vec<u8>)| [quote(key).as_slice(), b":", value].concat();
        let added: Vec<Vec<u8>> = self.added.iter().map(new).collect();
        let mut splices = cut(&entries, |i| self.removed.contains(&i), view.object.start + 1, &[], &added);
        for (index, with) in std::mem::take(&mut self.values) {
            if let Some((_, span)) = view.members.get(index) {
                splices.push(Splice { span: *span, with });
            }
        }
        splices.append(&mut self.inner);
        assemble(&view.body, splices)
    }

    /// Numbers of the members with this key.
    fn places(&self, key: &str) -> Vec<usize> {
        let members = self.view.members.iter().enumerate();
        members.filter(|(_, (k, _))| self.view.text(*k) == key).map(|(i, _)| i).collect()
    }
}

fn refuse(what: &str, problem: &'static str) -> WireError {
    WireError::Edit { what: what.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests;
