//! Several escrows, locked all or none; and what is held for escrows, which no command by hand touches.

use super::{Acted, Settlement, SettlementError};
use tollgate_core::Digest;
use tollgate_pay::PayError;
use tollgate_pay::escrow::EventKind;
use tollgate_pay::ledger::{Book, Command, Op};

impl Settlement {
    /// Records once for a request that several escrows are to be locked, all or none, and asks the rail. Answers what was
    /// recorded of each, in the order of their ids.
    ///
    /// # Errors
    /// [`SettlementError::Office`]; when one of them cannot be locked, none is.
    pub fn lock_together(&self, ids: &[Digest], request: Digest) -> Result<Acted, SettlementError> {
        let mut inner = self.inner.lock();
        self.read_on(&mut inner)?;
        let (told, again) = self
            .in_order(&mut inner, |inner| inner.office.lock_together(ids, Some(request), self.clock.now()))?;
        if !again {
            // Receivers are told of the entry once, under the first; each has its own when its funds are held.
            for (n, one) in told.iter().enumerate() {
                inner.noted(one.escrow, one.seq);
                if n == 0 {
                    inner.happened(one, EventKind::Lock);
                }
            }
        }
        let mut all = told.clone();
        for one in &told {
            all.extend(self.in_order(&mut inner, |inner| inner.settle(one.escrow, self.clock.now()))?);
        }
        drop(inner);
        for one in told {
            all.extend(self.call_out(one.escrow)?);
        }
        Ok(Acted { told: all, again })
    }

    /// Checks that a command by hand takes nothing that is held for escrows: their funds would be gone, and neither a release nor a
    /// refund could ever be done.
    pub(super) fn leaves_escrows_alone(&self, command: &Command) -> Result<(), SettlementError> {
        let clearing = self.clearing.clone();
        let touches = |op: &Op| match op {
            Op::Transfer { debit, .. } | Op::Hold { debit, .. } => *debit == self.clearing,
            _ => false,
        };
        let mut touched = command.ops().iter().any(touches);
        let holds: Vec<_> = command
            .ops()
            .iter()
            .filter_map(|op| match op {
                Op::Post { hold, .. } | Op::Void { hold } => Some(*hold),
                _ => None,
            })
            .collect();
        if !holds.is_empty() {
            let held = move |book: &Book| {
                holds.iter().any(|hold| book.hold(*hold).is_some_and(|hold| hold.credit == clearing))
            };
            touched |= self.journal.look(held)?;
        }
        if !touched {
            return Ok(());
        }
        let wanted = "a command about money that is not held for escrows: they have ways of their own";
        let (field, value) = ("command", command.key().chars().take(80).collect());
        Err(PayError::Bad { field, value, wanted }.into())
    }
}
