//! The Merkle tree hash of RFC 6962, section 2.1, kept as the few subtrees that a growing log still needs.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "levels are below 64 and indices below the size of the tree, as each function says"
)]

use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Hash of an entry: `SHA-256(0x00 ‖ entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(entry).finalize().into()
}

/// Hash of two subtrees: `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Hashes of full subtrees: level 0 are leaves, and (`level`, `index`) covers the 2^`level` leaves from
/// `index` · 2^`level` on.
pub trait Nodes {
    /// The hash, if the subtree is full and known.
    fn node(&self, level: u32, index: u64) -> Option<Hash>;
}

/// All hashes in memory: for tests and small logs.
#[derive(Clone, Debug, Default)]
pub struct Memory(HashMap<(u32, u64), Hash>);

impl Memory {
    /// Keeps a hash.
    pub fn put(&mut self, level: u32, index: u64, hash: Hash) {
        self.0.insert((level, index), hash);
    }
}

impl Nodes for Memory {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        self.0.get(&(level, index)).copied()
    }
}

/// The right edge of a tree: one full subtree for each binary digit of its size, largest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The edge of a tree of `size` leaves whose hashes are known; `None` when one that is needed is not.
    #[must_use]
    pub fn of(nodes: &impl Nodes, size: u64) -> Option<Self> {
        let mut peaks = Vec::new();
        let mut start = 0u64;
        for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(nodes.node(level, start >> level)?);
            start += 1 << level;
        }
        Some(Self { size, peaks })
    }

    /// The edge that [`Frontier::peaks`] gave; `None` when there are not as many as the size has binary ones.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (u32::try_from(peaks.len()) == Ok(size.count_ones())).then_some(Self { size, peaks })
    }

    /// Hashes of the full subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Leaves in the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.push_into(leaf, &mut |_, _, _| {});
    }

    /// Adds a leaf, and names each subtree that it completes, the leaf itself first: level, index, hash.
    pub fn push_into(&mut self, leaf: Hash, kept: &mut impl FnMut(u32, u64, Hash)) {
        let (mut hash, mut level) = (leaf, 0u32);
        kept(0, self.size, hash);
        // Each trailing 1 of the old size is a subtree as large as the one in hand: they become one.
        while self.size >> level & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            level += 1;
            kept(level, self.size >> level, hash);
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The tree's hash; that of no leaves is the SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}
