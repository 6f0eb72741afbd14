//! Explicit feedback on answers, by request id; selection learns from it.

use crate::error::check_size;
use crate::sql::{int, len};
use crate::{Store, StoreError};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// Longest label or model name, in bytes.
const LABEL_MAX: usize = 128;
/// Longest comment, in bytes.
const COMMENT_MAX: usize = 8192;
/// Most rows that one call answers.
const LIST_MAX: usize = 10_000;

/// What a caller says about an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The request.
    pub request_id: String,
    /// From 0 (useless) to 1 (right).
    #[serde(default)]
    pub score: Option<f64>,
    /// A word, such as `wrong_answer`.
    #[serde(default)]
    pub label: Option<String>,
    /// A model whose answer was better.
    #[serde(default)]
    pub preferred_model: Option<String>,
    /// Free text.
    #[serde(default)]
    pub comment: Option<String>,
}

/// Stored feedback.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeedbackRow {
    /// Position; grows with every row.
    pub seq: i64,
    /// When it came.
    pub time: Timestamp,
    /// The key that sent it.
    pub key: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub feedback: Feedback,
}

impl Store {
    /// Stores feedback and answers its position. The request may be unknown here (its record may have expired).
    ///
    /// # Errors
    /// [`StoreError::Bad`] or [`StoreError::TooLarge`] with the field, or why the write failed.
    pub fn add_feedback(
        &self,
        feedback: Feedback,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        check(&feedback)?;
        let (key, keep) = (key.map(str::to_owned), self.config().feedback_max);
        self.write(move |conn| insert(conn, &feedback, key.as_deref(), now, keep))
    }

    /// Feedback on one request, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn feedback_of(&self, request_id: &str) -> Result<Vec<FeedbackRow>, StoreError> {
        self.feedback_where("request_id = ? ORDER BY seq LIMIT ?", params![request_id, len(LIST_MAX)])
    }

    /// Feedback after the position `after`, oldest first, at most `limit` (cut at 10,000): what a learner reads.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn feedback_after(&self, after: i64, limit: usize) -> Result<Vec<FeedbackRow>, StoreError> {
        self.feedback_where("seq > ? ORDER BY seq LIMIT ?", params![after, len(limit.min(LIST_MAX))])
    }

    fn feedback_where(
        &self,
        condition: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<FeedbackRow>, StoreError> {
        let sql = format!(
            "SELECT seq, time_us, key_id, request_id, score, label, preferred_model, comment
             FROM feedback WHERE {condition}"
        );
        self.read(|conn| {
            conn.prepare_cached(&sql)
                .and_then(|mut s| s.query_map(values, feedback_row)?.collect())
                .map_err(StoreError::doing("read feedback"))
        })
    }
}

fn feedback_row(row: &Row<'_>) -> rusqlite::Result<FeedbackRow> {
    let feedback = Feedback {
        request_id: row.get(3)?,
        score: row.get(4)?,
        label: row.get(5)?,
        preferred_model: row.get(6)?,
        comment: row.get(7)?,
    };
    Ok(FeedbackRow { seq: row.get(0)?, time: Timestamp(row.get(1)?), key: row.get(2)?, feedback })
}

fn check(feedback: &Feedback) -> Result<(), StoreError> {
    if let Some(score) = feedback.score
        && !(0.0..=1.0).contains(&score)
    {
        return Err(StoreError::bad("score", &score.to_string(), "a number from 0 to 1"));
    }
    let size = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    if feedback.score.is_none()
        && [&feedback.label, &feedback.preferred_model, &feedback.comment].iter().all(|t| size(t) == 0)
    {
        return Err(StoreError::bad(
            "feedback",
            "",
            "anything: give a score, label, preferred_model or comment",
        ));
    }
    check_size("request_id", feedback.request_id.len(), LABEL_MAX)?;
    check_size("label", size(&feedback.label), LABEL_MAX)?;
    check_size("preferred_model", size(&feedback.preferred_model), LABEL_MAX)?;
    check_size("comment", size(&feedback.comment), COMMENT_MAX)
}

fn insert(
    conn: &Connection,
    feedback: &Feedback,
    key: Option<&str>,
    now: Timestamp,
    keep: u64,
) -> Result<i64, StoreError> {
    let failed = StoreError::doing("write feedback");
    conn.prepare_cached(
        "INSERT INTO feedback (request_id, time_us, key_id, score, label, preferred_model, comment)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .and_then(|mut statement| {
        let f = feedback;
        statement.execute(params![f.request_id, now.0, key, f.score, f.label, f.preferred_model, f.comment])
    })
    .map_err(&failed)?;
    let seq = conn.last_insert_rowid();
    conn.execute("DELETE FROM feedback WHERE seq <= ?", [seq.saturating_sub(int(keep))]).map_err(&failed)?;
    Ok(seq)
}
