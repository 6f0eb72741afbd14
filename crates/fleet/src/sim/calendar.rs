//! The next event of each instance, the earliest of all on top: a tournament over a fixed number of entries.
//!
//! Changing one entry costs log₂ of their number and touches nothing else, so an event costs the same whether it is one
//! instance's of ten or of ten thousand.

use std::hint::select_unpredictable;

/// The earliest of a fixed number of times.
#[derive(Clone, Debug)]
pub struct Calendar {
    leaves: usize,
    /// A binary tree in an array: node `i` holds the smaller of `2i` and `2i + 1`; leaves start at `leaves`.
    nodes: Vec<f64>,
    /// The entry whose time each inner node holds.
    firsts: Vec<u32>,
}

impl Calendar {
    /// `entries` entries without an event.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        let leaves = entries.max(2).next_power_of_two();
        let mut firsts = vec![0; leaves];
        for node in (1..leaves).rev() {
            let left = 2 * node;
            firsts[node] = if left < leaves { firsts[left] } else { (left - leaves) as u32 };
        }
        Self { leaves, nodes: vec![f64::INFINITY; 2 * leaves], firsts }
    }

    /// Sets the next event of an entry; infinity for none.
    #[inline]
    pub fn set(&mut self, entry: usize, time: f64) {
        let leaf = self.leaves + entry;
        self.nodes[leaf] = time;
        let (mut node, mut least, mut first) = (leaf, time, entry as u32);
        while node > 1 {
            let other = node ^ 1;
            let theirs = self.nodes[other];
            let entry_of =
                if other >= self.leaves { (other - self.leaves) as u32 } else { self.firsts[other] };
            // Which of the two is earlier no processor can guess.
            let later = theirs < least;
            least = select_unpredictable(later, theirs, least);
            first = select_unpredictable(later, entry_of, first);
            node >>= 1;
            if self.nodes[node] == least && self.firsts[node] == first {
                return;
            }
            self.nodes[node] = least;
            self.firsts[node] = first;
        }
    }

    /// The earliest time; infinite when no entry has an event.
    #[must_use]
    #[inline]
    pub fn earliest(&self) -> f64 {
        self.nodes[1]
    }

    /// Puts entries with an event up to `until`, in no order of time and no more than there is room for, into `found`, and says
    /// how many.
    pub fn due(&self, until: f64, found: &mut [u32]) -> usize {
        // Of each level at most two nodes are left to look at, and there are no more levels than bits.
        let mut open = [1; 2 * u32::BITS as usize];
        let (mut left, mut count) = (1, 0);
        while left > 0 && count < found.len() {
            left -= 1;
            let node: usize = open[left];
            if self.nodes[node] > until || self.nodes[node] == f64::INFINITY {
                continue;
            }
            if node < self.leaves {
                (open[left], open[left + 1]) = (2 * node + 1, 2 * node);
                left += 2;
            } else {
                found[count] = (node - self.leaves) as u32;
                count += 1;
            }
        }
        count
    }

    /// An entry with the earliest time.
    #[must_use]
    #[inline]
    pub fn first(&self) -> usize {
        self.firsts[1] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_earliest_is_the_least(entries in 1usize..40, until in 0u32..50, sets in prop::collection::vec((0usize..40, 0u32..50), 1..200)) {
            let mut calendar = Calendar::new(entries);
            let mut times = vec![f64::INFINITY; entries];
            for (entry, time) in sets {
                let time = if time == 0 { f64::INFINITY } else { f64::from(time) };
                calendar.set(entry % entries, time);
                times[entry % entries] = time;
                let mut due = [0; 3];
                let count = calendar.due(f64::from(until), &mut due);
                let all = times.iter().filter(|time| **time <= f64::from(until)).count();
                prop_assert_eq!(count, all.min(3));
                prop_assert!(due[..count].iter().all(|&entry| times[entry as usize] <= f64::from(until)));
                let least = times.iter().copied().fold(f64::INFINITY, f64::min);
                prop_assert_eq!(calendar.earliest(), least);
                if least.is_finite() {
                    prop_assert_eq!(times[calendar.first()], least);
                }
            }
        }
    }
}
