//! Imports of other routers' configurations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod corners;
mod large;
mod litellm;
mod others;
mod recipes;
mod semantics;
mod whole;
mod words;
