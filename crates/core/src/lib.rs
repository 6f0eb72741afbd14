//! Words that every other crate shares.
//!
//! Nothing here does IO, reads a clock or draws a random number: time comes in through [`Clock`] and randomness
//! through [`Seed`], so that every decision can be replayed from its record.
//!
//! ```
//! use tollgate_core::{Amount, Asset};
//! let price = Amount::new(250, Asset::usd_micro());
//! assert_eq!(price.checked_add(price).unwrap().to_string(), "0.000500 USD");
//! ```

pub mod amount;
pub mod digest;
pub mod fault;
pub mod fold;
pub mod id;
pub mod range;
pub mod seed;
pub mod signal;
pub mod time;

pub use amount::{Amount, AmountError, Asset};
pub use digest::Digest;
pub use fault::{Blame, Exposure, Fault, FaultKind, Retry};
pub use range::OutOfRange;
pub use seed::Seed;
pub use time::{Clock, ManualClock, Tick, Timestamp};
