//! Escrows on the journal: their office over a folder or a database, opened from what the log says.
//!
//! Others may write to a database. An office decides by all entries before a number that it keeps ([`JournalLedger::seen`]), and
//! what it records is written as the entry of that number or not at all: so whatever stands in the log follows from what stands
//! before it, also when many offices write.

use crate::journal::audit::Source;
use crate::journal::{Journal, JournalConfig, JournalError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tollgate_core::Clock;
use tollgate_core::id::AccountId;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Desk, Office, SettlementPlane, TaskContract};
use tollgate_pay::ledger::{Account, Command, Entry, Outcome};
use tollgate_pay::rail::{Ledger, LedgerFault, LedgerRail, Rail, Rails};

/// Most escrows of one log, unless it is opened with another bound.
pub const ESCROWS_MAX: usize = 1_000_000;

/// A journal as the ledger of an office and of a rail. Clones share it.
#[derive(Clone)]
pub struct JournalLedger {
    journal: Journal,
    source: Source,
    /// The first entry that the office does not know.
    seen: Arc<AtomicU64>,
    /// Whether what is recorded rests on all entries before it. A rail's call does not: its key and the ledger's rules suffice.
    in_order: bool,
}

impl JournalLedger {
    /// The first entry of the log that the office does not know.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// The office knows all entries before this one.
    pub fn saw(&self, next: u64) {
        self.seen.store(next, Ordering::Relaxed);
    }
}

impl Ledger for JournalLedger {
    fn apply(&mut self, command: Command) -> Result<(u64, Outcome), LedgerFault> {
        let seen = self.seen();
        let answer =
            if self.in_order { self.journal.apply_at(seen, command) } else { self.journal.apply(command) };
        match answer {
            // Another server was asked the same and wrote it first: the office takes it in its turn, with what stands before.
            Ok(answer) if self.in_order && answer.seq > seen => Err(LedgerFault::Behind),
            Ok(answer) => {
                // Its own entry, the office is told of; what others wrote before it is still to be read.
                if answer.seq == seen {
                    self.saw(seen.saturating_add(1));
                }
                Ok((answer.seq, answer.outcome))
            }
            Err(JournalError::Behind) => Err(LedgerFault::Behind),
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

    fn account(&mut self, id: &AccountId) -> Result<Option<Account>, LedgerFault> {
        let wanted = id.clone();
        self.journal.look(move |book| book.account(&wanted).copied()).map_err(|_| LedgerFault::Unknown)
    }
}

/// Whether a rail would carry a contract.
pub type Carries = Box<dyn FnMut(&TaskContract) -> Result<(), PayError> + Send>;

/// A rail beside our own ledger.
pub enum OtherRail {
    /// The office makes its calls, and waits for them.
    Here(Box<dyn Rail + Send>),
    /// Its calls are made elsewhere; here is said what it would carry.
    Away {
        /// What contracts call it.
        name: String,
        /// What it would carry.
        carries: Carries,
    },
}

/// What moves the money of a folder's escrows: our own ledger, and other rails by their names.
pub struct FolderRails {
    own: LedgerRail<JournalLedger>,
    others: Vec<OtherRail>,
}

impl FolderRails {
    /// The rail over our own ledger.
    pub const fn own(&mut self) -> &mut LedgerRail<JournalLedger> {
        &mut self.own
    }
}

impl OtherRail {
    fn name(&self) -> &str {
        match self {
            Self::Here(rail) => rail.name(),
            Self::Away { name, .. } => name,
        }
    }
}

impl Rails for FolderRails {
    fn names(&self) -> Vec<&str> {
        [self.own.name()].into_iter().chain(self.others.iter().map(OtherRail::name)).collect()
    }

    fn carries(&mut self, contract: &TaskContract) -> Option<Result<(), PayError>> {
        let other = self.others.iter_mut().find(|other| other.name() == contract.rail);
        match other {
            Some(OtherRail::Here(rail)) => Some(rail.prepare(contract)),
            Some(OtherRail::Away { carries, .. }) => Some(carries(contract)),
            None => self.own.carries(contract),
        }
    }

    fn here(&mut self, name: &str) -> Option<&mut dyn Rail> {
        match self.others.iter_mut().find(|other| other.name() == name) {
            Some(OtherRail::Here(rail)) => Some(rail.as_mut()),
            Some(OtherRail::Away { .. }) => None,
            None => self.own.here(name),
        }
    }
}

/// The office of a journal with its folder's rails.
pub type JournalOffice = Office<JournalLedger, FolderRails>;

/// Opens the office of a ledger, which takes on at most `escrows_max` escrows and pays by the ledger itself or by others. All escrows follow from the log, which is read from its beginning.
///
/// An office knows what it recorded itself and what was there when it was opened. A folder has one at a time; on a database
/// that others write to, it says [`OfficeError::Behind`](tollgate_pay::escrow::OfficeError::Behind) until it was given what they
/// wrote ([`Office::follow`]) and the ledger that comes back here was told so ([`JournalLedger::saw`]).
///
/// # Errors
/// What [`Source::open`] says; [`JournalError::Ledger`] when an entry about an escrow does not follow from those before.
pub fn open_office(
    source: &Source,
    config: JournalConfig,
    escrows_max: usize,
    clock: Arc<dyn Clock>,
    plane: SettlementPlane,
    clearing: AccountId,
    others: Vec<OtherRail>,
) -> Result<(JournalOffice, JournalLedger, Journal), JournalError> {
    let journal = source.open(config, clock)?;
    go_on(source, journal, Desk::new(plane, escrows_max), 0, |_| Ok(()), clearing, others)
}

/// The office of a ledger whose desk knows all entries before `next`; those behind are folded and given to `each`.
///
/// # Errors
/// As [`open_office`].
pub(crate) fn go_on(
    source: &Source,
    journal: Journal,
    mut desk: Desk,
    mut next: u64,
    mut each: impl FnMut(&Entry) -> Result<(), JournalError>,
    clearing: AccountId,
    others: Vec<OtherRail>,
) -> Result<(JournalOffice, JournalLedger, Journal), JournalError> {
    source.each_from(next, |entry| {
        next = entry.seq.saturating_add(1);
        desk.fold(&entry.command, &entry.outcome, entry.seq)?;
        each(&entry)
    })?;
    let seen = Arc::new(AtomicU64::new(next));
    let ledger = JournalLedger { journal: journal.clone(), source: source.clone(), seen, in_order: true };
    let own = LedgerRail::new(JournalLedger { in_order: false, ..ledger.clone() }, clearing);
    Ok((Office::new(desk, ledger.clone(), FolderRails { own, others }), ledger, journal))
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
