//! The regular expressions of a policy for one scope.
//!
//! One [`RegexSet`] answers "which may match" in one pass. Unicode word boundaries would throw that pass off its fast
//! automaton on any text that is not ASCII, so the set holds the expressions *without* them (a superset of the
//! language), and only an expression that had one and was found there is run by itself to be sure.
//!
//! Counting stops at [`COUNT_MAX`] matches, so that an expression whose every match looks far ahead stays linear.

use crate::error::Problem;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_syntax::hir::{Hir, HirKind, Look, Repetition};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use tollgate_core::signal::{REGEX_BYTES, REGEX_NEST, REGEX_SET_BYTES};

/// Memory of the lazily built automaton of a set, in bytes.
const DFA_BYTES: usize = 8 << 20;
/// Matches counted per expression; a count above it reads as this number.
pub(crate) const COUNT_MAX: usize = 1000;

fn first_line(why: &str) -> String {
    why.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

/// One expression, compiled within the bounds.
pub(crate) fn compile_regex(pattern: &str, case: bool) -> Result<Regex, Problem> {
    RegexBuilder::new(pattern)
        .case_insensitive(!case)
        .size_limit(REGEX_BYTES)
        .nest_limit(REGEX_NEST)
        .build()
        .map_err(|e| Problem::Regex { why: first_line(&e.to_string()) })
}

/// The expression without Unicode word boundaries, and whether it had any.
fn relaxed(pattern: &str, case: bool) -> Option<(String, bool)> {
    let hir = regex_syntax::ParserBuilder::new().case_insensitive(!case).nest_limit(REGEX_NEST).build();
    let hir = { hir }.parse(pattern).ok()?;
    if hir.properties().look_set().contains_word_unicode() {
        Some((without_boundaries(&hir).to_string(), true))
    } else {
        Some((hir.to_string(), false))
    }
}

fn without_boundaries(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(
            Look::WordUnicode
            | Look::WordUnicodeNegate
            | Look::WordStartUnicode
            | Look::WordEndUnicode
            | Look::WordStartHalfUnicode
            | Look::WordEndHalfUnicode,
        ) => Hir::empty(),
        HirKind::Repetition(r) => {
            Hir::repetition(Repetition { sub: Box::new(without_boundaries(&r.sub)), ..r.clone() })
        }
        HirKind::Capture(c) => without_boundaries(&c.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_boundaries).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_boundaries).collect()),
        _ => hir.clone(),
    }
}

/// Collects the expressions of one scope.
#[derive(Debug, Default)]
pub(crate) struct RegexBankBuilder {
    index: BTreeMap<(String, bool), u32>,
    exact: Vec<Regex>,
    relaxed: Vec<(String, bool)>,
}

impl RegexBankBuilder {
    /// The id of an expression, compiled when it is new.
    pub(crate) fn regex(&mut self, pattern: &str, case: bool) -> Result<u32, Problem> {
        if let Some(id) = self.index.get(&(pattern.to_owned(), case)) {
            return Ok(*id);
        }
        let exact = compile_regex(pattern, case)?;
        let id = self.exact.len() as u32;
        let matches_all = || (String::new(), true);
        self.relaxed.push(relaxed(pattern, case).unwrap_or_else(matches_all));
        self.exact.push(exact);
        self.index.insert((pattern.to_owned(), case), id);
        Ok(id)
    }

    /// How many different expressions there are.
    pub(crate) fn len(&self) -> usize {
        self.exact.len()
    }

    /// Builds the set.
    pub(crate) fn build(self) -> Result<RegexBank, Problem> {
        let set = RegexSetBuilder::new(self.relaxed.iter().map(|(p, _)| p))
            .size_limit(REGEX_SET_BYTES)
            .dfa_size_limit(DFA_BYTES)
            .build()
            .map_err(|e| Problem::Regex { why: first_line(&e.to_string()) })?;
        let unsure = self.relaxed.into_iter().map(|(_, unsure)| unsure).collect();
        Ok(RegexBank { set, exact: self.exact, unsure })
    }
}

/// The expressions of one scope.
#[derive(Debug)]
pub(crate) struct RegexBank {
    set: RegexSet,
    exact: Vec<Regex>,
    /// Per expression: whether a hit of the set must be confirmed.
    unsure: Vec<bool>,
}

