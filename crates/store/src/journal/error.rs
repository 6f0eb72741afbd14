//! Why the journal cannot do what was asked.

use std::io;
use tollgate_pay::PayError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system refused.
    #[error("failed to {doing} {file:?}: check the disk and the rights of its folder")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The database refused or cannot be reached.
    #[error("failed to {doing}: check that the database runs and that this user may use it")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The driver's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file is not what was written to it.
    #[error("{file:?} is damaged at byte {at}: {what}; restore it from a copy, nothing was changed")]
    Damaged {
        /// Which file.
        file: String,
        /// Where in it.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// Another process has the journal open.
    #[error("{folder:?} is in use by another process: stop it, or use another folder")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The queue of commands is full.
    #[error("{limit} commands already wait for the journal: retry later or raise `queue_max`")]
    Busy {
        /// The bound of the queue.
        limit: usize,
    },
    /// The journal was closed, or a write failed before; commands that were not answered may or may not be in it.
    #[error("the journal is closed{}", reason.as_ref().map(|r| format!(" since {r}")).unwrap_or_default())]
    Closed {
        /// The failure that closed it, if any.
        reason: Option<String>,
    },
    /// The write or sync failed: whether the command is in the journal shows when it is opened again. Send it again with
    /// the same key then.
    #[error("the outcome is unknown, the journal could not be written: send it again with the same key")]
    Unknown,
    /// The log has grown since the command was made for it: it was not looked at.
    #[error("the log has grown: read it on and decide again")]
    Behind,
    /// The ledger does not take the command.
    #[error(transparent)]
    Ledger(#[from] PayError),
}

impl JournalError {
    pub(crate) fn io<'a>(doing: &'static str, file: &'a str) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::Io { doing, file: file.into(), source }
    }

    pub(super) fn damaged(file: &str, at: usize, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.into(), at: u64::try_from(at).unwrap_or(u64::MAX), what: what.into() }
    }
}
