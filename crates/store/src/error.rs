//! The one error of this crate: what was being done, the value, and the fix where there is one.

use std::path::PathBuf;

/// Why a storage call failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file could not be opened or prepared.
    #[error(
        "cannot open the database {path:?}: check that its folder exists and that it is writable by this user"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The file was written by a later version of this program.
    #[error(
        "{path:?} has schema {found}, this program knows up to {known}: run the newer tollgate or use another file"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema number.
        found: i64,
        /// The last schema number known here.
        known: i64,
    },
    /// A statement failed.
    #[error("failed to {doing}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The transaction that the write belonged to was rolled back.
    #[error("the write was rolled back: {reason}")]
    RolledBack {
        /// Why the commit failed.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The queue of waiting writes is full.
    #[error("{limit} writes already wait for the database: retry later or raise `jobs_max`")]
    Busy {
        /// The bound of the queue.
        limit: usize,
    },
    /// The database did not answer in time; the write may still happen.
    #[error("the database did not answer within {limit_ms} ms: the write may still happen")]
    TimedOut {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// A value is larger than its bound.
    #[error("{field} has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Which value.
        field: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// A table has reached its bound and nothing in it may be evicted.
    #[error("there are already {limit} {what}: delete some or raise the limit")]
    Full {
        /// Rows of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// There is no such object, or it belongs to somebody else.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// Kind of object.
        what: &'static str,
        /// The id asked for.
        id: String,
    },
    /// An object with this id or digest exists already.
    #[error("{what} {id:?} exists already")]
    Duplicate {
        /// Kind of object.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A stored or given value is not what it must be.
    #[error("{field} {value:?} is not {wanted}")]
    Bad {
        /// Which field.
        field: &'static str,
        /// The value, cut at 80 characters.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
}

impl StoreError {
    /// Wraps SQLite's error with what was being done: `.map_err(StoreError::doing("list keys"))`.
    pub(crate) fn doing(doing: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { doing, source }
    }

    /// A value that cannot be read.
    pub(crate) fn bad(field: &'static str, value: &str, wanted: &'static str) -> Self {
        Self::Bad { field, value: value.chars().take(80).collect(), wanted }
    }

    /// The chain of messages on one line, for counters and logs.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

/// Refuses a value longer than `limit` bytes.
pub(crate) fn check_size(field: &'static str, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit { Err(StoreError::TooLarge { field, size, limit }) } else { Ok(()) }
}
