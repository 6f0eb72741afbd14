//! Matchers of words and patterns: one automaton per text, one regex bank per scope, fuzzy, BM25 and n-grams.
//!
//! All matchers are built when the policy is compiled and shared by all requests; what they find in one request is a
//! plain table. Each is linear in the text, with the constants named beside it.
//!
//! ```text
//! keywords of all rules ──> Lexicon (one Aho-Corasick automaton) ──> Hits { count per literal, sequences }
//! ```

mod bm25;
mod fuzzy;
mod lanes;
mod lexicon;
mod ngram;
mod regexes;

pub(crate) use bm25::Bm25;
pub(crate) use fuzzy::{DISTANCE_MAX, FuzzyWord, KEYWORD_CHARS};
pub(crate) use lexicon::{Hits, Lexicon, LexiconBuilder};
pub(crate) use ngram::{GRAM_TEXT_MAX, GramIndex, GramIndexBuilder};
pub(crate) use regexes::{RegexBank, RegexBankBuilder, RegexHits, compile_regex};
