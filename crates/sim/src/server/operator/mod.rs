//! What an operator sees and sets: the journal of requests, fault rules, counters, and the paths that serve them.
//!
//! Invariant: nothing here changes an answer but the rules, and the journal never shows a credential.

mod journal;
mod paths;
mod rules;
mod stats;

pub(super) use journal::Journal;
pub use journal::digest_of;
pub(super) use paths::{handle, metrics, model, models};
pub(super) use rules::Rules;
pub(super) use stats::Stats;
