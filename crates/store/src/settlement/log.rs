//! What is shown of the log: checkpoints, entries, proofs, orders that rest on them, and bundles.

use super::{Settlement, SettlementError};
use crate::journal::JournalError;
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{Bundle, ControlPlane, Escrow, Event, OfficeError, Refusal, Signed};
use tollgate_pay::ledger::Entry;
use tollgate_pay::log::{Receipt, leaf_hash};

impl Settlement {
    /// Publishes what is new, and gives the checkpoint that covers everything so far.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn checkpoint(&self) -> Result<String, SettlementError> {
        let size = self.size()?;
        let mut published = self.published.lock();
        self.publish(&mut published, size)?;
        Ok(self.folder.checkpoint()?.map(|note| note.to_string()).unwrap_or_default())
    }

    /// Brings the published log up to this size at least.
    fn publish(&self, published: &mut u64, size: u64) -> Result<(), JournalError> {
        if *published < size || size == 0 {
            let origin = self.key.public().name();
            *published = self.folder.extend(&self.source, Some(size), &self.key, origin)?.size;
        }
        Ok(())
    }

    /// An entry with the proof that it is in the log as it is now; `None` where there is none yet.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn receipt(&self, seq: u64) -> Result<Option<Receipt>, SettlementError> {
        let size = self.size()?;
        if seq >= size {
            return Ok(None);
        }
        let mut published = self.published.lock();
        self.publish(&mut published, size)?;
        Ok(Some(self.folder.receipt(seq)?))
    }

    /// An entry.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn entry(&self, seq: u64) -> Result<Option<Entry>, SettlementError> {
        let Some(receipt) = self.receipt(seq)? else { return Ok(None) };
        let bytes = receipt.extra.unwrap_or_default();
        let damaged = |error: serde_json::Error| JournalError::Damaged {
            file: "the log".into(),
            at: seq,
            what: error.to_string(),
        };
        let entry = serde_json::from_slice(&bytes).map_err(damaged)?;
        Ok(Some(entry))
    }

    /// Entries from one on, oldest first.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn entries(&self, from: u64, limit: u64) -> Result<Vec<Entry>, SettlementError> {
        let mut page = Vec::new();
        for seq in from..from.saturating_add(limit) {
            match self.entry(seq)? {
                Some(entry) => page.push(entry),
                None => break,
            }
        }
        Ok(page)
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn size(&self) -> Result<u64, SettlementError> {
        Ok(self.journal.look(tollgate_pay::ledger::Book::next_seq)?)
    }

    /// The order for what was decided, for the verifiers to sign, with the proof that the decision is in the log.
    ///
    /// # Errors
    /// [`Refusal::Illegal`] when nothing is decided.
    pub fn order(&self, escrow: &Escrow, expires: Timestamp) -> Result<Event, SettlementError> {
        let nothing = || {
            let event = tollgate_pay::escrow::EventKind::Release;
            OfficeError::from(Refusal::Illegal { phase: escrow.phase, event })
        };
        let entry = escrow.grant.as_ref().and_then(|grant| grant.entry).ok_or_else(nothing)?;
        let receipt = self.receipt(entry)?.ok_or_else(nothing)?;
        let leaf = Digest(leaf_hash(receipt.extra.as_deref().unwrap_or_default()));
        let proof = Receipt { extra: None, ..receipt }.to_string();
        let order = ControlPlane::order(escrow, leaf, expires).map_err(OfficeError::from)?;
        Ok(Event::Order { order: Signed::new(order, Vec::new()), proof })
    }

    /// All that happened to an escrow in one file, each entry with its proof.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn bundle(&self, escrow: &Escrow) -> Result<Bundle, SettlementError> {
        let mut mine = Vec::new();
        self.source.each(|entry| {
            mine.extend(Bundle::needs(escrow, &entry.command)?.then_some(entry.seq));
            Ok(())
        })?;
        let mut receipts = Vec::new();
        for seq in mine {
            receipts.extend(self.receipt(seq)?);
        }
        Ok(Bundle::new(escrow.id, &receipts))
    }
}
