//! The ledger: accounts, transfers and holds, changed by commands that apply whole or not at all.
//!
//! A **hold** reserves money on both sides (pending) until it is posted (full or in part), voided, or expires. Holds that
//! are *linked* resolve together. A command carries an idempotency key: the same key with the same operations gets the
//! first answer again, with other operations a conflict. Every command that reached a decision, refusals too, is an
//! [`Entry`] with a gapless sequence number; applying the entries in order to an empty [`Book`] gives the same book.
//!
//! An **admission** counts a verified mandate's payment: its authorisation is used once, for ever, and budgets and periods are
//! kept, in the same command that holds the money.
//!
//! Invariants, checked at every command before it counts: for each asset, posted debits = posted credits and pending
//! debits = pending credits; a bounded account is never overdrawn; a hold is resolved at most once; time never runs back.
//!
//! The two-phase model is that of TigerBeetle's ledger (pending, post, void, linked); hold numbers are given by the book, so
//! that a resolved hold needs no memory.

mod account;
mod book;
mod command;
mod entry;
mod grant;
mod keys;
mod marks;
mod ops;
mod rows;
mod undo;

pub use account::{Account, Bound, Side};
pub use book::{Book, Hold, Limits};
pub use command::{COMMAND_BYTES_MAX, Command, HoldId, KEY_BYTES_MAX, OPS_MAX, Op, RECORD_BYTES_MAX, Rest};
pub use entry::{Decision, Entry, Outcome, Refusal};
pub use grant::{Admission, Closing, SHARES_MAX, Share, Unmet};
pub use rows::Row;
