//! The one thread that decides and writes.

use super::JournalError;
use super::engine::{Answer, Counters, JournalConfig};
use super::medium::{Medium, State};
use super::queue::{Done, Job, Queue};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tollgate_core::Clock;
use tollgate_pay::json::plain;
use tollgate_pay::ledger::{Command, Decision};
use tollgate_pay::log::leaf_hash;

/// Bytes of records after which a batch is written, even when more commands wait.
const BATCH_BYTES: usize = 4 << 20;

/// What the thread owns.
pub(super) struct Writer<M> {
    pub(super) medium: M,
    pub(super) state: State,
    config: JournalConfig,
    clock: Arc<dyn Clock>,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
}

impl<M: Medium> Writer<M> {
    pub(super) fn new(
        medium: M,
        state: State,
        config: JournalConfig,
        clock: Arc<dyn Clock>,
        queue: Arc<Queue>,
    ) -> Self {
        Self { medium, state, config, clock, queue, counters: Arc::default() }
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    pub(super) fn run(mut self) {
        let (mut jobs, mut linger) = (Vec::new(), None);
        loop {
            if jobs.is_empty() && !self.queue.take(&mut jobs, self.config.batch_max, linger) {
                break;
            }
            if jobs.is_empty() {
                // Nothing has come for a while: others may write, and what comes next may take its time.
                self.medium.leave();
                linger = None;
                continue;
            }
            linger = M::LINGER;
            let Err(cause) = self.batch(&mut jobs) else { continue };
            match self.medium.reread(cause, &self.config.limits) {
                Ok(state) => self.state = state,
                Err(error) => {
                    // What is written is unknown from here on: only opening anew can tell.
                    self.queue.close(Some(error.to_string()));
                    self.refuse(&mut jobs);
                    return;
                }
            }
        }
        self.medium.close(&self.state);
    }

    /// Tells everybody who still waits that the outcome of their command is unknown or that it was not looked at.
    fn refuse(&self, jobs: &mut Vec<Job>) {
        loop {
            for job in jobs.drain(..) {
                match job {
                    Job::Decide(_, _, done) => done(Err(JournalError::Unknown)),
                    Job::Look(look) => look(Err(JournalError::Unknown)),
                    Job::Snapshot(done) => done(Err(JournalError::Unknown)),
                }
            }
            if !self.queue.take(jobs, self.config.batch_max, None) {
                return;
            }
        }
    }

    /// Decides jobs in order; one sync for as many as fit a batch. After a failure `jobs` has what was not looked at.
    pub(super) fn batch(&mut self, jobs: &mut Vec<Job>) -> Result<(), JournalError> {
        let mut waiting = std::mem::take(jobs).into_iter().peekable();
        let mut outcome = Ok(());
        while outcome.is_ok() && waiting.peek().is_some() {
            outcome = self.medium.enter(&mut self.state);
            if outcome.is_err() {
                break;
            }
            let before = self.state.tree.clone();
            let (mut answers, mut aside) = (Vec::new(), None);
            while self.medium.staged() < BATCH_BYTES
                && aside.is_none()
                && let Some(job) = waiting.next()
            {
                match job {
                    Job::Decide(command, at, done) => answers.push((done, self.decide(command, at))),
                    // Looks and snapshots see what was decided before them, once it is durable.
                    other => aside = Some(other),
                }
            }
            outcome = self.write(&before);
            tell(answers, outcome.is_ok());
            match (aside, &outcome) {
                (Some(job), Ok(())) => self.aside(job),
                (aside, _) => jobs.extend(aside),
            }
        }
        jobs.extend(waiting);
        outcome
    }

    fn decide(&mut self, command: Command, at: Option<u64>) -> Result<Answer, JournalError> {
        let book = &self.state.book;
        if at.is_some_and(|at| at != book.next_seq()) && book.answered(command.key()).is_none() {
            return Err(JournalError::Behind);
        }
        match self.state.book.apply(self.clock.now(), command)? {
            Decision::Known { seq, outcome } => Ok(Answer { seq, outcome, again: true }),
            Decision::Fresh(entry) => {
                let bytes = plain(&entry);
                self.state.tree.push(leaf_hash(&bytes));
                self.medium.stage(entry.seq, bytes);
                Ok(Answer { seq: entry.seq, outcome: entry.outcome, again: false })
            }
        }
    }

    fn aside(&mut self, job: Job) {
        match job {
            Job::Look(look) => look(Ok(&self.state.book)),
            Job::Snapshot(done) => done(self.medium.snapshot(&self.state)),
            Job::Decide(..) => {}
        }
    }

    /// Makes the batch durable; `before` is where the log stood when it began.
    fn write(&mut self, before: &tollgate_pay::log::Frontier) -> Result<(), JournalError> {
        let size = self.medium.staged();
        if size == 0 {
            return Ok(());
        }
        self.medium.commit(before, &self.state.tree)?;
        let entries = self.state.tree.size().saturating_sub(before.size());
        self.counters.entries.fetch_add(entries, Ordering::Relaxed);
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes.fetch_add(size as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// Answers a batch, once it is durable or its outcome is unknown.
fn tell(answers: Vec<(Done, Result<Answer, JournalError>)>, durable: bool) {
    for (done, answer) in answers {
        done(if durable { answer } else { Err(JournalError::Unknown) });
    }
}
