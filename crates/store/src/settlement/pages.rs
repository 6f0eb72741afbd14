//! Escrows page by page, and the mandates under which they are paid with what was counted under each.
//!
//! However many escrows there are and however few are wanted, others go on meanwhile: they are looked at in steps.

use super::{Settlement, SettlementError};
use parking_lot::MutexGuard;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use tollgate_core::{Amount, Digest, Timestamp};
use tollgate_pay::escrow::Escrow;

/// Escrows that are looked at before others go on.
const STEP: usize = 1_024;
/// Most escrows that are named of one mandate.
pub const ESCROWS_SHOWN: usize = 8;

/// A mandate that terms name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MandateUse {
    /// The mandate.
    pub name: Digest,
    /// What the ledger counted; nothing when no payment under it was admitted.
    pub counted: Option<Counted>,
    /// Escrows that name it, the first [`ESCROWS_SHOWN`] by their ids.
    pub escrows: Vec<Digest>,
    /// How many there are.
    pub count: usize,
}

/// What the ledger counted under an open mandate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Payments that are live or paid.
    pub payments: u64,
    /// Their sum.
    pub spent: Option<Amount>,
    /// When the last was admitted.
    pub last: Option<Timestamp>,
    /// Nothing more is admitted.
    pub revoked: bool,
}

impl From<(u64, Option<Amount>, Option<Timestamp>, bool)> for Counted {
    fn from((payments, spent, last, revoked): (u64, Option<Amount>, Option<Timestamp>, bool)) -> Self {
        Self { payments, spent, last, revoked }
    }
}

impl Settlement {
    /// Escrows in the order of their ids, after one, as far as `wanted` says yes, and whether more follow.
    #[must_use]
    pub fn escrows(
        &self,
        after: Option<Digest>,
        limit: usize,
        wanted: impl Fn(&Escrow) -> bool,
    ) -> (Vec<Escrow>, bool) {
        let mut found = Vec::new();
        self.each_escrow(after, |escrow| {
            found.extend(wanted(escrow).then(|| escrow.clone()));
            // One more than a page says that there is another.
            if found.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let more = found.len() > limit;
        found.truncate(limit);
        (found, more)
    }

    /// Looks at escrows in the order of their ids, after one. Others go on between two steps: an escrow that changes meanwhile is
    /// seen as it is when its turn comes.
    fn each_escrow(&self, mut after: Option<Digest>, mut each: impl FnMut(&Escrow) -> ControlFlow<()>) {
        let mut inner = self.known();
        loop {
            let mut count = 0usize;
            for escrow in inner.office.desk().escrows_after(after).take(STEP) {
                if each(escrow).is_break() {
                    return;
                }
                (count, after) = (count.saturating_add(1), Some(escrow.id));
            }
            if count < STEP {
                return;
            }
            MutexGuard::unlocked_fair(&mut inner, || {});
        }
    }

    /// What was counted under a mandate: payments, what was spent, when the last was, whether it is revoked.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn mandate(&self, name: Digest) -> Result<Option<Counted>, SettlementError> {
        let counted = self.journal.look(move |book| book.mandate(name))?;
        Ok(counted.map(Counted::from))
    }

    /// Mandates in the order of their names, after one, and whether more follow.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn mandates(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<(Vec<MandateUse>, bool), SettlementError> {
        let mut uses: BTreeMap<Digest, MandateUse> = BTreeMap::new();
        self.each_escrow(None, |escrow| {
            let Some(name) = escrow.contract.mandate.filter(|name| after.is_none_or(|after| *name > after))
            else {
                return ControlFlow::Continue(());
            };
            let new = MandateUse { name, counted: None, escrows: Vec::new(), count: 0 };
            let used = uses.entry(name).or_insert(new);
            used.count = used.count.saturating_add(1);
            if used.escrows.len() < ESCROWS_SHOWN {
                used.escrows.push(escrow.id);
            }
            // No more than a page and one are kept.
            if uses.len() > limit.saturating_add(1) {
                uses.pop_last();
            }
            ControlFlow::Continue(())
        });
        let more = uses.len() > limit;
        let mut page: Vec<_> = uses.into_values().take(limit).collect();
        let names: Vec<_> = page.iter().map(|used| used.name).collect();
        let counted = self
            .journal
            .look(move |book| names.iter().map(|name| book.mandate(*name)).collect::<Vec<_>>())?;
        for (used, counted) in page.iter_mut().zip(counted) {
            used.counted = counted.map(Counted::from);
        }
        Ok((page, more))
    }
}
