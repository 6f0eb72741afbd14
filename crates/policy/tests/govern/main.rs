//! Governance: what is found, who may do what, tools, and content that nobody reads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod fleet;
mod masks;
mod tools;
mod unread;
mod whole;
