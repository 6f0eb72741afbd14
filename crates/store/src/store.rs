//! The lifecycle: open, write through the one writer, read on connections of one's own, sweep, close.

use crate::budget::Ledger;
use crate::sessions::Sessions;
use crate::sql::schema::Target;
use crate::writer::{Job, Queue, StoreStats, Writer};
use crate::{DecisionRecord, KeyRing, Location, StoreConfig, StoreError, budget, decisions, keys, responses};
use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tollgate_core::Timestamp;

/// Rows per table that one sweep deletes at most, so that it never holds the writer for long.
const SWEEP_STEP: usize = 5000;
/// Free pages that one sweep gives back to the file system at most.
const VACUUM_PAGES: usize = 1024;
/// How long a budget counter is kept after its window ended, in seconds.
const SPAN_AGE_S: u64 = 3600;

/// See the crate; clones share everything.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    config: StoreConfig,
    queue: Arc<Queue>,
    readers: Readers,
    ledger: Ledger,
    sessions: Arc<Sessions>,
    ring: ArcSwap<KeyRing>,
    publish: Mutex<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Decisions deleted by age.
    pub decisions: usize,
    /// Feedback rows deleted by age.
    pub feedback: usize,
    /// Responses that had ended.
    pub responses: usize,
    /// Kept answers that had ended.
    pub answers: usize,
    /// Budget counters of windows that are over.
    pub budget_spans: usize,
    /// Sessions written.
    pub sessions: usize,
    /// Whether a further sweep has work to do.
    pub more: bool,
}

