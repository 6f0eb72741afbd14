//! Where personal data stands in a text.
//!
//! One reader serves the signal and the mask. It looks at the text as it is, and at the text as it is [typed](crate::text::Typed);
//! every place where a number may begin is tried, so that what stands before it cannot hide it. Each is looked at for a bounded
//! number of bytes, and most for a few: the work is linear, whatever the digits and signs.
//!
//! ```text
//! Visa 4111 1111 1111 1111 12/27  ->  credit_card 4111 1111 1111 1111
//! ```

use super::Personal;
use super::numbers::{Source, is_start};
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

/// The forms of what is no number.
static FORMS: LazyLock<[Option<Regex>; 2]> =
    LazyLock::new(|| [Personal::Email, Personal::Url].map(|kind| compile_regex(kind.form(), true).ok()));

impl Personal {
    /// Whether there is any, with or without a letter directly beside it.
    pub(crate) fn is_in(self, text: &str) -> bool {
        let source = Source::of(text);
        self.all(&source).next().is_some()
    }

    /// All pieces of this type: those in order and apart, then those with a letter directly beside them.
    fn all<'s>(self, source: &'s Source<'s>) -> Box<dyn Iterator<Item = Range<usize>> + 's> {
        let [email, url] = &*FORMS;
        match self {
            Self::Email => {
                Box::new(email.iter().flat_map(|form| form.find_iter(source.text)).map(|hit| hit.range()))
            }
            Self::Url => {
                Box::new(url.iter().flat_map(|form| form.find_iter(source.text)).map(|hit| hit.range()))
            }
            _ => Box::new(self.apart(source).chain(self.beside_letters(source))),
        }
    }

    /// The numbers of this type with no letter directly beside them, apart: each as far as pieces reach that begin in it and leave no
    /// doubt.
    fn apart<'s>(self, source: &'s Source<'s>) -> impl Iterator<Item = Range<usize>> + 's {
        let mut starts = self.starts(source.bytes()).filter(|at| is_start(source.bytes(), *at)).peekable();
        std::iter::from_fn(move || {
            let mut found = starts.find_map(|start| Some(start..self.end(source, start)?))?;
            while let Some(start) = starts.next_if(|start| *start < found.end) {
                found.end = self.certain_end(source, start).map_or(found.end, |end| end.max(found.end));
            }
            Some(found)
        })
    }
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
    let written = Source::of(text);
    let read = typed.as_ref().map(|typed| (typed, Source::of(typed.text())));
    let mut all = Vec::new();
    for (kind, personal) in Personal::ALL.iter().filter(|(kind, _)| wanted(kind)) {
        let found = |at: Range<usize>| Found { kind, start: at.start, end: at.end };
        all.extend(personal.all(&written).map(found));
        if let Some((typed, read)) = &read {
            let raw = |at: Range<usize>| found(typed.raw(at.start)..typed.raw(at.end));
            all.extend(personal.all(read).map(raw));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::numbers::STEPS;

    /// Most bytes that may be looked at for a byte of a text. Where every start tried all ends it was 780 and more.
    const STEPS_MAX: usize = 100;

    /// Digits with each sign between them, and what looks like the start of a number and is none. Nothing is timed: bytes are counted.
    #[test]
    fn hostile_digits_and_signs_cost_a_few_looks_a_byte() {
        let signs = [
            " ", "-", ".", ":", "(", ")", " (", ") ", "+", "/", ",", "\t", "\n", "x", "a", "_", "\u{a0}", "",
        ];
        let groups = [
            "1", "12", "123", "4111", "12345", "411111", "00", "001", "0 01", "a", "f1", "GB82", "de89",
            "tel", "call 1.5",
        ];
        let crafted = [
            "415 555 0132.5 ",
            "41111 1",
            "13800138000.",
            "219-09-",
            "ssn 219-",
            "1.1.1.1-",
            "255.255.255.256.",
            "1:a:",
            "a::1:",
            "1:2:3::",
            "f:1.",
            "00 1 ",
            "GB82 DE89 ",
            "de89 3704 ",
            "call 2024-01-02.",
            "1 2 3tel",
            "(415(555 0132 ",
        ];
        let near = format!("{}call ", "1 ".repeat(45));
        let pairs = groups.iter().flat_map(|group| signs.iter().map(move |sign| format!("{group}{sign}")));
        for unit in pairs.chain(crafted.map(str::to_owned)).chain([near]) {
            let text = unit.repeat(8_000 / unit.len());
            STEPS.set(0);
            let _ = personal_data_of(&text, |kind| !["email", "url"].contains(&kind));
            let steps = STEPS.get() / text.len();
            assert!(steps <= STEPS_MAX, "{unit:?}: {steps} looks a byte");
        }
        STEPS.set(0);
        let _ = personal_data_of(&"words and more of them ".repeat(100), |_| true);
        assert!(STEPS.get() < 2_300, "words cost less than a look a byte");
    }
}
