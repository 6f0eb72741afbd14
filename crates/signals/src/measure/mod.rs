//! Measures of a text: shares of character classes and code, similarity to an earlier turn, language.
//!
//! ```text
//! ratio(of: upper) of "HELLO you" = 5 / 8        language("Guten Morgen, wie geht es dir?") = de
//! ```

mod language;
mod ratio;
mod reask;

pub(crate) use language::language;
pub(crate) use ratio::{Profile, Share};
pub(crate) use reask::{Fingerprint, LOOKBACK_MAX};
