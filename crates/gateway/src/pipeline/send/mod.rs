//! The way up: which instance is tried next, what it is sent, and how an attempt ends before the caller sees anything.
//!
//! [`reach`] finds where a plan leads, [`dispatch`] walks it; one [`attempt`] shapes the body ([`shape`]) and the headers ([`outgoing`]) for its
//! instance ([`mask`]s what is to be masked) and holds back until the first content; a [`flight`] counts the request in and out exactly once.

pub(super) mod attempt;
mod closed;
pub(super) mod dispatch;
mod failure;
pub(super) mod flight;
mod limit;
pub(super) mod mask;
pub(super) mod members;
pub(super) mod outgoing;
pub(super) mod reach;
pub(super) mod shape;
