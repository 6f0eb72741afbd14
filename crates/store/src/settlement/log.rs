//! What is shown of the log: checkpoints, entries, proofs, orders that rest on them, and bundles.

use super::{Published, Settlement, SettlementError};
use crate::journal::JournalError;
use crate::journal::audit::Unasked;
use parking_lot::MutexGuard;
use std::sync::atomic::Ordering;
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Bundle, ControlPlane, Escrow, Event, Needs, OfficeError, Refusal, Signed};
use tollgate_pay::ledger::Entry;
use tollgate_pay::log::{Note, Receipt, leaf_hash};

impl Settlement {
    /// Publishes what is new, and gives the checkpoint that covers everything so far, with the cosignatures that there are.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn checkpoint(&self) -> Result<String, SettlementError> {
        let size = self.size()?;
        self.publish(&mut self.published.lock(), size)?;
        // That too few witnesses are there now does not make what is published less true: whoever reads it counts them.
        match self.cosigned() {
            Ok(_) | Err(SettlementError::Unwitnessed(_)) => {}
            Err(other) => return Err(other),
        }
        Ok(self.folder.checkpoint()?.map(|note| note.to_string()).unwrap_or_default())
    }

    /// Brings the published log up to this size at least.
    fn publish(&self, published: &mut Published, size: u64) -> Result<(), JournalError> {
        if published.size < size || size == 0 {
            let origin = self.key.public().name();
            published.size = self.folder.extend(&self.source, Some(size), &self.key, origin)?.size;
        }
        Ok(())
    }

    /// The published checkpoint, cosigned by the witnesses that the folder's policy wants. They are asked one at a time, and whoever
    /// came while they were asked takes what was found: however many wait for a witness that is silent, they wait once.
    fn cosigned(&self) -> Result<Note, SettlementError> {
        let missing = || PayError::NotProven { what: "log", reason: "it has no checkpoint yet".into() };
        let standing = || Ok::<_, SettlementError>(self.folder.checkpoint()?.ok_or_else(missing)?);
        let Some(policy) = &self.policy else { return standing() };
        let before = self.asks.load(Ordering::Acquire);
        let mut asking = self.asking.lock();
        let note = standing()?;
        if policy.met(&note).is_ok() {
            return Ok(note);
        }
        // They were asked since this one came, and too few answered.
        if let Some(reason) = asking.failed.clone().filter(|_| asking.count > before) {
            return Err(SettlementError::Unwitnessed(PayError::NotProven { what: "log", reason }));
        }
        asking.count = self.asks.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let nobody = || Unasked("this process asks no witnesses".into());
        let ask = |witness: &_, request: &_| {
            self.witnesses.as_ref().map_or_else(|| Err(nobody()), |all| all.ask(witness, request))
        };
        let (asked, lines) = self.folder.ask_witnesses(policy, &mut asking.known, &ask)?;
        if lines {
            // A checkpoint that was published meanwhile stands: it is for its own witnesses.
            let _published = self.published.lock();
            self.folder.keep_cosigned(&asked.0)?;
        }
        match asked.1 {
            Ok(()) => {
                asking.failed = None;
                Ok(asked.0)
            }
            Err(PayError::NotProven { what, reason }) => {
                asking.failed = Some(reason.clone());
                Err(SettlementError::Unwitnessed(PayError::NotProven { what, reason }))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// An entry with the proof that it is in the log as it is published, cosigned where the folder has a policy of witnesses; `None`
    /// where there is no such entry yet. Only one that is not published yet has the log published.
    ///
    /// # Errors
    /// [`SettlementError::Journal`]; [`SettlementError::Unwitnessed`] when too few witnesses cosign.
    pub fn receipt(&self, seq: u64) -> Result<Option<Receipt>, SettlementError> {
        if self.published(seq)?.is_none() {
            return Ok(None);
        }
        let note = self.cosigned()?;
        Ok(Some(self.folder.receipt_by(note, seq)?))
    }

    /// Sees to it that an entry is published, when there is one.
    fn published(&self, seq: u64) -> Result<Option<MutexGuard<'_, Published>>, SettlementError> {
        let mut published = self.published.lock();
        if seq >= published.size {
            let size = self.size()?;
            if seq >= size {
                return Ok(None);
            }
            self.publish(&mut published, size)?;
        }
        Ok(Some(published))
    }

    /// An entry.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn entry(&self, seq: u64) -> Result<Option<Entry>, SettlementError> {
        let Some(_published) = self.published(seq)? else { return Ok(None) };
        let bytes = self.folder.published(seq)?;
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
        let (mut mine, mut needs) = (Vec::new(), Needs::new(escrow));
        self.source.each(|entry| {
            mine.extend(needs.wants(&entry.command)?.then_some(entry.seq));
            Ok(())
        })?;
        let mut receipts = Vec::new();
        for seq in mine {
            receipts.extend(self.receipt(seq)?);
        }
        Ok(Bundle::new(escrow.id, &receipts))
    }
}
