//! Who an agent is: signed records in a hash chain, their keys with a history, and what others say of the agent.
//!
//! An [`AgentRecord`] names an agent, its keys and what each is for, its cards and its accounts. Each version is signed by a
//! control key of the version before and carries that version's digest, so a [`History`] can be checked by anybody from the
//! first record on, which the id itself vouches for: `did:key` *is* the key, `did:web` names a document with the keys.
//! [`History::key_at`] answers for any moment which keys counted then: rotation and revocation change the future, not the past.
//!
//! Everything signed is canonical JSON (RFC 8785) under a detached JWS (RFC 7515); a key has one algorithm, which the header
//! must name, so that no signature is checked by the rules of another. Cards of A2A are signed the same way.
//!
//! Invariants: no version is accepted that does not continue the last one, at a time before it, or by a key that the last one
//! does not have; a revoked key never counts again; a name in an id, a card or a document is compared, never trusted.

mod accepted;
mod base58;
mod card;
mod chain;
mod control;
mod did;
mod find;
mod history;
mod key;
mod record;
mod sealed;

pub use accepted::Accepted;
pub use card::{Registration, Service, check_card, registration};
pub use control::{Challenge, prove, prove_by_wallet};
pub use did::{Document, web_url};
pub use find::{AGENTS_MAX, Directory, Query, Search};
pub use history::{History, VERSIONS_MAX};
pub use key::{PublicKey, SecretKey};
pub use record::{AgentKey, AgentRecord, Purpose, RailAccount, TEXT_BYTES_MAX};
pub use sealed::{SEALED_BYTES_MAX, Sealed};