/// What a bank found in one text; confirmations are made when asked for.
#[derive(Debug, Default)]
pub(crate) struct RegexHits {
    maybe: Vec<bool>,
    sure: Vec<OnceCell<bool>>,
}

impl RegexBank {
    /// One pass over `text`.
    pub(crate) fn scan(&self, text: &str) -> RegexHits {
        let mut maybe = vec![false; self.exact.len()];
        for id in self.set.matches(text) {
            if let Some(slot) = maybe.get_mut(id) {
                *slot = true;
            }
        }
        RegexHits { maybe, sure: vec![OnceCell::new(); self.exact.len()] }
    }

    /// Whether expression `id` matches.
    pub(crate) fn is_match(&self, hits: &RegexHits, id: u32, text: &str) -> bool {
        let at = id as usize;
        let maybe = hits.maybe.get(at).copied().unwrap_or(false);
        if !maybe || !self.unsure.get(at).copied().unwrap_or(true) {
            return maybe;
        }
        let confirm = || self.exact.get(at).is_some_and(|r| r.is_match(text));
        hits.sure.get(at).is_some_and(|cell| *cell.get_or_init(confirm))
    }

    /// Matches of expression `id`, at most [`COUNT_MAX`].
    pub(crate) fn count(&self, hits: &RegexHits, id: u32, text: &str) -> usize {
        if !self.is_match(hits, id, text) {
            return 0;
        }
        self.exact.get(id as usize).map_or(0, |r| r.find_iter(text).take(COUNT_MAX).count())
    }

    /// Where expression `id` first matches at or after byte `from`.
    pub(crate) fn find_at(&self, id: u32, text: &str, from: usize) -> Option<(usize, usize)> {
        let found = self.exact.get(id as usize)?.find_at(text, from.min(text.len()))?;
        Some((found.start(), found.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn boundaries_are_confirmed() {
        let mut builder = RegexBankBuilder::default();
        let cat = builder.regex(r"\bcat\b", false).unwrap();
        let digits = builder.regex(r"\d{3}", false).unwrap();
        assert_eq!(builder.regex(r"\bcat\b", false), Ok(cat));
        let bank = builder.build().unwrap();
        for (text, found, count) in [("Cat é", true, 1), ("concat é", false, 0), ("écat cat", true, 1)] {
            let hits = bank.scan(text);
            assert_eq!(bank.is_match(&hits, cat, text), found, "{text}");
            assert_eq!(bank.count(&hits, cat, text), count, "{text}");
            assert!(!bank.is_match(&hits, digits, text));
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let huge = compile_regex(r"\w{1000}{10}", false).unwrap_err();
        assert!(huge.to_string().contains("size limit"), "{huge}");
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        assert!(compile_regex(&deep, false).is_err());
        assert_eq!(
            compile_regex("(a", false).unwrap_err().to_string(),
            "the regular expression does not compile: error: unclosed group"
        );
        let mut builder = RegexBankBuilder::default();
        let a = builder.regex("a", true).unwrap();
        let bank = builder.build().unwrap();
        let text = "a".repeat(COUNT_MAX + 5);
        assert_eq!(bank.count(&bank.scan(&text), a, &text), COUNT_MAX);
    }

    proptest! {
        /// The set with its confirmation says what the expression alone says.
        #[test]
        fn the_set_agrees_with_the_expression(
            text in "[aAbé中 1_]{0,20}",
            pattern in r"(\\b|\\B|)[ab]{1,2}(\\b|\\d|\\b\\w|(\\b)?[b ]*)(\\b\{end\}|)",
        ) {
            let mut builder = RegexBankBuilder::default();
            let Ok(id) = builder.regex(&pattern, false) else { return Ok(()) };
            let bank = builder.build().unwrap();
            let hits = bank.scan(&text);
            let alone = compile_regex(&pattern, false).unwrap();
            prop_assert_eq!(bank.is_match(&hits, id, &text), alone.is_match(&text));
            prop_assert_eq!(bank.count(&hits, id, &text), alone.find_iter(&text).count());
        }
    }
}
