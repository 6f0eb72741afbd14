//! The binary as its users run it: output, errors, exit codes, and a gateway from start to stop.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod agents;
mod commands;
mod fleet;
mod guide;
mod judged;
mod keys;
mod models;
mod moving;
mod pay;
mod policy;
mod risk;
mod serving;
mod tool;
mod written;
