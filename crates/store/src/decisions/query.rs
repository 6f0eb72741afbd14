//! Reading the decision log: one decision with its details, or a page of the newest that pass a filter.

use super::record::DecisionRow;
use crate::sql::{len, nat, row_error};
use crate::{Store, StoreError};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};
use serde_json::value::RawValue;
use tollgate_core::Timestamp;

/// Most rows in one page.
pub const PAGE_MAX: usize = 1000;

const COLUMNS: &str = "d.seq, request_id, time_us, key_id, dialect_in, dialect_out, requested_model, route, model,
    pool, instance, status, fault, stream, prompt_tokens, cached_tokens, completion_tokens, cost_micro, ttft_us,
    total_us, overhead_us, session_id, trace_id";

/// Which decisions; an empty filter takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Only this route.
    pub route: Option<String>,
    /// Only this chosen model.
    pub model: Option<String>,
    /// Only this key.
    pub key: Option<String>,
    /// Only these statuses, both ends included: `(400, 599)` is all errors.
    pub status: Option<(u16, u16)>,
    /// Only from this time on.
    pub since: Option<Timestamp>,
    /// Only before this time.
    pub until: Option<Timestamp>,
    /// Only where this text stands in the request, session or trace id.
    pub id_text: Option<String>,
}

impl DecisionFilter {
    /// The conditions, each with its value, joined to a `WHERE` clause that always holds something.
    pub(super) fn conditions(&self) -> (String, Vec<Value>) {
        let mut sql = String::from("1");
        let mut values = Vec::new();
        let mut add = |condition: &str, value: Value| {
            sql.push_str(" AND ");
            sql.push_str(condition);
            values.push(value);
        };
        for (column, wanted) in [("route", &self.route), ("model", &self.model), ("key_id", &self.key)] {
            if let Some(wanted) = wanted {
                add(&format!("{column} = ?"), wanted.clone().into());
            }
        }
        if let Some((low, high)) = self.status {
            add("status >= ?", i64::from(low).into());
            add("status <= ?", i64::from(high).into());
        }
        if let Some(since) = self.since {
            add("time_us >= ?", since.0.into());
        }
        if let Some(until) = self.until {
            add("time_us < ?", until.0.into());
        }
        if let Some(text) = &self.id_text {
            // Ids hold no line breaks, so text cannot match across two of them.
            let ids = "request_id || char(10) || ifnull(session_id, '') || char(10) || ifnull(trace_id, '')";
            add(&format!("instr({ids}, ?) > 0"), text.clone().into());
        }
        (sql, values)
    }
}

/// One page of decisions, newest first.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DecisionPage {
    /// The rows, without their details.
    pub rows: Vec<DecisionRow>,
    /// Give this as `before` to go on; `None` at the end.
    pub next: Option<i64>,
}

impl Store {
    /// One decision with its details, by request id.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn decision(&self, request_id: &str) -> Result<Option<DecisionRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, x.phases, x.signals, x.decision FROM decisions d
             LEFT JOIN decision_details x ON x.seq = d.seq WHERE request_id = ?"
        );
        self.read(|conn| {
            conn.prepare_cached(&sql)
                .and_then(|mut s| s.query_row([request_id], full_row).optional())
                .map_err(StoreError::doing("read a decision"))
        })
    }

    /// The oldest decisions that pass `filter`, at most `limit` (cut at [`PAGE_MAX`]), by the time they arrived and then by
    /// `seq`. The log itself is in the order in which requests ended. Go on with `after` the last row's time and `seq`; an
    /// empty answer is the end. A request that arrived before `after` and ends while pages are read is left out.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn decisions_in_order(
        &self,
        filter: &DecisionFilter,
        after: Option<(Timestamp, i64)>,
        limit: usize,
    ) -> Result<Vec<DecisionRow>, StoreError> {
        let (conditions, mut values) = filter.conditions();
        let (time, seq) = after.map_or((i64::MIN, i64::MIN), |(time, seq)| (time.0, seq));
        values.extend([time.into(), seq.into()]);
        values.push(len(limit.clamp(1, PAGE_MAX)).into());
        let sql = format!(
            "SELECT {COLUMNS} FROM decisions d WHERE {conditions} AND (time_us, d.seq) > (?, ?)
             ORDER BY time_us, d.seq LIMIT ?"
        );
        self.rows(&sql, values)
    }

    fn rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DecisionRow>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(sql)
                .and_then(|mut s| {
                    s.query_map(params_from_iter(values), plain_row)?.collect::<Result<Vec<_>, _>>()
                })
                .map_err(StoreError::doing("list decisions"))
        })
    }

    /// The newest decisions that pass `filter`, older than the row `before` when given, at most `limit` (cut at
    /// [`PAGE_MAX`]).
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn decisions(
        &self,
        filter: &DecisionFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<DecisionPage, StoreError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let (conditions, mut values) = filter.conditions();
        values.push(before.unwrap_or(i64::MAX).into());
        values.push(len(limit.saturating_add(1)).into());
        let sql = format!(
            "SELECT {COLUMNS} FROM decisions d WHERE {conditions} AND d.seq < ? ORDER BY d.seq DESC LIMIT ?"
        );
        let mut rows = self.rows(&sql, values)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| row.seq) } else { None };
        Ok(DecisionPage { rows, next })
    }
}

fn plain_row(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    Ok(DecisionRow {
        seq: row.get(0)?,
        id: row.get(1)?,
        time: Timestamp(row.get(2)?),
        key: row.get(3)?,
        dialect_in: row.get(4)?,
        dialect_out: row.get(5)?,
        requested_model: row.get(6)?,
        route: row.get(7)?,
        model: row.get(8)?,
        pool: row.get(9)?,
        instance: row.get(10)?,
        status: row.get(11)?,
        fault: row.get(12)?,
        stream: row.get(13)?,
        prompt_tokens: nat(row.get(14)?),
        cached_tokens: nat(row.get(15)?),
        completion_tokens: nat(row.get(16)?),
        cost_micro: nat(row.get(17)?),
        ttft_us: row.get::<_, Option<i64>>(18)?.map(nat),
        total_us: nat(row.get(19)?),
        overhead_us: nat(row.get(20)?),
        session: row.get(21)?,
        trace: row.get(22)?,
        phases_ns: None,
        signals: None,
        decision: None,
    })
}

fn full_row(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    let json = |at: usize, field| match row.get::<_, Option<String>>(at)? {
        None => Ok(None),
        Some(text) => match serde_json::from_str::<Box<RawValue>>(&text) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(row_error(StoreError::bad(field, &text, "JSON"))),
        },
    };
    let signals = json(24, "decision_details.signals")?;
    let decision = json(25, "decision_details.decision")?;
    Ok(DecisionRow {
        phases_ns: json(23, "decision_details.phases")?,
        decision: decision.map(|decision| super::grounds::whole(decision, signals.as_deref())),
        signals,
        ..plain_row(row)?
    })
}
