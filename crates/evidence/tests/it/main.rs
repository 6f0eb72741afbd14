//! Evidence that others made, and evidence made here under roots of our own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod data;
mod forge;
mod hardware;
mod made;
mod notary;
mod predicates;
mod proofs;
mod quotes;
mod samples;
mod signed;
mod sigstore;
