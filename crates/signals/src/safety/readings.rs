//! The ways in which one text can be read.
//!
//! A way of reading adds to what is looked at and takes nothing away: the text as it was sent comes first. Else whoever writes
//! it could have the rest of it turned into something harmless.

use super::confusable::{latin, latin_words, letters_of_signs};
use super::decode::{decoded, respelled, turned};
use crate::text::{is_ignorable, loosen_shown};
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
    let shown = if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(latin(&loosened(text))) };
    match decoded(&shown) {
        Some(decoded) => Cow::Owned(decoded),
        None => shown,
    }
}

/// Signs with the look of letters as letters, compatibility forms as one, and what shows nothing taken out.
fn loosened(text: &str) -> String {
    loosen_shown(&letters_of_signs(text))
}

/// A text as it was sent, then as it is [`shown`] and in every other way that makes a difference: at most eight, each once.
///
/// What shows nothing is blanks between words as often as nothing within them, so it is read both ways; letters of Unicode's tags,
/// which show nothing and which models read, are letters in one of them.
#[must_use]
pub fn readings(text: &str) -> Vec<Cow<'_, str>> {
    let mut all: Vec<Cow<'_, str>> = Vec::with_capacity(4);
    let add = |reading: Cow<'_, str>, all: &mut Vec<Cow<'_, str>>| {
        if all.iter().all(|other| *other != reading) {
            all.push(Cow::Owned(reading.into_owned()));
        }
    };
    if text.is_ascii() {
        all.push(Cow::Borrowed(text));
    } else {
        let parted: String = text.chars().map(parted).collect();
        all.push(if parted == text { Cow::Borrowed(text) } else { Cow::Owned(parted) });
        let loosened = loosened(text);
        add(latin_words(&loosened).into(), &mut all);
        add(latin(&loosened).into(), &mut all);
    }
    let plain = all.last().cloned().unwrap_or_default();
    let decoded = decoded(&plain);
    for base in std::iter::once(&*plain).chain(decoded.as_deref()) {
        respelled(base).chain(turned(base)).for_each(|other| add(other.into(), &mut all));
    }
    decoded.into_iter().for_each(|decoded| add(decoded.into(), &mut all));
    all
}

/// A character that shows nothing as a blank, and the letter of a tag as that letter.
fn parted(c: char) -> char {
    match c {
        '\u{e0020}'..='\u{e007e}' => char::from_u32(c as u32 - 0xe_0000).unwrap_or(' '),
        c if is_ignorable(c) => ' ',
        c => c,
    }
}
