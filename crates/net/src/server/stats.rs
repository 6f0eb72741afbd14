//! What the workers count.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of a server, since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Connections open now.
    pub live: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections refused because there were too many.
    pub refused: u64,
    /// Requests whose head was read.
    pub requests: u64,
    /// Panics in handlers or bodies.
    pub panics: u64,
    /// Connections closed because nobody used them.
    pub idle_closed: u64,
    /// Idle connections closed to make room for newcomers.
    pub displaced: u64,
    /// Connections closed because their headers came too slowly.
    pub slow_heads: u64,
    /// Connections closed because the client did not take its answer.
    pub stalled: u64,
    /// Connections that ended with an error of protocol or network.
    pub failed: u64,
    /// Failures to accept, such as too many open files.
    pub accept_errors: u64,
}

/// The counts of one worker: written by it alone, read by others.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counters {
    pub(super) accepted: Counter,
    pub(super) refused: Counter,
    pub(super) requests: Counter,
    pub(super) panics: Counter,
    pub(super) idle_closed: Counter,
    pub(super) displaced: Counter,
    pub(super) slow_heads: Counter,
    pub(super) stalled: Counter,
    pub(super) failed: Counter,
    pub(super) accept_errors: Counter,
}

/// A count with one writer, which therefore needs no locked instruction.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn increment(&self) {
        self.0.store(self.get().wrapping_add(1), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn add_to(&self, stats: &mut Stats) {
        stats.accepted += self.accepted.get();
        stats.refused += self.refused.get();
        stats.requests += self.requests.get();
        stats.panics += self.panics.get();
        stats.idle_closed += self.idle_closed.get();
        stats.displaced += self.displaced.get();
        stats.slow_heads += self.slow_heads.get();
        stats.stalled += self.stalled.get();
        stats.failed += self.failed.get();
        stats.accept_errors += self.accept_errors.get();
    }
}
