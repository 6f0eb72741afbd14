//! Tests of the settlement kernel from outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking and say what they skip"
)]

mod escrow;
mod groups;
mod json;
mod ledger;
mod log;
mod mandate;
mod oracle;
mod properties;
mod registry;
