//! What is known of calls, kept before they are made.

use serde::{Deserialize, Serialize};
use tollgate_core::Digest;
use tollgate_pay::rail::Outcome;
use tollgate_rail::Keyed;

/// What is known of a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// `call:` and the call's key; `end:` and a payment's name for the one call that ends it; `refund:` and a refund's key.
    pub key: String,
    /// Digest of what was asked under it.
    pub asked: Digest,
    /// The payment, once it has a name.
    pub intent: Option<String>,
    /// Requests that were answered with a fault of the API, which it answers again to the same idempotency key.
    pub faults: u32,
    /// What became of it, once that is known.
    pub outcome: Option<Outcome>,
}

impl Record {
    pub(crate) fn new(key: String, asked: Digest) -> Self {
        Self { key, asked, intent: None, faults: 0, outcome: None }
    }

    /// The idempotency key of a step.
    pub(crate) fn step(&self, name: &str) -> String {
        let faults = self.faults.to_string();
        let parts = [self.key.as_bytes(), &self.asked.0, name.as_bytes(), faults.as_bytes()];
        format!("tollgate-{}", Digest::of_parts(parts))
    }
}

impl Keyed for Record {
    fn key(&self) -> &str {
        &self.key
    }
}

/// A journal of calls.
pub trait Journal: tollgate_rail::Journal<Record = Record> {}

impl<J: tollgate_rail::Journal<Record = Record>> Journal for J {}

/// A journal in memory, for tests.
pub type MemoryJournal = tollgate_rail::MemoryJournal<Record>;
/// A journal in a file, which one process has.
pub type FolderJournal = tollgate_rail::FolderJournal<Record>;
