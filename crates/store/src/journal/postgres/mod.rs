//! The ledger on PostgreSQL: many replicas, one order of commands.
//!
//! Every replica keeps the ledger in memory and decides by the same code as the embedded engine. The database holds the
//! entries and one row, the *head*: how many entries there are and the root of their tree. A batch is one statement that
//! moves the head from where this replica saw it to where it wants it, and inserts the entries only if the head moved:
//! one round trip, one sync, all or nothing.
//!
//! ```text
//! submit ─► queue ─► lease ─► catch up ─► decide (Book) ─► move head + insert entries ─► answer
//!                    advisory  entries of   in memory       one statement, one commit
//!                    lock      the others
//! ```
//!
//! The head is the fence: whoever has not seen the last entry cannot write one, whatever it believes of itself. The lease
//! (a session's advisory lock) only saves replicas from deciding in vain; a holder that does not let go in time loses its
//! session. A replica that lost its connection or the head reads the state anew, and tells its callers that the outcome is
//! unknown: the same key, sent again to any replica, gets the one answer.
//!
//! Invariants: the embedded engine's; and the root in the head is that of the entries, so a replica whose rules or memory
//! differ stops before it writes.

mod aside;
mod link;
mod medium;
mod reach;
mod scratch;

pub use aside::{Aside, Asked, Lead};
pub use scratch::Scratch;

use super::{Journal, JournalConfig, JournalError};
use link::Link;
use std::sync::Arc;
use tollgate_core::Clock;

impl Journal {
    /// Opens the ledger in a database, made when there is none, and starts this replica's thread.
    ///
    /// `url` is libpq's: `postgres://user@host/database`, with `?options=-csearch_path%3DNAME` for a schema of that name.
    /// Over a network it is reached by TLS, and must show a certificate for its name that leads to an authority of the system or of the
    /// file that `sslrootcert` names; `sslmode=disable` does without.
    ///
    /// # Errors
    /// [`JournalError::Database`], and [`JournalError::Ledger`] when the entries do not follow from each other.
    pub fn open_postgres(
        url: &str,
        config: JournalConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        let (medium, state, replayed) = medium::Shared::open(url, &config.limits)?;
        Self::start(medium, state, replayed, config, clock)
    }
}

/// Entries of a ledger in a database from number `from` on; answers the number of the next.
///
/// # Errors
/// [`JournalError::Database`], or what `each` says.
pub fn entries(
    url: &str,
    from: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), JournalError>,
) -> Result<u64, JournalError> {
    let mut link = Link::open(url)?;
    let mut next = from;
    while next < link.head()?.size {
        next = link.entries(next, &mut each)?;
    }
    Ok(next)
}
