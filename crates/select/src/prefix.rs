//! Which instance holds how much of a prompt's prefix, estimated from what was sent there.
//!
//! A prompt is cut into 256-byte blocks and each block's digest includes the one before, so that equal digests mean
//! equal prefixes. [`PrefixCache`] remembers the digests sent to one instance, the least recently used forgotten
//! first; a block is always refreshed before its successor is, so what is kept is closed under prefixes and the
//! longest match is found by bisection.
//!
//! ```
//! use tollgate_select::prefix::{PrefixCache, PromptBlocks};
//! let mut cache = PrefixCache::new(100);
//! let prompt = [7u8; 1000];
//! cache.insert(&PromptBlocks::of(1, &[&prompt]));
//! assert_eq!(cache.matched(&PromptBlocks::of(1, &[&prompt, b"and more"])), 3);
//! assert_eq!(cache.matched(&PromptBlocks::of(2, &[&prompt])), 0); // another tenant
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes of a block: about 64 tokens, a few pages of an engine's cache.
pub const BLOCK_BYTES: usize = 256;
/// Blocks of a prompt that are looked at: the first 64 KiB.
pub const MAX_BLOCKS: usize = 256;
/// How deep an affinity key looks: prompts that agree in this many blocks (1 KiB) belong together.
pub const AFFINITY_BLOCKS: usize = 4;

/// The chained digests of a prompt's full blocks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PromptBlocks {
    digests: Vec<u64>,
}

/// The affinity of a session: its requests belong together even where their prompts are not known to begin alike. None for
/// 0, which stands for no session.
#[must_use]
pub fn session_affinity(session: u64) -> Option<u64> {
    (session != 0).then(|| fold(session ^ 0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c))
}

impl PromptBlocks {
    /// Blocks known by their chained digests (equal digests mean equal prefixes up to there), as a trace records them; those
    /// beyond [`MAX_BLOCKS`] are dropped.
    #[must_use]
    pub fn of_digests(digests: &[u64]) -> Self {
        Self { digests: digests.iter().take(MAX_BLOCKS).copied().collect() }
    }

    /// The blocks of the concatenation of `parts`; a last partial block is dropped, and so is what lies beyond
    /// [`MAX_BLOCKS`]. `root` separates what may not share (tenant, model, a secret of this process).
    ///
    /// The digests are 64 bits of a multiply-fold hash: quick, and unpredictable only as far as `root` is. A collision
    /// costs a worse placement, never a wrong answer.
    #[must_use]
    pub fn of(root: u64, parts: &[&[u8]]) -> Self {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut digests = Vec::with_capacity((total / BLOCK_BYTES).min(MAX_BLOCKS));
        let mut chain = fold(root ^ 0x243f_6a88_85a3_08d3, 0x9e37_79b9_7f4a_7c15);
        let mut block = [0; BLOCK_BYTES];
        let mut filled = 0;
        for part in parts {
            let mut rest = *part;
            while !rest.is_empty() && digests.len() < MAX_BLOCKS {
                let take = rest.len().min(BLOCK_BYTES - filled);
                let (head, tail) = rest.split_at(take);
                if let Some(room) = block.get_mut(filled..filled + take) {
                    room.copy_from_slice(head);
                }
                rest = tail;
                filled += take;
                if filled == BLOCK_BYTES {
                    chain = digest(chain, &block);
                    digests.push(chain);
                    filled = 0;
                }
            }
        }
        Self { digests }
    }

    /// Number of full blocks.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether there is no full block.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// What prompts with the same beginning share: the digest of block [`AFFINITY_BLOCKS`], or of the last one of a
    /// shorter prompt; none below one block.
    #[must_use]
    pub fn affinity(&self) -> Option<u64> {
        self.digests.get(AFFINITY_BLOCKS - 1).or(self.digests.last()).copied()
    }
}

/// Folds the 128-bit product of two words into one.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Words that are folded side by side: a processor multiplies several at once when none waits for another.
const LANES: usize = 4;

