//! All escrows, as what follows from the log.
//!
//! [`Desk::decide`] makes the ledger's command that records an event; [`Desk::fold`] takes a command that the ledger decided.
//! Nothing else changes a desk, so one that reads the log again from the beginning, by whoever, is the same desk. The
//! command's key holds the escrow's version: of two writers only one can record what comes next.
//!
//! What a mandate counts is in the command that records the event: it is admitted with the authorization, and closed with the
//! event that ends the escrow. The ledger takes both or none.

mod group;
mod record;
mod snapshot;

pub use group::{GROUP_MAX, GROUP_SOURCES_MAX, Member, Together};
pub use record::{Asker, Record};
pub use snapshot::Row;

pub(super) use group::{join, share};

use super::owner::Owners;
use super::{Admitted, Escrow, Event, Grant, Owner, Phase, RailState, Refusal, Rules, SettlementPlane, step};
use crate::PayError;
use crate::json::plain;
use crate::ledger::{Closing, Command, Op, Outcome};
use crate::rail::{self, LEDGER_RAIL};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use tollgate_core::id::AccountId;
use tollgate_core::{Digest, Timestamp};

/// Most requests whose answers are remembered.
pub const REQUESTS_MAX: usize = 100_000;

/// What a request was answered, for whoever sends it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answered {
    /// The escrow.
    pub escrow: Digest,
    /// The entry of the log.
    pub seq: u64,
    /// Where the escrow was then.
    pub phase: Phase,
    /// Its version then.
    pub version: u64,
    /// Digest of the event, to tell another request under the same key apart.
    pub event: Digest,
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
    owners: Owners,
    /// How many escrows each caller made, of whom the log says so.
    made: BTreeMap<Digest, usize>,
    /// Authorisations that are live, with the escrow that each was counted for.
    admitted: BTreeMap<Digest, Digest>,
    /// Calls that the ledger decided and the escrow does not know of yet.
    landed: BTreeMap<Digest, Landed>,
    /// Escrows that wait for a call, by its key: several, when they are locked together.
    waits: BTreeMap<String, BTreeSet<Digest>>,
    /// Requests that were recorded, and their order.
    requests: BTreeMap<Digest, Answered>,
    recent: VecDeque<Digest>,
    /// What was decided last: folding it needs no second look at its text and signatures.
    decided: Option<(Command, Record, Escrow)>,
    /// The first entry that was not folded.
    pub(super) next_seq: u64,
    /// By which rules the last record was decided: no later one is by earlier rules.
    rules: Rules,
    limit: usize,
    /// The one escrow that it is about, when it is shown no others.
    only: Option<Digest>,
}

impl Desk {
    /// A desk without escrows, which decides on at most `limit` of them, ever. What the log has is folded however many there are.
    #[must_use]
    pub fn new(plane: SettlementPlane, limit: usize) -> Self {
        let (escrows, owners, made, admitted, landed, requests) = Default::default();
        let (waits, recent, decided, next_seq, rules) =
            (BTreeMap::new(), VecDeque::new(), None, 0, Rules::First);
        Self {
            plane,
            escrows,
            owners,
            made,
            admitted,
            landed,
            waits,
            requests,
            recent,
            decided,
            next_seq,
            rules,
            limit,
            only: None,
        }
    }

    /// A desk of one escrow, which is given the entries about it alone: of escrows that were locked together with it, it takes the
    /// log's word.
    pub(super) fn only(plane: SettlementPlane, id: Digest) -> Self {
        Self { only: Some(id), ..Self::new(plane, 1) }
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

    /// Escrows by their ids, those after one.
    pub fn escrows_after(&self, after: Option<Digest>) -> impl Iterator<Item = &Escrow> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.escrows.range((from, Bound::Unbounded)).map(|(_, escrow)| escrow)
    }

    /// What a request was answered, as far back as [`REQUESTS_MAX`] requests go: it follows from the log, so any replica
    /// gives the same answer, also after a crash.
    #[must_use]
    pub fn answered(&self, request: &Digest) -> Option<&Answered> {
        self.requests.get(request)
    }

    /// Who speaks for an account, when the log says so.
    #[must_use]
    pub fn owner(&self, account: &AccountId) -> Option<&Owner> {
        self.owners.get(account)
    }