impl Store {
    /// Opens or makes a database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::NewerSchema`], or [`StoreError::Sqlite`] and [`StoreError::Bad`] for
    /// contents that cannot be read.
    pub fn open(location: &Location, config: StoreConfig) -> Result<Self, StoreError> {
        let target = Target::new(location);
        let conn = target.writer(&config)?;
        let queue = Arc::new(Queue::new(&config));
        let poked = Arc::clone(&queue);
        let ledger = Ledger::waking(
            budget::Limits::default(),
            config.budget_subjects_max,
            Box::new(move || poked.poke()),
        );
        ledger.restore(&budget::load(&conn)?);
        let sessions = Arc::new(Sessions::new(config.sessions_max));
        sessions.load(&conn)?;
        let ring = ArcSwap::from_pointee(keys::load(&conn)?);
        let writer = Writer {
            conn,
            config: config.clone(),
            queue: Arc::clone(&queue),
            ledger: ledger.clone(),
            sessions: Arc::clone(&sessions),
        };
        let thread =
            std::thread::Builder::new().name("tollgate-store".into()).spawn(move || writer.run()).map_err(
                |error| StoreError::RolledBack { reason: format!("cannot start the writer: {error}") },
            )?;
        let readers = Readers::new(target, config.readers);
        let thread = Mutex::new(Some(thread));
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                queue,
                readers,
                ledger,
                sessions,
                ring,
                publish: Mutex::new(()),
                thread,
            }),
        })
    }

    /// Whether the decision for a good answer that ended at `time` should be recorded: beyond
    /// [`StoreConfig::decisions_per_s`] only an even sample is, and the rest is counted as skipped. Ask before building
    /// the record; of what went wrong the caller decides.
    #[must_use]
    pub fn wants(&self, time: Timestamp) -> bool {
        self.inner.queue.wants(time)
    }

    /// Queues a decision record. Never waits: `false`, and counted as dropped, when the queue is full.
    pub fn record(&self, record: DecisionRecord) -> bool {
        self.inner.queue.push_record(record)
    }

    /// Waits until everything queued before this call is on disk, budget counters included.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.write(|_| Ok(()))
    }

    /// Deletes what is past its time, in bounded steps, and writes sessions. Call it every few seconds; at once
    /// again while the report says `more`.
    ///
    /// # Errors
    /// Why the write failed.
    pub fn sweep(&self, now: Timestamp) -> Result<SweepReport, StoreError> {
        let cutoff = crate::sql::before(now, self.inner.config.decisions_age_s);
        let spans = crate::sql::before(now, SPAN_AGE_S);
        let sessions = Arc::clone(&self.inner.sessions);
        self.write(move |conn| {
            let failed = StoreError::doing("sweep");
            let decisions = decisions::expire(conn, cutoff, SWEEP_STEP)?;
            let feedback = conn
                .execute(
                    "DELETE FROM feedback WHERE seq IN
                     (SELECT seq FROM feedback WHERE time_us < ? ORDER BY time_us LIMIT ?)",
                    [cutoff, crate::sql::len(SWEEP_STEP)],
                )
                .map_err(&failed)?;
            let responses = responses::expire(conn, now, SWEEP_STEP)?;
            let answers = crate::answers::expire(conn, now, SWEEP_STEP)?;
            let budget_spans = budget::expire(conn, spans)?;
            let sessions = sessions.save(conn)?;
            conn.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})")).map_err(&failed)?;
            let more = [decisions, feedback, responses, answers].contains(&SWEEP_STEP);
            Ok(SweepReport { decisions, feedback, responses, answers, budget_spans, sessions, more })
        })
    }

    /// The budgets of this store. Limits are set by its user; counters are those of the last run.
    #[must_use]
    pub fn budgets(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// The sessions of this store.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// Counters for metrics.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.inner.queue.stats()
    }

    /// Writes everything that waits, then ends the writer. Later writes are refused, reads still work.
    ///
    /// # Errors
    /// [`StoreError::RolledBack`] when the last group could not be written.
    pub fn close(&self) -> Result<StoreStats, StoreError> {
        self.inner.close();
        let stats = self.stats();
        let unsaved = self.inner.ledger.has_dirty();
        match &stats.last_error {
            Some(reason) if unsaved => Err(StoreError::RolledBack { reason: reason.clone() }),
            _ => Ok(stats),
        }
    }

    pub(crate) fn config(&self) -> &StoreConfig {
        &self.inner.config
    }

    pub(crate) fn ring(&self) -> &ArcSwap<KeyRing> {
        &self.inner.ring
    }

    /// Reads the keys again and publishes them.
    pub(crate) fn publish_keys(&self) -> Result<(), StoreError> {
        // Under the lock, so that an older snapshot never replaces a newer one.
        let _order = self.inner.publish.lock();
        self.inner.ring.store(Arc::new(self.read(keys::load)?));
        Ok(())
    }

    /// Runs `work` in a group and waits until it is committed.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (send, receive) = sync_channel(1);
        let slot = Arc::new(Mutex::new(None));
        let result = Arc::clone(&slot);
        let run = Box::new(move |conn: &Connection| {
            let outcome = work(conn);
            let done = outcome.is_ok();
            *slot.lock() = Some(outcome);
            done
        });
        let ack = Box::new(move |committed: Result<(), String>| {
            let answer = match committed {
                Ok(()) => result.lock().take().unwrap_or(Err(StoreError::Closed)),
                Err(reason) => Err(StoreError::RolledBack { reason }),
            };
            // A caller that gave up waiting hears nothing.
            let _ = send.send(answer);
        });
        self.inner.queue.push_job(Job { run, ack })?;
        let limit_ms = self.inner.config.ack_ms;
        match receive.recv_timeout(Duration::from_millis(limit_ms)) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(StoreError::TimedOut { limit_ms }),
            Err(RecvTimeoutError::Disconnected) => Err(StoreError::Closed),
        }
    }

    /// Queues `work` without waiting for it; `false` when there is no room. Its failure shows in the statistics.
    pub(crate) fn offer(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> bool {
        let queue = Arc::clone(&self.inner.queue);
        let run = Box::new(move |conn: &Connection| match work(conn) {
            Ok(()) => true,
            Err(error) => {
                queue.note_error(&error);
                false
            }
        });
        self.inner.queue.push_job(Job { run, ack: Box::new(|_| ()) }).is_ok()
    }

    /// Runs `work` on a reader's connection; waits while all are in use.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let lent = self.inner.readers.lend()?;
        let outcome = work(&lent);
        self.inner.readers.give_back(lent);
        outcome
    }
}

impl Inner {
    fn close(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().take() {
            // A writer that panicked has said so; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Connections for readers, made when first needed.
struct Readers {
    target: Target,
    idle: Mutex<Idle>,
    free: Condvar,
    limit: usize,
}

#[derive(Default)]
struct Idle {
    conns: Vec<Connection>,
    made: usize,
}

impl Readers {
    fn new(target: Target, limit: usize) -> Self {
        Self { target, idle: Mutex::default(), free: Condvar::new(), limit: limit.max(1) }
    }

    fn lend(&self) -> Result<Connection, StoreError> {
        let mut idle = self.idle.lock();
        loop {
            if let Some(conn) = idle.conns.pop() {
                return Ok(conn);
            }
            if idle.made < self.limit {
                let conn = self.target.reader()?;
                idle.made += 1;
                return Ok(conn);
            }
            self.free.wait(&mut idle);
        }
    }

    fn give_back(&self, conn: Connection) {
        self.idle.lock().conns.push(conn);
        self.free.notify_one();
    }
}
