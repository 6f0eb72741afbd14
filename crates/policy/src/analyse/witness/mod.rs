//! Signals that make claims about scores, bands, groups and patterns true.
//!
//! Claims are tried on ranges of signals with the evaluator's own arithmetic, whose bounds hold to the last bit: a
//! range on which a claim fails is dropped whole, one on which it is open is tried at its corners and then split.

mod glob;
mod ranges;
mod search;

pub(super) use glob::fitting;
pub(super) use ranges::{Range, Ranges};
pub(super) use search::{Claim, Search, search};

use tollgate_core::signal::{Signal, SignalSource};

/// Given signals, as a source.
pub(super) struct Given<'s>(pub(super) &'s [Signal]);

impl SignalSource for Given<'_> {
    fn read(&mut self, index: usize) -> &Signal {
        // The analysis makes one signal for each of the policy's.
        #[allow(clippy::indexing_slicing, reason = "sources are asked for the policy's own signals only")]
        &self.0[index]
    }
}