    /// The settlement plane that the desk checks orders with.
    #[must_use]
    pub const fn plane(&self) -> &SettlementPlane {
        &self.plane
    }

    /// The command that records an event of an escrow at `now`. For a proposal `id` is the contract's digest; the asker's request is
    /// what [`Desk::answered`] will know it by.
    ///
    /// # Errors
    /// [`Refusal`], which says why the event cannot happen. Nothing has changed either way.
    pub fn decide(
        &mut self,
        id: Digest,
        event: Event,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Command, Refusal> {
        let decided = self.follow(id, event, asker, now)?;
        if !self.escrows.contains_key(&id) && self.escrows.len() >= self.limit {
            return Err(Refusal::Full { limit: self.limit });
        }
        self.plane.allows(&decided.1.event)?;
        self.check_others(&decided.1)?;
        let command = decided.0.clone();
        self.decided = Some(decided);
        Ok(command)
    }

    /// What an event leads to, what is counted with it, and how often the ledger refused it at this version.
    fn leads(
        &self,
        id: Digest,
        event: &Event,
        now: Timestamp,
        rules: Rules,
    ) -> Result<(Escrow, Option<Op>, u32), Refusal> {
        let mut next = self.next(id, event, now, rules)?;
        let counted = self.count(&mut next, event, rules)?;
        let tries = self.escrows.get(&id).map_or(0, |escrow| escrow.tries);
        Ok((next, counted, tries))
    }

    /// What a record leads to; nothing when the command that holds it is not the one that would have been made.
    fn again(&self, record: &Record, command: &Command) -> Result<Option<Escrow>, Refusal> {
        let (mut next, counted, tries) =
            self.leads(record.escrow, &record.event, record.at, record.r#type)?;
        let proposed = matches!(record.event, Event::Propose(_));
        if proposed {
            next.by = record.by;
        }
        // The record was read in its one spelling, so it stands in the command as it would be written.
        let [_, rest @ ..] = command.ops() else { return Ok(None) };
        let same = (record.at, record.phase, record.version) == (next.time, next.phase, next.version)
            && rest == counted.as_slice()
            && (proposed || record.by.is_none())
            && command.key() == record.key(tries);
        Ok(same.then_some(next))
    }

    /// The command that records an event, with its record, and what the event leads to.
    fn follow(
        &self,
        id: Digest,
        event: Event,
        asker: Asker,
        now: Timestamp,
    ) -> Result<(Command, Record, Escrow), Refusal> {
        let rules = Rules::default();
        let (mut next, counted, tries) = self.leads(id, &event, now, rules)?;
        let by = asker.by.filter(|_| matches!(event, Event::Propose(_)));
        if by.is_some() {
            next.by = by;
        }
        let (at, phase, version, request) = (next.time, next.phase, next.version, asker.request);
        let record = Record { at, by, escrow: id, event, phase, request, r#type: rules, version };
        let command = record.command(tries, counted)?;
        Ok((command, record, next))
    }

    /// What the mandate counts with an event: its payment when it authorizes, and how that ended when the escrow is over.
    fn count(&self, next: &mut Escrow, event: &Event, rules: Rules) -> Result<Option<Op>, Refusal> {
        if let Event::Authorize { mandate } = event {
            let (plane, contract) = (&self.plane, &next.contract);
            let admission = self.owners.allow(plane, contract, mandate.as_deref(), next.time, rules)?;
            next.admission = admission.as_ref().map(|admission| Admitted { id: admission.id, live: true });
            return Ok(admission.map(|admission| Op::Admit(Box::new(admission))));
        }
        let live = next.admission.as_mut().filter(|admission| admission.live);
        let Some(admission) = live.filter(|_| next.phase.is_final()) else { return Ok(None) };
        admission.live = false;
        // What was paid in part stays counted whole: the mandate's principal signed one payment of the price.
        let how = if next.released.minor() > 0 { Closing::Paid } else { Closing::Rejected };
        Ok(Some(Op::Close { admission: admission.id, how }))
    }

    fn next(&self, id: Digest, event: &Event, now: Timestamp, rules: Rules) -> Result<Escrow, Refusal> {
        if let Event::Propose(signed) = event {
            let escrow = Escrow::propose_by(rules, signed, now)?;
            if escrow.id != id {
                return Err(Refusal::mismatch("contract", &escrow.id, &id));
            }
            if self.escrows.contains_key(&id) {
                return Err(Refusal::Exists(id));
            }
            return Ok(escrow);
        }
        let escrow = self.escrows.get(&id).ok_or(Refusal::Missing(id))?;
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
        self.next_seq = seq.saturating_add(1);
        let applied = matches!(outcome, Outcome::Applied { .. });
        let known = self.decided.take_if(|(decided, ..)| decided == command);
        let (record, known) = match known {
            Some((_, record, next)) => (Some(record), Some(next)),
            None => (Record::of(command)?, None),
        };
        let Some(record) = record else {
            if applied {
                self.hear(command)?;
            }
            self.land(command.key(), outcome, seq);
            return Ok(());
        };
        // What was decided before this no longer follows.
        self.decided = None;
        if !applied {
            self.missed(&record, command.key());
            return Ok(());
        }
        let diverged = |what| PayError::Diverged { seq, what };
        if record.r#type < self.rules {
            return Err(diverged("the escrow's record goes back to earlier rules"));
        }
        self.rules = record.r#type;
        let others = self.others(&record).map_err(|_| diverged("the escrows cannot be locked together"))?;
        let next = match known {
            Some(next) => Some(next),
            None if self.only.is_some_and(|only| only != record.escrow) => None,
            None => Some(
                self.again(&record, command)
                    .map_err(|_| diverged("the escrow's event cannot happen there"))?
                    .ok_or_else(|| diverged("the escrow's record says something else than follows"))?,
            ),
        };
        self.note(&record, seq);
        for mut next in next.into_iter().chain(others) {
            if let Some(Grant { entry, .. }) = next.grant.as_mut()
                && matches!(record.event, Event::Verdict(_) | Event::Rule(_))
            {
                *entry = Some(seq);
            }
            self.put(next);
        }
        Ok(())
    }

    /// Keeps an escrow as it is now.
    fn put(&mut self, next: Escrow) {
        match next.admission {
            Some(Admitted { id, live: true }) => drop(self.admitted.insert(id, next.id)),
            Some(Admitted { id, live: false }) => drop(self.admitted.remove(&id)),
            None => {}
        }
        if matches!(next.rail, RailState::Final) {
            self.landed.remove(&next.id);
        }
        self.wait_for(&next);
        let (id, by) = (next.id, next.by);
        if self.escrows.insert(id, next).is_none()
            && let Some(by) = by
        {
            let made = self.made.entry(by).or_default();
            *made = made.saturating_add(1);
        }
    }

    /// Notes what a request was answered.
    fn note(&mut self, record: &Record, seq: u64) {
        let Some(request) = record.request else { return };
        let event = Digest::of(&plain(&record.event));
        let Record { escrow, phase, version, .. } = *record;
        self.requests.insert(request, Answered { escrow, seq, phase, version, event });
        self.recent.push_back(request);
        if self.recent.len() > REQUESTS_MAX
            && let Some(oldest) = self.recent.pop_front()
        {
            self.requests.remove(&oldest);
        }
    }

    /// Notes that the ledger refused an event: it found that a mandate allows no more, or that its payment is over already. It
    /// did not happen, whatever it was; its key is used.
    fn missed(&mut self, record: &Record, key: &str) {
        self.decided = None;
        if let Some(escrow) = self.escrows.get_mut(&record.escrow)
            && key == record.key(escrow.tries)
            && record.version == escrow.version.saturating_add(1)
        {
            escrow.tries = escrow.tries.saturating_add(1);
        }
    }

    /// Notes what a command that is about no escrow says of owners, and that it ended an escrow's authorisation: nobody does so
    /// again then.
    fn hear(&mut self, command: &Command) -> Result<(), PayError> {
        for owner in Owner::of(command)? {
            self.owners.take(owner);
        }
        for op in command.ops() {
            let Op::Close { admission, .. } = op else { continue };
            let escrow = self.admitted.remove(admission).and_then(|id| self.escrows.get_mut(&id));
            if let Some(admitted) = escrow.and_then(|escrow| escrow.admission.as_mut()) {
                admitted.live = false;
            }
        }
        Ok(())
    }
}
