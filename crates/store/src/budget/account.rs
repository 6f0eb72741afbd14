//! The counters of one subject.

use super::{Meter, Subject, Window};
use std::collections::BTreeMap;
use tollgate_core::Timestamp;

/// Largest counter (what SQLite can keep); sums beyond stay there.
pub(super) const COUNTER_MAX: u64 = 9_223_372_036_854_775_807;
/// How long after its end an idle window is remembered, in microseconds, so that a clock that steps back a little
/// finds its counters again.
const GRACE_US: i64 = 60_000_000;

/// The counter of one meter in one window.
pub(super) type SpanKey = (Meter, Window, Timestamp);

/// What was used and promised in one window.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) end: Timestamp,
    pub(super) settled: u64,
    pub(super) reserved: u64,
    pub(super) overrun: u64,
    /// Reservations in flight, also those of nothing.
    holds: u64,
    pub(super) dirty: bool,
}

impl Span {
    fn new(end: Timestamp) -> Self {
        Self { end, settled: 0, reserved: 0, overrun: 0, holds: 0, dirty: false }
    }

    /// Settled and reserved together; `None` beyond 64 bits.
    pub(super) fn used(&self) -> Option<u64> {
        self.settled.checked_add(self.reserved)
    }

    pub(super) fn hold(&mut self, amount: u64) {
        self.holds = self.holds.saturating_add(1);
        self.reserved = self.reserved.saturating_add(amount);
    }

    /// Ends a hold of `amount`; `actual` is what was used, `None` when released. Answers whether a counter to be
    /// written has changed.
    pub(super) fn end_hold(&mut self, amount: u64, actual: Option<u64>) -> bool {
        self.holds = self.holds.saturating_sub(1);
        self.reserved = self.reserved.saturating_sub(amount);
        let actual = actual.unwrap_or(0);
        if actual == 0 {
            return false;
        }
        self.settled = self.settled.saturating_add(actual).min(COUNTER_MAX);
        let over = actual.saturating_sub(amount);
        self.overrun = self.overrun.saturating_add(over).min(COUNTER_MAX);
        self.dirty = true;
        true
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.holds == 0 && !self.dirty && self.end.0.saturating_add(GRACE_US) <= now.0
    }
}

/// One stored counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanRow {
    /// Whose.
    pub subject: Subject,
    /// Of what.
    pub meter: Meter,
    /// In which kind of window.
    pub window: Window,
    /// Start of the window.
    pub start: Timestamp,
    /// End of the window.
    pub end: Timestamp,
    /// What was used.
    pub settled: u64,
    /// How much of it exceeded its estimates.
    pub overrun: u64,
}

/// All counters of one subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) spans: BTreeMap<SpanKey, Span>,
}

impl Account {
    /// The counter of a window, made when it is not there.
    pub(super) fn span(&mut self, key: SpanKey, end: Timestamp) -> &mut Span {
        self.spans.entry(key).or_insert_with(|| Span::new(end))
    }

    /// Forgets windows that are over and written; answers whether nothing is left.
    pub(super) fn prune(&mut self, now: Timestamp) -> bool {
        self.spans.retain(|_, span| !span.is_over(now));
        self.spans.is_empty()
    }

    /// Takes a stored counter in. A counter that is there already keeps the larger values.
    pub(super) fn restore(&mut self, row: &SpanRow, dirty: bool) {
        let span = self.span((row.meter, row.window, row.start), row.end);
        span.settled = span.settled.max(row.settled.min(COUNTER_MAX));
        span.overrun = span.overrun.max(row.overrun.min(COUNTER_MAX));
        span.dirty |= dirty;
    }

    /// The counters that changed since they were last taken.
    pub(super) fn take_dirty(&mut self, subject: &Subject, into: &mut Vec<SpanRow>) {
        for ((meter, window, start), span) in &mut self.spans {
            if std::mem::take(&mut span.dirty) {
                into.push(SpanRow {
                    subject: subject.clone(),
                    meter: *meter,
                    window: *window,
                    start: *start,
                    end: span.end,
                    settled: span.settled,
                    overrun: span.overrun,
                });
            }
        }
    }
}
