//! The machine's clock, for a simulator that runs outside a gateway.

use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tollgate_core::{Clock, Tick, Timestamp};

/// A clock that reads the machine.
#[derive(Debug, Clone, Copy)]
pub struct MachineClock {
    started: Instant,
}

impl MachineClock {
    /// A clock whose ticks count from now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else takes as an argument"
    )]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for MachineClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MachineClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else takes as an argument"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
