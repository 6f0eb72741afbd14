//! Personal data with a letter directly beside it: `Visa4111111111111111`, `IBANDE89370400440532013000`.
//!
//! Codes, digests and names of parts are letters and digits too, so here a number is data only where its form leaves no doubt, or
//! the word beside it says what it is; and only where that is a word: two letters and more up to a sign, with no digit in them. One
//! letter before digits is the form of a licence or a part.

use super::Personal;
use super::checks;
use super::personal::{among, machine, phone};
use crate::lexical::compile_regex;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Shortest and longest word that is looked at, in bytes.
const WORD_MIN: usize = 2;
const WORD_MAX: usize = 24;
/// Words that say of digits directly beside them what they are. Shorter lists than where a sign stands between: names in programs
/// end in digits too.
const PHONES: &[&str] = &["tel", "telefon", "telephone", "phone", "mobile", "cell", "fax", "whatsapp"];
const SSNS: &[&str] = &["ssn", "ss"];
const MACHINES: &[&str] = &["ip", "addr", "address", "host", "server"];
/// The edges of a form, which letters beside a number hide.
const EDGE: &str = r"(?-u:\b)";

/// The forms of what has edges, without them.
static FORMS: LazyLock<Vec<(Personal, Regex)>> = LazyLock::new(|| {
    let edged = Personal::ALL.iter().filter(|(_, kind, _)| !matches!(kind, Personal::Email | Personal::Url));
    edged
        .filter_map(|(_, kind, form)| Some((*kind, compile_regex(&without_edges(form), true).ok()?)))
        .collect()
});

/// A form that finds its numbers between letters too.
pub(crate) fn without_edges(form: &str) -> String {
    form.replace(EDGE, "")
}

/// What stands at one side of a number.
#[derive(PartialEq)]
enum Side<'t> {
    /// Nothing, or a sign.
    Sign,
    /// A word, in letters or joined by `_`.
    Word(&'t str),
    /// Digits, one letter, or letters with digits among them: the number may be a part of a code.
    Code,
}

impl<'t> Side<'t> {
    /// The side of these bytes, which begin or end (`back`) at the number.
    fn of(text: &'t [u8], back: bool) -> Self {
        let at = |n: usize| if back { text.len().checked_sub(n + 1) } else { Some(n) };
        let byte = |n: usize| at(n).and_then(|at| text.get(at)).copied().unwrap_or(b' ');
        if byte(0) == b'_' {
            return Self::Word("");
        }
        let len = (0..=WORD_MAX).take_while(|n| byte(*n).is_ascii_alphabetic()).count();
        match (len, byte(len)) {
            (0, next) if !next.is_ascii_digit() => Self::Sign,
            (WORD_MIN..=WORD_MAX, next) if !next.is_ascii_digit() => {
                let word = if back { text.get(text.len() - len..) } else { text.get(..len) };
                Self::Word(word.and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default())
            }
            _ => Self::Code,
        }
    }
}

impl Personal {
    /// The first piece of this type at or after a byte that has a word directly beside it.
    pub(super) fn find_beside_letters(self, text: &str, mut from: usize) -> Option<Range<usize>> {
        let form = FORMS.iter().find(|(kind, _)| *kind == self).map(|(_, form)| form)?;
        loop {
            let hit = form.find_at(text, from)?.range();
            let does = |at: Range<usize>| self.is_beside_letters(text, at);
            let found = match self {
                // Its country says how long it is, so letters behind it are told from its own.
                Self::Iban => checks::iban_len(text.get(hit.clone()).unwrap_or_default())
                    .map(|len| hit.start + len)
                    .filter(|end| does(hit.start..*end)),
                _ => self.longest(text, &hit, does),
            };
            if let Some(end) = found {
                return Some(hit.start..end);
            }
            from = hit.start + 1;
        }
    }

    /// Whether a piece with its form stands between words, at least at one side, and is data all the same.
    fn is_beside_letters(self, text: &str, at: Range<usize>) -> bool {
        let before = Side::of(text.as_bytes().get(..at.start).unwrap_or_default(), true);
        let after = Side::of(text.as_bytes().get(at.end..).unwrap_or_default(), false);
        let says = |words: &[&str]| {
            [&before, &after].into_iter().any(|side| {
                matches!(side, Side::Word(word) if words.iter().any(|known| known.eq_ignore_ascii_case(word)))
            })
        };
        if [&before, &after].contains(&&Side::Code) || (&before, &after) == (&Side::Sign, &Side::Sign) {
            return false;
        }
        let piece = text.get(at.clone()).unwrap_or_default();
        match self {
            Self::CreditCard => checks::issued(piece),
            Self::Iban => checks::iban(piece),
            Self::Phone => phone(piece) && (says(PHONES) || piece.starts_with('+') && among(text, at)),
            Self::Ssn => says(SSNS) && self.holds(text, at),
            Self::IpAddress => says(MACHINES) && machine(piece),
            Self::Email | Self::Url => false,
        }
    }
}
