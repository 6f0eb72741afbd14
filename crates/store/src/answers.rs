//! The answers of the gateway's cache, so that a restart does not empty it.
//!
//! The cache in memory is the truth: rows are written behind it without anybody waiting, read once at the start, and
//! deleted before a command that forgets them is answered. Bounded by count, bytes and time; the oldest make room.

use crate::sql::{len, nat};
use crate::{Store, StoreError};
use rusqlite::{Connection, Row, params};
use tollgate_core::Timestamp;

/// Rows that one write evicts at most beyond its own.
const EVICT_STEP: usize = 1000;

/// One kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Its key, which is its only name.
    pub key: String,
    /// When it ends.
    pub expires: Timestamp,
    /// What is known of it: a JSON object.
    pub about: String,
    /// The answer.
    pub body: Vec<u8>,
    /// The vector of its question; empty where it has none.
    pub vector: Vec<u8>,
}

impl Store {
    /// Queues an answer to be kept in place of one under the same key, without waiting; `false` when there is no room in
    /// the queue. The oldest go while there are more than `count` or they take more than `bytes`.
    #[must_use]
    pub fn offer_answer(&self, answer: KeptAnswer, count: usize, bytes: u64) -> bool {
        self.offer(move |conn| {
            insert(conn, &answer)?;
            evict(conn, count, bytes)
        })
    }

    /// The newest answers that have not ended, at most `limit`, the oldest of them first.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn answers(&self, now: Timestamp, limit: usize) -> Result<Vec<KeptAnswer>, StoreError> {
        let sql = "SELECT key, expires_us, about, body, vector FROM
                   (SELECT * FROM answers WHERE expires_us > ? ORDER BY seq DESC LIMIT ?) ORDER BY seq";
        let row = |row: &Row<'_>| {
            Ok(KeptAnswer {
                key: row.get(0)?,
                expires: Timestamp(row.get(1)?),
                about: row.get(2)?,
                body: row.get(3)?,
                vector: row.get(4)?,
            })
        };
        self.read(|conn| {
            conn.prepare_cached(sql)
                .and_then(|mut statement| statement.query_map(params![now.0, len(limit)], row)?.collect())
                .map_err(StoreError::doing("read the kept answers"))
        })
    }

    /// Deletes the answers under these keys and waits until they are gone; says how many there were.
    ///
    /// # Errors
    /// Why the write failed.
    pub fn forget_answers(&self, keys: Vec<String>) -> Result<usize, StoreError> {
        self.write(move |conn| forget(conn, &keys))
    }

    /// Queues the deletion of the answers under these keys, without waiting; `false` when there is no room in the queue.
    #[must_use]
    pub fn offer_forgetting(&self, keys: Vec<String>) -> bool {
        keys.is_empty() || self.offer(move |conn| forget(conn, &keys).map(drop))
    }
}

fn forget(conn: &Connection, keys: &[String]) -> Result<usize, StoreError> {
    let failed = StoreError::doing("delete kept answers");
    let mut statement = conn.prepare_cached("DELETE FROM answers WHERE key = ?").map_err(&failed)?;
    let gone = keys.iter().map(|key| statement.execute([key])).sum::<Result<usize, _>>();
    gone.map_err(&failed)
}

fn insert(conn: &Connection, answer: &KeptAnswer) -> Result<(), StoreError> {
    let failed = StoreError::doing("keep an answer");
    // Not "ON CONFLICT": the totals follow deletions and insertions, and the new row is the newest.
    forget(conn, std::slice::from_ref(&answer.key))?;
    conn.prepare_cached("INSERT INTO answers (key, expires_us, about, body, vector) VALUES (?, ?, ?, ?, ?)")
        .and_then(|mut statement| {
            let KeptAnswer { key, expires, about, body, vector } = answer;
            statement.execute(params![key, expires.0, about, body, vector])
        })
        .map_err(&failed)?;
    Ok(())
}

/// Deletes the oldest rows until both bounds hold, or a step is done.
fn evict(conn: &Connection, count_max: usize, bytes_max: u64) -> Result<(), StoreError> {
    let failed = StoreError::doing("evict kept answers");
    for _ in 0..EVICT_STEP {
        let (count, bytes): (i64, i64) = conn
            .query_row("SELECT count, bytes FROM answer_totals", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(&failed)?;
        if count <= len(count_max) && nat(bytes) <= bytes_max {
            break;
        }
        conn.execute("DELETE FROM answers WHERE seq = (SELECT min(seq) FROM answers)", [])
            .map_err(&failed)?;
    }
    Ok(())
}

/// Deletes at most `step` answers that ended before `now`; says how many.
pub(crate) fn expire(conn: &Connection, now: Timestamp, step: usize) -> Result<usize, StoreError> {
    let sql = "DELETE FROM answers WHERE seq IN
               (SELECT seq FROM answers WHERE expires_us <= ? ORDER BY expires_us, seq LIMIT ?)";
    conn.execute(sql, params![now.0, len(step)]).map_err(StoreError::doing("delete kept answers"))
}
