//! Why an event cannot happen to an escrow. Nothing has changed then.

use super::{EventKind, Phase};
use crate::PayError;
use crate::{ledger, mandate};
use tollgate_core::id::AccountId;
use tollgate_core::{Digest, Timestamp};

/// See the module.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// The event does not belong to the phase.
    #[error("{event} cannot happen to an escrow that is {phase}")]
    Illegal {
        /// Where the escrow is.
        phase: Phase,
        /// What was asked.
        event: EventKind,
    },
    /// The rail has not said what became of the call under way. Until it does, nothing else may happen.
    #[error(
        "the rail has not said what became of call {key:?}: ask it, nothing else may happen until it is known"
    )]
    Blocked {
        /// Key of the call.
        key: String,
    },
    /// It is not time yet.
    #[error("{what} can happen from {from} on, and it is {now}")]
    TooEarly {
        /// What was asked.
        what: &'static str,
        /// First moment at which it can.
        from: Timestamp,
        /// The escrow's time.
        now: Timestamp,
    },
    /// The time for it is over.
    #[error("{what} can happen before {until}, and it is {now}")]
    TooLate {
        /// What was asked.
        what: &'static str,
        /// First moment at which it no longer can.
        until: Timestamp,
        /// The escrow's time.
        now: Timestamp,
    },
    /// Somebody who must have signed has not.
    #[error("the {who} has not signed this")]
    NotSigned {
        /// Who.
        who: &'static str,
    },
    /// Too few members of a quorum signed.
    #[error(
        "{counted} of the quorum signed, {wanted} must; {unknown} other keys and {wrong} wrong signatures count for nothing"
    )]
    Quorum {
        /// How many must.
        wanted: usize,
        /// Members whose signature holds.
        counted: usize,
        /// Keys that are not of the quorum.
        unknown: usize,
        /// Members whose signature does not hold.
        wrong: usize,
    },
    /// A statement is about something else.
    #[error("the statement's {field} is {said}, the escrow's is {is}")]
    Mismatch {
        /// Which field.
        field: &'static str,
        /// What the statement says.
        said: String,
        /// What it would have to say.
        is: String,
    },
    /// The log does not show the verdict that an order rests on.
    #[error("the verdict is not proven to be in the log: {0}")]
    Unproven(PayError),
    /// The log names no key that speaks for an account.
    #[error("account {0} has no owner: record its keys with `pay ledger own`")]
    Unowned(AccountId),
    /// What was signed is not by a key that speaks for every account that the price comes from.
    #[error("no key that speaks for all accounts that the price comes from has signed this")]
    NotOwner,
    /// The mandate does not allow it.
    #[error("the mandate does not allow this: {0}")]
    Mandate(#[from] mandate::Refusal),
    /// The ledger does not take it: a mandate's budget, period or use says no.
    #[error("the ledger refused it: {0}")]
    Ledger(ledger::Refusal),
    /// The idempotency key was used for another request.
    #[error(
        "this idempotency key was used for another request (entry {seq}): use a new key for a new request"
    )]
    OtherRequest {
        /// The entry that answered it.
        seq: u64,
    },
    /// There is such an escrow already.
    #[error("escrow {0} exists already: a contract has one escrow, use another nonce")]
    Exists(Digest),
    /// There is no such escrow.
    #[error("there is no escrow {0}")]
    Missing(Digest),
    /// There are as many escrows as there may be.
    #[error("there are already {limit} escrows: raise the limit")]
    Full {
        /// The bound.
        limit: usize,
    },
    /// A value of the contract or the statement is not what it must be.
    #[error(transparent)]
    Bad(#[from] PayError),
}

impl Refusal {
    /// A statement that says something else than it must.
    pub(super) fn mismatch(field: &'static str, said: &impl ToString, is: &impl ToString) -> Self {
        Self::Mismatch { field, said: said.to_string(), is: is.to_string() }
    }
}
