//! Settlement on one data folder, for a server: escrows, agents, accounts and the log behind one door.
//!
//! The folder is that of the command line: `books` is the ledger's journal, `log` its published log, `log.key` the log's secret
//! key. One process at a time serves it. With the ledger in a database any number of servers do, each with a folder of its own and
//! the same key: each reads what the others wrote before it decides, and what it decides is written as the entry that follows, or
//! decided anew. Everything that changes goes through [`Settlement::act`] and [`Settlement::tell`], one
//! after the other; what is shown is as of the last of them. Calls wait for the disk: make them where waiting is allowed.

mod agents;
mod away;
mod callers;
mod config;
mod heard;
mod hooks;
mod keep;
mod log;
mod nonces;
mod outbox;
mod pages;
mod shared;
mod snapshot;
mod together;

pub use away::{AwayRail, CALLS_MAX};
pub use config::{Bounds, CallerBounds, SettlementConfig};
pub use hooks::{Delivery, Reported};
pub use nonces::{CHALLENGE_S, NONCES_MAX, Nonce};
pub use outbox::{DEAD_MAX, Dead, Happened, HookConfig, IN_FLIGHT_MAX, OPEN_MAX, Standing};
pub use pages::{Counted, ESCROWS_SHOWN, MandateUse};

use crate::escrows::{JournalLedger, JournalOffice, go_on};
use crate::journal::audit::{Known, LogFolder, Source, Witnesses, policy};
use crate::journal::{Journal, JournalConfig, JournalError};
use away::Away;
use callers::Callers;
use heard::Heard;
use hooks::Hooks;
use keep::Keep;
use nonces::Nonces;
use parking_lot::Mutex;
use snapshot::{Kept, not_set_back};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tollgate_core::id::AccountId;
use tollgate_core::{Clock, Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{
    Asker, Desk, Escrow, Event, EventKind, OfficeError, Owner, Phase, RailState, SettlementPlane, Told,
    by_hand,
};
use tollgate_pay::ledger::{Account, Book, Command, Entry, Op, Outcome};
use tollgate_pay::log::{Policy, SigningKey, VerifyingKey};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum SettlementError {
    /// It cannot happen, or whether it did is not known.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The journal or the log failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// One caller has used up what each may.
    #[error("this caller has {what}, and {limit} are for each: the operator may raise the bound")]
    Caller {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// Too few witnesses cosign the log now: what rests on their word has to wait.
    #[error(transparent)]
    Unwitnessed(PayError),
    /// The log's key cannot be read.
    #[error("{}: {why}", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl From<PayError> for SettlementError {
    fn from(error: PayError) -> Self {
        Self::Office(OfficeError::Ledger(error))
    }
}

/// What one request did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acted {
    /// What was recorded: the event, then what the rail answered.
    pub told: Vec<Told>,
    /// It was recorded before, by the same request.
    pub again: bool,
}

/// What follows from the log.
struct Inner {
    office: JournalOffice,
    ledger: JournalLedger,
    heard: Heard,
    hooks: Arc<Hooks>,
}

/// How far the log is published.
#[derive(Default)]
struct Published {
    size: u64,
}

/// What is known of the log's witnesses, and why too few answered the last time that they were asked.
#[derive(Default)]
struct Asking {
    known: Known,
    /// How often they were asked.
    count: u64,
    failed: Option<String>,
}

/// See the module.
pub struct Settlement {
    inner: Mutex<Inner>,
    journal: Journal,
    source: Source,
    folder: LogFolder,
    /// What is published; one publication at a time. Nobody waits for the network with it.
    published: Mutex<Published>,
    /// Whoever asks the witnesses has it; those who wait for it meanwhile take what that one found.
    asking: Mutex<Asking>,
    /// How often witnesses were asked, to be read by who is about to wait.
    asks: AtomicU64,
    /// The witnesses that the log wants, and how they are asked.
    policy: Option<Arc<Policy>>,
    witnesses: Option<Box<dyn Witnesses>>,
    data: PathBuf,
    /// Entries that the last snapshot has; one is written at a time.
    snapshot: Mutex<u64>,
    /// Shared with [`Inner`], which tells them.
    hooks: Arc<Hooks>,
    nonces: Nonces,
    away: Away,
    key: SigningKey,
    /// The account through which the ledger rail clears.
    clearing: AccountId,
    /// What each caller may add, and what each sent today.
    callers: Callers,
    clock: Arc<dyn Clock>,
}

impl Settlement {
    /// Opens the folder, and finds out what became of calls to the ledger that were under way.
    ///
    /// # Errors
    /// [`SettlementError`], for a folder without a log key too: make one with `tollgate pay audit keygen`.
    pub fn open(config: &SettlementConfig, clock: Arc<dyn Clock>) -> Result<Self, SettlementError> {
        Self::with_rails(config, clock, Vec::new())
    }

    /// As [`Self::open`], with rails that wait for others. Their calls that were under way are asked about by
    /// [`Self::settle_all`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_rails(
        config: &SettlementConfig,
        clock: Arc<dyn Clock>,
        rails: Vec<AwayRail>,
    ) -> Result<Self, SettlementError> {
        let (away, others) = Away::new(rails);
        let key = log_key(&config.data)?;
        let source = config.ledger.clone().unwrap_or_else(|| Source::Folder(config.data.join("books")));
        let mut plane = SettlementPlane::new(key.public().clone(), key.public().name().into());
        let policy = policy(&config.data)?.map(Arc::new);
        if let Some(policy) = &policy {
            plane = plane.witnessed(Arc::clone(policy))?;
        }
        let Bounds { ledger: limits, escrows, events, caller, .. } = config.bounds.clone();
        let journal_config = JournalConfig { limits, ..JournalConfig::default() };
        let Kept { desk, mut heard, next: from } = Kept::read(&config.data, &source, &plane, &config.bounds)?;
        let journal = source.open(journal_config, Arc::clone(&clock))?;
        if let Err(error) = not_set_back(&config.data, &source, &journal) {
            journal.close();
            return Err(error);
        }
        let desk = desk.unwrap_or_else(|| Desk::new(plane, escrows));
        let hear = |entry: &Entry| {
            let applied = matches!(entry.outcome, Outcome::Applied { .. });
            Ok(heard.hear(&entry.command, entry.seq, applied).map(drop)?)
        };
        let (office, ledger, journal) =
            go_on(&source, journal, desk, from, hear, config.clearing.clone(), others)?;
        let next = ledger.seen();
        let keep = Keep::open(&config.data, &source)?;
        let hooks = Arc::new(Hooks::open(keep, &config.hooks, next, events)?);
        let shared = matches!(source, Source::Database(_));
        let nonces = Nonces::open(&config.data, shared, clock.now().0.div_euclid(1_000_000))?;
        let inner = Inner { office, ledger, heard, hooks: Arc::clone(&hooks) };
        let folder = LogFolder::new(&config.data.join("log"));
        let (published, inner) = (Mutex::default(), Mutex::new(inner));
        let (witnesses, data, snapshot) = (None, config.data.clone(), Mutex::new(from));
        let all = Self {
            inner,
            journal,
            source,
            folder,
            published,
            asking: Mutex::default(),
            asks: AtomicU64::new(0),
            policy,
            witnesses,
            data,
            snapshot,
            hooks,
            nonces,
            away,
            key,
            clearing: config.clearing.clone(),
            callers: Callers::new(caller),
            clock,
        };
        // What cannot go on now is asked again later; everything else is served meanwhile.
        let _ = all.settle_here();
        Ok(all)
    }

    /// The settlement that asks its log's witnesses by these means.
    #[must_use]
    pub fn with_witnesses(self, witnesses: Box<dyn Witnesses>) -> Self {
        Self { witnesses: Some(witnesses), ..self }
    }

    /// Has the ledger give back holds whose time is over, when no command did.
    fn sweep(&self, inner: &mut Inner) -> Result<(), SettlementError> {
        let due = self.journal.look(Book::next_expiry)?.filter(|due| *due <= self.clock.now());
        let Some(due) = due else { return Ok(()) };
        // Many servers may want the same: one does it.
        let next = self.journal.look(Book::next_seq)?;
        let command = Command::new(format!("sweep:{}:{next}", due.0), vec![Op::Sweep])?;
        self.in_order(inner, |inner| inner.office.tell(&command)).map(drop)
    }

    /// Records an event of an escrow once for a request, and drives the rail as far as it goes.
    ///
    /// # Errors
    /// [`SettlementError::Office`].
    pub fn act(&self, id: Digest, event: &Event, asker: impl Into<Asker>) -> Result<Acted, SettlementError> {
        let (mut inner, what, asker) = (self.inner.lock(), event.kind(), asker.into());
        self.read_on(&mut inner)?;
        self.has_room(&inner, id, event, asker)?;
        let (told, again) = self
            .in_order(&mut inner, |inner| inner.office.request(id, event.clone(), asker, self.clock.now()))?;
        if !again {
            inner.note(&told, what);
        }
        let mut all = vec![told];
        all.extend(self.in_order(&mut inner, |inner| inner.settle(id, self.clock.now()))?);
        drop(inner);
        all.extend(self.call_out(id)?);
        Ok(Acted { told: all, again })
    }

    /// Has the ledger decide a command that is about no escrow; a key that was used before gets its first answer.
    ///
    /// # Errors
    /// [`SettlementError::Office`]; [`PayError::Bad`] for a command in the name of escrows or agents.
    pub fn tell(&self, command: &Command) -> Result<(u64, Outcome), SettlementError> {
        by_hand(command)?;
        self.leaves_escrows_alone(command)?;
        let mut inner = self.inner.lock();
        self.read_on(&mut inner)?;
        self.in_order(&mut inner, |inner| inner.office.tell(command))
    }

    /// One escrow with the entries that are about it.
    #[must_use]
    pub fn escrow(&self, id: &Digest) -> Option<(Escrow, Vec<u64>)> {
        let inner = self.known();
        let escrow = inner.office.desk().escrow(id)?.clone();
        Some((escrow, inner.heard.entries.get(id).cloned().unwrap_or_default()))
    }

    /// An account and who speaks for it.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn account(&self, id: &AccountId) -> Result<Option<(Account, Option<Owner>)>, SettlementError> {
        let wanted = id.clone();
        let account = self.journal.look(move |book| book.account(&wanted).copied())?;
        let owner = self.known().office.desk().owner(id).cloned();
        Ok(account.map(|account| (account, owner)))
    }

    /// A page of accounts in the order in which they were opened.
    ///
    /// # Errors
    /// [`SettlementError::Journal`].
    pub fn accounts(&self, from: usize, limit: usize) -> Result<Vec<(AccountId, Account)>, SettlementError> {
        let page = self.journal.look(move |book| {
            book.accounts().skip(from).take(limit).map(|(id, account)| (id.clone(), *account)).collect()
        })?;
        Ok(page)
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.key.public().name()
    }

    /// The log's public key.
    #[must_use]
    pub const fn log_key(&self) -> &VerifyingKey {
        self.key.public()
    }

    /// The witnesses whose word the log wants, when it wants some.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_deref()
    }

    /// The moment that counts here.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes a snapshot of what is known and ends the journal's thread; nothing is taken afterwards.
    pub fn close(&self) {
        // Without it the next start takes longer, and nothing else.
        let _ = self.keep_snapshot(1);
        self.journal.close();
    }
}

