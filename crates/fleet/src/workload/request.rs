//! One request, as the planner and the simulators see it.

use std::sync::Arc;

/// The longest list of prefix blocks that a request keeps (1M tokens in blocks of 64).
pub const MAX_PREFIX_BLOCKS: usize = 16_384;

/// A request: when it arrives and what it needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// Since the start of the workload, in nanoseconds.
    pub arrival_ns: u64,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens that will be generated (nobody but the simulator knows them beforehand).
    pub output_tokens: u32,
    /// Index of its class in the workload's parts.
    pub class: u16,
    /// Which session it belongs to; 0 where it stands alone.
    pub session: u64,
    /// Hashes of the blocks of its prompt, for prefix caches.
    pub prefix: Prefix,
    /// Tokens of its prompt that whichever instance holds already, beside what its prefix finds in a cache.
    pub cached_tokens: u32,
}

impl Request {
    /// Prompt and output together: what the KV cache must hold at the end.
    #[must_use]
    pub fn total_tokens(&self) -> u32 {
        self.prompt_tokens.saturating_add(self.output_tokens)
    }
}

/// Hashes of consecutive prompt blocks, from the first: equal leading hashes are a prefix that a cache can reuse.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Prefix(Option<Arc<[u64]>>);

impl Prefix {
    /// The blocks of a prompt; those beyond [`MAX_PREFIX_BLOCKS`] are left off.
    #[must_use]
    pub fn of(blocks: &[u64]) -> Self {
        let kept = &blocks[..blocks.len().min(MAX_PREFIX_BLOCKS)];
        Self((!kept.is_empty()).then(|| kept.into()))
    }

    /// The hashes, first block first; empty where nothing is known.
    #[must_use]
    pub fn blocks(&self) -> &[u64] {
        self.0.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_bounded() {
        let blocks: Vec<u64> = (0..MAX_PREFIX_BLOCKS as u64 + 5).collect();
        assert_eq!(Prefix::of(&blocks).blocks().len(), MAX_PREFIX_BLOCKS);
        assert_eq!(Prefix::of(&[]), Prefix::default());
    }
}
