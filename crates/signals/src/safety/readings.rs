//! The ways in which one text can be read.

use super::confusable::latin;
use super::decode::{decoded, respelled};
use crate::text::loosen_shown;
use std::borrow::Cow;

/// A text as a model reads it: look-alike letters as what they look like, what shows nothing taken out, codes replaced by
/// what they say. Linear; a plain text is itself.
///
/// ```
/// use tollgate_signals::safety::shown;
/// assert_eq!(shown("Hello there"), "Hello there");
/// assert_eq!(shown("ig\u{200b}nоre"), "ignore");
/// ```
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    let shown = if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(latin(&loosen_shown(text))) };
    match decoded(&shown) {
        Some(decoded) => Cow::Owned(decoded),
        None => shown,
    }
}

/// A text as a model reads it, then with letters for the digits that stand for them, and with letters joined that stand one
/// by one, where that makes a difference.
#[must_use]
pub fn readings(text: &str) -> Vec<Cow<'_, str>> {
    let shown = shown(text);
    let others: Vec<String> = respelled(&shown).collect();
    std::iter::once(shown).chain(others.into_iter().map(Cow::Owned)).collect()
}
