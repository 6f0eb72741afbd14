//! What is off unless it is written: the cache of answers, rules on answers, risk over turns, answers beside their context.

pub(super) mod cache;
pub(super) mod output;
pub(super) mod safety;
pub(super) mod support;
