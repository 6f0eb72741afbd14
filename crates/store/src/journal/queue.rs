//! The bounded queue in front of the one thread that decides.

use super::{Answer, JournalError};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Duration;
use tollgate_pay::ledger::{Book, Command};

/// Tells a caller what was decided, after it is durable.
pub(super) type Done = Box<dyn FnOnce(Result<Answer, JournalError>) + Send>;
/// Looks at the ledger when all that was decided before is durable.
pub(super) type Look = Box<dyn FnOnce(Result<&Book, JournalError>) + Send>;

/// What the thread is asked to do.
pub(super) enum Job {
    /// A command; with a number only as that entry of the log.
    Decide(Command, Option<u64>, Done),
    Look(Look),
    /// Writes a snapshot.
    Snapshot(Box<dyn FnOnce(Result<(), JournalError>) + Send>),
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closing: bool,
    reason: Option<String>,
}

/// See the module.
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    limit: usize,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), limit }
    }

    pub(super) fn push(&self, job: Job) -> Result<(), JournalError> {
        let mut state = self.state.lock();
        if state.closing {
            return Err(JournalError::Closed { reason: state.reason.clone() });
        }
        if state.jobs.len() >= self.limit {
            return Err(JournalError::Busy { limit: self.limit });
        }
        state.jobs.push_back(job);
        let first = state.jobs.len() == 1;
        drop(state);
        if first {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Waits for jobs, at most for `linger`, and takes up to `most`; false only when the queue is closed and empty.
    pub(super) fn take(&self, jobs: &mut Vec<Job>, most: usize, linger: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        while state.jobs.is_empty() && !state.closing {
            match linger {
                None => self.wake.wait(&mut state),
                Some(linger) => {
                    if self.wake.wait_for(&mut state, linger).timed_out() {
                        break;
                    }
                }
            }
        }
        let count = state.jobs.len().min(most);
        jobs.extend(state.jobs.drain(..count));
        count > 0 || !state.closing
    }

    /// Lets nothing more in.
    pub(super) fn close(&self, reason: Option<String>) {
        let mut state = self.state.lock();
        state.closing = true;
        state.reason = state.reason.take().or(reason);
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn waiting(&self) -> usize {
        self.state.lock().jobs.len()
    }
}
