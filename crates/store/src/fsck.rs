//! Does the database hold what this program would write? SQLite's own check, then our invariants.

use crate::{Store, StoreError};
use rusqlite::Connection;

/// Most problems that a report names.
const PROBLEMS_MAX: usize = 100;

/// Most rows that one problem names.
const EXAMPLES_MAX: usize = 5;

/// Each finds the rows that break one invariant and says what is wrong with them.
const INVARIANTS: &[(&str, &str)] = &[
    ("decision details without a decision", "SELECT seq FROM decision_details WHERE seq NOT IN (SELECT seq FROM decisions)"),
    (
        "decisions with a negative count",
        "SELECT request_id FROM decisions WHERE min(prompt_tokens, cached_tokens, completion_tokens, cost_micro,
         total_us, overhead_us, ifnull(ttft_us, 0)) < 0",
    ),
    (
        "decision details that are not JSON",
        "SELECT seq FROM decision_details WHERE NOT (ifnull(json_valid(phases), 1) AND
         ifnull(json_valid(signals), 1) AND ifnull(json_valid(decision), 1))",
    ),
    (
        "keys whose digest is not 64 hex digits",
        "SELECT id FROM keys WHERE length(digest) <> 64 OR digest GLOB '*[^0-9a-f]*'",
    ),
    (
        "keys whose replaced secret opens another key",
        "SELECT a.id FROM keys a JOIN keys b ON a.previous_digest = b.digest",
    ),
    (
        "keys whose lists are not JSON",
        "SELECT id FROM keys WHERE NOT (json_valid(roles) AND json_valid(groups) AND json_valid(scopes) AND
         json_valid(models))",
    ),
    (
        "budget counters that are negative or overrun by more than was used",
        "SELECT subject FROM budget_spans WHERE settled < 0 OR overrun < 0 OR overrun > settled",
    ),
    ("budget windows that end before they start", "SELECT subject FROM budget_spans WHERE end_us <= start_us"),
    (
        "totals of responses that differ from their rows",
        "SELECT count || ' rows, ' || bytes || ' bytes' FROM response_totals
         WHERE count <> (SELECT count(*) FROM responses)
         OR bytes <> (SELECT ifnull(sum(size), 0) FROM responses)",
    ),
    (
        "shares of responses that differ from the rows",
        "SELECT owner FROM response_owners AS shares
         WHERE count <> (SELECT count(*) FROM responses WHERE owner = shares.owner)
         OR bytes <> (SELECT ifnull(sum(size), 0) FROM responses WHERE owner = shares.owner)
         UNION SELECT owner FROM responses WHERE owner NOT IN (SELECT owner FROM response_owners)",
    ),
    (
        "responses that are not JSON",
        "SELECT id FROM responses WHERE NOT (json_valid(input) AND json_valid(output) AND json_valid(metadata))",
    ),
    (
        "totals of kept answers that differ from their rows",
        "SELECT count || ' rows, ' || bytes || ' bytes' FROM answer_totals
         WHERE count <> (SELECT count(*) FROM answers)
         OR bytes <> (SELECT ifnull(sum(length(about) + length(body) + length(vector)), 0) FROM answers)",
    ),
    ("notes that are not JSON", "SELECT kind || ' ' || key FROM notes WHERE NOT json_valid(value)"),
    ("kept answers without a description", "SELECT key FROM answers WHERE NOT json_valid(about)"),
    ("feedback with a score outside 0 to 1", "SELECT seq FROM feedback WHERE score NOT BETWEEN 0 AND 1"),
];

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// One line per problem, at most 100.
    pub problems: Vec<String>,
    /// Rows per table, by name.
    pub rows: Vec<(String, u64)>,
}

impl FsckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Store {
    /// Checks the whole database; reads all of it.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] when it cannot be read at all.
    pub fn fsck(&self) -> Result<FsckReport, StoreError> {
        self.read(check)
    }
}

fn check(conn: &Connection) -> Result<FsckReport, StoreError> {
    let failed = StoreError::doing("check the database");
    // One read transaction: the tables are compared as they were at one moment.
    let tx = conn.unchecked_transaction().map_err(&failed)?;
    let mut problems = strings(&tx, &format!("PRAGMA integrity_check({PROBLEMS_MAX})"))?;
    problems.retain(|line| line != "ok");
    for (name, sql) in INVARIANTS {
        let found = strings(&tx, &format!("{sql} LIMIT {EXAMPLES_MAX}"))?;
        if !found.is_empty() {
            problems.push(format!("{name}: {}", found.join(", ")));
        }
    }
    let tables = strings(
        &tx,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )?;
    let mut rows = Vec::with_capacity(tables.len());
    for table in tables {
        let count = tx
            .query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0))
            .map_err(&failed)?;
        rows.push((table, crate::sql::nat(count)));
    }
    problems.truncate(PROBLEMS_MAX);
    Ok(FsckReport { problems, rows })
}

/// The first column of a query as text.
fn strings(conn: &Connection, sql: &str) -> Result<Vec<String>, StoreError> {
    let text = |row: &rusqlite::Row<'_>| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => other.as_str_or_null()?.unwrap_or_default().to_owned(),
        })
    };
    conn.prepare(sql)
        .and_then(|mut statement| statement.query_map([], text)?.collect())
        .map_err(StoreError::doing("check the database"))
}
