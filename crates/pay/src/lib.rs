//! Settlement as pure functions: a double-entry ledger with holds, the tamper-evident log of what it did, and mandates.
//!
//! Nothing here does IO, reads a clock or draws a random number: time comes in with each command, and an engine (in
//! `store`) makes what was decided durable. Money is integers with checked operations; there is no float in this crate.
//!
//! ```
//! use tollgate_core::{Amount, Asset, Timestamp};
//! use tollgate_pay::ledger::{Book, Bound, Command, Limits, Op, Outcome};
//!
//! let usd = Asset::new("USD", 2)?;
//! let open = |id: &str, bound| Op::Open { asset: usd, bound, id: id.parse().unwrap_or_else(|_| unreachable!()) };
//! let mut book = Book::new(Limits::default());
//! let ops = vec![
//!     open("acct_bank", Bound::None),
//!     open("acct_ada", Bound::DebitsWithinCredits),
//!     Op::Transfer { amount: Amount::new(500, usd), credit: "acct_ada".parse()?, debit: "acct_bank".parse()? },
//! ];
//! let decision = book.apply(Timestamp(0), Command::new("first", ops)?)?;
//! assert_eq!(decision.outcome(), &Outcome::Applied { holds: Default::default() });
//! assert_eq!(book.account(&"acct_ada".parse()?).map(|account| account.available()), Some(500));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

mod error;
pub mod escrow;
pub mod json;
pub mod ledger;
pub mod log;
pub mod mandate;
pub mod rail;
pub mod registry;
mod remembered;
pub mod simulate;

pub use error::PayError;
