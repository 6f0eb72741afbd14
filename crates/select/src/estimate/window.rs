//! Good and bad counts over the last stretch of time.

use tollgate_core::Tick;

/// Slots of a window; the oldest is dropped as a whole, so the stretch counted is between 9/10 and all of it.
pub const SLOTS: usize = 10;

/// Counts of good and bad outcomes in a sliding window of [`SLOTS`] slots.
#[derive(Clone, Debug)]
pub struct Window {
    slot_ns: u64,
    slots: [(u32, u32); SLOTS],
    newest: u64,
}

impl Window {
    /// An empty window of `ms` milliseconds (at least [`SLOTS`]).
    #[must_use]
    pub fn new(ms: u64) -> Self {
        let slot_ns = (ms.saturating_mul(1_000_000) / SLOTS as u64).max(1_000_000);
        Self { slot_ns, slots: [(0, 0); SLOTS], newest: 0 }
    }

    /// Counts an outcome; one from before the newest slot counts in the newest.
    pub fn record(&mut self, good: bool, now: Tick) {
        let slot = now.0 / self.slot_ns;
        let gone = slot.saturating_sub(self.newest).min(SLOTS as u64);
        for step in 0..gone {
            if let Some(old) = self.slots.get_mut(place(slot - step)) {
                *old = (0, 0);
            }
        }
        self.newest = self.newest.max(slot);
        if let Some((goods, bads)) = self.slots.get_mut(place(self.newest)) {
            let count = if good { goods } else { bads };
            *count = count.saturating_add(1);
        }
    }

    /// How many were good and how many bad in the window that ends at `now`.
    #[must_use]
    pub fn counts(&self, now: Tick) -> (u64, u64) {
        let slot = (now.0 / self.slot_ns).max(self.newest);
        let (mut good, mut bad) = (0, 0);
        for back in 0..SLOTS as u64 {
            let Some(at) = slot.checked_sub(back).filter(|at| *at <= self.newest) else { continue };
            if let Some((g, b)) = self.slots.get(place(at)).filter(|_| self.newest - at < SLOTS as u64) {
                good += u64::from(*g);
                bad += u64::from(*b);
            }
        }
        (good, bad)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.slots = [(0, 0); SLOTS];
    }
}

fn place(slot: u64) -> usize {
    (slot % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the plain list of all events: a slot counts while it is one of the last ten.
        #[test]
        fn agrees_with_the_list(steps in prop::collection::vec((0u64..4000, any::<bool>()), 0..80), later in 0u64..15_000) {
            let mut window = Window::new(10_000);
            let (mut now, mut events) = (0, Vec::new());
            for (step, good) in steps {
                now += step;
                window.record(good, Tick(0).plus_ms(now));
                events.push((now / 1000, good));
            }
            now += later;
            let live = |e: &&(u64, bool)| now / 1000 - e.0 < SLOTS as u64;
            let good = events.iter().filter(live).filter(|e| e.1).count() as u64;
            let bad = events.iter().filter(live).filter(|e| !e.1).count() as u64;
            prop_assert_eq!(window.counts(Tick(0).plus_ms(now)), (good, bad));
        }
    }
}
