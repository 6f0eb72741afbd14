//! A ledger that is thrown away: for measurements and tests.

use super::link::{connect, failed};
use crate::journal::JournalError;

/// A schema of its own in a database, removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    server: String,
    name: String,
}

impl Scratch {
    /// Names the schema; it is made by the first ledger that is opened in it.
    ///
    /// `server` is a URL without options; `name` has letters, digits and `_`.
    #[must_use]
    pub fn new(server: &str, name: &str) -> Self {
        Self { server: server.into(), name: name.into() }
    }

    /// URL of the ledger in the schema.
    #[must_use]
    pub fn url(&self) -> String {
        let mark = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{mark}options=-csearch_path%3D{}", self.server, self.name)
    }

    /// Runs statements in the schema.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn run(&self, statements: &str) -> Result<(), JournalError> {
        connect(&self.url())?.batch_execute(statements).map_err(failed("run a statement"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = self.run(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name));
    }
}
