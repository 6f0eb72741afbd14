//! Time as a value: wall time ([`Timestamp`]), monotonic time ([`Tick`]) and the [`Clock`] that gives both.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Wall time in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with microseconds, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

/// Monotonic time in nanoseconds since an arbitrary start; only differences mean anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tick(pub u64);

impl Tick {
    /// Nanoseconds from `earlier` to this tick, 0 when `earlier` is later.
    #[must_use]
    pub const fn since_ns(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds from `earlier` to this tick.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> f64 {
        self.since_ns(earlier) as f64 / 1e6
    }

    /// The tick `ms` milliseconds later, saturating.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000_000)))
    }
}

/// Where time comes from. The gateway has the one clock that reads the machine; tests use [`ManualClock`].
pub trait Clock: Send + Sync {
    /// Wall time.
    fn now(&self) -> Timestamp;
    /// Monotonic time.
    fn tick(&self) -> Tick;
}

/// A clock that moves only when told to.
#[derive(Debug, Default)]
pub struct ManualClock {
    wall_us: AtomicI64,
    tick_ns: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { wall_us: AtomicI64::new(start.0), tick_ns: AtomicU64::new(0) }
    }

    /// Moves both wall and monotonic time forward.
    pub fn advance_ms(&self, ms: u32) {
        self.wall_us.fetch_add(i64::from(ms) * 1000, Ordering::SeqCst);
        self.tick_ns.fetch_add(u64::from(ms) * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall_us.load(Ordering::SeqCst))
    }

    fn tick(&self) -> Tick {
        Tick(self.tick_ns.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp(1_700_000_000_000_001).to_string(), "2023-11-14T22:13:20.000001Z");
        assert_eq!(Timestamp(-1).seconds(), -1);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Timestamp(5));
        assert_eq!((clock.now(), clock.tick()), (Timestamp(5), Tick(0)));
        clock.advance_ms(2);
        assert_eq!((clock.now(), clock.tick()), (Timestamp(2005), Tick(2_000_000)));
        assert_eq!(clock.tick().since_ms(Tick(0)), 2.0);
        assert_eq!(Tick(0).since_ns(Tick(9)), 0);
    }
}
