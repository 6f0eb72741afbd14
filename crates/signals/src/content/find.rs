//! Where personal data stands in a text.
//!
//! One reader serves the signal and the mask. It looks at the text as it is, and at the text as it is [typed](crate::text::Typed);
//! where a hit of a form is nothing, it goes on from the next byte, so that what stands before a number cannot hide it. Every hit is
//! short, so the work stays linear.
//!
//! ```text
//! Visa 4111 1111 1111 1111 12/27  ->  credit_card 4111 1111 1111 1111
//! ```

use super::Personal;
use crate::lexical::compile_regex;
use crate::text::Typed;
use regex::Regex;
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::LazyLock;

/// Most pieces of personal data that are listed.
pub(super) const PERSONAL_MAX: usize = 1000;
/// Fewest digits of a telephone's number.
const PHONE_MIN: usize = 6;

/// A piece of personal data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// `email`, `phone`, `credit_card`, `ssn`, `iban`, `ip_address` or `url`.
    pub kind: &'static str,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The form of each type.
static FORMS: LazyLock<Vec<(Personal, Regex)>> = LazyLock::new(|| {
    let form = |(_, kind, form): &(&str, Personal, &str)| Some((*kind, compile_regex(form, true).ok()?));
    Personal::ALL.iter().filter_map(form).collect()
});

impl Personal {
    /// The first piece of this type in a text at or after a byte, as far as pieces reach that begin in it and leave no doubt.
    pub(crate) fn find(self, text: &str, mut from: usize) -> Option<Range<usize>> {
        let form = FORMS.iter().find(|(kind, _)| *kind == self).map(|(_, form)| form)?;
        let mut found = loop {
            let hit = form.find_at(text, from)?.range();
            from = after(text, hit.start);
            if let Some(end) = self.end(text, hit.clone()) {
                break hit.start..end;
            }
        };
        if matches!(self, Self::Email | Self::Url) {
            return Some(found);
        }
        while from < found.end
            && let Some(hit) = form.find_at(text, from).filter(|hit| hit.start() < found.end)
        {
            found.end = self.certain_end(text, hit.range()).map_or(found.end, |end| end.max(found.end));
            from = after(text, hit.start());
        }
        Some(found)
    }

    /// Whether there is any, with or without a letter directly beside it.
    pub(crate) fn is_in(self, text: &str) -> bool {
        self.find(text, 0).is_some() || self.find_beside_letters(text, 0).is_some()
    }

    /// All pieces of this type: those in order and apart, then those with a letter directly beside them.
    fn all(self, text: &str) -> impl Iterator<Item = Range<usize>> {
        each(move |from| self.find(text, from)).chain(each(move |from| self.find_beside_letters(text, from)))
    }
}

/// All that `next` finds, each from the end of the one before.
fn each(next: impl Fn(usize) -> Option<Range<usize>>) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let found = next(from)?;
        from = found.end;
        Some(found)
    })
}

/// The next character's first byte.
fn after(text: &str, at: usize) -> usize {
    let next = text.get(at..).and_then(|rest| rest.chars().next());
    at + next.map_or(1, char::len_utf8)
}

/// The personal data of a text that has a form, in its order, without overlap: the first 1,000. Linear.
#[must_use]
pub fn personal_data(text: &str) -> Vec<Found> {
    let mut all = personal_data_of(text, |_| true);
    all.truncate(PERSONAL_MAX);
    all
}

/// All personal data of some kinds, in its order, without overlap. What is not wanted covers nothing that is. Linear.
#[must_use]
pub fn personal_data_of(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<Found> {
    let typed = Typed::of(text);
    let mut all = Vec::new();
    for (kind, personal, _) in Personal::ALL.iter().filter(|(kind, ..)| wanted(kind)) {
        let found = |at: Range<usize>| Found { kind, start: at.start, end: at.end };
        all.extend(personal.all(text).map(found));
        if let Some(typed) = &typed {
            let raw = |at: Range<usize>| found(typed.raw(at.start)..typed.raw(at.end));
            all.extend(personal.all(typed.text()).map(raw));
        }
    }
    apart(text, all)
}

/// Pieces that overlap, apart: all that they cover stays covered. A telephone gives way, as its form is the loosest.
fn apart(text: &str, mut all: Vec<Found>) -> Vec<Found> {
    all.sort_by_key(|found| (found.start, Reverse(found.end)));
    let mut out: Vec<Found> = Vec::with_capacity(all.len());
    for mut found in all {
        match out.last_mut() {
            Some(last) if found.end <= last.end => {}
            Some(last) if found.start < last.end && found.kind == last.kind => last.end = found.end,
            Some(last) if found.start < last.end && last.kind == "phone" => {
                let left = text.get(last.start..found.start).unwrap_or_default();
                let left = left.trim_end_matches(|c: char| !c.is_alphanumeric());
                if left.chars().filter(|c| c.is_numeric()).count() < PHONE_MIN {
                    (last.kind, last.end) = (found.kind, found.end);
                } else {
                    last.end = last.start + left.len();
                    out.push(found);
                }
            }
            Some(last) if found.start < last.end => {
                let right = text.get(last.end..found.end).unwrap_or_default();
                let right = right.trim_start_matches(|c: char| !c.is_alphanumeric());
                found.start = found.end - right.len();
                out.extend((!right.is_empty()).then_some(found));
            }
            _ => out.push(found),
        }
    }
    out
}
