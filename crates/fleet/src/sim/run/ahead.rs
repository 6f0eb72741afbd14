//! Reading ahead: the memory that the next events need, asked for together.
//!
//! Thousands of instances are more than a cache holds, and an event that finds its instance cold waits for memory twice: for the
//! instance, then for the request that ends and the end of a list. So from [`FROM_INSTANCES`] on, whenever the clock comes to the end
//! of a stretch, all instances with an event in the next one are read in two passes, in each of which the reads do not wait for
//! each other. It changes nothing but the time that a run takes.

use super::World;
use std::hint::black_box;

/// From this many instances on: fewer stay in the second-level cache.
const FROM_INSTANCES: usize = 2_048;
/// Events that a stretch should have: many reads at once, and no more than the first-level cache keeps.
const EVENTS: std::ops::RangeInclusive<usize> = 20..=28;
/// Most events of a stretch.
const MOST: usize = 48;
/// Of the requests that come in a stretch, so many find their instance read.
const ARRIVALS: usize = 12;

/// The stretch that was read.
pub(super) struct Ahead {
    until_s: f64,
    width_s: f64,
}

impl Ahead {
    pub(super) const fn new() -> Self {
        Self { until_s: 0.0, width_s: 1e-4 }
    }

    pub(super) fn of(instances: usize) -> Option<Self> {
        (instances >= FROM_INSTANCES).then(Self::new)
    }
}

impl World<'_> {
    /// Before the event at `event_s`.
    #[inline]
    pub(super) fn read_ahead(&mut self, event_s: f64) {
        if self.ahead.as_ref().is_some_and(|ahead| event_s > ahead.until_s) {
            self.read_stretch(event_s);
        }
    }

    /// After a request was placed: without draws the next place is known only now.
    #[inline]
    pub(super) fn read_next(&self) {
        let mut next = [0];
        if self.ahead.is_some()
            && !self.router.draws_places()
            && self.router.likely(&self.pools, &mut next) == 1
        {
            black_box(self.pools[0].instances[next[0] as usize].read());
        }
    }

    #[inline(never)]
    fn read_stretch(&mut self, event_s: f64) {
        let Some(ahead) = &mut self.ahead else { return };
        ahead.until_s = event_s + ahead.width_s;
        let mut due = [0; MOST + ARRIVALS];
        let count = self.calendar.due(ahead.until_s, &mut due[..MOST]);
        ahead.width_s *= match count {
            few if few < *EVENTS.start() => 1.1,
            many if many > *EVENTS.end() => 0.9,
            _ => 1.0,
        };
        let count = count + self.router.likely(&self.pools, &mut due[count..count + ARRIVALS]);
        let instances = due[..count].iter().map(|&entry| {
            let pool = &self.pools[usize::from(self.owner[entry as usize])];
            &pool.instances[entry as usize - pool.offset]
        });
        let mut slots = [0; MOST + ARRIVALS];
        let read = slots.iter_mut().zip(instances.clone()).fold(0, |read, (slot, instance)| {
            let (own, soonest) = instance.read();
            *slot = soonest;
            read ^ own
        });
        black_box(read);
        let read = slots.iter().zip(instances);
        black_box(read.fold(0, |read, (&slot, instance)| read ^ instance.read_last() ^ self.jobs.read(slot)));
    }
}
