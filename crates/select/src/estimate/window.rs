//! Good and bad counts over the last stretch of time.

use super::slots::Slots;
use tollgate_core::Tick;

/// Slots of a window; the oldest is dropped as a whole, so the stretch counted is between 9/10 and all of it.
pub const SLOTS: usize = 10;

/// Counts of good and bad outcomes in a sliding window of [`SLOTS`] slots.
#[derive(Clone, Debug)]
pub struct Window(Slots<(u32, u32), SLOTS>);

impl Window {
    /// An empty window of `ms` milliseconds (at least [`SLOTS`]).
    #[must_use]
    pub fn new(ms: u64) -> Self {
        Self(Slots::new(ms))
    }

    /// Counts an outcome; one from before the newest slot counts in the newest.
    pub fn record(&mut self, good: bool, now: Tick) {
        self.0.update(now, |(goods, bads)| {
            let count = if good { goods } else { bads };
            *count = count.saturating_add(1);
        });
    }

    /// How many were good and how many bad in the window that ends at `now`.
    #[must_use]
    pub fn counts(&self, now: Tick) -> (u64, u64) {
        let add = |(good, bad), (g, b)| (good + u64::from(g), bad + u64::from(b));
        self.0.back_from(now).fold((0, 0), add)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
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
