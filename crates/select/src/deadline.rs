//! How long to wait for what: connecting, the first content, the next piece, the whole.
//!
//! Three of the limits belong to one attempt and start again with the next; `total` belongs to the request and does
//! not. The rule is always "the earliest of those that apply", and the answer says which one it is, so that the
//! fault can say what was waited for.
//!
//! ```
//! use tollgate_core::Tick;
//! use tollgate_select::deadline::{Clocked, Limit, Timeouts};
//! use tollgate_select::retry::Stage;
//! let clocked = Clocked::start(Timeouts::default(), Tick(0));
//! let due = clocked.due(Stage::Connecting);
//! assert_eq!((due.limit, due.at), (Limit::Connect, Tick(0).plus_ms(5_000)));
//! ```

use crate::Error;
use crate::retry::Stage;
use serde::{Deserialize, Serialize};
use tollgate_core::OutOfRange;
use tollgate_core::Tick;

/// The four limits, in milliseconds; each at least 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// From the start of an attempt until its connection stands.
    pub connect_ms: u64,
    /// From the start of an attempt until its first content event.
    pub first_content_ms: u64,
    /// Between two pieces of one stream.
    pub idle_ms: u64,
    /// From the request's arrival to its end, over all attempts.
    pub total_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect_ms: 5_000, first_content_ms: 60_000, idle_ms: 30_000, total_ms: 600_000 }
    }
}

impl Timeouts {
    /// Checks that every limit can be met.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first limit that is 0.
    pub fn check(&self) -> Result<(), Error> {
        let fields = [
            ("timeouts.connect_ms", self.connect_ms),
            ("timeouts.first_content_ms", self.first_content_ms),
            ("timeouts.idle_ms", self.idle_ms),
            ("timeouts.total_ms", self.total_ms),
        ];
        match fields.into_iter().find(|(_, ms)| *ms == 0) {
            Some((field, _)) => {
                Err(Error::Setting(OutOfRange { field, value: "0".into(), fix: "give at least 1 ms" }))
            }
            None => Ok(()),
        }
    }
}

/// Which limit it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// [`Timeouts::connect_ms`].
    Connect,
    /// [`Timeouts::first_content_ms`].
    FirstContent,
    /// [`Timeouts::idle_ms`].
    Idle,
    /// [`Timeouts::total_ms`].
    Total,
}

impl Limit {
    /// The word for messages and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::FirstContent => "first content",
            Self::Idle => "idle",
            Self::Total => "total",
        }
    }
}

/// The next moment at which the request times out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// When.
    pub at: Tick,
    /// By which limit.
    pub limit: Limit,
}

/// The limits of one request with the moments they count from.
#[derive(Clone, Copy, Debug)]
pub struct Clocked {
    timeouts: Timeouts,
    arrived: Tick,
    attempt: Tick,
    progress: Tick,
}

impl Clocked {
    /// A request that arrived at `now`, its first attempt starting at once.
    #[must_use]
    pub const fn start(timeouts: Timeouts, now: Tick) -> Self {
        Self { timeouts, arrived: now, attempt: now, progress: now }
    }

    /// Another attempt starts.
    pub const fn next_attempt(&mut self, now: Tick) {
        self.attempt = now;
        self.progress = now;
    }

    /// Something arrived from the upstream.
    pub const fn progress(&mut self, now: Tick) {
        self.progress = now;
    }

    /// The earliest limit that applies at `stage`; on a tie the narrower one.
    #[must_use]
    pub fn due(&self, stage: Stage) -> Due {
        let t = &self.timeouts;
        let total = Due { at: self.arrived.plus_ms(t.total_ms), limit: Limit::Total };
        let first = Due { at: self.attempt.plus_ms(t.first_content_ms), limit: Limit::FirstContent };
        let connect = Due { at: self.attempt.plus_ms(t.connect_ms), limit: Limit::Connect };
        let idle = Due { at: self.progress.plus_ms(t.idle_ms), limit: Limit::Idle };
        let narrow = match stage {
            Stage::Connecting if connect.at <= first.at => connect,
            Stage::Connecting | Stage::HeadersSeen | Stage::LifecycleSeen => first,
            Stage::ContentSeen => idle,
            Stage::Done => total,
        };
        if narrow.at <= total.at { narrow } else { total }
    }

    /// Milliseconds left of the whole request, rounded down; 0 when it is over.
    #[must_use]
    pub fn remaining_ms(&self, now: Tick) -> u64 {
        self.arrived.plus_ms(self.timeouts.total_ms).since_ns(now) / 1_000_000
    }

    /// The limit that has passed at `now`, if any.
    #[must_use]
    pub fn passed(&self, stage: Stage, now: Tick) -> Option<Limit> {
        let due = self.due(stage);
        (stage != Stage::Done && due.at <= now).then_some(due.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Tick {
        Tick(0).plus_ms(ms)
    }

    #[test]
    fn the_earliest_applicable_limit_wins() {
        let timeouts = Timeouts { connect_ms: 10, first_content_ms: 100, idle_ms: 50, total_ms: 300 };
        let mut clocked = Clocked::start(timeouts, at(0));
        let rows = [
            (Stage::Connecting, 10, Limit::Connect),
            (Stage::HeadersSeen, 100, Limit::FirstContent),
            (Stage::LifecycleSeen, 100, Limit::FirstContent),
            (Stage::ContentSeen, 50, Limit::Idle),
            (Stage::Done, 300, Limit::Total),
        ];
        for (stage, ms, limit) in rows {
            assert_eq!(clocked.due(stage), Due { at: at(ms), limit }, "{stage:?}");
        }
        clocked.next_attempt(at(250));
        assert_eq!(clocked.due(Stage::HeadersSeen), Due { at: at(300), limit: Limit::Total });
        assert_eq!(clocked.due(Stage::Connecting).limit, Limit::Connect);
        clocked.progress(at(249));
        assert_eq!(clocked.due(Stage::ContentSeen), Due { at: at(299), limit: Limit::Idle });
        assert_eq!(clocked.passed(Stage::ContentSeen, at(298)), None);
        assert_eq!(clocked.passed(Stage::ContentSeen, at(299)), Some(Limit::Idle));
        assert_eq!(clocked.passed(Stage::Done, at(9999)), None);
        assert_eq!((clocked.remaining_ms(at(299)), clocked.remaining_ms(at(301))), (1, 0));
    }

    #[test]
    fn zero_is_refused_and_huge_saturates() {
        assert!(Timeouts::default().check().is_ok());
        let bad = Timeouts { idle_ms: 0, ..Timeouts::default() };
        assert!(bad.check().unwrap_err().to_string().starts_with("timeouts.idle_ms: 0"));
        let endless =
            Timeouts { connect_ms: u64::MAX, first_content_ms: u64::MAX, idle_ms: 1, total_ms: u64::MAX };
        assert_eq!(Clocked::start(endless, at(5)).due(Stage::Connecting).at, Tick(u64::MAX));
    }
}
