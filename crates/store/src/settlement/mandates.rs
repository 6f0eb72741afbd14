//! Mandates under which escrows are paid, and what was counted under each.

use super::{Settlement, SettlementError};
use std::collections::BTreeMap;
use tollgate_core::{Amount, Digest, Timestamp};

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
        for escrow in self.known().office.desk().escrows() {
            let Some(name) = escrow.contract.mandate.filter(|name| after.is_none_or(|after| *name > after))
            else {
                continue;
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
        }
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
