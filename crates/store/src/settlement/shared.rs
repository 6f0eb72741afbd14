//! A log that other servers write to as well: reading on, and deciding anew when they were first.

use super::{Inner, Settlement, SettlementError};
use crate::journal::JournalError;
use crate::journal::audit::Source;
use parking_lot::MutexGuard;
use tollgate_pay::escrow::OfficeError;
use tollgate_pay::ledger::{Book, Outcome};

/// How often something is decided anew because others wrote first. Each time one of them got on.
const TRIES_MAX: usize = 256;

impl Settlement {
    /// Whether others may write to the log.
    const fn has_others(&self) -> bool {
        matches!(self.source, Source::Database(_))
    }

    /// Takes what others wrote.
    pub(super) fn read_on(&self, inner: &mut Inner) -> Result<(), SettlementError> {
        if !self.has_others() {
            return Ok(());
        }
        let (next, seen) = (self.journal.look(Book::next_seq)?, inner.ledger.seen());
        if next < seen {
            let what = format!("it has {next} entries, {seen} were there before: it was set back");
            return Err(JournalError::Damaged { file: "the ledger".into(), at: next, what }.into());
        }
        if next > seen {
            inner.read_on(&self.source)?;
        }
        Ok(())
    }

    /// What is known, with what others wrote as far as the log can be read: what is shown may be old, and never wrong.
    pub(super) fn known(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        let _ = self.read_on(&mut inner);
        inner
    }

    /// Decides something by all that is in the log: anew, whenever others wrote first.
    pub(super) fn in_order<T>(
        &self,
        inner: &mut Inner,
        mut decide: impl FnMut(&mut Inner) -> Result<T, OfficeError>,
    ) -> Result<T, SettlementError> {
        for _ in 1..TRIES_MAX {
            match decide(inner) {
                Err(OfficeError::Behind | OfficeError::Stale(_)) if self.has_others() => {
                    inner.read_on(&self.source)?;
                }
                done => return Ok(done?),
            }
        }
        Ok(decide(inner)?)
    }
}

impl Inner {
    /// Takes the entries that it does not know.
    fn read_on(&mut self, source: &Source) -> Result<(), SettlementError> {
        source.each_from(self.ledger.seen(), |entry| {
            self.office.follow(&entry)?;
            let applied = matches!(entry.outcome, Outcome::Applied { .. });
            self.hear(&entry.command, entry.seq, applied)?;
            self.ledger.saw(entry.seq.saturating_add(1));
            Ok(())
        })?;
        Ok(())
    }
}
