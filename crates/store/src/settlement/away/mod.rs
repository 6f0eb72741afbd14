//! Rails that wait for others: their calls are made beside the lock of everything else, so that nobody waits for a bank or a chain
//! but who asked for it.

use super::{Inner, Settlement, SettlementError, snapshot};
use crate::escrows::{Carries, OtherRail};
use parking_lot::Mutex;
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{Escrow, OfficeError, Told};
use tollgate_pay::rail::{Call, Outcome, Rail};

/// Most calls that are asked about in one round; the next round goes on after the last of them.
pub const CALLS_MAX: usize = 64;

/// A rail that waits for others.
pub struct AwayRail {
    /// What contracts call it.
    pub name: String,
    /// What it would carry.
    pub carries: Carries,
    /// What makes its calls, one after the other.
    pub rail: Box<dyn Rail + Send>,
}

/// All of them.
pub(super) struct Away {
    rails: Vec<(String, Mutex<Box<dyn Rail + Send>>)>,
    /// The escrow that was asked about last.
    last: Mutex<Option<Digest>>,
}

impl Away {
    /// The rails, and what the office is to know of them.
    pub(super) fn new(rails: Vec<AwayRail>) -> (Self, Vec<OtherRail>) {
        let (mut kept, mut told) = (Vec::new(), Vec::new());
        for AwayRail { name, carries, rail } in rails {
            kept.push((name.clone(), Mutex::new(rail)));
            told.push(OtherRail::Away { name, carries });
        }
        (Self { rails: kept, last: Mutex::default() }, told)
    }

    fn find(&self, name: &str) -> Option<&Mutex<Box<dyn Rail + Send>>> {
        self.rails.iter().find(|(known, _)| known == name).map(|(_, rail)| rail)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whose turn it is, of escrows in the order of their ids.
    pub(super) fn turn(&self, waiting: &[Digest]) -> Vec<Digest> {
        let mut last = self.last.lock();
        let after = waiting.iter().filter(|id| last.is_none_or(|last| **id > last));
        let before = waiting.iter().filter(|id| last.is_some_and(|last| **id <= last));
        let turn: Vec<Digest> = after.chain(before).take(CALLS_MAX).copied().collect();
        *last = turn.last().copied();
        turn
    }
}

impl Settlement {
    /// Gives back holds whose time is over, and asks the rails for what escrows wait for; answers how many went on. One that
    /// cannot does not keep the others from it. Of rails that wait for others, at most [`CALLS_MAX`] calls are asked about.
    ///
    /// # Errors
    /// The first [`SettlementError::Office`], after all were asked.
    pub fn settle_all(&self) -> Result<usize, SettlementError> {
        let (away, mut went, mut failed) = self.settle_here()?;
        for id in self.away.turn(&away) {
            match self.call_out(id) {
                Ok(told) => went += usize::from(told.is_some()),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed = failed.or(self.keep_snapshot(snapshot::EVERY).err().map(SettlementError::from));
        failed.map_or(Ok(went), Err)
    }

    /// The part of it that waits for nobody: escrows that wait for others, how many went on, and what failed first.
    pub(super) fn settle_here(
        &self,
    ) -> Result<(Vec<Digest>, usize, Option<SettlementError>), SettlementError> {
        let mut inner = self.inner.lock();
        self.read_on(&mut inner)?;
        let waiting = inner.office.desk().escrows().filter(|escrow| escrow.rail.open().is_some());
        let is_away = |escrow: &&Escrow| self.away.has(&escrow.contract.rail);
        let (away, here): (Vec<&Escrow>, Vec<&Escrow>) = waiting.partition(is_away);
        let ids = |escrows: Vec<&Escrow>| escrows.iter().map(|escrow| escrow.id).collect::<Vec<Digest>>();
        let (away, here) = (ids(away), ids(here));
        let (mut went, mut failed) = (0, self.sweep(&mut inner).err());
        for id in here {
            match self.in_order(&mut inner, |inner| inner.settle(id, self.clock.now())) {
                Ok(told) => went += usize::from(told.is_some()),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Ok((away, went, failed))
    }

    /// Makes the call that an escrow waits for at a rail that waits for others, or finds out what became of it, and records that.
    /// `None` when it waits for no such call, or nothing new is known.
    ///
    /// # Errors
    /// [`SettlementError::Office`].
    pub fn call_out(&self, id: Digest) -> Result<Option<Told>, SettlementError> {
        let due = self.known().office.due(id)?;
        let found = due.and_then(|due| Some((self.away.find(&due.rail)?, due)));
        let Some((rail, due)) = found else { return Ok(None) };
        let outcome = due.settle(rail.lock().as_mut());
        let mut inner = self.inner.lock();
        self.read_on(&mut inner)?;
        self.in_order(&mut inner, |inner| inner.heard(id, &due.call, &outcome, self.clock.now()))
    }
}

impl Inner {
    fn heard(
        &mut self,
        id: Digest,
        call: &Call,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Option<Told>, OfficeError> {
        let told = self.office.heard(id, call.clone(), outcome.clone(), now)?;
        Ok(self.said(id, told))
    }
}
