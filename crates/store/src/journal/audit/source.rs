//! Where a ledger is kept: a folder, or a database.

use super::{folder_durable, folder_entries};
use crate::journal::{Folder, Journal, JournalConfig, JournalError};
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_core::{Clock, Timestamp};
use tollgate_pay::ledger::{Book, Entry, Limits};

/// See the module. Its text is a path, or a URL that begins with `postgres:`.
///
/// ```
/// use tollgate_store::journal::audit::Source;
/// assert!(matches!(Source::from("books"), Source::Folder(_)));
/// assert!(matches!(Source::from("postgres://localhost/books"), Source::Database(_)));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The folder of the embedded engine.
    Folder(PathBuf),
    /// URL of a PostgreSQL database.
    Database(String),
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        let database = ["postgres:", "postgresql:"].iter().any(|scheme| text.starts_with(scheme));
        if database { Self::Database(text.into()) } else { Self::Folder(text.into()) }
    }
}

impl Source {
    /// Opens the ledger, made when there is none.
    ///
    /// # Errors
    /// What [`Journal::open`] and [`Journal::open_postgres`] say.
    pub fn open(&self, config: JournalConfig, clock: Arc<dyn Clock>) -> Result<Journal, JournalError> {
        match self {
            Self::Folder(path) => Journal::open(Folder::open(path)?, config, clock),
            #[cfg(feature = "postgres")]
            Self::Database(url) => Journal::open_postgres(url, config, clock),
            #[cfg(not(feature = "postgres"))]
            Self::Database(_) => Err(without_postgres()),
        }
    }

    /// Entries from number `from` on, read without opening the ledger; answers the number of the next.
    ///
    /// # Errors
    /// [`JournalError::Damaged`], [`JournalError::Io`], [`JournalError::Database`], or what `each` says.
    pub fn entries(
        &self,
        from: u64,
        each: impl FnMut(u64, &[u8]) -> Result<(), JournalError>,
    ) -> Result<u64, JournalError> {
        match self {
            Self::Folder(path) => folder_entries(path, from, each),
            #[cfg(feature = "postgres")]
            Self::Database(url) => crate::journal::postgres::entries(url, from, each),
            #[cfg(not(feature = "postgres"))]
            Self::Database(_) => Err(without_postgres()),
        }
    }

    /// How many entries are certain to outlive this machine's power: see [`super::LogFolder::extend`].
    pub(super) fn durable(&self) -> Result<u64, JournalError> {
        match self {
            Self::Folder(path) => folder_durable(path),
            // Only what is committed can be read.
            Self::Database(_) => Ok(u64::MAX),
        }
    }

    /// The ledger as it was at `at`: after the last entry that is not later, without holds whose time was over by then. As it is
    /// after the last entry of all without one.
    ///
    /// # Errors
    /// Those of [`Source::entries`], and [`JournalError::Ledger`] for an entry that does not follow.
    pub fn past(&self, at: Option<Timestamp>) -> Result<Book, JournalError> {
        let mut book = Book::new(Limits::default());
        self.each(|entry| {
            if at.is_none_or(|at| entry.time <= at) {
                book.replay(&entry)?;
            }
            Ok(())
        })?;
        Ok(match at {
            Some(at) => book.seen_at(at),
            None => book,
        })
    }

    /// Gives every entry, read without opening the ledger, to `each`.
    ///
    /// # Errors
    /// Those of [`Source::entries`], and [`JournalError::Damaged`] for an entry that is none.
    pub fn each(&self, each: impl FnMut(Entry) -> Result<(), JournalError>) -> Result<(), JournalError> {
        self.each_from(0, each)
    }

    /// Gives every entry from number `from` on to `each`.
    ///
    /// # Errors
    /// As [`Source::each`].
    pub fn each_from(
        &self,
        from: u64,
        mut each: impl FnMut(Entry) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let read = self.entries(from, |seq, bytes| {
            let entry: Entry = serde_json::from_slice(bytes).map_err(|error| JournalError::Damaged {
                file: "the ledger".into(),
                at: seq,
                what: format!("entry {seq} is none: {error}"),
            })?;
            each(entry)
        });
        read.map(drop)
    }
}

#[cfg(not(feature = "postgres"))]
fn without_postgres() -> JournalError {
    JournalError::Database {
        doing: "use PostgreSQL",
        source: "this program was built without the feature `postgres` of tollgate-store".into(),
    }
}
