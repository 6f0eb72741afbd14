//! Tests of the settlement kernel from outside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper that fails fails its test")]

mod groups;
mod json;
mod ledger;
mod log;
mod mandate;
mod oracle;
mod properties;