impl Inner {
    /// Takes what an entry of the log says beside the escrows, which the office has.
    fn hear(&mut self, command: &Command, seq: u64, applied: bool) -> Result<(), PayError> {
        if let Some(record) = self.heard.hear(command, seq, applied)? {
            self.hooks.happened(Happened::of(&record, seq));
        }
        Ok(())
    }

    fn note(&mut self, told: &Told, what: EventKind) {
        self.noted(told.escrow, told.seq);
        self.happened(told, what);
    }

    fn noted(&mut self, escrow: Digest, seq: u64) {
        self.heard.entries.entry(escrow).or_default().push(seq);
    }

    fn happened(&self, told: &Told, what: EventKind) {
        let Told { escrow, seq, phase, version } = *told;
        let at = self.office.desk().escrow(&escrow).map_or(Timestamp(0), |escrow| escrow.time);
        self.hooks.happened(Happened { seq, escrow, at, what, phase, version });
    }

    fn settle(&mut self, id: Digest, now: Timestamp) -> Result<Option<Told>, OfficeError> {
        let told = self.office.settle(id, now)?;
        Ok(self.said(id, told))
    }

    /// Notes what a rail said, for those who are told.
    fn said(&mut self, id: Digest, told: Option<Told>) -> Option<Told> {
        if let Some(told) = &told {
            let rail = self.office.desk().escrow(&id).map(|escrow| &escrow.rail);
            let what = match (rail, told.phase) {
                (Some(RailState::Unknown(_)), _) => EventKind::Unknown,
                // Where a call that was done leads to; one that failed leads back.
                (_, Phase::Locked | Phase::PartlyReleased | Phase::Released | Phase::Refunded) => {
                    EventKind::Done
                }
                _ => EventKind::Failed,
            };
            self.note(told, what);
        }
        told
    }
}

fn log_key(data: &Path) -> Result<SigningKey, SettlementError> {
    let path = data.join("log.key");
    let failed = |why: String| SettlementError::Key { path: path.clone(), why };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        failed(format!("{error}: make one with `tollgate pay audit keygen NAME --out {}`", path.display()))
    })?;
    SigningKey::from_text(text.trim_end()).map_err(|error| failed(error.to_string()))
}
