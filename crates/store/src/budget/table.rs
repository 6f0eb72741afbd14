//! Settled counters in the database: absolute values, so that writing one twice is harmless.

use super::{Meter, SpanRow, Subject, Window};
use crate::StoreError;
use crate::sql::{int, nat, row_error};
use rusqlite::{Connection, Row, params};
use tollgate_core::Timestamp;

/// Writes counters; a stored one never shrinks.
pub(crate) fn save(conn: &Connection, rows: &[SpanRow]) -> Result<(), StoreError> {
    let failed = StoreError::doing("write budget counters");
    for row in rows {
        let (kind, id) = row.subject.parts();
        conn.prepare_cached(
            "INSERT INTO budget_spans (kind, subject, meter, window, start_us, end_us, settled, overrun)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
             settled = max(settled, excluded.settled), overrun = max(overrun, excluded.overrun)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                kind,
                id,
                row.meter.word(),
                row.window.word(),
                row.start.0,
                row.end.0,
                int(row.settled),
                int(row.overrun)
            ])
        })
        .map_err(&failed)?;
    }
    Ok(())
}

/// All stored counters.
pub(crate) fn load(conn: &Connection) -> Result<Vec<SpanRow>, StoreError> {
    conn.prepare("SELECT kind, subject, meter, window, start_us, end_us, settled, overrun FROM budget_spans")
        .and_then(|mut statement| statement.query_map([], span)?.collect())
        .map_err(StoreError::doing("read budget counters"))
}

fn span(row: &Row<'_>) -> rusqlite::Result<SpanRow> {
    let (kind, id): (String, String) = (row.get(0)?, row.get(1)?);
    let (meter, window): (String, String) = (row.get(2)?, row.get(3)?);
    let bad = |field, value: &str, wanted| row_error(StoreError::bad(field, value, wanted));
    Ok(SpanRow {
        subject: Subject::from_parts(&kind, &id)
            .ok_or_else(|| bad("budget_spans.kind", &kind, "key, tenant or global"))?,
        meter: Meter::parse(&meter)
            .ok_or_else(|| bad("budget_spans.meter", &meter, "requests, tokens or micro"))?,
        window: Window::parse(&window)
            .ok_or_else(|| bad("budget_spans.window", &window, "minute, hour, day, month or total"))?,
        start: Timestamp(row.get(4)?),
        end: Timestamp(row.get(5)?),
        settled: nat(row.get(6)?),
        overrun: nat(row.get(7)?),
    })
}

/// Deletes counters whose window ended before `cutoff_us`; answers how many.
pub(crate) fn expire(conn: &Connection, cutoff_us: i64) -> Result<usize, StoreError> {
    conn.execute("DELETE FROM budget_spans WHERE end_us < ?", [cutoff_us])
        .map_err(StoreError::doing("expire budget counters"))
}