fn digest(chain: u64, block: &[u8; BLOCK_BYTES]) -> u64 {
    let mut lanes: [u64; LANES] = std::array::from_fn(|lane| chain.rotate_left(lane as u32 * 16 + 1));
    for group in block.chunks_exact(16 * LANES) {
        for (lane, pair) in lanes.iter_mut().zip(group.chunks_exact(16)) {
            let word = |at: usize| {
                let bytes = pair.get(at..at + 8).and_then(|b| b.try_into().ok()).unwrap_or_default();
                u64::from_le_bytes(bytes)
            };
            *lane = fold(
                *lane ^ word(0) ^ 0x1319_8a2e_0370_7344,
                word(8) ^ 0xa409_3822_299f_31d0 ^ lane.rotate_left(32),
            );
        }
    }
    let mixed = lanes
        .iter()
        .fold(chain, |hash, lane| fold(hash ^ lane, 0x9e37_79b9_7f4a_7c15 ^ hash.rotate_left(32)));
    fold(mixed ^ chain.rotate_left(17), 0x0822_98fa_ec4e_6c89)
}

/// Digests are mixed already: they are their own hash.
#[derive(Clone, Copy, Default, Debug)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = fold(self.0 ^ u64::from(*byte), 0x9e37_79b9_7f4a_7c15));
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

/// No neighbour in the list of ages.
const NONE: u32 = u32::MAX;

/// A held block and its neighbours by age, as positions.
#[derive(Clone, Copy, Debug)]
struct Node {
    digest: u64,
    newer: u32,
    older: u32,
}

/// The blocks that were sent to one instance, most recently used kept: a table, and a list by age through it.
#[derive(Clone, Debug)]
pub struct PrefixCache {
    capacity: usize,
    places: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
    nodes: Vec<Node>,
    newest: u32,
    oldest: u32,
}

