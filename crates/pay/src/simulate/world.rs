//! A ledger in memory that dies at a write and keeps what it wrote, with the log of its entries.

use super::Cast;
use crate::PayError;
use crate::escrow::Desk;
use crate::json::plain;
use crate::ledger::{Account, Book, Command, Decision, Entry, Limits, Op, Outcome};
use crate::log::{Checkpoint, Frontier, Memory, Note, Receipt, VerifyingKey, inclusion, leaf_hash};
use crate::rail::{Ledger, LedgerFault};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tollgate_core::id::AccountId;
use tollgate_core::{Digest, Timestamp};

/// Most escrows in one world.
const ESCROWS_MAX: usize = 16;

/// How the office dies at a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// Nothing was written.
    Before,
    /// All was written, nobody was told.
    After,
}

/// What an escrow's calls did in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moved {
    /// Calls that made holds.
    pub locks: u32,
    /// Calls that released.
    pub releases: u32,
    /// Minor units posted.
    pub paid: i128,
}

/// The ledger, its log, and its clock.
#[derive(Debug, Default)]
pub struct Machine {
    /// The ledger.
    pub book: Book,
    /// Its history, which is what is on the disk.
    pub entries: Vec<Entry>,
    /// Wall time, which may run back.
    pub now: Timestamp,
    /// What each escrow's calls did.
    pub moved: BTreeMap<Digest, Moved>,
    tree: Frontier,
    nodes: Memory,
    leaves: Vec<Digest>,
    answers: BTreeMap<String, u64>,
    folded: Option<(Desk, usize)>,
    /// Rows of a desk, and how many entries it had read.
    kept: Option<(Vec<Vec<u8>>, usize)>,
    dies_in: Option<(u64, Crash)>,
    died: Option<Crash>,
    /// The last checkpoint, with whose it is and of which size.
    checkpoint: RefCell<Option<(VerifyingKey, u64, Note)>>,
}

impl Machine {
    /// A machine on which nothing happened.
    #[must_use]
    pub fn new() -> Self {
        let limits = Limits { key_age_us: i64::MAX, ..Limits::default() };
        Self { book: Book::new(limits), ..Self::default() }
    }

    /// Dies at the write that is `writes` writes away; at the next one for 0.
    pub const fn die_in(&mut self, writes: u64, crash: Crash) {
        self.dies_in = Some((writes, crash));
    }

    /// How it died, while it is dead.
    #[must_use]
    pub const fn died(&self) -> Option<Crash> {
        self.died
    }

    /// Starts again with what was written.
    pub const fn reboot(&mut self) {
        self.died = None;
        self.dies_in = None;
    }

    /// Leaf hash of an entry.
    #[must_use]
    pub fn leaf(&self, seq: u64) -> Option<Digest> {
        self.leaves.get(usize::try_from(seq).ok()?).copied()
    }

    /// The proof that an entry is in the log, signed as it is now; with the entry itself when asked.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when there is no such entry.
    pub fn receipt(&self, cast: &Cast, seq: u64, with_entry: bool) -> Result<Receipt, PayError> {
        let size = self.tree.size();
        let missing = || PayError::NotProven { what: "receipt", reason: format!("there is no entry {seq}") };
        let path = inclusion(&self.nodes, seq, size).ok_or_else(missing)?;
        let checkpoint = self.checkpoint(cast, size)?;
        let entry = usize::try_from(seq).ok().and_then(|seq| self.entries.get(seq)).ok_or_else(missing)?;
        let extra = with_entry.then(|| plain(entry));
        Ok(Receipt { extra, index: seq, path, checkpoint })
    }

    /// The tree as it is now, signed; once for each size.
    fn checkpoint(&self, cast: &Cast, size: u64) -> Result<Note, PayError> {
        let (mut last, key) = (self.checkpoint.borrow_mut(), cast.log.public());
        if let Some((_, _, note)) = last.as_ref().filter(|(by, of, _)| *of == size && by == key) {
            return Ok(note.clone());
        }
        let checkpoint = Checkpoint { origin: Cast::origin().into(), size, root: self.tree.root() };
        let note = checkpoint.sign(&cast.log)?;
        *last = Some((key.clone(), size, note.clone()));
        Ok(note)
    }

    /// The desk that follows from what was written. Each entry is folded once: the desk of the last time goes on.
    ///
    /// # Errors
    /// [`PayError::Diverged`] when an entry does not follow.
    pub fn desk(&mut self, cast: &Cast) -> Result<&Desk, PayError> {
        let (desk, read) = self.folded.get_or_insert_with(|| (Desk::new(cast.plane(), ESCROWS_MAX), 0));
        for entry in self.entries.iter().skip(*read) {
            desk.fold(&entry.command, &entry.outcome, entry.seq)?;
        }
        *read = self.entries.len();
        Ok(desk)
    }

