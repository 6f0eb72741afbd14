//! Which failures are recorded: as many of each caller as leave room for those of others.
//!
//! The log keeps a fixed number of records, so whoever could write as many as he likes could push everybody's out. Each
//! caller has a bucket of its own for what it was refused or left, and those who are no callers share one that is small.
//! Invariant: over any time, a bucket admits no more than its burst and one record for each of its intervals.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};
use tollgate_core::Timestamp;

/// Callers that are told apart; more of them share buckets, and none can choose with whom.
const BUCKETS: usize = 256;
/// Records of one caller at once, and the microseconds for each further one: at most a twelfth of the default log a day.
const KNOWN: Rate = Rate { burst: 500, every_us: 10_000_000 };
/// The same for all together who did not say who they are where they must.
const UNKNOWN: Rate = Rate { burst: 20, every_us: 60_000_000 };

/// How often something may happen.
#[derive(Clone, Copy)]
struct Rate {
    burst: i64,
    every_us: i64,
}

impl Rate {
    /// Takes one place, if there is one (GCRA: `paid` is the time up to which places are taken).
    fn admits(self, paid: &AtomicI64, now: Timestamp) -> bool {
        let room = self.every_us.saturating_mul(self.burst);
        let take = |paid: i64| {
            // Further ahead than it can be: the clock was set back.
            let paid = if paid.saturating_sub(now.0) > room { now.0 } else { paid };
            let next = paid.max(now.0).saturating_add(self.every_us);
            (next.saturating_sub(now.0) <= room).then_some(next)
        };
        paid.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// The buckets.
pub(crate) struct Fair {
    hashes: RandomState,
    callers: [AtomicI64; BUCKETS],
    unknown: AtomicI64,
}

impl Default for Fair {
    fn default() -> Self {
        Self {
            hashes: RandomState::new(),
            callers: std::array::from_fn(|_| AtomicI64::new(i64::MIN)),
            unknown: AtomicI64::new(i64::MIN),
        }
    }
}

impl Fair {
    /// Whether another failure is recorded: of this caller, or of somebody who is none.
    pub(crate) fn admits(&self, caller: Option<&str>, now: Timestamp) -> bool {
        let Some(caller) = caller else { return UNKNOWN.admits(&self.unknown, now) };
        let at = self.hashes.hash_one(caller) % BUCKETS as u64;
        let bucket = usize::try_from(at).ok().and_then(|at| self.callers.get(at));
        bucket.is_some_and(|bucket| KNOWN.admits(bucket, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_admits_its_burst_and_one_for_each_interval() {
        let fair = Fair::default();
        let many = |caller, at: i64| (0..10_000).filter(|_| fair.admits(caller, Timestamp(at))).count();
        assert_eq!((many(None, 0), many(None, 59_999_999), many(None, 60_000_000)), (20, 0, 1));
        assert_eq!((many(Some("a"), 0), many(Some("a"), 1)), (500, 0), "whoever else asks");
        assert_eq!(many(Some("a"), 100_000_000), 10);
        // A clock that is set back begins anew, and does not leave out what follows.
        assert_eq!(many(Some("a"), -50_000_000_000), 500);
    }
}
