//! Where an escrow is.

use super::step::{before, first_deadline};
use super::{Refusal, Signed, Submission, TaskContract, Together};
use crate::rail::{Ask, Call};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use tollgate_core::{Amount, Digest, Timestamp};

/// By which rules an event was decided. A log says it of each of its records, so that one that was written by earlier rules is
/// still read by them; nothing new is decided by any but the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Rules {
    /// The first: fees, the payee's key, instrument and day of a payment under a mandate were not asked for, one side could use
    /// up the room for exhibits, and a window might end where the payer reclaims.
    #[serde(rename = "tollgate/escrow/v1")]
    First,
    /// Those of today.
    #[default]
    #[serde(rename = "tollgate/escrow/v2")]
    Second,
}

/// Where the task is. What the rail is doing is a matter of its own: see [`RailState`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Both parties signed.
    Proposed,
    /// The mandate is consumed.
    Authorized,
    /// The rail is asked to hold the funds.
    Locking,
    /// The funds are held, and the work can begin.
    Locked,
    /// Evidence is there.
    Submitted,
    /// The verifiers look at it.
    Verifying,
    /// They found for the payee: it is paid when the challenge window is over.
    Releasable,
    /// They found against the payee: all that is left goes back when the window is over.
    Refusable,
    /// The rail is asked to pay.
    Releasing,
    /// A stage was paid; others follow.
    PartlyReleased,
    /// The last stage was paid. Final.
    Released,
    /// The rail is asked to give back.
    Refunding,
    /// What was not released is back with the payer. Final.
    Refunded,
    /// A party objected to the verdict.
    Disputed,
    /// Never funded, and too late for it. Final.
    Expired,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Self; 15] = [
        Self::Proposed,
        Self::Authorized,
        Self::Locking,
        Self::Locked,
        Self::Submitted,
        Self::Verifying,
        Self::Releasable,
        Self::Refusable,
        Self::Releasing,
        Self::PartlyReleased,
        Self::Released,
        Self::Refunding,
        Self::Refunded,
        Self::Disputed,
        Self::Expired,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Authorized => "authorized",
            Self::Locking => "locking",
            Self::Locked => "locked",
            Self::Submitted => "submitted",
            Self::Verifying => "verifying",
            Self::Releasable => "releasable",
            Self::Refusable => "refusable",
            Self::Releasing => "releasing",
            Self::PartlyReleased => "partly_released",
            Self::Released => "released",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing can happen any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Released | Self::Refunded | Self::Expired)
    }

    /// Whether funds are held and nothing is under way on the rail: the phases from which the payer reclaims.
    #[must_use]
    pub const fn is_funded(self) -> bool {
        match self {
            Self::Locked
            | Self::Submitted
            | Self::Verifying
            | Self::Releasable
            | Self::Refusable
            | Self::PartlyReleased
            | Self::Disputed => true,
            Self::Proposed
            | Self::Authorized
            | Self::Locking
            | Self::Releasing
            | Self::Released
            | Self::Refunding
            | Self::Refunded
            | Self::Expired => false,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the rail is doing for an escrow.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RailState {
    /// It was never asked.
    #[default]
    None,
    /// It is asked, and has not said anything.
    Pending(Call),
    /// It was asked, and nobody knows what became of it. That is no failure: the money may have moved.
    Unknown(Call),
    /// What became of the last call is known for good.
    Final,
}

impl RailState {
    /// The call whose outcome is not known.
    #[must_use]
    pub const fn open(&self) -> Option<&Call> {
        match self {
            Self::Pending(call) | Self::Unknown(call) => Some(call),
            Self::None | Self::Final => None,
        }
    }
}

/// What the ledger counted for an escrow under its mandate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Admitted {
    /// Name of the authorisation.
    pub id: Digest,
    /// It is neither paid nor rejected yet.
    pub live: bool,
}

/// How many objections and pieces of evidence each side has handed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Exhibits {
    /// The payer.
    pub payer: u32,
    /// The payee.
    pub payee: u32,
}

/// What is to be executed, by verdict or ruling.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// What is to be released; nothing gives all that is left back.
    pub amount: Amount,
    /// From this moment on it can be executed, and no longer disputed.
    pub from: Timestamp,
    /// The log's entry that holds the decision; an order must prove it. `None` only where the rail failed to give back.
    pub entry: Option<u64>,
}

