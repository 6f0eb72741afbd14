//! KV blocks: who holds them, what full ones contain, which is evicted first.
//!
//! Invariant: a block is either held (`refs > 0`) or in the free list, never both; the free list is ordered by
//! release time and its head is evicted first; a content hash names at most one block.

use std::collections::{BTreeSet, HashMap};

/// Index of a block.
pub(super) type BlockId = u32;

#[derive(Clone, Copy, Debug, Default)]
struct Block {
    refs: u32,
    /// Release stamp, meaningful while the block is free.
    stamp: u64,
    /// Chained hash of the full content, while it is valid.
    hash: Option<u64>,
}

/// All blocks of one engine.
#[derive(Debug)]
pub(super) struct BlockPool {
    blocks: Vec<Block>,
    free: BTreeSet<(u64, BlockId)>,
    by_hash: HashMap<u64, BlockId>,
    stamp: u64,
}

impl BlockPool {
    pub(super) fn new(count: u32) -> Self {
        Self {
            blocks: vec![Block::default(); count as usize],
            free: (0..count).map(|id| (0, id)).collect(),
            by_hash: HashMap::new(),
            stamp: 0,
        }
    }

    pub(super) fn free_count(&self) -> u32 {
        u32::try_from(self.free.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn held_count(&self) -> u32 {
        u32::try_from(self.blocks.len()).unwrap_or(u32::MAX).saturating_sub(self.free_count())
    }

    /// The blocks that hold the longest known prefix of `chain`, and how many of them are free now.
    pub(super) fn prefix(&self, chain: &[u64]) -> (Vec<BlockId>, u32) {
        let hits: Vec<BlockId> = chain.iter().map_while(|hash| self.by_hash.get(hash).copied()).collect();
        let idle = hits.iter().filter(|id| self.refs(**id) == 0).count();
        (hits, u32::try_from(idle).unwrap_or(u32::MAX))
    }

    /// One more holder of a block that holds known content.
    pub(super) fn share(&mut self, id: BlockId) {
        if let Some(block) = self.blocks.get_mut(id as usize) {
            if block.refs == 0 {
                self.free.remove(&(block.stamp, id));
            }
            block.refs += 1;
        }
    }

    /// A block with no content, the one released longest ago; none when all are held.
    pub(super) fn allocate(&mut self) -> Option<BlockId> {
        let (_, id) = self.free.pop_first()?;
        let block = self.blocks.get_mut(id as usize)?;
        block.refs = 1;
        if let Some(hash) = block.hash.take() {
            self.by_hash.remove(&hash);
        }
        Some(id)
    }

    /// Says what a held, full block contains. Content that another block already holds stays with that one.
    pub(super) fn publish(&mut self, id: BlockId, hash: u64) {
        if self.by_hash.contains_key(&hash) {
            return;
        }
        if let Some(block) = self.blocks.get_mut(id as usize)
            && block.hash.is_none()
        {
            block.hash = Some(hash);
            self.by_hash.insert(hash, id);
        }
    }

    /// Releases a table of blocks, its tail first, so that shared heads live longest.
    pub(super) fn release(&mut self, table: &[BlockId]) {
        for id in table.iter().rev() {
            self.stamp += 1;
            if let Some(block) = self.blocks.get_mut(*id as usize) {
                block.refs = block.refs.saturating_sub(1);
                if block.refs == 0 {
                    block.stamp = self.stamp;
                    self.free.insert((self.stamp, *id));
                }
            }
        }
    }

    fn refs(&self, id: BlockId) -> u32 {
        self.blocks.get(id as usize).map_or(0, |b| b.refs)
    }

    /// Sum of all holders, for checking against the sequences' tables.
    pub(super) fn holders(&self) -> u64 {
        self.blocks.iter().map(|b| u64::from(b.refs)).sum()
    }

    /// Whether the invariant of this module holds.
    pub(super) fn is_sound(&self) -> bool {
        let free = self.blocks.iter().filter(|b| b.refs == 0).count();
        let hashed = self.blocks.iter().filter(|b| b.hash.is_some()).count();
        let listed = self.free.iter().all(|(stamp, id)| {
            self.blocks.get(*id as usize).is_some_and(|b| b.refs == 0 && b.stamp == *stamp)
        });
        listed && free == self.free.len() && hashed == self.by_hash.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evicts_the_block_released_longest_ago() {
        let mut pool = BlockPool::new(3);
        let table: Vec<_> = (0..3).filter_map(|_| pool.allocate()).collect();
        for (id, hash) in table.iter().zip([10, 11, 12]) {
            pool.publish(*id, hash);
        }
        pool.release(&table);
        assert_eq!(pool.prefix(&[10, 11, 12]), (table.clone(), 3));
        // The tail of a released table goes first.
        assert_eq!(pool.allocate(), table.last().copied());
        assert_eq!(pool.prefix(&[10, 11, 12]).0, table[..2]);
        assert!(pool.is_sound());
    }

    #[test]
    fn equal_content_is_named_once() {
        let mut pool = BlockPool::new(2);
        let (a, b) = (pool.allocate().unwrap(), pool.allocate().unwrap());
        pool.publish(a, 7);
        pool.publish(b, 7);
        assert_eq!(pool.prefix(&[7]), (vec![a], 0));
        pool.share(a);
        pool.release(&[a]);
        assert_eq!((pool.free_count(), pool.held_count(), pool.holders()), (0, 2, 2));
        assert_eq!(pool.allocate(), None);
        assert!(pool.is_sound());
    }
}
