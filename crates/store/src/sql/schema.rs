//! Migrations: numbered SQL files inside the program, applied in order, counted by `user_version`.
//!
//! A file whose number is beyond the last one known here was written by a later program and is refused.

use crate::{Durability, Location, StoreConfig, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The migrations; the position is the schema number that the file leads to, minus 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_key_changes.sql"),
    include_str!("../../migrations/0003_answers.sql"),
    include_str!("../../migrations/0004_notes.sql"),
    include_str!("../../migrations/0005_owners.sql"),
];
/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared per connection.
const STATEMENTS_MAX: usize = 64;

/// How further connections to one database are made.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    path: PathBuf,
    memory: bool,
}

impl Target {
    /// A target for this location; every memory location is a database of its own.
    pub(crate) fn new(location: &Location) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        match location {
            Location::File(path) => Self { path: path.clone(), memory: false },
            Location::Memory => {
                let n = NEXT.fetch_add(1, Ordering::Relaxed);
                Self { path: PathBuf::from(format!("file:/tollgate-{n}?vfs=memdb")), memory: true }
            }
        }
    }

    /// The connection that writes, migrated.
    pub(crate) fn writer(&self, config: &StoreConfig) -> Result<Connection, StoreError> {
        if !self.memory {
            self.make_private()?;
        }
        let mut conn = self.connect()?;
        let sync = match config.durability {
            Durability::Power => "FULL",
            Durability::Process => "NORMAL",
        };
        let journal = if self.memory { "MEMORY" } else { "WAL" };
        conn.execute_batch(&format!(
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = {journal}; PRAGMA synchronous = {sync};
             PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864;"
        ))
        .map_err(|source| StoreError::Open { path: self.path.clone(), source })?;
        self.migrate(&mut conn)?;
        Ok(conn)
    }

    /// A connection that cannot write.
    pub(crate) fn reader(&self) -> Result<Connection, StoreError> {
        let conn = self.connect()?;
        conn.pragma_update(None, "query_only", true).map_err(StoreError::doing("open a reader"))?;
        Ok(conn)
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | if self.memory { OpenFlags::SQLITE_OPEN_URI } else { OpenFlags::empty() };
        let open = || {
            let conn = Connection::open_with_flags(&self.path, flags)?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
            Ok(conn)
        };
        open().map_err(|source| StoreError::Open { path: self.path.clone(), source })
    }

    /// Makes a missing file readable by its owner alone; SQLite gives its companions the same mode.
    fn make_private(&self) -> Result<(), StoreError> {
        let mut options = std::fs::OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let error = |error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
        let made = options.open(&self.path).map(drop).map_err(error);
        made.map_err(|source| StoreError::Open { path: self.path.clone(), source })
    }

    fn migrate(&self, conn: &mut Connection) -> Result<(), StoreError> {
        let failed = StoreError::doing("migrate the schema");
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&failed)?;
        let found: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&failed)?;
        let known = crate::sql::len(MIGRATIONS.len());
        if !(0..=known).contains(&found) {
            return Err(StoreError::NewerSchema { path: self.path.clone(), found, known });
        }
        for (number, text) in (1i64..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
            tx.execute_batch(text).map_err(&failed)?;
            tx.pragma_update(None, "user_version", number).map_err(&failed)?;
        }
        tx.commit().map_err(&failed)
    }
}
