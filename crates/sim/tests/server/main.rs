//! The server over real sockets: raw HTTP on loopback, as fast as possible, no sleeping.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail a test")]

mod answers;
mod client;
mod dialects;
mod faults;
mod operator;
