//! The handle by which others reach the one thread that decides and writes.

use super::files::Files;
use super::medium::{Medium, State};
use super::queue::{Job, Queue};
use super::writer::Writer;
use super::{Disk, JournalError, recover};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use tollgate_core::Clock;
use tollgate_pay::ledger::{Book, Command, Limits, Outcome};

/// What a journal may grow to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalConfig {
    /// Bounds of the ledger.
    pub limits: Limits,
    /// Commands that may wait.
    pub queue_max: usize,
    /// Commands decided between two syncs at most.
    pub batch_max: usize,
    /// Bytes after which a new segment begins.
    pub segment_bytes: usize,
    /// Entries replayed at opening after which a snapshot is written at once.
    pub replay_max: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            queue_max: 65_536,
            batch_max: 8_192,
            segment_bytes: 64 << 20,
            replay_max: 200_000,
        }
    }
}

/// What was decided about a command. It is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Number of the entry, which is its place in the audit log.
    pub seq: u64,
    /// What was decided.
    pub outcome: Outcome,
    /// The key was used before, and this is the first answer again.
    pub again: bool,
}

/// Counters, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JournalStats {
    /// Entries written.
    pub entries: u64,
    /// Syncs, each for one batch.
    pub syncs: u64,
    /// Bytes of records written.
    pub bytes: u64,
    /// Commands waiting now.
    pub waiting: usize,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) entries: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) bytes: AtomicU64,
}

/// The ledger on disk. Clones share it; the thread ends with [`Journal::close`].
#[derive(Clone)]
pub struct Journal {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Journal {
    /// Opens the journal of a disk, and starts its thread.
    ///
    /// # Errors
    /// What [`recover`] says, and [`JournalError::Io`] when no thread can be started.
    pub fn open<D: Disk>(
        mut disk: D,
        config: JournalConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        let found = recover(&mut disk, &config.limits)?;
        let replayed = found.replayed;
        let (files, state) = Files::new(disk, found, config.segment_bytes);
        Self::start(files, state, replayed, config, clock)
    }

    /// Starts the thread on a medium whose state was read.
    pub(super) fn start<M: Medium>(
        mut medium: M,
        state: State,
        replayed: u64,
        config: JournalConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        if replayed > config.replay_max {
            medium.snapshot(&state)?;
        }
        let queue = Arc::new(Queue::new(config.queue_max));
        let writer = Writer::new(medium, state, config, clock, Arc::clone(&queue));
        let counters = writer.counters();
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run())
            .map_err(JournalError::io("start the thread of", "the journal"))?;
        Ok(Self { queue, counters, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Sends a command; `done` is called on the journal's thread when the decision is durable, so it must be quick.
    ///
    /// # Errors
    /// [`JournalError::Busy`] or [`JournalError::Closed`]: the command was not taken.
    pub fn submit(
        &self,
        command: Command,
        done: impl FnOnce(Result<Answer, JournalError>) + Send + 'static,
    ) -> Result<(), JournalError> {
        self.queue.push(Job::Decide(command, None, Box::new(done)))
    }

    /// Sends a command that rests on the log as it is before entry `seq`, and waits for the answer: it is decided as that entry or
    /// not at all. A key that was used before gets its first answer, wherever the log stands.
    ///
    /// # Errors
    /// [`JournalError::Behind`] when the log is at another entry; those of [`Journal::apply`].
    pub fn apply_at(&self, seq: u64, command: Command) -> Result<Answer, JournalError> {
        let (tell, told) = sync_channel(1);
        let done = move |answer| {
            let _ = tell.send(answer);
        };
        self.queue.push(Job::Decide(command, Some(seq), Box::new(done)))?;
        told.recv().unwrap_or(Err(JournalError::Unknown))
    }

    /// Sends a command and waits for the answer.
    ///
    /// # Errors
    /// Also [`JournalError::Ledger`] when the ledger does not take it, and [`JournalError::Unknown`].
    pub fn apply(&self, command: Command) -> Result<Answer, JournalError> {
        let (tell, told) = sync_channel(1);
        self.submit(command, move |answer| {
            let _ = tell.send(answer);
        })?;
        told.recv().unwrap_or(Err(JournalError::Unknown))
    }

    /// Looks at the ledger; what is seen is durable.
    ///
    /// # Errors
    /// [`JournalError::Busy`], [`JournalError::Closed`], [`JournalError::Unknown`].
    pub fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Book) -> T + Send + 'static,
    ) -> Result<T, JournalError> {
        let (tell, told) = sync_channel(1);
        self.queue.push(Job::Look(Box::new(move |book| {
            let _ = tell.send(book.map(look));
        })))?;
        told.recv().unwrap_or(Err(JournalError::Unknown))
    }

    /// Writes a snapshot, which shortens the next opening. Commands wait meanwhile.
    ///
    /// # Errors
    /// [`JournalError::Io`], [`JournalError::Busy`], [`JournalError::Closed`].
    pub fn snapshot(&self) -> Result<(), JournalError> {
        let (tell, told) = sync_channel(1);
        self.queue.push(Job::Snapshot(Box::new(move |written| {
            let _ = tell.send(written);
        })))?;
        told.recv().unwrap_or(Err(JournalError::Unknown))
    }

    /// Counters since the opening.
    #[must_use]
    pub fn stats(&self) -> JournalStats {
        JournalStats {
            entries: self.counters.entries.load(Ordering::Relaxed),
            syncs: self.counters.syncs.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            waiting: self.queue.waiting(),
        }
    }

    /// Decides what waits, writes a snapshot, and ends. Further calls do nothing.
    pub fn close(&self) {
        self.queue.close(None);
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}
