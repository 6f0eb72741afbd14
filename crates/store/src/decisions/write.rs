//! Decisions into the database: insertion and bounded retention, on the writer's thread.

use super::record::{DecisionRecord, Payload};
use crate::StoreError;
use crate::sql::{int, len};
use rusqlite::{Connection, params};
use tollgate_core::FaultKind;

/// Rows beyond a group's own size that one group may delete, so that a lowered bound is reached in steps.
const TRIM_STEP: usize = 2048;

/// Writes one record; `false` when its id is there already or one of its details could not be kept.
pub(crate) fn insert(
    conn: &Connection,
    record: &DecisionRecord,
    detail_max: usize,
) -> Result<bool, StoreError> {
    let failed = StoreError::doing("write a decision");
    let mut statement = conn
        .prepare_cached(
            "INSERT INTO decisions (request_id, time_us, key_id, dialect_in, dialect_out, requested_model, route,
             model, pool, instance, status, fault, stream, prompt_tokens, cached_tokens, completion_tokens,
             cost_micro, ttft_us, total_us, overhead_us, session_id, trace_id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (request_id) DO NOTHING",
        )
        .map_err(&failed)?;
    let changed = statement
        // In the order of the columns: looking up 22 names would cost more than binding them.
        .execute(params![
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
        ])
        .map_err(&failed)?;
    if changed == 0 {
        return Ok(false);
    }
    insert_details(conn, record, detail_max)
}

fn insert_details(conn: &Connection, record: &DecisionRecord, limit: usize) -> Result<bool, StoreError> {
    let phases = phases_json(&record.phases_ns);
    let mut complete = true;
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
    let (signals, decision) = (keep(&record.signals), keep(&record.decision));
    if phases.is_some() || signals.is_some() || decision.is_some() {
        let failed = StoreError::doing("write a decision's details");
        conn.prepare_cached(
            "INSERT INTO decision_details (seq, phases, signals, decision) VALUES (?, ?, ?, ?)",
        )
        .and_then(|mut s| s.execute(params![conn.last_insert_rowid(), phases, signals, decision]))
        .map_err(failed)?;
    }
    Ok(complete)
}

/// `{"decide":1200,"place":300}`; phase names are words of ours and need no escapes.
fn phases_json(phases: &[(&'static str, u64)]) -> Option<String> {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(16 * phases.len() + 2);
    for (name, ns) in phases {
        let lead = if text.is_empty() { '{' } else { ',' };
        let _ = write!(text, "{lead}\"{name}\":{ns}");
    }
    if text.is_empty() {
        return None;
    }
    text.push('}');
    Some(text)
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
