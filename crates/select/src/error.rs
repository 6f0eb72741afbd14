//! Why no choice could be made, or a value was not accepted.

use crate::instance::Dispatched;
use tollgate_core::OutOfRange;
pub(crate) use tollgate_core::range::within;

/// The one error of this crate.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Error {
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
    /// Every candidate model was filtered out (or there was none).
    #[error("no model is left of {given}: {why}")]
    NoModel {
        /// How many candidates were given.
        given: usize,
        /// The candidates and why each was dropped, in one line.
        why: String,
    },
    /// No pool may or can take the request.
    #[error("no pool can take {total_tokens} tokens: {why}")]
    NoPool {
        /// Prompt and expected output.
        total_tokens: u64,
        /// What was asked of the pools and what they offer.
        why: String,
    },
    /// No instance may be used now.
    #[error("no instance of {instances} can take a request now: {why}")]
    NoInstance {
        /// How many there are.
        instances: usize,
        /// How many stand where, in one line.
        why: String,
    },
    /// There is no instance at this index.
    #[error("instance {index} does not exist: there are {instances}")]
    UnknownInstance {
        /// The index as given.
        index: usize,
        /// How many there are.
        instances: usize,
    },
    /// The instance does not admit a request now (its state changed after placement, or its probes are all out).
    #[error("instance {index} admits no request now: take the next one of the placement")]
    NotAdmitted {
        /// The index as given.
        index: usize,
    },
    /// A dispatch was completed at an instance that did not make it; the token is handed back.
    #[error("dispatch {token:?} does not belong to instance {instance:016x}: complete it where it was made")]
    ForeignDispatch {
        /// The token, to be completed at its own instance.
        token: Box<Dispatched>,
        /// The instance that was asked.
        instance: u64,
    },
    /// An attempt went backwards.
    #[error("an attempt cannot go from {from} to {to}: stages only move forward")]
    Stage {
        /// Where it stands.
        from: &'static str,
        /// Where it was told to go.
        to: &'static str,
    },
}
