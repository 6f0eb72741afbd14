//! The one thread that decides and writes, and the handle by which others reach it.

use super::queue::{Job, Queue};
use super::segment::{self, HEADER, Header};
use super::{Disk, JournalError, Recovered, frame, recover, snapshot};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use tollgate_core::Clock;
use tollgate_pay::ledger::{Book, Command, Decision, Limits, Outcome};
use tollgate_pay::log::{Frontier, Hash, leaf_hash};

/// Bytes of records after which a batch is written, even when more commands wait.
const BATCH_BYTES: usize = 4 << 20;

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
struct Counters {
    entries: AtomicU64,
    syncs: AtomicU64,
    bytes: AtomicU64,
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
        let state = recover(&mut disk, &config.limits)?;
        if state.replayed > config.replay_max {
            snapshot::write(&mut disk, &state.book, &state.tree)?;
        }
        let queue = Arc::new(Queue::new(config.queue_max));
        let writer = Writer::new(disk, state, config, clock, Arc::clone(&queue));
        let counters = Arc::clone(&writer.counters);
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
        self.queue.push(Job::Decide(command, Box::new(done)))
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

/// What the thread owns.
pub(super) struct Writer<D> {
    pub(super) disk: D,
    pub(super) book: Book,
    pub(super) tree: Frontier,
    batch: u32,
    /// The segment that is written, and where its records end.
    segment: Option<(String, usize)>,
    /// Records of the batch under decision.
    records: Vec<u8>,
    config: JournalConfig,
    clock: Arc<dyn Clock>,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
}

impl<D: Disk> Writer<D> {
    pub(super) fn new(
        disk: D,
        state: Recovered,
        config: JournalConfig,
        clock: Arc<dyn Clock>,
        queue: Arc<Queue>,
    ) -> Self {
        let Recovered { book, tree, last, .. } = state;
        let batch = last.as_ref().map_or(0, |(_, _, batch)| *batch);
        let segment = last.map(|(name, at, _)| (name, at));
        let (records, counters) = (Vec::new(), Arc::default());
        Self { disk, book, tree, batch, segment, records, config, clock, queue, counters }
    }

    fn run(mut self) {
        let mut jobs = Vec::new();
        loop {
            self.queue.take(&mut jobs, self.config.batch_max);
            if jobs.is_empty() {
                break;
            }
            if let Err(error) = self.batch(&mut jobs) {
                // What is on the disk is unknown from here on: only opening anew can tell.
                self.queue.close(Some(error.to_string()));
                self.refuse(&mut jobs);
                return;
            }
        }
        // A snapshot that cannot be written costs time at the next opening, and nothing else.
        let _ = snapshot::write(&mut self.disk, &self.book, &self.tree);
    }

    /// Tells everybody who still waits that the outcome of their command is unknown or that it was not looked at.
    fn refuse(&self, jobs: &mut Vec<Job>) {
        loop {
            for job in jobs.drain(..) {
                match job {
                    Job::Decide(_, done) => done(Err(JournalError::Unknown)),
                    Job::Look(look) => look(Err(JournalError::Unknown)),
                    Job::Snapshot(done) => done(Err(JournalError::Unknown)),
                }
            }
            self.queue.take(jobs, self.config.batch_max);
            if jobs.is_empty() {
                return;
            }
        }
    }

    /// Decides jobs in order; one sync for as many as fit a batch.
    pub(super) fn batch(&mut self, jobs: &mut Vec<Job>) -> Result<(), JournalError> {
        let mut waiting = jobs.drain(..).peekable();
        let mut left = Vec::new();
        let mut outcome = Ok(());
        while waiting.peek().is_some() {
            let (first, root) = (self.tree.size(), self.tree.root());
            let mut answers = Vec::new();
            let mut aside = Vec::new();
            self.records.clear();
            while self.records.len() < BATCH_BYTES
                && let Some(job) = waiting.next()
            {
                match job {
                    Job::Decide(command, done) => answers.push((done, self.decide(command))),
                    other => {
                        // Looks and snapshots see what was decided before them, once it is durable.
                        aside.push(other);
                        break;
                    }
                }
            }
            outcome = self.write(first, root);
            if outcome.is_err() {
                answers.into_iter().for_each(|(done, _)| done(Err(JournalError::Unknown)));
                left.extend(aside);
                break;
            }
            answers.into_iter().for_each(|(done, answer)| done(answer));
            aside.into_iter().for_each(|job| self.aside(job));
        }
        left.extend(waiting);
        *jobs = left;
        outcome
    }

    fn decide(&mut self, command: Command) -> Result<Answer, JournalError> {
        match self.book.apply(self.clock.now(), command)? {
            Decision::Known { seq, outcome } => Ok(Answer { seq, outcome, again: true }),
            Decision::Fresh(entry) => {
                // Serialising plain data into memory cannot fail.
                let bytes = serde_json::to_vec(&entry).unwrap_or_default();
                debug_assert!(bytes.len() <= frame::ENTRY_MAX, "64 operations and 319 expired holds fit");
                frame::put(&mut self.records, self.batch.saturating_add(1), entry.seq, &bytes);
                self.tree.push(leaf_hash(&bytes));
                Ok(Answer { seq: entry.seq, outcome: entry.outcome, again: false })
            }
        }
    }

    fn aside(&mut self, job: Job) {
        match job {
            Job::Look(look) => look(Ok(&self.book)),
            Job::Snapshot(done) => done(snapshot::write(&mut self.disk, &self.book, &self.tree)),
            Job::Decide(..) => {}
        }
    }

    /// Appends the batch's records and syncs; `first` and `root` are where the log stood before them.
    fn write(&mut self, first: u64, root: Hash) -> Result<(), JournalError> {
        if self.records.is_empty() {
            return Ok(());
        }
        self.batch = self.batch.saturating_add(1);
        let room = |at: usize| at + self.records.len() <= self.config.segment_bytes || at == HEADER;
        let (name, at) = match self.segment.take().filter(|(_, at)| room(*at)) {
            Some(open) => open,
            None => self.begin(first, root)?,
        };
        let written =
            self.disk.write_at(&name, at as u64, &self.records).and_then(|()| self.disk.sync(&name));
        written.map_err(JournalError::io("write to", &name))?;
        let size = self.records.len();
        self.counters.entries.fetch_add(self.tree.size().saturating_sub(first), Ordering::Relaxed);
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes.fetch_add(size as u64, Ordering::Relaxed);
        self.segment = Some((name, at + size));
        Ok(())
    }

    /// Begins a segment. Its header is durable before any record in it.
    fn begin(&mut self, first: u64, root: Hash) -> Result<(String, usize), JournalError> {
        let name = segment::name(first);
        let header = Header { first, batch: self.batch.saturating_sub(1), root }.bytes();
        let made = self.disk.create(&name).and_then(|()| self.disk.write_at(&name, 0, &header));
        made.and_then(|()| self.disk.sync(&name)).map_err(JournalError::io("begin", &name))?;
        Ok((name, header.len()))
    }
}
