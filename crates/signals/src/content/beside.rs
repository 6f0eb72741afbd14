//! Personal data with a letter directly beside it: `Visa4111111111111111`, `IBANDE89370400440532013000`.
//!
//! Codes, digests and names of parts are letters and digits too, so here a number is data only where its form leaves no doubt, or
//! the word beside it says what it is; and only where that is a word: two letters and more up to a sign, with no digit in them. One
//! letter before digits is the form of a licence or a part.

use super::Personal;
use super::checks;
use super::numbers::{self, Source};
use super::personal::{among, first_digit, is_of_country, phone};
use std::ops::Range;

/// Shortest and longest word that is looked at, in bytes.
const WORD_MIN: usize = 2;
const WORD_MAX: usize = 24;
/// Words that say of digits directly beside them what they are. Shorter lists than where a sign stands between: names in programs
/// end in digits too.
const PHONES: &[&str] = &["tel", "telefon", "telephone", "phone", "mobile", "cell", "fax", "whatsapp"];
const SSNS: &[&str] = &["ssn", "ss"];
const MACHINES: &[&str] = &["ip", "addr", "address", "host", "server"];
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
    /// The pieces of this type that have a word directly beside them, in order and apart.
    pub(super) fn beside_letters<'s>(
        self,
        source: &'s Source<'s>,
    ) -> impl Iterator<Item = Range<usize>> + 's {
        let starts = match self {
            // Of the other kind there are none beside letters, which are digits there.
            Self::IpAddress => Box::new(numbers::groups(source.bytes(), u8::is_ascii_digit)),
            _ => self.starts(source.bytes()),
        };
        let mut from = 0;
        starts.filter_map(move |start| {
            let end = (start >= from).then(|| self.end_beside_letters(source, start)).flatten()?;
            from = end;
            Some(start..end)
        })
    }

    /// The end of the longest piece that begins here, stands between words, at least at one side, and is data all the same.
    fn end_beside_letters(self, source: &Source<'_>, start: usize) -> Option<usize> {
        let bytes = source.bytes();
        let before = Side::of(bytes.get(..start).unwrap_or_default(), true);
        let beside = |end: usize| {
            let after = Side::of(bytes.get(end..).unwrap_or_default(), false);
            (after != Side::Code && (&before, &after) != (&Side::Sign, &Side::Sign)).then_some(after)
        };
        let says = |words: &[&str], after: Side<'_>| {
            [&before, &after].into_iter().any(|side| {
                matches!(side, Side::Word(word) if words.iter().any(|known| known.eq_ignore_ascii_case(word)))
            })
        };
        if before == Side::Code {
            return None;
        }
        match self {
            Self::CreditCard if checks::may_be_issued(bytes, start) => {
                let does = |end: &&usize| beside(**end).is_some() && checks::issued(source.get(start..**end));
                numbers::card(bytes, start, false, true).iter().rev().find(does).copied()
            }
            // Its country says how long it is, so letters behind it are told from its own.
            Self::Iban => numbers::account(bytes, start, |number| is_of_country(source, start, number.len))
                .filter(|end| beside(*end).is_some()),
            // Each of the words is, or holds, one that is looked for beside any number.
            Self::Phone if bytes.get(start) == Some(&b'+') || source.may_be_cued(start) => {
                let does = |end: &&usize| {
                    let at = start..**end;
                    let abroad = bytes.get(start) == Some(&b'+');
                    beside(at.end)
                        .is_some_and(|after| says(PHONES, after) || abroad && among(source.text, at.clone()))
                        && phone(source.get(at))
                };
                numbers::phone(bytes, first_digit(bytes, start), false).iter().rev().find(does).copied()
            }
            Self::Ssn => {
                let (end, hyphens) = numbers::ssn(bytes, start)?;
                let words = if hyphens { SSNS } else { &["ssn"] };
                let said = beside(end).is_some_and(|after| says(words, after));
                (said && self.holds(source, start..end)).then_some(end)
            }
            Self::IpAddress => numbers::ipv4(bytes, start)
                .filter(|end| beside(*end).is_some_and(|after| says(MACHINES, after))),
            _ => None,
        }
    }
}
