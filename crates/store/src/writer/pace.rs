//! How many good answers' decisions are recorded per second: an evenly spaced sample beyond the bound.
//!
//! Virtual scheduling (GCRA, ITU-T I.371): each record moves the time at which the next is due by one gap; a record may
//! come early by at most the burst. Time is that of the answers' ends, so nothing here reads a clock; by their arrivals a
//! long answer that ends among short ones would look early.

use std::sync::atomic::{AtomicI64, Ordering};
use tollgate_core::Timestamp;

/// How far ahead of the even pace records may come, in microseconds: a tenth of a second's worth at once.
const BURST_US: i64 = 100_000;

/// The pace of records; shared by all workers.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the next record is due.
    due_us: AtomicI64,
    /// Microseconds between two records at the bound.
    gap_us: i64,
}

impl Pace {
    /// A pace of `per_s` records a second, at least one.
    pub(crate) fn new(per_s: u32) -> Self {
        let gap_us = 1_000_000 / i64::from(per_s.clamp(1, 1_000_000));
        Self { due_us: AtomicI64::new(i64::MIN), gap_us }
    }

    /// Whether a record of an answer that ends now is within the pace; it is counted then.
    pub(crate) fn admits(&self, time: Timestamp) -> bool {
        let next = |due: i64| {
            // A clock set back must not silence the log: what is due too far ahead is forgotten.
            let due = if due > time.0.saturating_add(BURST_US + self.gap_us) { time.0 } else { due };
            (due <= time.0.saturating_add(BURST_US)).then(|| due.max(time.0).saturating_add(self.gap_us))
        };
        self.due_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_an_even_sample_beyond_the_bound() {
        let pace = Pace::new(1_000);
        // 20,000 a second for one second, then slow enough for all.
        let kept = (0..20_000).filter(|n| pace.admits(Timestamp(n * 50))).count();
        assert!((1_050..=1_110).contains(&kept), "{kept}");
        let late: Vec<i64> =
            (18_000..20_000).filter(|n| pace.admits(Timestamp(1_000_000 + n * 50))).collect();
        assert!(late.windows(2).all(|pair| pair[1] - pair[0] <= 21), "evenly spaced");
        assert!((0..100).all(|n| pace.admits(Timestamp(10_000_000 + n * 1_000))));
    }

    #[test]
    fn long_answers_among_short_ones_are_all_kept() {
        const COUNT: i64 = 2_000;
        // One arrives every 20 ms; every third takes a little over a tenth of a second, the others end at once.
        let answers = (0..COUNT).map(|n| (n * 20_000, n * 20_000 + if n % 3 == 0 { 100_500 } else { 10 }));
        let mut by_end: Vec<_> = answers.collect();
        by_end.sort_unstable_by_key(|(_, end)| *end);
        let kept = |time: fn(&(i64, i64)) -> i64| {
            let pace = Pace::new(1_000);
            by_end.iter().filter(|answer| pace.admits(Timestamp(time(answer)))).count()
        };
        assert_eq!(kept(|(_, end)| *end), by_end.len());
        assert!(kept(|(arrival, _)| *arrival) < by_end.len(), "which is why arrivals do not count");
    }

    #[test]
    fn a_clock_set_back_does_not_silence_the_log() {
        let pace = Pace::new(10);
        assert!(pace.admits(Timestamp(9_000_000)));
        assert!(pace.admits(Timestamp(1_000_000)));
    }
}
