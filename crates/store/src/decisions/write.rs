//! Decisions into the database: insertion and bounded retention, on the writer's thread.

use super::record::{DecisionRecord, Payload, Render as _};
use crate::StoreError;
use crate::sql::{int, len};
use rusqlite::{CachedStatement, Connection, params};
use serde::{Serialize, Serializer};
use tollgate_core::FaultKind;

/// Rows beyond a group's own size that one group may delete, so that a lowered bound is reached in steps.
const TRIM_STEP: usize = 2048;

/// Writes records, as many as come at once with the same statements.
pub(crate) struct Insertion<'c> {
    conn: &'c Connection,
    decision: CachedStatement<'c>,
    details: CachedStatement<'c>,
    detail_max: usize,
}

impl<'c> Insertion<'c> {
    /// Statements on this connection; details of more than `detail_max` bytes are left out.
    pub(crate) fn begin(conn: &'c Connection, detail_max: usize) -> Result<Self, StoreError> {
        let prepare = |sql| conn.prepare_cached(sql).map_err(StoreError::doing("write decisions"));
        let decision = prepare(
            "INSERT INTO decisions (request_id, time_us, key_id, dialect_in, dialect_out, requested_model, route,
             model, pool, instance, status, fault, stream, prompt_tokens, cached_tokens, completion_tokens,
             cost_micro, ttft_us, total_us, overhead_us, session_id, trace_id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (request_id) DO NOTHING",
        )?;
        let details =
            prepare("INSERT INTO decision_details (seq, phases, signals, decision) VALUES (?, ?, ?, ?)")?;
        Ok(Self { conn, decision, details, detail_max })
    }

    /// Writes one record; `false` when its id is there already or one of its details could not be kept.
    pub(crate) fn insert(&mut self, record: &DecisionRecord) -> Result<bool, StoreError> {
        // In the order of the columns: looking up 22 names would cost more than binding them.
        let changed = self.decision.execute(params![
            record.id.as_str(),
            record.time.0,
            record.key,
            record.dialect_in,
            record.dialect_out,
            record.requested_model,
            record.route,
            record.model,
            record.pool,
            record.instance,
            record.status,
            record.fault.map(FaultKind::word),
            record.stream,
            int(record.prompt_tokens),
            int(record.cached_tokens),
            int(record.completion_tokens),
            int(record.cost_micro),
            record.ttft_us.map(int),
            int(record.total_us),
            int(record.overhead_us),
            record.session,
            record.trace,
        ]);
        if changed.map_err(StoreError::doing("write a decision"))? == 0 {
            return Ok(false);
        }
        self.insert_details(record)
    }

    fn insert_details(&mut self, record: &DecisionRecord) -> Result<bool, StoreError> {
        let (limit, mut complete) = (self.detail_max, true);
        let mut keep = |payload| match Payload::text(payload) {
            Ok(Some(text)) if text.len() > limit => {
                complete = false;
                None
            }
            Ok(text) => text,
            Err(_) => {
                complete = false;
                None
            }
        };
        let phases = (!record.phases_ns.is_empty()).then(|| Phases(&record.phases_ns).render());
        let phases = phases.and_then(Result::ok);
        let (signals, decision) = (keep(&record.signals), keep(&record.decision));
        if phases.is_some() || signals.is_some() || decision.is_some() {
            let row = params![self.conn.last_insert_rowid(), phases, signals, decision];
            self.details.execute(row).map_err(StoreError::doing("write a decision's details"))?;
        }
        Ok(complete)
    }
}

/// Phases with their nanoseconds: `{"decide":1200,"place":300}`.
struct Phases<'a>(&'a [(&'static str, u64)]);

impl Serialize for Phases<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// Deletes the oldest rows beyond `keep`, at most `added` and a step at once.
pub(crate) fn trim(conn: &Connection, keep: u64, added: usize) -> Result<(), StoreError> {
    let failed = StoreError::doing("trim the decision log");
    let (first, last): (Option<i64>, Option<i64>) = conn
        .prepare_cached("SELECT (SELECT min(seq) FROM decisions), (SELECT max(seq) FROM decisions)")
        .and_then(|mut s| s.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(&failed)?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
    // Sequence numbers have gaps only where age deleted rows out of order, so this never keeps more than `keep`.
    let excess = last.saturating_sub(int(keep));
    let reach = first.saturating_add(len(added.saturating_add(TRIM_STEP))).saturating_sub(1);
    let until = excess.min(reach);
    if until < first {
        return Ok(());
    }
    for table in ["decision_details", "decisions"] {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE seq <= ?"))
            .and_then(|mut s| s.execute([until]))
            .map_err(&failed)?;
    }
    Ok(())
}

/// Deletes at most `step` decisions that arrived before `cutoff_us`, oldest first; answers how many.
pub(crate) fn expire(conn: &Connection, cutoff_us: i64, step: usize) -> Result<usize, StoreError> {
    let failed = StoreError::doing("expire decisions");
    let mut gone = 0;
    for table in ["decision_details", "decisions"] {
        let sql = format!(
            "DELETE FROM {table} WHERE seq IN
             (SELECT seq FROM decisions WHERE time_us < ? ORDER BY time_us, seq LIMIT ?)"
        );
        gone = conn
            .prepare_cached(&sql)
            .and_then(|mut s| s.execute(params![cutoff_us, len(step)]))
            .map_err(&failed)?;
    }
    Ok(gone)
}
