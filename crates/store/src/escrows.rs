//! Escrows on the journal: their office over a folder, opened from what the log says.

use crate::journal::audit::Source;
use crate::journal::{Journal, JournalConfig, JournalError};
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_core::id::AccountId;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Desk, Office, SettlementPlane};
use tollgate_pay::ledger::{Command, Outcome};
use tollgate_pay::rail::{Ledger, LedgerFault, LedgerRail};

/// Most escrows of one log.
const ESCROWS_MAX: usize = 1_000_000;

/// A journal as the ledger of an office and of a rail. Clones share it.
#[derive(Clone)]
pub struct JournalLedger {
    journal: Journal,
    source: Source,
}

impl Ledger for JournalLedger {
    fn apply(&mut self, command: Command) -> Result<(u64, Outcome), LedgerFault> {
        match self.journal.apply(command) {
            Ok(answer) => Ok((answer.seq, answer.outcome)),
            Err(JournalError::Ledger(error)) => Err(LedgerFault::NotTaken(error)),
            // It was not looked at.
            Err(JournalError::Busy { limit }) => {
                Err(LedgerFault::NotTaken(PayError::Full { what: "commands waiting for the journal", limit }))
            }
            Err(_) => Err(LedgerFault::Unknown),
        }
    }

    /// From the keys in memory; for a key that is older than they go back, from the journal itself.
    fn find(&mut self, key: &str) -> Result<Option<(u64, Outcome)>, LedgerFault> {
        let wanted = key.to_owned();
        let known = self
            .journal
            .look(move |book| book.answered(&wanted).map(|(seq, outcome)| (seq, outcome.clone())));
        match known {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(_) => return Err(LedgerFault::Unknown),
        }
        let mut found = None;
        let read = self.source.each(|entry| {
            if entry.command.key() == key {
                found = Some((entry.seq, entry.outcome));
            }
            Ok(())
        });
        read.map(|()| found).map_err(|_| LedgerFault::Unknown)
    }
}

/// The office of a journal with the ledger rail.
pub type JournalOffice = Office<JournalLedger, LedgerRail<JournalLedger>>;

/// Opens the office of a ledger. All escrows follow from the log, which is read from its beginning.
///
/// An office knows what it recorded itself and what was there when it was opened. A folder has one at a time; on a database
/// that others write to, open it anew for each act.
///
/// # Errors
/// What [`Source::open`] says; [`JournalError::Ledger`] when an entry about an escrow does not follow from those before.
pub fn open_office(
    source: &Source,
    config: JournalConfig,
    clock: Arc<dyn Clock>,
    plane: SettlementPlane,
    clearing: AccountId,
) -> Result<(JournalOffice, Journal), JournalError> {
    let journal = source.open(config, clock)?;
    let desk = read_desk(source, plane)?;
    let ledger = JournalLedger { journal: journal.clone(), source: source.clone() };
    Ok((Office::new(desk, ledger.clone(), LedgerRail::new(ledger, clearing)), journal))
}

/// The escrows of a ledger, read without opening it.
///
/// # Errors
/// What [`Source::entries`] says; [`JournalError::Ledger`] when an entry about an escrow does not follow.
pub fn read_desk(source: &Source, plane: SettlementPlane) -> Result<Desk, JournalError> {
    let mut desk = Desk::new(plane, ESCROWS_MAX);
    source.each(|entry| Ok(desk.fold(&entry.command, &entry.outcome, entry.seq)?))?;
    Ok(desk)
}
