//! The data folder of escrows: `books` is the ledger's journal, `log` its published log, `log.key` the log's secret key,
//! and `witness.policy`, when there is one, says which witnesses the log wants.

use crate::place;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_core::id::AccountId;
use tollgate_core::{Clock, Digest, Timestamp};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::escrow::{Desk, Escrow, Event, SettlementPlane, Told};
use tollgate_pay::ledger::{Command, Outcome};
use tollgate_pay::log::{Receipt, SigningKey, leaf_hash};
use tollgate_store::escrows::{ESCROWS_MAX, JournalOffice, open_office, read_desk};
use tollgate_store::journal::audit::{LogFolder, Source, policy};
use tollgate_store::journal::{Journal, JournalConfig};

/// Which data folder.
#[derive(Args, Debug, Clone)]
pub(super) struct Books {
    /// The data folder: `books` in it is the ledger, `log` its log, `log.key` the log's secret key
    #[arg(long, value_name = "DIR")]
    pub(super) data: PathBuf,
    /// The account through which the ledger rail clears
    #[arg(long, value_name = "ACCOUNT", default_value = "acct_clearing")]
    pub(super) clearing: AccountId,
}

impl Books {
    /// Those of a folder, for whoever only reads.
    pub(super) fn of(data: &Path) -> Result<Self> {
        Ok(Self { data: data.into(), clearing: "acct_clearing".parse()? })
    }
}

/// An open office, with its journal's thread.
pub(super) struct Open {
    pub(super) office: JournalOffice,
    journal: Journal,
    clock: SystemClock,
}

impl Books {
    /// The ledger.
    pub(super) fn ledger(&self) -> Source {
        Source::Folder(self.data.join("books"))
    }

    /// The published log.
    pub(super) fn log(&self) -> LogFolder {
        LogFolder::new(&self.data.join("log"))
    }

    /// The log's key.
    pub(super) fn key(&self) -> Result<SigningKey> {
        let path = self.data.join("log.key");
        let text = place::read_text(&path)
            .context("make a log key with `tollgate pay audit keygen NAME --out DIR/log.key`")?;
        SigningKey::from_text(text.trim_end()).with_context(|| path.display().to_string())
    }

    /// The settlement plane that trusts this log.
    pub(super) fn plane(&self) -> Result<SettlementPlane> {
        let key = self.key()?;
        let plane = SettlementPlane::new(key.public().clone(), key.public().name().into());
        match policy(&self.data)? {
            Some(policy) => Ok(plane.witnessed(Arc::new(policy))?),
            None => Ok(plane),
        }
    }

    /// Opens the office; one process at a time can.
    pub(super) fn open(&self) -> Result<Open> {
        let (config, clock): (_, Arc<dyn Clock>) = (JournalConfig::default(), Arc::new(SystemClock::new()));
        let (plane, clearing) = (self.plane()?, self.clearing.clone());
        let rails = super::rail::open(&self.data, &clock)?;
        let (office, _, journal) =
            open_office(&self.ledger(), config, ESCROWS_MAX, clock, plane, clearing, rails)?;
        Ok(Open { office, journal, clock: SystemClock::new() })
    }

    /// The escrows as they are in the log.
    pub(super) fn desk(&self) -> Result<Desk> {
        let folder = self.data.join("books");
        ensure!(folder.is_dir(), "{} is not a folder: name a data folder with --data", folder.display());
        Ok(read_desk(&self.ledger(), self.plane()?)?)
    }

    /// One escrow as it is in the log.
    pub(super) fn escrow(&self, id: &Digest) -> Result<Escrow> {
        let desk = self.desk()?;
        desk.escrow(id).cloned().with_context(|| format!("there is no escrow {id}"))
    }

    /// Publishes what is new, has it cosigned where the folder has a policy of witnesses, and proves an entry.
    pub(super) fn receipt(&self, entry: u64) -> Result<Receipt> {
        let key = self.key()?;
        let log = self.log();
        log.extend(&self.ledger(), None, &key, key.public().name())?;
        if let Some(policy) = policy(&self.data)? {
            super::audit::cosign(&log, &policy)?;
        }
        Ok(log.receipt(entry)?)
    }

    /// An entry's leaf hash, and its proof without the entry.
    pub(super) fn proof(&self, entry: u64) -> Result<(Digest, String)> {
        let receipt = self.receipt(entry)?;
        let leaf = Digest(leaf_hash(receipt.extra.as_deref().unwrap_or_default()));
        Ok((leaf, Receipt { extra: None, ..receipt }.to_string()))
    }
}

impl Open {
    /// Records an event, and drives the rail as far as it goes.
    pub(super) fn act(&mut self, id: Digest, event: Event) -> Result<Vec<Told>> {
        let mut told = vec![self.office.act(id, event, self.now()).map_err(no)?];
        told.extend(self.settle(id)?);
        Ok(told)
    }

    /// Locks several escrows, all or none, and drives the rail as far as it goes for each.
    pub(super) fn lock_together(&mut self, ids: &[Digest]) -> Result<Vec<Told>> {
        let (mut told, _) = self.office.lock_together(ids, None, self.now()).map_err(no)?;
        for id in told.iter().map(|told| told.escrow).collect::<Vec<_>>() {
            told.extend(self.settle(id)?);
        }
        Ok(told)
    }

    /// Makes the call that an escrow waits for, or finds out what became of it.
    pub(super) fn settle(&mut self, id: Digest) -> Result<Option<Told>> {
        self.office.settle(id, self.now()).map_err(no)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Has the ledger decide a command that is about no escrow.
    pub(super) fn tell(&mut self, command: &Command) -> Result<(u64, Outcome)> {
        self.office.tell(command).map_err(no)
    }

    /// The ledger, to look at.
    pub(super) const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Ends the journal's thread.
    pub(super) fn close(self) {
        self.journal.close();
    }
}

/// What cannot happen is a "no"; a ledger that cannot answer stays an error.
fn no(error: tollgate_pay::escrow::OfficeError) -> anyhow::Error {
    match error {
        tollgate_pay::escrow::OfficeError::Refused(refusal) => {
            crate::ending::Refusal(refusal.to_string()).into()
        }
        other => other.into(),
    }
}

/// Reads a file of signed JSON.
pub(super) fn read_signed<T>(what: &'static str, path: &Path) -> Result<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    tollgate_pay::escrow::read(what, &place::read(path)?).with_context(|| path.display().to_string())
}

/// Writes text to a file, or prints it.
pub(super) fn put(out: Option<&Path>, text: &str) -> Result<()> {
    match out {
        Some(path) => std::fs::write(path, format!("{text}\n"))
            .with_context(|| format!("cannot write {}", path.display())),
        None => crate::say::line(text),
    }
}
