//! What is off unless it is written: the cache of answers, risk over turns.

pub(super) mod cache;
pub(super) mod safety;
