//! What one caller, or a page that somebody opens, cannot do to others and to the operator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod blame;
#[path = "../common/mod.rs"]
mod common;
mod large;
mod left;
mod log;
mod long;
mod pages;
mod reloads;
mod writes;
