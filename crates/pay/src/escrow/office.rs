//! Escrows at work: a desk, the ledger that records, and the rails that move the money.
//!
//! Everything happens in this order: the event is recorded, with the call that it asks of the rail; the rail is called; what
//! it said is recorded. A crash between any two of them leaves a call whose outcome is not known, and
//! [`Office::settle`] finds out.

use super::{Answered, Asker, Desk, Escrow, Event, Phase, RailState, Refusal};
use crate::PayError;
use crate::json::plain;
use crate::ledger;
use crate::rail::{Call, Due, LEDGER_RAIL, Ledger, LedgerFault, Outcome, Rails};
use std::sync::Arc;
use tollgate_core::{Digest, Timestamp};

/// Why something was not done.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OfficeError {
    /// It cannot happen.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger could not say whether it recorded it: open it anew and read it.
    #[error("whether this was recorded is not known: open the ledger anew")]
    Unknown,
    /// Somebody else recorded another event at this version: read the log anew.
    #[error("another event of escrow {0} was recorded first: read the log anew")]
    Stale(Digest),
    /// Others wrote to the log since this office read it: read it on, and try again.
    #[error("others wrote to the log first: read it on and try again")]
    Behind,
    /// The ledger does not take it, or what it says does not follow.
    #[error(transparent)]
    Ledger(PayError),
}

/// What was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// The escrow.
    pub escrow: Digest,
    /// The entry of the log.
    pub seq: u64,
    /// Where the escrow is now.
    pub phase: Phase,
    /// Its version.
    pub version: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Office<L, R> {
    desk: Desk,
    ledger: L,
    rails: R,
    /// Key of a call that this office recorded and has not made yet: the rail cannot know it.
    fresh: Option<String>,
}

impl<L: Ledger, R: Rails> Office<L, R> {
    /// An office whose desk has folded all that is in the ledger.
    pub const fn new(desk: Desk, ledger: L, rails: R) -> Self {
        Self { desk, ledger, rails, fresh: None }
    }

    /// The escrows.
    pub const fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The rails, or the one rail.
    pub const fn rail(&mut self) -> &mut R {
        &mut self.rails
    }

    /// Records an event. What it asks of the rail is done by [`Office::settle`].
    ///
    /// # Errors
    /// See [`OfficeError`].
    pub fn act(&mut self, id: Digest, event: Event, now: Timestamp) -> Result<Told, OfficeError> {
        self.record(id, event, Asker::default(), now)
    }

    /// Records an event that a request asks for, once: the same request again gets the first answer, and whether it did.
    ///
    /// # Errors
    /// See [`OfficeError`]; [`Refusal::OtherRequest`] when the request's key was used for something else.
    pub fn request(
        &mut self,
        id: Digest,
        event: Event,
        asker: Asker,
        now: Timestamp,
    ) -> Result<(Told, bool), OfficeError> {
        let Some(answered) = asker.request.and_then(|request| self.desk.answered(&request)) else {
            return self.record(id, event, asker, now).map(|told| (told, false));
        };
        if answered.escrow != id || answered.event != Digest::of(&plain(&event)) {
            return Err(Refusal::OtherRequest { seq: answered.seq }.into());
        }
        let Answered { escrow, seq, phase, version, .. } = *answered;
        Ok((Told { escrow, seq, phase, version }, true))
    }