impl PrefixCache {
    /// An empty cache of at most `capacity` blocks (set it to the instance's cache size in blocks of 64 tokens).
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.min(NONE as usize);
        Self { capacity, places: HashMap::default(), nodes: Vec::new(), newest: NONE, oldest: NONE }
    }

    /// Blocks held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// A prompt was sent: its blocks are now the most recently used, the first one most of all.
    pub fn insert(&mut self, blocks: &PromptBlocks) {
        let kept = blocks.digests.len().min(self.capacity);
        for digest in blocks.digests.iter().take(kept).rev() {
            match self.places.get(digest) {
                Some(at) if *at == self.newest => {}
                Some(at) => {
                    let at = *at;
                    self.unlink(at);
                    self.link_newest(at);
                }
                None => {
                    let at = self.room(*digest);
                    self.places.insert(*digest, at);
                    self.link_newest(at);
                }
            }
        }
    }

    /// A place for a new block: a fresh one, or the oldest block's.
    fn room(&mut self, digest: u64) -> u32 {
        let node = Node { digest, newer: NONE, older: NONE };
        if self.nodes.len() < self.capacity {
            self.nodes.push(node);
            return (self.nodes.len() - 1) as u32;
        }
        let at = self.oldest;
        self.unlink(at);
        if let Some(old) = self.nodes.get_mut(at as usize) {
            self.places.remove(&old.digest);
            *old = node;
        }
        at
    }

    fn unlink(&mut self, at: u32) {
        let Some(Node { newer, older, .. }) = self.nodes.get(at as usize).copied() else { return };
        match self.nodes.get_mut(newer as usize) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let before = self.newest;
        if let Some(node) = self.nodes.get_mut(at as usize) {
            (node.newer, node.older) = (NONE, before);
        }
        match self.nodes.get_mut(before as usize) {
            Some(node) => node.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    /// How many leading blocks of a prompt are held.
    #[must_use]
    pub fn matched(&self, blocks: &PromptBlocks) -> usize {
        if !blocks.digests.first().is_some_and(|first| self.places.contains_key(first)) {
            return 0; // The common case, without a search.
        }
        blocks.digests.partition_point(|digest| self.places.contains_key(digest))
    }

    /// The share of `prompt_tokens` expected to be cached when the prompt has `prompt_bytes` bytes.
    #[must_use]
    pub fn cached_tokens(&self, blocks: &PromptBlocks, prompt_tokens: u64, prompt_bytes: usize) -> u64 {
        let cached = (self.matched(blocks) * BLOCK_BYTES) as f64;
        let share = (cached / (prompt_bytes.max(1) as f64)).min(1.0);
        (prompt_tokens as f64 * share) as u64
    }

    /// Forgets everything: the instance restarted.
    pub fn clear(&mut self) {
        self.places.clear();
        self.nodes.clear();
        (self.newest, self.oldest) = (NONE, NONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_are_bounded_and_the_split_does_not_matter() {
        let long = vec![3u8; (MAX_BLOCKS + 5) * BLOCK_BYTES];
        assert_eq!(PromptBlocks::of(0, &[&long]).len(), MAX_BLOCKS);
        assert_eq!(PromptBlocks::of(0, &[&long[..255]]).affinity(), None);
        let text: Vec<u8> = (0..3000u32).map(|n| ((n * n) >> 3) as u8).collect();
        let whole = PromptBlocks::of(9, &[&text]);
        assert_eq!(whole.len(), 11);
        for cut in [0, 1, 255, 256, 257, 2999] {
            let (a, b) = text.split_at(cut);
            assert_eq!(PromptBlocks::of(9, &[a, b, b""]), whole, "{cut}");
        }
        assert_eq!(whole.affinity(), PromptBlocks::of(9, &[&text[..1024]]).affinity());
    }

    #[test]
    fn one_bit_changes_this_and_all_later_digests() {
        let text = vec![0u8; 4 * BLOCK_BYTES];
        let plain = PromptBlocks::of(0, &[&text]).digests;
        for bit in (0..text.len() * 8).step_by(37) {
            let mut other = text.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let changed = PromptBlocks::of(0, &[&other]).digests;
            let first = bit / 8 / BLOCK_BYTES;
            for (at, (a, b)) in plain.iter().zip(&changed).enumerate() {
                assert_eq!(a == b, at < first, "bit {bit} block {at}");
            }
        }
    }

    #[test]
    fn tokens_follow_the_matched_share() {
        let text = [1u8; 1000];
        let blocks = PromptBlocks::of(0, &[&text]);
        let mut cache = PrefixCache::new(10);
        assert_eq!(cache.cached_tokens(&blocks, 250, 1000), 0);
        cache.insert(&blocks);
        assert_eq!(cache.cached_tokens(&blocks, 250, 1000), 192);
        assert_eq!(cache.cached_tokens(&blocks, 250, 0), 250);
        cache.clear();
        assert!(cache.is_empty() && cache.matched(&blocks) == 0);
    }

    /// Blocks in the list of ages, which must be the same from both ends.
    fn ages(cache: &PrefixCache) -> usize {
        let walk = |start: u32, step: fn(&Node) -> u32| {
            let mut seen = Vec::new();
            let mut at = start;
            while let Some(node) = cache.nodes.get(at as usize) {
                seen.push(node.digest);
                at = step(node);
            }
            seen
        };
        let (down, mut up) = (walk(cache.newest, |n| n.older), walk(cache.oldest, |n| n.newer));
        up.reverse();
        assert_eq!(down, up);
        down.len()
    }

    proptest! {
        /// Bounded, closed under prefixes (bisection agrees with a scan), and the newest prompt is held as far as it fits.
        #[test]
        fn keeps_prefixes_and_the_bound(
            capacity in 0usize..24,
            prompts in prop::collection::vec(prop::collection::vec(0u8..3, 1..8), 1..60),
        ) {
            let mut cache = PrefixCache::new(capacity);
            let cut = |p: &[u8]| PromptBlocks::of(0, &p.iter().map(|b| vec![*b; BLOCK_BYTES]).collect::<Vec<_>>()
                .iter().map(Vec::as_slice).collect::<Vec<_>>());
            for prompt in &prompts {
                let blocks = cut(prompt);
                cache.insert(&blocks);
                prop_assert!(cache.len() <= capacity && ages(&cache) == cache.len());
                prop_assert_eq!(cache.matched(&blocks), blocks.len().min(capacity));
                for other in &prompts {
                    let other = cut(other);
                    let held: Vec<bool> = other.digests.iter().map(|d| cache.places.contains_key(d)).collect();
                    prop_assert!(held.is_sorted_by(|a, b| a >= b), "{held:?}");
                }
            }
        }
    }
}
