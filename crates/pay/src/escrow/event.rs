//! What may happen to an escrow, and the statements that must be signed for it.
//!
//! Every statement names the contract and the version of the escrow that it is about. A version is passed once, so no
//! statement works twice, later, or for another escrow.

use super::{Evaluator, Mandate, Member, Party, Signed, Statement, TaskContract, Verifier};
use crate::rail::Outcome;
use serde::{Deserialize, Serialize};
use std::fmt;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Digest, Timestamp};

/// The payee's claim to have done a stage. Fields of all statements stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The contract's digest.
    pub contract: Digest,
    /// Digest of the evidence's bytes.
    pub evidence: Digest,
    /// Kind of the evidence.
    pub kind: String,
    /// Digest of what was delivered.
    pub output: Digest,
    /// Which stage, from 0.
    pub stage: usize,
    /// The escrow's version.
    pub version: u64,
}

/// What the verifiers found: how much of the stage's amount the evidence supports.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The contract's digest.
    pub contract: Digest,
    /// What is to be released; nothing when the evidence does not satisfy the predicate.
    pub granted: Amount,
    /// Digest of the Proof of Task Execution, or of the reasons against it.
    pub pote: Digest,
    /// The escrow's version.
    pub version: u64,
}

/// What an order does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Pays the payee.
    Release,
    /// Gives all that is left back to the payer.
    Refund,
}

/// What the verifiers tell the settlement plane: the one thing that goes from plane to plane.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseOrder {
    /// What is to be done.
    pub act: Act,
    /// How much, fees included.
    pub amount: Amount,
    /// The contract's digest.
    pub contract: Digest,
    /// The payee's account, or the first that funded.
    pub destination: AccountId,
    /// The order counts before this moment, not at it.
    pub expires: Timestamp,
    /// Place in the log of the entry that holds the verdict or ruling.
    pub index: u64,
    /// That entry's leaf hash.
    pub leaf: Digest,
    /// The rail that is to move it.
    pub rail: String,
    /// The escrow's version.
    pub version: u64,
}

/// One of the two parties.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Who gives the money.
    Payer,
    /// Who does the work.
    Payee,
}

/// A party's objection to a verdict, or its evidence in a dispute.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objection {
    /// Who objects.
    pub by: Side,
    /// The contract's digest.
    pub contract: Digest,
    /// Digest of the evidence for it.
    pub evidence: Digest,
    /// The escrow's version.
    pub version: u64,
}

/// What the evaluators decided about a dispute.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruling {
    /// The contract's digest.
    pub contract: Digest,
    /// What is to be released; nothing gives all that is left back.
    pub granted: Amount,
    /// Digest of the reasons.
    pub reasons: Digest,
    /// The escrow's version.
    pub version: u64,
}

/// Who signs what, and the domain under each signature.
macro_rules! statements {
    ($($name:ty, $by:ty, $domain:literal;)*) => {$(
        impl Statement for $name {
            type By = $by;
            const DOMAIN: &'static str = $domain;
        }
    )*};
}
statements! {
    TaskContract, Party, "tollgate/task-contract/v1";
    Submission, Party, "tollgate/submission/v1";
    Objection, Party, "tollgate/objection/v1";
    Verdict, Verifier, "tollgate/verdict/v1";
    ReleaseOrder, Verifier, "tollgate/release-order/v1";
    Ruling, Evaluator, "tollgate/ruling/v1";
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// Both parties signed the contract. It makes the escrow.
    Propose(Box<Signed<TaskContract>>),
    /// The owners of the money allow it; a mandate is counted by the same entry.
    Authorize {
        /// What they signed, when it is not the contract itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mandate: Option<Box<Mandate>>,
    },
    /// The funds are to be held.
    Lock,
    /// The funds of several escrows are to be held, all or none; recorded under the first of them.
    LockTogether(Vec<Member>),
    /// The rail said what became of a call.
    Rail {
        /// The call's key.
        call: String,
        /// What became of it.
        outcome: Outcome,
    },
    /// The payee hands evidence in, or other evidence in its place.
    Submit(Signed<Submission>),
    /// The verifiers take the evidence up; it cannot be replaced any more.
    Take,
    /// The verifiers have decided.
    Verdict(Signed<Verdict>),
    /// The verdict is to be executed.
    Order {
        /// Signed by the verifiers.
        order: Signed<ReleaseOrder>,
        /// That the verdict is in the log (C2SP tlog-proof, without the entry).
        proof: String,
    },
    /// A party objects to the verdict.
    Dispute(Signed<Objection>),
    /// A party adds evidence to a dispute.
    Counter(Signed<Objection>),
    /// The evaluators have decided the dispute.
    Rule(Signed<Ruling>),
    /// Takes back what was not released, after its time.
    Reclaim,
    /// Ends an escrow that never held funds, after its time.
    Expire,
}

