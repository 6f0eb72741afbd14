//! The order of a placement kept up to date instead of made afresh: log₂ of the instances per change and per choice.
//!
//! [`super::place`] looks at every instance for every request. Where requests are many and instances are hundreds (the fleet
//! simulator, a gateway in front of a large pool), [`LoadIndex`] keeps each instance's load in a tournament and answers the
//! same two questions: who has the least, ties drawn at random, and which of two drawn instances has less.
//!
//! ```
//! use tollgate_core::Seed;
//! use tollgate_select::place::LoadIndex;
//! let mut index = LoadIndex::new(3);
//! for (instance, wait_ms) in [30.0, 10.0, 20.0].into_iter().enumerate() {
//!     index.set(instance, Some(wait_ms));
//! }
//! assert_eq!(index.least(Seed(1)), Some(1));
//! index.set(1, None); // its circuit opened
//! assert_eq!((index.least(Seed(1)), index.least_load()), (Some(2), Some(20.0)));
//! ```

use std::hint::select_unpredictable;
use tollgate_core::Seed;

/// What lies below a node: the least load, how many have exactly that, and one that has.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Node {
    least: f64,
    ties: u32,
    first: u32,
}

const EMPTY: Node = Node { least: f64::INFINITY, ties: 0, first: 0 };

/// Draws of a pair by plain rejection before the tree is asked, which needs no luck.
const TRIES: u32 = 4;

/// The loads of a fixed number of instances, all unavailable at first.
#[derive(Clone, Debug)]
pub struct LoadIndex {
    instances: usize,
    leaves: usize,
    /// A binary tree in an array: node `i` sums up `2i` and `2i + 1`; leaves start at `leaves`.
    nodes: Vec<Node>,
    /// How many below each node may be picked at all: apart, as it seldom changes.
    available: Vec<u32>,
}

impl LoadIndex {
    /// An index of `instances` instances.
    #[must_use]
    pub fn new(instances: usize) -> Self {
        let leaves = instances.max(1).next_power_of_two();
        Self { instances, leaves, nodes: vec![EMPTY; 2 * leaves], available: vec![0; 2 * leaves] }
    }

    /// Sets the load of an instance, lower being better; none when it may not be picked. Not-a-number counts as the
    /// highest load there is. An instance that does not exist is ignored.
    #[inline]
    pub fn set(&mut self, instance: usize, load: Option<f64>) {
        if instance >= self.instances {
            return;
        }
        let load = load.map(|load| if load.is_nan() { f64::MAX } else { load.min(f64::MAX) });
        let first = instance as u32;
        let leaf = load.map_or(Node { first, ..EMPTY }, |least| Node { least, ties: 1, first });
        let mut at = self.leaves + instance;
        if self.count(at) != leaf.ties {
            self.turn(at, leaf.ties == 1);
        }
        self.put(at, leaf);
        let mut below = leaf;
        while at > 1 {
            below = join(below, self.node(at ^ 1));
            at >>= 1;
            if self.node(at) == below {
                return;
            }
            self.put(at, below);
        }
    }

    /// One more may be picked at a leaf, or one less.
    fn turn(&mut self, mut at: usize, more: bool) {
        while at > 0 {
            if let Some(count) = self.available.get_mut(at) {
                *count = if more { *count + 1 } else { count.saturating_sub(1) };
            }
            at >>= 1;
        }
    }

    fn count(&self, at: usize) -> u32 {
        self.available.get(at).copied().unwrap_or(0)
    }

    fn node(&self, at: usize) -> Node {
        self.nodes.get(at).copied().unwrap_or(EMPTY)
    }

    fn put(&mut self, at: usize, node: Node) {
        if let Some(place) = self.nodes.get_mut(at) {
            *place = node;
        }
    }

    /// How many may be picked.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.count(1)
    }

    /// The least load of those that may be picked.
    #[must_use]
    pub fn least_load(&self) -> Option<f64> {
        (self.available() > 0).then(|| self.node(1).least)
    }

    /// The instance with the least load, any of the equal ones alike: the first choice of
    /// [`super::Strategy::LeastTtft`].
    #[must_use]
    #[inline]
    pub fn least(&self, seed: Seed) -> Option<usize> {
        let root = self.node(1);
        if root.ties == 1 {
            return Some(root.first as usize);
        }
        let mut nth = below(seed, root.ties)?;
        let mut at = 1;
        while at < self.leaves {
            at *= 2;
            let left = self.node(at);
            let here = if left.least == root.least { left.ties } else { 0 };
            if nth >= here {
                nth -= here;
                at += 1;
            }
        }
        Some(at - self.leaves)
    }

    /// Of two different instances drawn at random the one with less load, the first at a tie (Mitzenmacher 2001): the first
    /// choice of `two_choices` among instances of equal weight.
    #[must_use]
    #[inline]
    pub fn better_of_two(&self, seed: Seed) -> Option<usize> {
        let first = self.draw(seed, None)?;
        let Some(second) = self.draw(seed.next(), Some(first)) else { return Some(first) };
        let load = |instance: usize| self.node(self.leaves + instance).least;
        Some(if load(second) < load(first) { second } else { first })
    }

    /// An available instance, any alike, but for one that is left out.
    fn draw(&self, seed: Seed, without: Option<usize>) -> Option<usize> {
        let mut tries = Seed(seed.bits());
        for _ in 0..TRIES {
            let instance = below(tries, self.instances as u32)? as usize;
            if Some(instance) != without && self.count(self.leaves + instance) > 0 {
                return Some(instance);
            }
            tries = tries.next();
        }
        let left_out = without.filter(|out| self.count(self.leaves + out) > 0);
        let count = self.available().saturating_sub(u32::from(left_out.is_some()));
        let mut nth = below(tries, count)?;
        if left_out.is_some_and(|out| nth >= self.rank(out)) {
            nth += 1;
        }
        self.nth_available(nth)
    }

    /// Available instances before this one.
    fn rank(&self, instance: usize) -> u32 {
        let mut at = self.leaves + instance;
        let mut before = 0;
        while at > 1 {
            if at % 2 == 1 {
                before += self.count(at - 1);
            }
            at /= 2;
        }
        before
    }

    fn nth_available(&self, mut nth: u32) -> Option<usize> {
        if nth >= self.available() {
            return None;
        }
        let mut at = 1;
        while at < self.leaves {
            at *= 2;
            let left = self.count(at);
            if nth >= left {
                nth -= left;
                at += 1;
            }
        }
        Some(at - self.leaves)
    }
}