/// One escrow. It follows from the events in the log, and nothing else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Escrow {
    /// The contract's digest, which is the escrow's name.
    pub id: Digest,
    /// The terms, which never change.
    #[serde(with = "terms")]
    pub contract: Arc<TaskContract>,
    /// By which rules it was proposed: its terms were agreed on under them, and its deadlines are theirs.
    pub rules: Rules,
    /// Where the task is.
    pub phase: Phase,
    /// What the rail is doing.
    pub rail: RailState,
    /// Events so far, the proposal included. It is bound into every signed statement.
    pub version: u64,
    /// Commands at this version that the ledger refused; the next one needs another key.
    pub tries: u32,
    /// What its mandate counted, when it was allowed by one.
    pub admission: Option<Admitted>,
    /// The stage that is worked on, from 0.
    pub stage: usize,
    /// What the rail has paid out, fees included.
    pub released: Amount,
    /// The evidence for this stage.
    pub submission: Option<Signed<Submission>>,
    /// When it was handed in: evidence is judged as of then, whenever somebody gets to it.
    pub submitted: Option<Timestamp>,
    /// What was decided about it.
    pub grant: Option<Grant>,
    /// Objections and evidence in the dispute, the first one included.
    pub exhibits: Exhibits,
    /// What the rail calls the held funds.
    pub held: Option<String>,
    /// With which others it was locked, if it was not alone.
    pub together: Option<Together>,
    /// Time of the last event; it never runs back.
    pub time: Timestamp,
    /// Digest of whose request made it, when the log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Digest>,
}

/// Terms that are shared, as they are.
mod terms {
    use super::{Arc, Deserialize, Serialize, TaskContract};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(terms: &Arc<TaskContract>, to: S) -> Result<S::Ok, S::Error> {
        terms.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<TaskContract>, D::Error> {
        TaskContract::deserialize(from).map(Arc::new)
    }
}

impl Escrow {
    /// The escrow of a contract that both parties signed.
    ///
    /// # Errors
    /// [`Refusal::Bad`] for terms that make no sense, [`Refusal::NotSigned`], [`Refusal::TooLate`].
    pub fn propose(signed: &Signed<TaskContract>, now: Timestamp) -> Result<Self, Refusal> {
        Self::propose_by(Rules::default(), signed, now)
    }

    pub(super) fn propose_by(
        rules: Rules,
        signed: &Signed<TaskContract>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let contract = &signed.statement;
        contract.check_by(rules)?;
        signed.check("payer", &contract.payer)?;
        signed.check("payee", &contract.payee.key)?;
        before("a proposal", now, first_deadline(contract))?;
        Ok(Self {
            id: contract.digest(),
            rules,
            phase: Phase::Proposed,
            rail: RailState::None,
            version: 1,
            tries: 0,
            admission: None,
            stage: 0,
            released: contract.amount(0),
            submission: None,
            submitted: None,
            grant: None,
            exhibits: Exhibits::default(),
            held: None,
            together: None,
            time: now,
            by: None,
            contract: Arc::new(contract.clone()),
        })
    }

    /// The call that the event which makes this version asks of the rail.
    pub(super) fn call(&self, version: u64, ask: Ask) -> Call {
        Call { key: format!("escrow:{}:{version}:call", self.id), escrow: self.id, ask }
    }

    /// The escrow as it is shown to people and programs.
    #[must_use]
    pub fn shown(&self) -> serde_json::Value {
        let rail = match self.rail {
            RailState::None => "none",
            RailState::Pending(_) => "pending",
            RailState::Unknown(_) => "unknown",
            RailState::Final => "final",
        };
        serde_json::json!({
            "escrow": self.id,
            "task": self.contract.task,
            "phase": self.phase,
            "rail": rail,
            "version": self.version,
            "stage": self.stage,
            "price": self.contract.price,
            "released": self.released,
            "mandate": self.contract.mandate,
            "authorisation": self.admission.map(|admitted| admitted.id),
            "granted": self.grant.as_ref().map(|grant| grant.amount),
            "executable_from": self.grant.as_ref().map(|grant| grant.from),
            "refund_after": self.contract.refund_after,
            "locked_with": self.together.as_ref().map(|together| &together.escrows),
            "time": self.time,
        })
    }

    /// What is not released yet.
    #[must_use]
    pub fn left(&self) -> Amount {
        self.contract.price.checked_sub(self.released).unwrap_or(self.contract.amount(0))
    }

    /// Whether the stage that is worked on is the last.
    #[must_use]
    pub fn is_last_stage(&self) -> bool {
        self.stage.saturating_add(1) >= self.contract.stages.len()
    }
}
