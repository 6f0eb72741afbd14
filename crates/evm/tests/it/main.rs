//! The crate from outside: by published vectors, and on a real node where there is one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod node;
mod rail;
mod sale;
mod turns;
mod vectors;
mod world;
mod x402;
