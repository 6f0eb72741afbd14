//! The card rail: against a far side in memory, and against the one that tests/card/run.sh starts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod bank;
mod conform;
mod hooks;
mod network;
mod refunds;
mod turns;
mod world;
