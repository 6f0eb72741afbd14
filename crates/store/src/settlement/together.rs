//! Several escrows, locked all or none.

use super::{Acted, Settlement, SettlementError};
use tollgate_core::Digest;
use tollgate_pay::escrow::EventKind;

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
}
