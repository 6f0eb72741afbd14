//! The ledger's engine: one thread decides, one journal makes it durable, nothing is told before. The journal is a folder of
//! files (told here), or a database that many replicas share (see `postgres`).
//!
//! Commands wait in a bounded queue. The thread takes all that wait, decides them in memory, appends their entries to the
//! journal, syncs once (group commit), and only then answers. Each journal record *is* the entry whose hash is a leaf of
//! the audit log, so a change without its log entry cannot exist: there is only one write.
//!
//! ```text
//! submit ─► queue ─► decide (Book) ─► append records ─► fdatasync ─► answer
//!                                       segment: header, records         snapshot: rows, digest
//! ```
//!
//! Invariants: what was answered survives a crash at any moment (on a disk that keeps what it synced); what was not
//! answered is either whole or absent; a damaged record that others were built on is refused, never skipped; after a
//! failed write or sync nothing more is promised until the journal is opened anew.

pub mod audit;
mod disk;
mod engine;
mod error;
mod files;
mod frame;
mod medium;
mod open;
#[cfg(feature = "postgres")]
pub mod postgres;
mod queue;
mod segment;
mod snapshot;
#[cfg(test)]
mod tests;
mod writer;

pub use disk::{Disk, Folder};
pub use engine::{Answer, Journal, JournalConfig, JournalStats};
pub use error::JournalError;
pub use open::{Recovered, recover};
