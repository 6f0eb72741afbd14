//! Means over the last few minutes, slot by slot: what a sparkline shows.

use super::slots::Slots;
use tollgate_core::Tick;

/// Slots of a [`Recent`].
pub const RECENT_SLOTS: usize = 30;
/// The stretch that a [`Recent`] covers, in milliseconds.
pub const RECENT_MS: u64 = 300_000;

/// The mean of each of the last [`RECENT_SLOTS`] slots of [`RECENT_MS`].
#[derive(Clone, Debug)]
pub struct Recent(Slots<(f64, u32), RECENT_SLOTS>);

impl Recent {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Slots::new(RECENT_MS))
    }

    /// Takes a sample; one that is not finite is refused.
    pub fn observe(&mut self, sample: f64, now: Tick) {
        if sample.is_finite() {
            self.0.update(now, |(sum, count)| {
                *sum += sample;
                *count = count.saturating_add(1);
            });
        }
    }

    /// The means up to `now`, oldest first; none for a slot without samples.
    #[must_use]
    pub fn means(&self, now: Tick) -> Vec<Option<f64>> {
        let mut means: Vec<_> =
            self.0.back_from(now).map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect();
        means.reverse();
        means
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_stand_in_their_slots_and_move_out() {
        let at = |s: u64| Tick(0).plus_ms(s * 1000);
        let mut recent = Recent::new();
        for (ms, s) in [(10.0, 1), (30.0, 9), (7.0, 25), (f64::NAN, 26), (5.0, 3)] {
            recent.observe(ms, at(s));
        }
        let means = recent.means(at(29));
        // The sample that came late counts as now.
        assert_eq!(means[RECENT_SLOTS - 3..], [Some(20.0), None, Some(6.0)]);
        assert!(means[..RECENT_SLOTS - 3].iter().all(Option::is_none));
        assert_eq!(recent.means(at(290))[..3], [Some(20.0), None, Some(6.0)]);
        assert_eq!(recent.means(at(310))[0], Some(6.0));
        assert!(recent.means(at(400)).iter().all(Option::is_none));
        assert_eq!(Recent::default().means(at(5)), [None; RECENT_SLOTS]);
    }
}
