//! Names of texts that were looked through: whoever reads a request says which texts it needs, and is asked again.

use super::TEXT_MAX;
use crate::content::Found;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most bytes of texts that are looked through for one request.
const ALL_MAX: usize = 2 * TEXT_MAX;

/// Nobody could look through a text: there was no encoder, or none in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unread;

/// The names of texts, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// None for a text that nobody could look through.
    known: BTreeMap<Box<str>, Option<Arc<[Found]>>>,
    bytes: usize,
}

impl Names {
    /// The names of a text: none where nobody has looked yet, and no names but `Err` where nobody could. A text without letters has none,
    /// and one word in small letters is no name by itself: fields and codes are such words.
    #[must_use]
    pub fn of(&self, text: &str) -> Option<Result<&[Found], Unread>> {
        let has_letters = text.chars().any(char::is_alphabetic);
        if !has_letters || text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return Some(Ok(&[]));
        }
        Some(self.known.get(text)?.as_deref().ok_or(Unread))
    }

    /// Whether the names of all of these texts may be looked for, too: a request has a bound.
    #[must_use]
    pub fn has_room(&self, texts: &[String]) -> bool {
        let more: usize = texts.iter().map(String::len).sum();
        texts.iter().all(|text| text.len() <= TEXT_MAX) && self.bytes + more <= ALL_MAX
    }

    /// Takes in the names of a text; none where nobody can look through it.
    pub fn know(&mut self, text: String, found: Option<Vec<Found>>) {
        self.bytes += text.len();
        self.known.insert(text.into(), found.map(Into::into));
    }
}

/// Data of both kinds, in order and apart: where they overlap, what has a form is what it is, and names are what is left.
#[must_use]
pub fn apart(text: &str, formed: Vec<Found>, names: impl IntoIterator<Item = Found>) -> Vec<Found> {
    let mut all = Vec::with_capacity(formed.len());
    for name in names {
        let mut from = name.start;
        let inside = formed.iter().filter(|f| f.start < name.end && name.start < f.end);
        for to in inside.map(|f| (f.start, f.end)).chain([(name.end, name.end)]) {
            all.extend(trimmed(text, &name, from, to.0));
            from = from.max(to.1);
        }
    }
    all.extend(formed);
    all.sort_by_key(|found| found.start);
    all
}

/// A part of a name without the signs around it; none where only one letter is left of it.
fn trimmed(text: &str, name: &Found, from: usize, to: usize) -> Option<Found> {
    let part = text.get(from..to)?;
    if (from, to) == (name.start, name.end) {
        return Some(name.clone());
    }
    let sign = |c: char| !c.is_alphanumeric();
    let start = to - part.trim_start_matches(sign).len();
    let end = start + text.get(start..to)?.trim_end_matches(sign).len();
    (text.get(start..end)?.chars().count() > 1).then(|| Found { start, end, ..name.clone() })
}
