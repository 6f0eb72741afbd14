//! Which sequence ends next: a heap of four children a node, whose entries know all that the end changes.
//!
//! With hundreds of instances each end finds its instance's memory cold. An entry carries the tokens that are let go of, so that
//! the clock goes on while the request itself is still on its way from memory; the children of a node are one cache line, so
//! that a heap of eighty is four lines deep.

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

/// Where there is no entry: after all others.
const NONE: End = End { step: f64::INFINITY, slot: u32::MAX, tokens: 0 };

/// The children of one node, a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([End; CHILDREN]);

/// Ends, the soonest on top; of equal ones the one with the lower slot.
///
/// The first line holds the root in its last place, so that the children of entry `i` are the whole line `i + 1`.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    lines: Vec<Line>,
    count: u32,
}

/// The root is preceded by this many places that stay empty.
const ROOT: usize = CHILDREN - 1;

#[inline]
fn before(a: &End, b: &End) -> bool {
    (a.step < b.step) | ((a.step == b.step) & (a.slot < b.slot))
}

impl Ends {
    /// The iteration of the soonest; infinite without any.
    #[inline]
    pub(super) fn soonest(&self) -> f64 {
        self.lines.first().map_or(f64::INFINITY, |line| line.0[ROOT].step)
    }

    fn place(&mut self, entry: usize) -> &mut End {
        let at = entry + ROOT;
        &mut self.lines[at / CHILDREN].0[at % CHILDREN]
    }

    pub(super) fn push(&mut self, end: End) {
        let mut at = self.count as usize;
        self.count += 1;
        if (at + ROOT) / CHILDREN == self.lines.len() {
            self.lines.push(Line([NONE; CHILDREN]));
        }
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            let above = *self.place(parent);
            if !before(&end, &above) {
                break;
            }
            *self.place(at) = above;
            at = parent;
        }
        *self.place(at) = end;
    }

    pub(super) fn pop(&mut self) -> Option<End> {
        let entries = self.count.checked_sub(1)?;
        self.count = entries;
        let last = std::mem::replace(self.place(entries as usize), NONE);
        if entries == 0 {
            return Some(last);
        }
        let top = *self.place(0);
        let mut at = 0;
        while let Some(Line(children)) = self.lines.get(at + 1) {
            let (a, b) = (
                usize::from(before(&children[1], &children[0])),
                2 + usize::from(before(&children[3], &children[2])),
            );
            let least = select_unpredictable(before(&children[b], &children[a]), b, a);
            let below = children[least];
            if !before(&below, &last) {
                break;
            }
            *self.place(at) = below;
            at = at * CHILDREN + 1 + least;
        }
        *self.place(at) = last;
        Some(top)
    }

    /// Empties it, in no order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = End> {
        self.count = 0;
        std::mem::take(&mut self.lines).into_iter().flat_map(|line| line.0).filter(|end| *end != NONE)
    }

    /// Reads what the next [`Self::pop`] or [`Self::push`] will, and gives the slot of the soonest.
    #[inline]
    pub(super) fn read(&self) -> (u64, u32) {
        let step = |line: usize| self.lines.get(line).map_or(0, |line| line.0[ROOT].step.to_bits());
        let tail = (self.count as usize + ROOT) / CHILDREN;
        let soonest = self.lines.first().map_or(u32::MAX, |line| line.0[ROOT].slot);
        (step(1) ^ step(2) ^ step(3) ^ step(tail), soonest)
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
