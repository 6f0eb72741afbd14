//! What each caller may add, so that none uses up what there is for all.
//!
//! Escrows and agents stay for ever: how many each caller made follows from the log, which notes whose request each was, so every
//! server counts the same and a restart forgets nothing. Requests that change something use up idempotency keys, which are kept
//! for a day; they are counted in memory, at each server by itself.

use super::{CallerBounds, Inner, Settlement, SettlementError};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{Asker, Event};

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;
/// Most callers whose requests are counted in one day; of more the day's bound is not asked.
const CALLERS_MAX: usize = 200_000;

/// See the module.
pub(super) struct Callers {
    bounds: CallerBounds,
    /// The day, and how many requests of it each caller sent.
    today: Mutex<(i64, BTreeMap<Digest, u64>)>,
}

const fn full(what: &'static str, limit: u64) -> SettlementError {
    SettlementError::Caller { what, limit }
}

impl Callers {
    pub(super) fn new(bounds: CallerBounds) -> Self {
        Self { bounds, today: Mutex::default() }
    }

    /// Counts a request of a caller; whether it is one too many.
    fn write(&self, by: Digest, now: Timestamp) -> Result<(), SettlementError> {
        let (mut today, limit) = (self.today.lock(), self.bounds.writes);
        let day = now.0.div_euclid(DAY_US);
        if today.0 != day {
            *today = (day, BTreeMap::new());
        }
        let sent = today.1.get(&by).copied().unwrap_or_default();
        if sent >= limit {
            return Err(full("sent many requests today that change something", limit));
        }
        if sent > 0 || today.1.len() < CALLERS_MAX {
            today.1.insert(by, sent.saturating_add(1));
        }
        Ok(())
    }
}

impl Settlement {
    /// Counts a request of a caller that changes something.
    ///
    /// # Errors
    /// [`SettlementError::Caller`] when it sent as many today as each may: the request must not be looked at then.
    pub fn count_write(&self, by: Digest) -> Result<(), SettlementError> {
        self.callers.write(by, self.now())
    }

    /// Whether there is room for what an event would add of whose request it is. What was recorded by the same request before needs
    /// none.
    pub(super) fn has_room(
        &self,
        inner: &Inner,
        id: Digest,
        event: &Event,
        asker: Asker,
    ) -> Result<(), SettlementError> {
        let (desk, limit) = (inner.office.desk(), self.callers.bounds.escrows);
        let proposed = matches!(event, Event::Propose(_)) && desk.escrow(&id).is_none();
        let many = asker.by.is_some_and(|by| desk.made_by(&by) >= limit);
        if proposed && many { Err(full("made many escrows", limit as u64)) } else { Ok(()) }
    }

    /// Whether there is room for an agent of whose request it is.
    pub(super) fn may_bring(
        &self,
        inner: &Inner,
        id: &str,
        by: Option<Digest>,
    ) -> Result<(), SettlementError> {
        let (heard, limit) = (&inner.heard, self.callers.bounds.agents);
        let brought = by.and_then(|by| heard.brought.get(&by)).copied().unwrap_or_default();
        let begins = by.is_some() && heard.agents.get(id).is_none();
        if begins && brought >= limit { Err(full("brought many agents", limit as u64)) } else { Ok(()) }
    }
}
