//! What rails outside of our own ledger share.
//!
//! Money is moved by somebody else, so what was asked for is on disk before it is sent ([`FolderJournal`]), what people hand in
//! lies in files that are whole or not there ([`whole`]), and answers are waited for where waiting is allowed ([`Waiting`]).
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

mod journal;
mod waiting;
pub mod whole;

pub use journal::{FolderJournal, Journal, Keyed, MemoryJournal, RECORDS_MAX};
pub use waiting::{Silent, Waiting};

use std::path::PathBuf;

/// Why something was not kept or read.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A bound is reached.
    #[error("there are already {limit} records in the journal: prune it")]
    Full {
        /// The bound.
        limit: usize,
    },
}
