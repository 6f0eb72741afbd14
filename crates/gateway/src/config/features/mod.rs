//! What is off unless it is written: the cache of answers, rules on answers, risk over turns, answers beside their context,
//! classifiers of your own, payments by x402.

pub(super) mod cache;
pub(super) mod output;
pub(super) mod safety;
pub(super) mod sources;
pub(super) mod support;
pub(super) mod x402;
