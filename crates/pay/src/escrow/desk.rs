//! All escrows, as what follows from the log.
//!
//! [`Desk::decide`] makes the ledger's command that records an event; [`Desk::fold`] takes a command that the ledger decided.
//! Nothing else changes a desk, so one that reads the log again from the beginning, by whoever, is the same desk. The
//! command's key holds the escrow's version: of two writers only one can record what comes next.

use super::sign::of_json;
use super::{Escrow, Event, Grant, Phase, RailState, Refusal, SettlementPlane, step};
use crate::PayError;
use crate::json::Json;
use crate::ledger::{Command, Op, Outcome};
use crate::rail::{self, LEDGER_RAIL};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tollgate_core::{Digest, Timestamp};

/// The version of the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Form {
    #[serde(rename = "tollgate/escrow/v1")]
    V1,
}

/// What an escrow's entries of the log say. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// When it happened; never before the event before.
    pub at: Timestamp,
    /// The contract's digest.
    pub escrow: Digest,
    /// What happened.
    pub event: Event,
    /// Where the escrow is after it.
    pub phase: Phase,
    r#type: Form,
    /// Events of this escrow so far, this one included.
    pub version: u64,
}

impl Record {
    /// Reads the record out of a command; `None` when the command records something else.
    ///
    /// # Errors
    /// [`PayError::Bad`] for a record of this type that is not as it must be.
    pub fn of(command: &Command) -> Result<Option<Self>, PayError> {
        let [Op::Record { body }] = command.ops() else { return Ok(None) };
        if body.get("type").and_then(Json::text) != Some("tollgate/escrow/v1") {
            return Ok(None);
        }
        of_json("escrow record", body).map(Some)
    }

    fn command(&self) -> Result<Command, PayError> {
        let text = serde_json::to_string(self)
            .map_err(|error| PayError::bad("escrow record", &error.to_string(), "plain data"))?;
        let body = Json::parse(text.as_bytes())?;
        Command::new(self.key(), vec![Op::Record { body }])
    }

    fn key(&self) -> String {
        format!("escrow:{}:{}", self.escrow, self.version)
    }
}

/// What became of a call in our own ledger, in an entry of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Landed {
    key: String,
    seq: u64,
    applied: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Desk {
    plane: SettlementPlane,
    escrows: BTreeMap<Digest, Escrow>,
    /// Mandates, with the escrow that consumed each.
    consumed: BTreeMap<Digest, Digest>,
    /// Calls that the ledger decided and the escrow does not know of yet.
    landed: BTreeMap<Digest, Landed>,
    /// What was decided last: folding it needs no second look at its signatures.
    decided: Option<(Command, Escrow)>,
    limit: usize,
}

impl Desk {
    /// A desk without escrows, for at most `limit` of them, ever.
    #[must_use]
    pub fn new(plane: SettlementPlane, limit: usize) -> Self {
        let (escrows, consumed, landed) = Default::default();
        Self { plane, escrows, consumed, landed, decided: None, limit }
    }

    /// The escrow, if there is one.
    #[must_use]
    pub fn escrow(&self, id: &Digest) -> Option<&Escrow> {
        self.escrows.get(id)
    }

    /// All escrows by their ids.
    pub fn escrows(&self) -> impl Iterator<Item = &Escrow> {
        self.escrows.values()
    }

    /// The settlement plane that the desk checks orders with.
    #[must_use]
    pub const fn plane(&self) -> &SettlementPlane {
        &self.plane
    }

