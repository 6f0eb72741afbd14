//! The one clock that reads the machine, and the one source of entropy; everything below takes them as arguments.

use rand::TryRng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tollgate_core::{Clock, Seed, Tick, Timestamp};

/// Wall and monotonic time of this machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose ticks count from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// 32 bytes from the operating system, for secrets.
///
/// # Errors
/// What the system says when it has no entropy to give.
pub fn entropy() -> Result<[u8; 32], std::io::Error> {
    let mut bytes = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(|e| std::io::Error::other(e.to_string()))?;
    Ok(bytes)
}

/// Seeds of requests: one root per process, then a counter, so that ids are unique and decisions replayable.
#[derive(Debug)]
pub struct Seeds {
    root: [u64; 2],
    next: AtomicU64,
}

impl Seeds {
    /// Seeds that follow from `root`.
    #[must_use]
    pub const fn new(root: [u64; 2]) -> Self {
        Self { root, next: AtomicU64::new(0) }
    }

    /// The next 128 bits; both halves are a bijection of the counter, so no two requests of a process share them.
    #[must_use]
    pub fn next(&self) -> (Seed, u128) {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = self.root.map(|root| Seed(root.wrapping_add(count)).bits());
        (Seed(low), (u128::from(high) << 64) | u128::from(low))
    }
}

/// Random bits of an id that begins with a time; 48 bits of milliseconds stand before them, as in UUID version 7
/// (RFC 9562 §5.7).
const RANDOM_BITS: u32 = 80;

/// Bits that sort by time, with the low 80 of `random`. Ids of such bits go to the end of the database's index over
/// them; random ones would dirty a page of it each.
#[must_use]
pub fn time_ordered(time: Timestamp, random: u128) -> u128 {
    let ms = u128::from(u64::try_from(time.0 / 1000).unwrap_or(0) & 0xffff_ffff_ffff);
    (ms << RANDOM_BITS) | (random & ((1 << RANDOM_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn later_ids_sort_behind_and_random_bits_are_kept() {
        let at = |us: i64, random| time_ordered(Timestamp(us), random);
        assert!(at(1_000, u128::MAX) < at(2_000, 0));
        assert!(at(1_700_000_000_000_000, u128::MAX) < at(1_700_000_000_001_000, 0));
        assert_ne!(at(5_000, 1), at(5_999, 2));
        assert_eq!(at(-1, 3), 3, "before 1970 counts as 1970");
        assert_eq!(at(1_000, 255), (1 << 80) | 255);
    }

    #[test]
    fn ids_are_unique_and_follow_from_the_root() {
        let (a, b) = (Seeds::new([1, 2]), Seeds::new([1, 2]));
        let ids: BTreeSet<_> = (0..1000).map(|_| a.next().1).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.contains(&b.next().1));
        assert_ne!(entropy().unwrap(), entropy().unwrap());
    }
}
