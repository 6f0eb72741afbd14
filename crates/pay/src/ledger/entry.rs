//! What the ledger decided: one entry per command that reached a decision.

use super::grant::Unmet;
use super::{Command, HoldId};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use tollgate_core::id::AccountId;
use tollgate_core::{Asset, Digest, Timestamp};

/// A decided command, as it is written, hashed and replayed. The plain serialisation is canonical (RFC 8785).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What was asked.
    pub command: Command,
    /// Holds whose time had run out; they were given back before the command was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<HoldId>,
    /// What was decided.
    pub outcome: Outcome,
    /// Place in the ledger's history, from 0, without gaps.
    pub seq: u64,
    /// When it was decided; never earlier than the entry before.
    pub time: Timestamp,
}

/// What [`super::Book::apply`] answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The command was decided now; the entry must be made durable before anybody is told.
    Fresh(Entry),
    /// The key was decided before, and this was the answer.
    Known {
        /// The entry that decided it.
        seq: u64,
        /// What it decided.
        outcome: Outcome,
    },
}

impl Decision {
    /// The entry that decided the command.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Fresh(entry) => entry.seq,
            Self::Known { seq, .. } => *seq,
        }
    }

    /// What it decided.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        match self {
            Self::Fresh(entry) => &entry.outcome,
            Self::Known { outcome, .. } => outcome,
        }
    }
}

/// The answer to a command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// All operations took effect.
    Applied {
        /// Numbers of the holds made, in the order of their operations.
        #[serde(default, skip_serializing_if = "SmallVec::is_empty")]
        holds: SmallVec<[HoldId; 1]>,
    },
    /// None did.
    Refused {
        /// Index of the operation that could not be done.
        op: usize,
        /// Why.
        why: Refusal,
    },
}

/// Why an operation cannot be done. The command's caller is at fault in every case.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Refusal {
    /// There is no such account.
    #[error("there is no account {account}")]
    UnknownAccount {
        /// The id asked for.
        account: AccountId,
    },
    /// There is such an account already.
    #[error("account {account} exists already")]
    AccountExists {
        /// The id asked for.
        account: AccountId,
    },
    /// The amount and the account are counted in different assets.
    #[error("account {account} is counted in {has:?}, the amount is in {wanted:?}")]
    OtherAsset {
        /// The account.
        account: AccountId,
        /// Its asset.
        has: Asset,
        /// The amount's.
        wanted: Asset,
    },
    /// Debit and credit are the same account.
    #[error("account {account} stands on both sides")]
    SameAccount {
        /// The account.
        account: AccountId,
    },
    /// The amount is zero or negative.
    #[error("the amount is {minor} minor units: it must be more than nothing")]
    NotPositive {
        /// As given.
        #[serde(with = "decimal")]
        minor: i128,
    },
    /// The account has less than is asked of it.
    #[error("account {account} has {available} minor units available, {wanted} are wanted")]
    Overdrawn {
        /// The account.
        account: AccountId,
        /// What it has, at most 2^64 - 1.
        #[serde(with = "decimal")]
        available: u128,
        /// What was asked.
        #[serde(with = "decimal")]
        wanted: u128,
    },
    /// A sum would not fit in 128 bits.
    #[error("account {account} would overflow 128 bits")]
    Overflow {
        /// The account.
        account: AccountId,
    },
    /// The hold has not been made.
    #[error("there is no hold {hold}")]
    UnknownHold {
        /// As given.
        hold: HoldId,
    },
    /// The hold was posted, voided, or expired before.
    #[error("hold {hold} was resolved before")]
    Resolved {
        /// As given.
        hold: HoldId,
    },
    /// More is to be posted than is still reserved.
    #[error("hold {hold} reserves {left} minor units, {wanted} are to be posted")]
    BeyondHold {
        /// The hold.
        hold: HoldId,
        /// What it still reserves.
        #[serde(with = "decimal")]
        left: u128,
        /// What was asked.
        #[serde(with = "decimal")]
        wanted: u128,
    },
    /// The hold would expire before it begins.
    #[error("the hold would expire at {expires}, and it is {now}")]
    AlreadyExpired {
        /// As given.
        expires: Timestamp,
        /// The ledger's time.
        now: Timestamp,
    },
    /// A mandate does not allow it.
    #[error("mandate or payment {name}: {why}")]
    Mandate {
        /// Name of the mandate, or of the payment, challenge or transaction under it.
        name: Digest,
        /// Why not.
        why: Box<Unmet>,
    },
    /// A linked hold is resolved and another of its group is not.
    #[error("hold {hold} is linked to what this command resolves: resolve all of the group in one command")]
    GroupSplit {
        /// The one that is left open.
        hold: HoldId,
    },
}

/// Integers beyond 2^53 as decimal text: JSON numbers are not exact there.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: std::fmt::Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
        D: Deserializer<'de>,
    {
        <std::borrow::Cow<'de, str>>::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}