    fn record(
        &mut self,
        id: Digest,
        event: Event,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Told, OfficeError> {
        self.carries(id, &event)?;
        let command = self.desk.decide(id, event, asker, now)?;
        let (seq, outcome) = self.tell(&command).map_err(|error| match error {
            OfficeError::Ledger(PayError::KeyConflict { .. }) => OfficeError::Stale(id),
            other => other,
        })?;
        if let ledger::Outcome::Refused { why, .. } = outcome {
            return Err(Refusal::Ledger(why).into());
        }
        let escrow = self.desk.escrow(&id).ok_or(Refusal::Missing(id))?;
        if let RailState::Pending(call) = &escrow.rail {
            self.fresh = Some(call.key.clone());
        }
        Ok(Told { escrow: id, seq, phase: escrow.phase, version: escrow.version })
    }

    /// Asks the rail whether it carries what an event begins: before anybody works, and again before anything is held, as what could
    /// not be paid out would only wait to be taken back.
    fn carries(&mut self, id: Digest, event: &Event) -> Result<(), Refusal> {
        let held = |id: &Digest| self.desk.escrow(id).map(|escrow| Arc::clone(&escrow.contract));
        let carried: Vec<_> = match event {
            Event::Propose(signed) => vec![Arc::new(signed.statement.clone())],
            Event::Lock => held(&id).into_iter().collect(),
            Event::LockTogether(members) => {
                members.iter().filter_map(|member| held(&member.escrow)).collect()
            }
            _ => Vec::new(),
        };
        for contract in carried {
            let Some(carried) = self.rails.carries(&contract) else {
                return Err(Refusal::mismatch("rail", &contract.rail, &self.rails.names().join(" or ")));
            };
            carried.map_err(Refusal::Bad)?;
        }
        Ok(())
    }

    /// Records that several escrows are to be locked, all or none, once for a request; then each is settled by its own
    /// [`Office::settle`]. Answers what each is now, in the order of their ids, and whether the request was known.
    ///
    /// # Errors
    /// As [`Office::request`]; [`Refusal`] when one of them cannot be locked: then none is.
    pub fn lock_together(
        &mut self,
        ids: &[Digest],
        request: Option<Digest>,
        now: Timestamp,
    ) -> Result<(Vec<Told>, bool), OfficeError> {
        let members = self.desk.group(ids)?;
        let all: Vec<Digest> = members.iter().map(|member| member.escrow).collect();
        let lead = all.first().copied().unwrap_or(Digest([0; 32]));
        if let Some(answered) = request.and_then(|request| self.desk.answered(&request)).copied() {
            let escrow = self.desk.escrow(&lead).filter(|_| answered.escrow == lead);
            let together = escrow.and_then(|escrow| escrow.together.as_ref());
            // Whatever else was recorded of the first of them, or that it was to be locked alone, is another request.
            let locked =
                answered.phase == Phase::Locking && answered.event != Digest::of(&plain(&Event::Lock));
            if !locked || together.is_none_or(|together| together.escrows != all) {
                return Err(Refusal::OtherRequest { seq: answered.seq }.into());
            }
            return Ok((self.told(&all, answered.seq), true));
        }
        let asker = Asker { request, by: None };
        let told = self.record(lead, Event::LockTogether(members), asker, now)?;
        Ok((self.told(&all, told.seq), false))
    }

    fn told(&self, ids: &[Digest], seq: u64) -> Vec<Told> {
        let told =
            |escrow: &Escrow| Told { escrow: escrow.id, seq, phase: escrow.phase, version: escrow.version };
        ids.iter().filter_map(|id| self.desk.escrow(id)).map(told).collect()
    }

    /// Has the ledger decide a command, and takes what it says of owners and escrows.
    ///
    /// # Errors
    /// [`OfficeError::Unknown`], and [`OfficeError::Ledger`] when the ledger does not take it.
    pub fn tell(&mut self, command: &ledger::Command) -> Result<(u64, ledger::Outcome), OfficeError> {
        let (seq, outcome) = self.ledger.apply(command.clone()).map_err(|fault| match fault {
            LedgerFault::Unknown => OfficeError::Unknown,
            LedgerFault::Behind => OfficeError::Behind,
            LedgerFault::NotTaken(error) => OfficeError::Ledger(error),
        })?;
        // An answer that is given again says what was true then: it changes nothing now.
        if seq >= self.desk.next_seq {
            self.desk.fold(command, &outcome, seq).map_err(OfficeError::Ledger)?;
        }
        Ok((seq, outcome))
    }

    /// Takes an entry that others wrote, in the order of the log.
    ///
    /// # Errors
    /// [`PayError::Diverged`] when it does not follow from those before.
    pub fn follow(&mut self, entry: &ledger::Entry) -> Result<(), PayError> {
        self.desk.fold(&entry.command, &entry.outcome, entry.seq)
    }

    /// Makes the call that an escrow waits for, or finds out what became of it, and records what the rail said. `None` when
    /// it waits for none, or still nobody knows, or its rail is not here: who has the right one settles it.
    ///
    /// # Errors
    /// See [`OfficeError`].
    pub fn settle(&mut self, id: Digest, now: Timestamp) -> Result<Option<Told>, OfficeError> {
        let Some(due) = self.due(id)? else { return Ok(None) };
        let Some(rail) = self.rails.here(&due.rail) else { return Ok(None) };
        let outcome = due.settle(rail);
        self.heard(id, due.call, outcome, now)
    }

    /// The call that an escrow waits for.
    ///
    /// # Errors
    /// [`Refusal::Missing`].
    pub fn due(&mut self, id: Digest) -> Result<Option<Due>, OfficeError> {
        let escrow = self.desk.escrow(&id).ok_or(Refusal::Missing(id))?;
        let Some(call) = escrow.rail.open().cloned() else { return Ok(None) };
        let contract = Arc::clone(&escrow.contract);
        let is_fresh = self.fresh.take().is_some_and(|key| key == call.key);
        Ok(Some(Due { rail: contract.rail.clone(), contract, call, is_fresh }))
    }

    /// Records what a rail said of a call. `None` when that is nothing new: still nobody knows, or the escrow does not wait for
    /// it any more.
    ///
    /// # Errors
    /// See [`OfficeError`].
    pub fn heard(
        &mut self,
        id: Digest,
        call: Call,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Option<Told>, OfficeError> {
        let escrow = self.desk.escrow(&id).ok_or(Refusal::Missing(id))?;
        if escrow.rail.open() != Some(&call) {
            return Ok(None);
        }
        if outcome == Outcome::Unknown && matches!(escrow.rail, RailState::Unknown(_)) {
            return Ok(None);
        }
        if escrow.contract.rail == LEDGER_RAIL
            && let Some((seq, said)) = self.landed(&call.key)?
        {
            self.desk.land(&call.key, &said, seq);
        }
        self.act(id, Event::Rail { call: call.key, outcome }, now).map(Some)
    }

    /// What our own ledger did with a call.
    fn landed(&mut self, key: &str) -> Result<Option<(u64, ledger::Outcome)>, OfficeError> {
        self.ledger.find(key).map_err(|_| OfficeError::Unknown)
    }
}