    /// Keeps the desk as it is, in rows as they are written to a disk.
    ///
    /// # Errors
    /// [`PayError::Diverged`] when an entry does not follow.
    pub fn keep(&mut self, cast: &Cast) -> Result<(), PayError> {
        let rows = self.desk(cast)?.rows().map(|row| plain(&row)).collect();
        self.kept = Some((rows, self.entries.len()));
        Ok(())
    }

    /// The desk of the rows that were kept last, and what was written since.
    ///
    /// # Errors
    /// [`PayError::Diverged`] when an entry does not follow; [`PayError::Bad`] for rows that are none.
    pub fn desk_kept(&self, cast: &Cast) -> Result<Option<Desk>, PayError> {
        let Some((rows, read)) = &self.kept else { return Ok(None) };
        let row = |row: &Vec<u8>| {
            serde_json::from_slice(row)
                .map_err(|error| PayError::bad("row", &error.to_string(), "one of a desk"))
        };
        let rows = rows.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let mut desk = Desk::restore(cast.plane(), ESCROWS_MAX, rows)?;
        for entry in self.entries.iter().skip(*read) {
            desk.fold(&entry.command, &entry.outcome, entry.seq)?;
        }
        Ok(Some(desk))
    }

    /// The desk that follows from all that was written, from the first entry on.
    ///
    /// # Errors
    /// [`PayError::Diverged`] when an entry does not follow.
    pub fn desk_anew(&self, cast: &Cast) -> Result<Desk, PayError> {
        let mut desk = Desk::new(cast.plane(), ESCROWS_MAX);
        for entry in &self.entries {
            desk.fold(&entry.command, &entry.outcome, entry.seq)?;
        }
        Ok(desk)
    }

    fn write(&mut self, command: Command) -> Result<(u64, Outcome), LedgerFault> {
        match self.book.apply(self.now, command).map_err(LedgerFault::NotTaken)? {
            Decision::Known { seq, outcome } => Ok((seq, outcome)),
            Decision::Fresh(entry) => {
                let bytes = plain(&entry);
                let leaf = leaf_hash(&bytes);
                let nodes = &mut self.nodes;
                self.tree.push_into(leaf, &mut |level, index, hash| nodes.put(level, index, hash));
                self.leaves.push(Digest(leaf));
                self.answers.insert(entry.command.key().into(), entry.seq);
                self.count(&entry);
                let answer = (entry.seq, entry.outcome.clone());
                self.entries.push(entry);
                Ok(answer)
            }
        }
    }

    /// Counts what a call did.
    fn count(&mut self, entry: &Entry) {
        let key = entry.command.key().strip_suffix(":call").and_then(|key| key.strip_prefix("escrow:"));
        let id = key.and_then(|key| key.split(':').next()?.parse().ok());
        let (Some(id), Outcome::Applied { .. }) = (id, &entry.outcome) else { return };
        let moved = self.moved.entry(id).or_default();
        let (mut locks, mut releases) = (0, 0);
        for op in entry.command.ops() {
            match op {
                Op::Hold { .. } => locks = 1,
                Op::Post { amount, .. } => {
                    releases = 1;
                    moved.paid = moved.paid.saturating_add(amount.map_or(0, |amount| amount.minor()));
                }
                _ => {}
            }
        }
        moved.locks = moved.locks.saturating_add(locks);
        moved.releases = moved.releases.saturating_add(releases);
    }
}

/// A machine that several hold.
#[derive(Clone, Debug, Default)]
pub struct Shared(pub Rc<RefCell<Machine>>);

impl Shared {
    /// The machine, shared.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self(Rc::new(RefCell::new(machine)))
    }
}

impl Ledger for Shared {
    fn apply(&mut self, command: Command) -> Result<(u64, Outcome), LedgerFault> {
        let mut machine = self.0.borrow_mut();
        if machine.died.is_some() {
            return Err(LedgerFault::Unknown);
        }
        match machine.dies_in {
            None => machine.write(command),
            Some((0, crash)) => {
                machine.died = Some(crash);
                if crash == Crash::After {
                    // It is written, and nobody is there to be told.
                    let _ = machine.write(command);
                }
                Err(LedgerFault::Unknown)
            }
            Some((writes, crash)) => {
                machine.dies_in = Some((writes.saturating_sub(1), crash));
                machine.write(command)
            }
        }
    }

    fn find(&mut self, key: &str) -> Result<Option<(u64, Outcome)>, LedgerFault> {
        let machine = self.0.borrow();
        if machine.died.is_some() {
            return Err(LedgerFault::Unknown);
        }
        let seq = machine.answers.get(key).and_then(|seq| usize::try_from(*seq).ok());
        Ok(seq.and_then(|seq| machine.entries.get(seq)).map(|entry| (entry.seq, entry.outcome.clone())))
    }

    fn account(&mut self, id: &AccountId) -> Result<Option<Account>, LedgerFault> {
        let machine = self.0.borrow();
        if machine.died.is_some() { Err(LedgerFault::Unknown) } else { Ok(machine.book.account(id).copied()) }
    }
}
