//! Which sequence ends next: a heap of four children a node, whose entries know all that the end changes.
//!
//! With hundreds of instances each end finds its instance's memory cold. An entry carries the tokens that are let go of, so that
//! the clock goes on while the request itself is still on its way from memory; four entries fill a cache line, so that a
//! heap of sixty is three lines deep.

use std::hint::select_unpredictable;

/// The end of a decoding sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct End {
    /// The iteration.
    pub(super) step: f64,
    /// Where the request is.
    pub(super) slot: u32,
    /// Tokens held then.
    pub(super) tokens: u32,
}

const CHILDREN: usize = 4;

/// Ends, the soonest on top; of equal ones the one with the lower slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends(Vec<End>);

#[inline]
fn before(a: &End, b: &End) -> bool {
    (a.step < b.step) | ((a.step == b.step) & (a.slot < b.slot))
}

impl Ends {
    /// The iteration of the soonest; infinite without any.
    #[inline]
    pub(super) fn soonest(&self) -> f64 {
        self.0.first().map_or(f64::INFINITY, |end| end.step)
    }

    pub(super) fn push(&mut self, end: End) {
        let mut at = self.0.len();
        self.0.push(end);
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            if !before(&end, &self.0[parent]) {
                break;
            }
            self.0[at] = self.0[parent];
            at = parent;
        }
        self.0[at] = end;
    }

    pub(super) fn pop(&mut self) -> Option<End> {
        let last = self.0.pop()?;
        let Some(&top) = self.0.first() else { return Some(last) };
        let heap = &mut self.0[..];
        let mut at = 0;
        loop {
            let first = at * CHILDREN + 1;
            let Some(children) = heap.get(first..).filter(|rest| !rest.is_empty()) else { break };
            let mut least = 0;
            for child in 1..children.len().min(CHILDREN) {
                least = select_unpredictable(before(&children[child], &children[least]), child, least);
            }
            if !before(&children[least], &last) {
                break;
            }
            heap[at] = children[least];
            at = first + least;
        }
        heap[at] = last;
        Some(top)
    }

    /// Empties it, in no order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = End> {
        std::mem::take(&mut self.0).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ends_come_in_order(steps in prop::collection::vec(0u8..20, 1..120), pops in 0usize..60) {
            let mut ends = Ends::default();
            let mut kept: Vec<(u8, u32)> = Vec::new();
            for (slot, &step) in steps.iter().enumerate() {
                ends.push(End { step: f64::from(step), slot: slot as u32, tokens: u32::from(step) });
                kept.push((step, slot as u32));
                // Pushes and pops in turn, then all that is left.
                if slot % 3 == 2 && slot / 3 < pops {
                    kept.sort_unstable();
                    let (step, slot) = kept.remove(0);
                    prop_assert_eq!(ends.pop(), Some(End { step: f64::from(step), slot, tokens: u32::from(step) }));
                }
            }
            kept.sort_unstable();
            for (step, slot) in kept {
                prop_assert_eq!(ends.soonest(), f64::from(step));
                prop_assert_eq!(ends.pop().map(|end| end.slot), Some(slot));
            }
            prop_assert_eq!((ends.pop(), ends.soonest()), (None, f64::INFINITY));
        }
    }
}
