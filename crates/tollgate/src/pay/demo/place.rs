//! Where the demonstration is played: on a folder of its own, or against a running server.

use crate::pay::books::{Books, Open};
use crate::pay::dispute;
use anyhow::{Context, Result, ensure};
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Digest, Timestamp};
use tollgate_evidence::Policy;
use tollgate_evidence::predicate::Predicate;
use tollgate_evidence::proof::{Dossier, Package};
use tollgate_pay::escrow::{Bundle, Escrow, Event, SettlementPlane, Told};
use tollgate_pay::ledger::{Command, Op, Outcome};
use tollgate_pay::log::{self, Receipt};
use tollgate_store::journal::audit::Verify;

/// What a place can do.
pub(in crate::pay) trait Place {
    /// The moment.
    fn now(&self) -> Timestamp;
    /// The settlement plane, which knows the log's key.
    fn plane(&self) -> &SettlementPlane;
    /// Has the ledger decide operations; the entry.
    fn tell(&mut self, key: &str, ops: Vec<Op>) -> Result<u64>;
    /// Records an event, and what the rail said then.
    fn act(&mut self, id: Digest, event: Event) -> Result<Vec<Told>>;
    /// An entry with its proof.
    fn receipt(&self, seq: u64) -> Result<Receipt>;
    /// One escrow as it is.
    fn escrow(&self, id: Digest) -> Result<Escrow>;
    /// Judges what was handed in for an escrow, and keeps what it judged by.
    fn judge(&mut self, id: Digest, package: &Package, predicate: &Predicate) -> Result<Dossier>;
    /// The order for what was decided.
    fn order(&self, id: Digest) -> Result<Event>;
    /// All that happened to an escrow.
    fn bundle(&self, id: Digest) -> Result<Bundle>;
    /// What an account has; `None` when there is none.
    fn balance(&self, id: &AccountId) -> Result<Option<Amount>>;
    /// A last word about the whole log.
    fn end(&self) -> Result<String>;
}

/// How long an order counts, in microseconds.
const ORDER_US: i64 = 600_000_000;

/// A data folder.
pub(in crate::pay) struct Folder {
    books: Books,
    open: Open,
    plane: SettlementPlane,
}

impl Folder {
    pub(in crate::pay) fn open(books: Books) -> Result<Self> {
        Ok(Self { open: books.open()?, plane: books.plane()?, books })
    }
}

impl Place for Folder {
    fn now(&self) -> Timestamp {
        self.open.now()
    }

    fn plane(&self) -> &SettlementPlane {
        &self.plane
    }

    fn tell(&mut self, key: &str, ops: Vec<Op>) -> Result<u64> {
        let (seq, outcome) = self.open.tell(&Command::new(key, ops)?)?;
        ensure!(matches!(outcome, Outcome::Applied { .. }), "the ledger refused {key}: {outcome:?}");
        Ok(seq)
    }

    fn act(&mut self, id: Digest, event: Event) -> Result<Vec<Told>> {
        self.open.act(id, event)
    }

    fn receipt(&self, seq: u64) -> Result<Receipt> {
        self.books.receipt(seq)
    }

    fn escrow(&self, id: Digest) -> Result<Escrow> {
        self.open.office.desk().escrow(&id).cloned().context("the escrow is gone")
    }

    fn judge(&mut self, id: Digest, package: &Package, predicate: &Predicate) -> Result<Dossier> {
        let escrow = self.escrow(id)?;
        let handed_in = escrow.submission.zip(escrow.submitted).context("nothing was handed in")?;
        let (output, at, policy) = (handed_in.0.statement.output, handed_in.1, Policy::default());
        Ok(Dossier::new(at, output, package.clone(), policy, predicate.clone()))
    }

    fn order(&self, id: Digest) -> Result<Event> {
        let expires = Timestamp(self.now().0.saturating_add(ORDER_US));
        crate::pay::escrow::order(&self.books, &self.escrow(id)?, expires)
    }

    fn bundle(&self, id: Digest) -> Result<Bundle> {
        dispute::bundle(&self.books, id)
    }

    fn balance(&self, id: &AccountId) -> Result<Option<Amount>> {
        let wanted = id.clone();
        let account = self.open.journal().look(move |book| book.account(&wanted).copied())?;
        Ok(account.map(|account| Amount::new(account.balance().unwrap_or(0), account.asset)))
    }

    fn end(&self) -> Result<String> {
        self.books.receipt(0)?;
        let key = self.plane.log().clone();
        let wanted = Verify {
            key: key.clone(),
            origin: self.plane.origin().into(),
            witnesses: log::Policy::of(&[], 0)?,
            older: None,
            replay: true,
        };
        let entries = self.books.log().verify(&wanted)?.entries;
        Ok(format!(
            "the log of {entries} entries holds: every entry follows, debits equal credits; its key is {key}"
        ))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.open.journal().close();
    }
}
