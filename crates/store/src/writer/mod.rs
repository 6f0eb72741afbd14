//! The one thread that writes: takes everything that waits and commits it in one transaction.
//!
//! A job that fails undoes itself alone (savepoint); a commit that fails fails every job of its group, counts its
//! records as failed and puts the budget counters back to be written again. The thread goes on in every case.

mod pace;
mod queue;

pub use queue::StoreStats;
pub(crate) use queue::{Ack, Group, Job, Queue};

use crate::budget::{Ledger, SpanRow};
use crate::decisions::{DecisionRecord, Insertion};
use crate::sessions::Sessions;
use crate::{StoreConfig, StoreError, decisions};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the writer thread owns.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) config: StoreConfig,
    pub(crate) queue: Arc<Queue>,
    pub(crate) ledger: Ledger,
    pub(crate) sessions: Arc<Sessions>,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let mut group = Group { records: Vec::with_capacity(self.config.queue_max), ..Group::default() };
        loop {
            self.queue.take(&mut group);
            let closing = group.closing;
            self.commit(&mut group, closing);
            group.records.clear();
            if closing {
                break;
            }
        }
        // Lets SQLite keep fresh statistics; failing to do so harms nothing.
        let _ = self.conn.execute_batch("PRAGMA optimize");
    }

    fn commit(&mut self, group: &mut Group, closing: bool) {
        let spans = self.ledger.take_dirty();
        let mut acks = Vec::with_capacity(group.jobs.len());
        let outcome = self.transaction(group, &mut acks, &spans, closing);
        let count = u64::try_from(group.records.len()).unwrap_or(u64::MAX);
        let reason = match outcome {
            Ok(refused) => {
                self.queue.groups.fetch_add(1, Ordering::Relaxed);
                self.queue.written.fetch_add(count.saturating_sub(refused), Ordering::Relaxed);
                self.queue.failed.fetch_add(refused, Ordering::Relaxed);
                None
            }
            Err(error) => {
                let _ = self.conn.execute_batch("ROLLBACK");
                self.queue.failed.fetch_add(count, Ordering::Relaxed);
                self.queue.note_error(&error);
                self.ledger.mark_dirty(&spans);
                Some(error.chain())
            }
        };
        let unstarted = group.jobs.drain(..).map(|job| job.ack);
        for ack in acks.into_iter().chain(unstarted) {
            ack(reason.clone().map_or(Ok(()), Err));
        }
    }

    /// One transaction; answers how many records were refused.
    fn transaction(
        &mut self,
        group: &mut Group,
        acks: &mut Vec<Ack>,
        spans: &[SpanRow],
        closing: bool,
    ) -> Result<u64, StoreError> {
        let failed = StoreError::doing("write a group");
        let conn = &self.conn;
        execute(conn, "BEGIN IMMEDIATE").map_err(&failed)?;
        let refused = if group.records.is_empty() { 0 } else { self.insert(&group.records)? };
        if !group.records.is_empty() {
            decisions::trim(conn, self.config.decisions_max, group.records.len())?;
        }
        crate::budget::save(conn, spans)?;
        if closing {
            self.sessions.save(conn)?;
        }
        while let Some(job) = group.jobs.pop_front() {
            acks.push(job.ack);
            conn.execute_batch("SAVEPOINT job").map_err(&failed)?;
            if (job.run)(conn) {
                conn.execute_batch("RELEASE job").map_err(&failed)?;
            } else {
                still_open(conn)?;
                conn.execute_batch("ROLLBACK TO job; RELEASE job").map_err(&failed)?;
            }
        }
        execute(conn, "COMMIT").map_err(&failed)?;
        Ok(refused)
    }

    /// Writes records; answers how many were refused.
    fn insert(&self, records: &[DecisionRecord]) -> Result<u64, StoreError> {
        let mut insertion = Insertion::begin(&self.conn, self.config.detail_bytes_max)?;
        let mut refused = 0;
        for record in records {
            match insertion.insert(record) {
                Ok(true) => {}
                Ok(false) => refused += 1,
                Err(error) => {
                    refused += 1;
                    self.queue.note_error(&error);
                    still_open(&self.conn)?;
                }
            }
        }
        Ok(refused)
    }
}

/// Runs a statement that is parsed once for all groups.
fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// SQLite ends the transaction by itself on some failures (disk full, IO error); going on would then commit
/// every statement alone.
fn still_open(conn: &Connection) -> Result<(), StoreError> {
    if conn.is_autocommit() {
        return Err(StoreError::RolledBack { reason: "sqlite ended the transaction".into() });
    }
    Ok(())
}
