//! Native SQLite storage: decisions, keys, budgets, responses, sessions, feedback, kept answers and notes.
//!
//! One writer thread owns the writing connection and commits everything that waits in one transaction (group
//! commit); readers have connections of their own. There is no async here: calls that wait are plain blocking
//! calls (wrap them in `spawn_blocking`), and the calls on a request's path never wait.
//!
//! Invariants: a dead or slow database never fails a model request (a record that finds the queue full is
//! counted as dropped); what was acknowledged is on disk; settled + reserved never exceeds a budget at the moment
//! of a reservation; a crash leaves no reservation behind; everything is bounded by [`StoreConfig`].
//!
//! ```
//! use tollgate_store::{Location, Store, StoreConfig};
//! let store = Store::open(&Location::Memory, StoreConfig::default())?;
//! assert!(store.fsck()?.is_clean());
//! store.close()?;
//! # Ok::<(), tollgate_store::StoreError>(())
//! ```

mod answers;
pub mod budget;
mod config;
pub mod decisions;
mod error;
pub mod escrows;
mod feedback;
mod fsck;
pub mod journal;
pub mod keys;
mod notes;
pub mod responses;
mod sessions;
pub mod settlement;
mod share;
mod sql;
mod store;
mod writer;

pub use answers::KeptAnswer;
pub use config::{Durability, Location, StoreConfig};
pub use decisions::{
    BESIDE, DecisionFilter, DecisionPage, DecisionRecord, DecisionRow, GroupBy, Payload, Summary, SummaryRow,
};
pub use error::StoreError;
pub use feedback::{Feedback, FeedbackRow};
pub use fsck::FsckReport;
pub use keys::{KeyRefusal, KeyRing, KeySpec, Secret, VirtualKey};
pub use notes::Note;
pub use responses::{ItemPage, ItemQuery, StoredResponse};
pub use sessions::{SessionEntry, Sessions};
pub use share::Share;
pub use store::{Store, SweepReport};
pub use writer::StoreStats;
