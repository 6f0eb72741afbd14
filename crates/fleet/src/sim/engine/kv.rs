//! The blocks of an engine's KV cache: free, held by sequences, or kept from ended prompts until their room is needed.

use std::collections::{BTreeMap, HashMap};

/// A cached stretch of prompt: one hash, `unit` blocks.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Sequences that hold it.
    holders: u32,
    /// When it was let go of last; its key among the idle ones.
    age: u64,
}

/// Blocks by what they are for; their sum never changes.
#[derive(Clone, Debug)]
pub(super) struct Kv {
    free: u64,
    /// Blocks of one hashed stretch; 0 without a cache.
    unit: u64,
    stretches: HashMap<u64, Stretch>,
    /// Stretches that nobody holds, the one let go first in front.
    idle: BTreeMap<u64, u64>,
    clock: u64,
}

impl Kv {
    pub(super) fn new(blocks: u64, unit: u64) -> Self {
        Self { free: blocks, unit, stretches: HashMap::new(), idle: BTreeMap::new(), clock: 0 }
    }

    /// Blocks that can be had: free ones, and idle stretches.
    #[inline]
    pub(super) fn available(&self) -> u64 {
        self.free + self.idle.len() as u64 * self.unit
    }

    /// Takes blocks for a sequence, evicting idle stretches, oldest first; false, with nothing changed, when there are too few.
    #[inline]
    pub(super) fn take(&mut self, blocks: u64) -> bool {
        if self.available() < blocks {
            return false;
        }
        while self.free < blocks {
            let Some((_, hash)) = self.idle.pop_first() else { return false };
            self.stretches.remove(&hash);
            self.free += self.unit;
        }
        self.free -= blocks;
        true
    }

    /// Blocks come back from a sequence.
    #[inline]
    pub(super) fn give(&mut self, blocks: u64) {
        self.free += blocks;
    }

    /// How many leading stretches of a prompt are here.
    pub(super) fn matched(&self, hashes: &[u64]) -> usize {
        if self.unit == 0 {
            return 0;
        }
        hashes.iter().take_while(|hash| self.stretches.contains_key(hash)).count()
    }

    /// A sequence holds these stretches, all present, until it calls [`Self::release`].
    pub(super) fn hold(&mut self, hashes: &[u64]) {
        for hash in hashes {
            if let Some(stretch) = self.stretches.get_mut(hash) {
                if stretch.holders == 0 {
                    self.idle.remove(&stretch.age);
                }
                stretch.holders += 1;
            }
        }
    }

    /// A sequence has computed a stretch in blocks of its own: they become a shared stretch that it holds. False when the same
    /// one is here already; the sequence keeps its own blocks then.
    pub(super) fn share(&mut self, hash: u64) -> bool {
        if self.unit == 0 || self.stretches.contains_key(&hash) {
            return false;
        }
        self.stretches.insert(hash, Stretch { holders: 1, age: 0 });
        true
    }

    /// A sequence lets go of the stretches that it holds: the last goes first, so that what stays is a prefix.
    pub(super) fn release(&mut self, hashes: &[u64]) {
        for hash in hashes.iter().rev() {
            if let Some(stretch) = self.stretches.get_mut(hash) {
                stretch.holders = stretch.holders.saturating_sub(1);
                if stretch.holders == 0 {
                    self.clock += 1;
                    stretch.age = self.clock;
                    self.idle.insert(self.clock, *hash);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_prefixes_stay_until_their_room_is_needed() {
        let mut kv = Kv::new(10, 2);
        assert!(kv.take(6) && kv.share(1) && kv.share(2) && kv.share(3));
        assert!(!kv.share(2), "one copy is enough");
        kv.release(&[1, 2, 3]);
        assert_eq!((kv.available(), kv.matched(&[1, 2, 3]), kv.matched(&[9, 1])), (10, 3, 0));
        kv.hold(&[1]);
        assert_eq!(kv.available(), 8);
        assert!(kv.take(6), "the end of the prefix goes first");
        assert_eq!((kv.matched(&[1, 2, 3]), kv.available()), (2, 2));
        assert!(!kv.take(3) && kv.take(2) && kv.matched(&[1, 2]) == 1);
        kv.give(8);
        kv.release(&[1]);
        assert_eq!(kv.available(), 10);
    }
}
