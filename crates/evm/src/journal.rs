//! What is known of a deed: what was asked, what was signed for it, and its outcome once that is known for good.

use crate::Word;
use serde::{Deserialize, Serialize};
use tollgate_core::Digest;
use tollgate_pay::rail::Outcome;
use tollgate_rail::Keyed;

/// A transaction that was signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The sender's count that it has.
    pub nonce: u64,
    /// Its hash.
    pub hash: Word,
    /// Its bytes, as `0x` and digits.
    pub raw: String,
    /// The newest block when it was signed.
    pub block: u64,
    /// Its tip, in wei per gas.
    pub tip: u128,
    /// Most that it pays, in wei per gas.
    pub max_fee: u128,
}

/// What is known of a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The key.
    pub key: String,
    /// Digest of what was asked under it.
    pub asked: Digest,
    /// What was signed for it, in order.
    pub attempts: Vec<Attempt>,
    /// What became of it, once that is known.
    pub outcome: Option<Outcome>,
    /// The newest block that was deep enough when it became known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_at: Option<u64>,
    /// Seconds since the epoch from which it can happen no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

impl Record {
    /// A key under which something is asked, and nothing was sent.
    #[must_use]
    pub fn new(key: &str, asked: Digest) -> Self {
        Self { key: key.into(), asked, attempts: Vec::new(), outcome: None, known_at: None, expires: None }
    }
}

impl Keyed for Record {
    fn key(&self) -> &str {
        &self.key
    }
}

/// A journal of deeds.
pub trait Journal: tollgate_rail::Journal<Record = Record> {}

impl<J: tollgate_rail::Journal<Record = Record>> Journal for J {}

/// A journal in memory, for tests.
pub type MemoryJournal = tollgate_rail::MemoryJournal<Record>;
/// A journal in a file, which one process has.
pub type FolderJournal = tollgate_rail::FolderJournal<Record>;