    /// The command that records an event of an escrow at `now`. For a proposal `id` is the contract's digest.
    ///
    /// # Errors
    /// [`Refusal`], which says why the event cannot happen. Nothing has changed either way.
    pub fn decide(&mut self, id: Digest, event: Event, now: Timestamp) -> Result<Command, Refusal> {
        let next = self.next(id, &event, now)?;
        let (at, phase, version) = (next.time, next.phase, next.version);
        let record = Record { at, escrow: id, event, phase, r#type: Form::V1, version };
        let command = record.command()?;
        self.decided = Some((command.clone(), next));
        Ok(command)
    }

    fn next(&self, id: Digest, event: &Event, now: Timestamp) -> Result<Escrow, Refusal> {
        if let Event::Propose(signed) = event {
            let escrow = Escrow::propose(signed, now)?;
            if escrow.id != id {
                return Err(Refusal::mismatch("contract", &escrow.id, &id));
            }
            if self.escrows.contains_key(&id) {
                return Err(Refusal::Exists(id));
            }
            if self.escrows.len() >= self.limit {
                return Err(Refusal::Full { limit: self.limit });
            }
            return Ok(escrow);
        }
        let escrow = self.escrows.get(&id).ok_or(Refusal::Missing(id))?;
        if let Event::Authorize { mandate } = event
            && let Some(by) = self.consumed.get(mandate)
            && escrow.phase == Phase::Proposed
        {
            return Err(Refusal::Consumed { mandate: *mandate, by: *by });
        }
        if let Event::Rail { outcome, .. } = event {
            self.follows(escrow, outcome)?;
        }
        step(&self.plane, escrow, event, now)
    }

    /// What is said of a call in our own ledger must be what the ledger did, by an entry before this one.
    fn follows(&self, escrow: &Escrow, outcome: &rail::Outcome) -> Result<(), Refusal> {
        if escrow.contract.rail != LEDGER_RAIL {
            return Ok(());
        }
        let key = escrow.rail.open().map(|call| &call.key);
        let landed = self.landed.get(&escrow.id).filter(|landed| Some(&landed.key) == key);
        let (said, is) = match (outcome, landed) {
            (rail::Outcome::Unknown, _) => return Ok(()),
            (rail::Outcome::Done { proof }, Some(Landed { applied: true, seq, .. })) => {
                let said = proof.split('/').next().unwrap_or_default();
                if said == seq.to_string() {
                    return Ok(());
                }
                (proof.clone(), format!("entry {seq}"))
            }
            (rail::Outcome::Failed { .. }, Some(Landed { applied: false, .. })) => return Ok(()),
            (rail::Outcome::Done { proof }, _) => (proof.clone(), "not done".into()),
            (rail::Outcome::Failed { reason }, _) => (reason.clone(), "not refused".into()),
        };
        Err(Refusal::Mismatch { field: "outcome in the ledger", said, is })
    }

    /// Takes a command that the ledger decided as entry `seq`; commands that are about no escrow change nothing.
    ///
    /// # Errors
    /// [`PayError::Diverged`] when the entry does not follow from those before by the rules of [`step`].
    pub fn fold(&mut self, command: &Command, outcome: &Outcome, seq: u64) -> Result<(), PayError> {
        let Some(record) = Record::of(command)? else {
            self.land(command, outcome, seq);
            return Ok(());
        };
        let diverged = |what| PayError::Diverged { seq, what };
        if !matches!(outcome, Outcome::Applied { .. }) {
            return Err(diverged("a record about an escrow was refused"));
        }
        let known = self.decided.take().filter(|(decided, _)| decided == command);
        let mut next = match known {
            Some((_, next)) => next,
            None => self
                .next(record.escrow, &record.event, record.at)
                .map_err(|_| diverged("the escrow's event cannot happen there"))?,
        };
        let same = record.at == next.time && record.phase == next.phase && record.version == next.version;
        if !same || record.key() != command.key() {
            return Err(diverged("the escrow's record says something else than follows"));
        }
        if let Some(Grant { entry, .. }) = next.grant.as_mut()
            && matches!(record.event, Event::Verdict(_) | Event::Rule(_))
        {
            *entry = Some(seq);
        }
        if let Event::Authorize { mandate } = record.event {
            self.consumed.insert(mandate, record.escrow);
        }
        if matches!(next.rail, RailState::Final) {
            self.landed.remove(&record.escrow);
        }
        self.escrows.insert(record.escrow, next);
        Ok(())
    }

    /// Notes what the ledger did with a call of an escrow.
    fn land(&mut self, command: &Command, outcome: &Outcome, seq: u64) {
        let id = command.key().strip_prefix("escrow:").and_then(|rest| rest.split(':').next()?.parse().ok());
        let Some(escrow) = id.and_then(|id: Digest| self.escrows.get(&id)) else { return };
        if escrow.rail.open().is_some_and(|call| call.key == command.key()) {
            let applied = matches!(outcome, Outcome::Applied { .. });
            self.landed.insert(escrow.id, Landed { key: command.key().into(), seq, applied });
        }
    }

    /// Notes that the ledger decided a call; [`Desk::fold`] does so itself where it is given the call's command.
    pub(super) fn saw(&mut self, id: Digest, seq: u64, outcome: &Outcome) {
        let open = self.escrows.get(&id).and_then(|escrow| escrow.rail.open());
        if let Some(call) = open {
            let applied = matches!(outcome, Outcome::Applied { .. });
            self.landed.insert(id, Landed { key: call.key.clone(), seq, applied });
        }
    }
}