/// Without branches on the loads, which no processor can guess.
#[inline]
fn join(a: Node, b: Node) -> Node {
    let (less, equal) = (b.least < a.least, b.least == a.least);
    let also = select_unpredictable(equal, b.ties, 0);
    Node {
        least: select_unpredictable(less, b.least, a.least),
        ties: select_unpredictable(less, b.ties, a.ties) + also,
        first: select_unpredictable(less, b.first, a.first),
    }
}

/// A number below `bound`, off uniform by at most `bound / 2³²`; none when `bound` is 0.
#[inline]
fn below(seed: Seed, bound: u32) -> Option<u32> {
    (bound > 0).then(|| (((seed.bits() >> 32) * u64::from(bound)) >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::super::{InstanceView, PlaceRule, Standing, place};
    use super::*;
    use proptest::prelude::*;

    fn views(loads: &[Option<f64>]) -> Vec<InstanceView> {
        let view = |(key, load): (usize, &Option<f64>)| InstanceView {
            wait_ms: load.unwrap_or(0.0),
            standing: if load.is_some() { Standing::Ready } else { Standing::Down },
            ..InstanceView::idle(key as u64)
        };
        loads.iter().enumerate().map(view).collect()
    }

    proptest! {
        /// Whatever was set before, the index picks what `place` would pick from the same loads: the least, or one as good.
        #[test]
        fn agrees_with_place(
            instances in 1usize..70,
            sets in prop::collection::vec((0usize..70, prop::option::weighted(0.8, 0u32..6)), 1..200),
            seed in any::<u64>(),
        ) {
            let mut index = LoadIndex::new(instances);
            let mut loads = vec![None; instances];
            for (at, load) in sets {
                let load = load.map(f64::from);
                index.set(at % instances, load);
                loads[at % instances] = load;
                let views = views(&loads);
                let first = index.least(Seed(seed));
                prop_assert_eq!(index.available() as usize, loads.iter().flatten().count());
                if loads.iter().all(Option::is_none) {
                    prop_assert_eq!((first, index.better_of_two(Seed(seed)), index.least_load()), (None, None, None));
                    continue;
                }
                let placed = place(&views, None, &PlaceRule::default(), Seed(seed)).unwrap().first();
                prop_assert_eq!(loads[first.unwrap()], loads[placed]);
                prop_assert_eq!(index.least_load(), loads[placed]);
                prop_assert!(loads[index.better_of_two(Seed(seed)).unwrap()].is_some());
            }
        }
    }

    /// Within 5 standard deviations of a fair share.
    fn fair(counts: &[u32], n: u32, p: f64) -> bool {
        let n = f64::from(n);
        counts.iter().all(|c| (f64::from(*c) - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt())
    }

    #[test]
    fn equals_share_alike_and_two_choices_are_two() {
        let mut index = LoadIndex::new(11);
        for (instance, load) in [7.0, 1.0, 1.0, 9.0, 1.0].into_iter().enumerate() {
            index.set(2 * instance, Some(load));
        }
        let (mut least, mut two) = ([0; 11], [0; 11]);
        for seed in 0..30_000 {
            least[index.least(Seed(seed)).unwrap()] += 1;
            two[index.better_of_two(Seed(seed * 977)).unwrap()] += 1;
        }
        assert!(fair(&[least[2], least[4], least[8]], 30_000, 1.0 / 3.0), "{least:?}");
        // The worst is never the better of two different ones; the next worst only beside it: 2 of 20 ordered pairs.
        assert!(two[6] == 0 && fair(&[two[0]], 30_000, 0.1), "{two:?}");
        assert!(fair(&[two[2], two[4], two[8]], 30_000, 0.3), "{two:?}");
        index.set(99, Some(0.0));
        index.set(3, Some(f64::NAN));
        assert_eq!((index.available(), index.least_load()), (6, Some(1.0)));
    }
}
