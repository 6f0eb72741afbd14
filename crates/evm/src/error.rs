//! The one error of this crate.

use crate::NodeError;
use tollgate_rail::KeepError;

/// Why something could not be read, made or sent. What a chain refuses is no error: see [`crate::Reply::Reverted`].
#[derive(Debug, thiserror::Error)]
pub enum EvmError {
    /// A value is not what it must be.
    #[error("{field} {value:?} is not {wanted}")]
    Bad {
        /// Which value.
        field: &'static str,
        /// As given, cut at 80 characters.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A contract or a call is not what this rail carries.
    #[error(transparent)]
    Pay(#[from] tollgate_pay::PayError),
    /// The node did not answer, or refused.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The node's answer is not of the form that its method has.
    #[error("the node's answer to {method} is not {wanted}")]
    Answer {
        /// What was asked.
        method: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// Something could not be kept or read.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// A bound is reached.
    #[error("there are already {limit} {what}: raise the limit, or wait until some are over")]
    Full {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The chain asks for more than may be spent on a transaction.
    #[error(
        "the chain's fee is {fee} wei per gas, of which at most {limit} may be paid: wait, or raise max_fee_wei"
    )]
    Fee {
        /// What it would be.
        fee: u128,
        /// The bound.
        limit: u128,
    },
    /// The node is of another chain than the configuration says.
    #[error("the node is of chain {is}, the configuration says {wanted}")]
    Chain {
        /// The node's.
        is: u64,
        /// The configuration's.
        wanted: u64,
    },
}

impl EvmError {
    /// A value that is not what it must be.
    pub(crate) fn bad(field: &'static str, value: &str, wanted: &'static str) -> Self {
        Self::Bad { field, value: value.chars().take(80).collect(), wanted }
    }
}