/// Events as the state machine tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventKind {
    /// See [`Event::Propose`].
    Propose,
    /// See [`Event::Authorize`].
    Authorize,
    /// See [`Event::Lock`] and [`Event::LockTogether`].
    Lock,
    /// The rail did it.
    Done,
    /// The rail did not and never will.
    Failed,
    /// Nobody knows.
    Unknown,
    /// See [`Event::Submit`].
    Submit,
    /// See [`Event::Take`].
    Take,
    /// A verdict that grants something.
    Pass,
    /// A verdict that grants nothing.
    Refuse,
    /// An order to pay.
    Release,
    /// An order to give back.
    Refund,
    /// See [`Event::Dispute`].
    Dispute,
    /// See [`Event::Counter`].
    Counter,
    /// A ruling that grants something.
    RulePay,
    /// A ruling that grants nothing.
    RuleRefund,
    /// See [`Event::Reclaim`].
    Reclaim,
    /// See [`Event::Expire`].
    Expire,
}

impl EventKind {
    /// All, in order.
    pub const ALL: [Self; 18] = [
        Self::Propose,
        Self::Authorize,
        Self::Lock,
        Self::Done,
        Self::Failed,
        Self::Unknown,
        Self::Submit,
        Self::Take,
        Self::Pass,
        Self::Refuse,
        Self::Release,
        Self::Refund,
        Self::Dispute,
        Self::Counter,
        Self::RulePay,
        Self::RuleRefund,
        Self::Reclaim,
        Self::Expire,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Authorize => "authorize",
            Self::Lock => "lock",
            Self::Done => "rail done",
            Self::Failed => "rail failed",
            Self::Unknown => "rail unknown",
            Self::Submit => "submit",
            Self::Take => "take",
            Self::Pass => "verdict to pay",
            Self::Refuse => "verdict to refund",
            Self::Release => "release order",
            Self::Refund => "refund order",
            Self::Dispute => "dispute",
            Self::Counter => "counter",
            Self::RulePay => "ruling to pay",
            Self::RuleRefund => "ruling to refund",
            Self::Reclaim => "reclaim",
            Self::Expire => "expire",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Event {
    /// The escrow that a signed statement is about; `None` for what nobody signs.
    #[must_use]
    pub fn about(&self) -> Option<Digest> {
        match self {
            Self::Propose(signed) => Some(signed.statement.digest()),
            Self::Submit(signed) => Some(signed.statement.contract),
            Self::Verdict(signed) => Some(signed.statement.contract),
            Self::Order { order, .. } => Some(order.statement.contract),
            Self::Dispute(signed) | Self::Counter(signed) => Some(signed.statement.contract),
            Self::Rule(signed) => Some(signed.statement.contract),
            Self::Authorize { .. } | Self::Lock | Self::LockTogether(_) => None,
            Self::Rail { .. } | Self::Take => None,
            Self::Reclaim | Self::Expire => None,
        }
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Propose(_) => EventKind::Propose,
            Self::Authorize { .. } => EventKind::Authorize,
            Self::Lock | Self::LockTogether(_) => EventKind::Lock,
            Self::Rail { outcome: Outcome::Done { .. }, .. } => EventKind::Done,
            Self::Rail { outcome: Outcome::Failed { .. }, .. } => EventKind::Failed,
            Self::Rail { outcome: Outcome::Unknown, .. } => EventKind::Unknown,
            Self::Submit(_) => EventKind::Submit,
            Self::Take => EventKind::Take,
            Self::Verdict(verdict) if verdict.statement.granted.minor() == 0 => EventKind::Refuse,
            Self::Verdict(_) => EventKind::Pass,
            Self::Order { order, .. } => match order.statement.act {
                Act::Release => EventKind::Release,
                Act::Refund => EventKind::Refund,
            },
            Self::Dispute(_) => EventKind::Dispute,
            Self::Counter(_) => EventKind::Counter,
            Self::Rule(ruling) if ruling.statement.granted.minor() == 0 => EventKind::RuleRefund,
            Self::Rule(_) => EventKind::RulePay,
            Self::Reclaim => EventKind::Reclaim,
            Self::Expire => EventKind::Expire,
        }
    }
}
