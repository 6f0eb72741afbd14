//! Small facts that the gateway holds in memory and must not forget with the process, each under a kind and a key.
//!
//! The memory is the truth: rows are written behind it, in one go for all that changed, and read once at the start. Each kind
//! is bounded by whoever writes it; the oldest make room.

use crate::sql::len;
use crate::{Store, StoreError};
use rusqlite::{Row, params};
use tollgate_core::Timestamp;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its key, which is its only name among those of its kind.
    pub key: String,
    /// What is known, as JSON.
    pub value: String,
    /// When that was so.
    pub time: Timestamp,
}

impl Store {
    /// The newest notes of a kind, at most `limit`, the oldest of them first.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn notes(&self, kind: &str, limit: usize) -> Result<Vec<Note>, StoreError> {
        let sql = "SELECT key, value, time_us FROM
                   (SELECT * FROM notes WHERE kind = ? ORDER BY time_us DESC, key LIMIT ?) ORDER BY time_us, key";
        let row =
            |row: &Row<'_>| Ok(Note { key: row.get(0)?, value: row.get(1)?, time: Timestamp(row.get(2)?) });
        self.read(|conn| {
            conn.prepare_cached(sql)
                .and_then(|mut statement| statement.query_map(params![kind, len(limit)], row)?.collect())
                .map_err(StoreError::doing("read notes"))
        })
    }

    /// Writes notes in place of those under the same keys, and forgets the oldest of the kind beyond `most`; waits until that is
    /// on disk.
    ///
    /// # Errors
    /// Why the write failed; nothing changed then.
    pub fn write_notes(&self, kind: &'static str, notes: Vec<Note>, most: usize) -> Result<(), StoreError> {
        if notes.is_empty() {
            return Ok(());
        }
        self.write(move |conn| {
            let failed = StoreError::doing("write notes");
            let mut insert = conn
                .prepare_cached(
                    "INSERT INTO notes (kind, key, value, time_us) VALUES (?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET value = excluded.value, time_us = excluded.time_us",
                )
                .map_err(&failed)?;
            for Note { key, value, time } in &notes {
                insert.execute(params![kind, key, value, time.0]).map_err(&failed)?;
            }
            conn.execute(
                "DELETE FROM notes WHERE kind = ?1 AND key IN
                 (SELECT key FROM notes WHERE kind = ?1 ORDER BY time_us DESC, key LIMIT -1 OFFSET ?2)",
                params![kind, len(most)],
            )
            .map_err(&failed)?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Location, StoreConfig};

    fn note(key: &str, time: i64) -> Note {
        Note { key: key.into(), value: format!("{{\"at\":{time}}}"), time: Timestamp(time) }
    }

    #[test]
    fn notes_are_replaced_bounded_by_kind_and_read_oldest_first() {
        let store = Store::open(&Location::Memory, StoreConfig::default()).unwrap();
        store.write_notes("risk", vec![note("a", 1), note("b", 2), note("c", 3)], 3).unwrap();
        store.write_notes("rate", vec![note("a", 9)], 3).unwrap();
        store.write_notes("risk", vec![note("a", 4), note("d", 5)], 3).unwrap();
        assert_eq!(store.notes("risk", 10).unwrap(), [note("c", 3), note("a", 4), note("d", 5)]);
        assert_eq!(store.notes("risk", 1).unwrap(), [note("d", 5)]);
        assert_eq!(store.notes("rate", 10).unwrap(), [note("a", 9)]);
        assert!(store.fsck().unwrap().is_clean());
    }
}
