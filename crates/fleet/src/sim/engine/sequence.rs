//! A request inside the engine.

use super::Served;
use crate::workload::Prefix;

/// A request inside the engine.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    pub(super) served: Served,
    pub(super) output: u32,
    pub(super) generated: u32,
    /// Tokens whose keys and values are in the cache.
    pub(super) computed: u32,
    /// Tokens of its prompt that need not be computed wherever it is; their blocks are needed all the same.
    pub(super) known: u32,
    /// Blocks of its own.
    pub(super) blocks: u64,
    /// Leading stretches of its prompt that it holds in the shared cache.
    pub(super) held: u32,
    pub(super) prefix: Prefix,
    /// Its prompt's keys and values come from elsewhere.
    pub(super) remote: bool,
    pub(super) admitted: bool,
    /// Tokens computed in this iteration.
    pub(super) now: u32,
}

impl Sequence {
    /// Tokens that it consists of so far.
    #[inline]
    pub(super) fn tokens(&self) -> u32 {
        self.served.prompt_tokens + self.generated
    }

    /// Tokens that need not be computed when it is admitted, with so many found in the cache.
    #[inline]
    pub(super) fn cached(&self, found: u32) -> u32 {
        if self.remote { self.served.prompt_tokens } else { found.max(self.known) }
    }

    /// Whether it takes one token per iteration.
    #[inline]
    pub(super) fn decodes(&self) -> bool {
        self.generated > 0 && self.computed + 1 == self.tokens()
    }
}
