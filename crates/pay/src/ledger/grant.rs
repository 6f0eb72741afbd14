//! What is counted about mandates: a signed mandate gives limits, the ledger counts against them, in the one order of commands.
//!
//! Verifying a mandate is a pure function of its bytes (see [`crate::mandate`]); that it is used *once*, and within its
//! budget, depends on what was used before, which only the ledger knows. An [`Admission`] is what the one tells the other.

use crate::mandate::Frequency;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use tollgate_core::{Amount, Digest, Timestamp};

/// Most mandates that one admission counts against: the open hops of a chain.
pub const SHARES_MAX: usize = 8;

/// A verified payment under one or more open mandates. It applies whole or not at all, together with its command's holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// How much; counted against every budget.
    pub amount: Amount,
    /// Name of the authorisation: used once, for ever.
    pub id: Digest,
    /// Names used up with it, until the first of the mandates has ended: challenges that it answered.
    #[serde(default, skip_serializing_if = "SmallVec::is_empty")]
    pub once: SmallVec<[Digest; 1]>,
    /// The open mandates, the principal's first; each is counted on its own.
    pub shares: Vec<Share>,
    /// Name of what is paid: nobody pays it twice, but it may be tried again when this one was rejected.
    pub transaction: Digest,
    /// When the first of the mandates ends: from this moment on nothing is admitted. What was admitted may be completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// One open mandate and its limits. It has at most one live admission.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// All payments together stay within this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Amount>,
    /// Name of the mandate.
    pub mandate: Digest,
    /// Most payments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrences: Option<u64>,
    /// At most one payment in each such period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Frequency>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How a live admission ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// It was paid: what it counted stays counted.
    Paid,
    /// It was rejected: what it counted is given back. The authorisation stays used up.
    Rejected,
}

/// Why a mandate does not allow this now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Unmet {
    /// The name was used before.
    #[error("it was used before")]
    Used,
    /// The mandate was revoked.
    #[error("it was revoked")]
    Revoked,
    /// The mandate has ended.
    #[error("it ended at {until}, and it is {now}")]
    Ended {
        /// When.
        until: Timestamp,
        /// The ledger's time.
        now: Timestamp,
    },
    /// Another payment under it is neither paid nor rejected yet.
    #[error("payment {live} under it is still open")]
    Live {
        /// Which.
        live: Digest,
    },
    /// The budget would be exceeded.
    #[error("{spent} of {budget} are spent: {wanted} more are too much")]
    Budget {
        /// All that may be spent.
        budget: Amount,
        /// What was spent.
        spent: Amount,
        /// What was asked.
        wanted: Amount,
    },
    /// There were as many payments as it allows.
    #[error("{payments} payments were made under it")]
    Exhausted {
        /// How many.
        payments: u64,
    },
    /// There was a payment in this period already.
    #[error("one was made in this period already, at {last}")]
    Period {
        /// When.
        last: Timestamp,
    },
    /// The command says what no verified chain does.
    #[error("it has no mandate, more than 8, one twice, or amounts in other assets")]
    Malformed,
    /// There is no such admission, or it is not open.
    #[error("it is not an open payment")]
    NotLive,
}
