//! Which sequence ends next: the few soonest in order, the others in a list that is looked through when those few have ended.
//!
//! With hundreds of instances each end finds its instance's memory cold, and a heap of eighty is four lines deep. Here an end takes the
//! last of a short list, which lies in the instance itself; a new sequence, which mostly ends late, is put behind all others; and the
//! look through them, once for several ends, goes line after line. With n sequences about √n are in order, so that an end costs √n at
//! most. An entry carries the tokens that are let go of, so that the clock goes on while the request itself is still on its way from
//! memory.

use smallvec::SmallVec;
use std::cmp::Ordering;

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

/// Ends that are kept in order at least: with their count they fill two cache lines.
const SOON: usize = 7;

/// Ends, the soonest on top; of equal ones the one with the lower slot.
///
/// `soon` is empty only where `later` is.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct Ends {
    /// The soonest, the last of them first.
    soon: SmallVec<[End; SOON]>,
    /// None of them before any of `soon`, in no order.
    later: Vec<End>,
}

#[inline]
fn before(a: &End, b: &End) -> bool {
    (a.step < b.step) | ((a.step == b.step) & (a.slot < b.slot))
}

/// From the last to the soonest.
fn backwards(a: &End, b: &End) -> Ordering {
    b.step.total_cmp(&a.step).then(b.slot.cmp(&a.slot))
}

impl Ends {
    /// The iteration of the soonest; infinite without any.
    #[inline]
    pub(super) fn soonest(&self) -> f64 {
        self.soon.last().map_or(f64::INFINITY, |end| end.step)
    }

    #[inline]
    pub(super) fn push(&mut self, end: End) {
        let place = match self.soon.first() {
            Some(last) if before(&end, last) => self.soon.iter().rposition(|other| before(&end, other)),
            // Where all are in order and one more may be, it is the last of them.
            _ if self.later.is_empty() && self.soon.len() < SOON => None,
            _ => return self.later.push(end),
        };
        let mut place = place.map_or(0, |at| at + 1);
        if place > 0 && self.soon.len() == self.soon.capacity() {
            self.later.push(self.soon.remove(0));
            place -= 1;
        }
        self.soon.insert(place, end);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<End> {
        let end = self.soon.pop()?;
        if self.soon.is_empty() && !self.later.is_empty() {
            self.look_through();
        }
        Some(end)
    }

    /// Puts the soonest of the others in order.
    #[inline(never)]
    fn look_through(&mut self) {
        let count = self.later.len();
        let from = count.saturating_sub(SOON.max(count.isqrt()));
        if from > 0 {
            self.later.select_nth_unstable_by(from, backwards);
        }
        self.soon.extend(self.later.drain(from..));
        self.soon.sort_unstable_by(backwards);
    }

    /// Empties it, in no order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = End> {
        self.soon.drain(..).chain(self.later.drain(..))
    }

    /// Reads the soonest and gives its slot.
    #[inline]
    pub(super) fn read_soonest(&self) -> u32 {
        self.soon.last().map_or(u32::MAX, |end| end.slot)
    }

    /// Reads where the next later one is put.
    #[inline]
    pub(super) fn read_last(&self) -> u64 {
        self.later.last().map_or(0, |end| end.step.to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ends_come_in_order(steps in prop::collection::vec(0u8..20, 1..300), pops in 0usize..150, every in 2usize..4) {
            let mut ends = Ends::default();
            let mut kept: Vec<(u8, u32)> = Vec::new();
            for (slot, &step) in steps.iter().enumerate() {
                ends.push(End { step: f64::from(step), slot: slot as u32, tokens: u32::from(step) });
                kept.push((step, slot as u32));
                // Pushes and pops in turn, then all that is left.
                if slot % every == every - 1 && slot / every < pops {
                    kept.sort_unstable();
                    let (step, slot) = kept.remove(0);
                    prop_assert_eq!(ends.pop(), Some(End { step: f64::from(step), slot, tokens: u32::from(step) }));
                }
            }
            let all = ends.clone().drain().count();
            prop_assert_eq!(all, kept.len());
            kept.sort_unstable();
            for (step, slot) in kept {
                prop_assert_eq!(ends.soonest(), f64::from(step));
                prop_assert_eq!(ends.pop().map(|end| end.slot), Some(slot));
            }
            prop_assert_eq!((ends.pop(), ends.soonest()), (None, f64::INFINITY));
        }
    }
}
