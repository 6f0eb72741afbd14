//! The bounded queue in front of the writer: records that nobody waits for, and jobs that somebody does.

use super::pace::Pace;
use crate::decisions::DecisionRecord;
use crate::{StoreConfig, StoreError};
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tollgate_core::Timestamp;

/// Tells a caller how the commit went, with the reason when it failed.
pub(crate) type Ack = Box<dyn FnOnce(Result<(), String>) + Send>;

/// One write that somebody waits for.
pub(crate) struct Job {
    /// Does it; `false` undoes this job alone.
    pub(crate) run: Box<dyn FnOnce(&Connection) -> bool + Send>,
    /// Called after the commit.
    pub(crate) ack: Ack,
}

/// What the writer took from the queue at once.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) records: Vec<DecisionRecord>,
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) closing: bool,
}

#[derive(Default)]
struct State {
    records: Vec<DecisionRecord>,
    jobs: VecDeque<Job>,
    /// Budget counters have changed and wait to be written.
    journal: bool,
    closing: bool,
}

/// Counters of the store, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Decision records committed whole.
    pub written: u64,
    /// Decision records dropped because the queue was full or the store closed.
    pub dropped: u64,
    /// Decision records of good answers left out because there were too many in a second.
    pub skipped: u64,
    /// Decision records or details that the database refused.
    pub failed: u64,
    /// Transactions committed.
    pub groups: u64,
    /// Records waiting now.
    pub waiting: usize,
    /// The last failure, if any.
    pub last_error: Option<String>,
}

/// See the module.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    queue_max: usize,
    jobs_max: usize,
    gather: Duration,
    pub(super) written: AtomicU64,
    dropped: AtomicU64,
    pace: Pace,
    skipped: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) groups: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Queue {
    pub(crate) fn new(config: &StoreConfig) -> Self {
        // Reserved at once: a queue that grew would copy megabytes on a caller's thread.
        let records = Vec::with_capacity(config.queue_max);
        Self {
            state: Mutex::new(State { records, ..State::default() }),
            wake: Condvar::new(),
            queue_max: config.queue_max,
            jobs_max: config.jobs_max,
            gather: Duration::from_millis(config.group_ms),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            pace: Pace::new(config.decisions_per_s),
            skipped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            last_error: Mutex::new(None),
        }
    }

    /// Whether the record of a good answer of this time is wanted; counted as skipped when not.
    pub(crate) fn wants(&self, time: Timestamp) -> bool {
        let wanted = self.pace.admits(time);
        if !wanted {
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
        wanted
    }

    /// Queues a record without waiting; `false` and counted when there is no room.
    pub(crate) fn push_record(&self, record: DecisionRecord) -> bool {
        let mut state = self.state.lock();
        if state.closing || state.records.len() >= self.queue_max {
            drop(state);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        state.records.push(record);
        let count = state.records.len();
        drop(state);
        // One wake-up per group: the first record starts the gathering, half a queue ends it early.
        if count == 1 || count == self.half() {
            self.wake.notify_one();
        }
        true
    }

    /// Queues a job without waiting for it.
    pub(crate) fn push_job(&self, job: Job) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.closing {
            return Err(StoreError::Closed);
        }
        if state.jobs.len() >= self.jobs_max {
            return Err(StoreError::Busy { limit: self.jobs_max });
        }
        state.jobs.push_back(job);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Says that budget counters have changed.
    pub(crate) fn poke(&self) {
        self.state.lock().journal = true;
        self.wake.notify_one();
    }

    /// Lets nothing more in; the writer ends after what is queued.
    pub(crate) fn close(&self) {
        self.state.lock().closing = true;
        self.wake.notify_one();
    }

    /// Waits for work and takes all of it. `group` comes in empty; its buffers are swapped with the queue's.
    pub(crate) fn take(&self, group: &mut Group) {
        let mut state = self.state.lock();
        while state.records.is_empty() && state.jobs.is_empty() && !state.journal && !state.closing {
            self.wake.wait(&mut state);
        }
        let half = self.half();
        let patient = |s: &mut State| s.jobs.is_empty() && !s.closing && s.records.len() < half;
        self.wake.wait_while_for(&mut state, patient, self.gather);
        std::mem::swap(&mut state.records, &mut group.records);
        std::mem::swap(&mut state.jobs, &mut group.jobs);
        state.journal = false;
        group.closing = state.closing;
    }

    pub(crate) fn note_error(&self, error: &StoreError) {
        *self.last_error.lock() = Some(error.chain());
    }

    pub(crate) fn stats(&self) -> StoreStats {
        StoreStats {
            written: self.written.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            groups: self.groups.load(Ordering::Relaxed),
            waiting: self.state.lock().records.len(),
            last_error: self.last_error.lock().clone(),
        }
    }

    fn half(&self) -> usize {
        (self.queue_max / 2).max(1)
    }
}
