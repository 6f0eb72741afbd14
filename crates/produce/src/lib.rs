//! Evidence made by those who do the work, so that a verifier who trusts their key needs nothing else: statements in envelopes,
//! receipts of usage, answers signed as HTTP messages.
//!
//! Whoever produces evidence knows a task by its contract's digest and nonce ([`Task`]), and an output by its SHA-256; from these
//! follows the binding that all evidence carries. Nothing here reads a clock, a file or a network.
//!
//! ```
//! use tollgate_produce::{Key, Statement, output};
//!
//! let key = Key::from_seed(&[7; 32]);
//! let receipt = Statement::new("tollgate/delivery/v1", &[output(b"the work")]).envelope(&key);
//! assert!(receipt.contains("payloadType"));
//! ```
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

mod answer;
mod key;
mod statement;
mod usage;

pub use answer::{Answer, Asked};
pub use key::{Key, KeyError};
pub use statement::{IN_TOTO, Statement, Task, TaskError, output};
pub use usage::Usage;
