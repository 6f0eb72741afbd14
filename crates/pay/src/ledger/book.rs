//! The state of the ledger, and how a command is decided.

use super::command::{COMMAND_BYTES_MAX, OPS_MAX};
use super::keys::{Keys, Known};
use super::marks::{self, Marks};
use super::undo::Step;
use super::{Account, Command, Decision, Entry, HoldId, Op, Outcome};
use crate::PayError;
use crate::json::plain;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Digest, Timestamp};

/// Holds given back at one command at most, but for the rest of a linked group.
const EXPIRED_MAX: usize = 256;
/// Most bytes of the number of a hold in an entry, with its quotes and the comma.
const HOLD_BYTES: usize = 28;
/// A command with all that can be decided about it fits the longest entry of the log: the holds that expired, the rest of
/// the last one's group, the holds that it makes, and a refusal's words.
const _: () = assert!(COMMAND_BYTES_MAX + (EXPIRED_MAX + 2 * OPS_MAX) * HOLD_BYTES + 1_024 <= 65_535);

/// What a ledger may grow to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Accounts, for ever.
    pub accounts_max: usize,
    /// Open holds at one time.
    pub holds_max: usize,
    /// Idempotency keys remembered at one time.
    pub keys_max: usize,
    /// Names remembered about mandates at one time: mandates, authorisations, challenges, transactions.
    pub marks_max: usize,
    /// How long a key is remembered at least, in microseconds.
    pub key_age_us: i64,
}

impl Default for Limits {
    /// A million accounts, a million open holds, four million keys, a day; four million names about mandates.
    fn default() -> Self {
        Self {
            accounts_max: 1_000_000,
            holds_max: 1_000_000,
            keys_max: 4_000_000,
            marks_max: 4_000_000,
            key_age_us: 86_400_000_000,
        }
    }
}

/// An open hold as the book keeps it; accounts by their place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reservation {
    pub(super) debit: usize,
    pub(super) credit: usize,
    /// Minor units still reserved; more than nothing.
    pub(super) left: u128,
    pub(super) expires: Option<Timestamp>,
    /// First hold of its group and how many there are in it, when linked. Members have consecutive numbers.
    pub(super) group: Option<(HoldId, u64)>,
}

/// An open hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Who would give.
    pub debit: AccountId,
    /// Who would get.
    pub credit: AccountId,
    /// What is still reserved.
    pub left: Amount,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// All accounts, open holds and remembered keys. A pure state machine: see the module above.
#[derive(Debug, Default)]
pub struct Book {
    pub(super) limits: Limits,
    pub(super) accounts: Vec<(AccountId, Account)>,
    pub(super) places: HashMap<AccountId, usize>,
    pub(super) holds: BTreeMap<HoldId, Reservation>,
    pub(super) due: BTreeSet<(Timestamp, HoldId)>,
    pub(super) keys: Keys,
    pub(super) marks: Marks,
    pub(super) next_seq: u64,
    pub(super) next_hold: u64,
    pub(super) time: Timestamp,
    /// What the command under decision has changed; empty between commands.
    pub(super) steps: Vec<Step>,
}

impl Book {
    /// A ledger in which nothing has happened.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Decides a command at `now`, or at the ledger's own time where that is later.
    ///
    /// # Errors
    /// [`PayError::KeyConflict`] when the key was used for another command, [`PayError::Full`] when a bound is reached,
    /// [`PayError::Bad`] for a command whose entry nobody could read, [`PayError::NotConserved`] for a fault of this program. Nothing has changed then.
    pub fn apply(&mut self, now: Timestamp, command: Command) -> Result<Decision, PayError> {
        let bytes = plain(&command);
        let digest = Digest::of(&bytes);
        if let Some(known) = self.keys.find(command.key(), digest)? {
            return Ok(Decision::Known { seq: known.seq, outcome: known.outcome.clone() });
        }
        command.check_entry(bytes.len())?;
        let now = now.max(self.time);
        self.check_bounds(now, &command)?;
        self.decide(now, command, digest).map(Decision::Fresh)
    }

    /// Applies an entry of the past, and checks that it says what follows from the book. Bounds are not asked: they were
    /// when it was decided, and may have been others.
    ///
    /// # Errors
    /// [`PayError::Diverged`] when it does not: the history is damaged, or was made by other rules.
    pub fn replay(&mut self, entry: &Entry) -> Result<(), PayError> {
        let diverged = |what| PayError::Diverged { seq: entry.seq, what };
        if entry.seq != self.next_seq {
            return Err(diverged("its number is not the next one"));
        }
        if entry.time < self.time {
            return Err(diverged("its time is before that of the entry before"));
        }
        self.keys.forget(entry.time, self.limits.key_age_us);
        let again = self.decide(entry.time, entry.command.clone(), entry.command.digest())?;
        if again.expired != entry.expired {
            return Err(diverged("other holds expire"));
        }
        if again == *entry { Ok(()) } else { Err(diverged("another outcome follows")) }
    }

    /// Decides a command whose key is new.
    fn decide(&mut self, now: Timestamp, command: Command, digest: Digest) -> Result<Entry, PayError> {
        self.steps.clear();
        self.marks.forget(now);
        let first_hold = self.next_hold;
        let expired = self.expire(now);
        let swept = self.steps.len();
        let outcome = self.operate(now, first_hold, &command);
        if matches!(outcome, Outcome::Refused { .. }) {
            self.undo(swept);
            self.next_hold = first_hold;
        }
        if let Err(error) = self.check_conserved() {
            self.undo(0);
            self.next_hold = first_hold;
            return Err(error);
        }
        let seq = self.next_seq;
        self.next_seq = seq.saturating_add(1);
        self.time = now;
        let known = Known { command: digest, seq, outcome: outcome.clone() };
        self.keys.remember(Digest::of(command.key().as_bytes()), now, known);
        Ok(Entry { command, expired, outcome, seq, time: now })
    }

    /// Whether there is room for all that the command may add. A bound is the operator's and may change, so reaching it is
    /// no decision about the command: nothing is recorded.
    fn check_bounds(&mut self, now: Timestamp, command: &Command) -> Result<(), PayError> {
        let keys = self.keys.forget(now, self.limits.key_age_us);
        let opens = command.ops().iter().filter(|op| matches!(op, Op::Open { .. })).count();
        let holds = command.ops().iter().filter(|op| matches!(op, Op::Hold { .. })).count();
        let (accounts, open) = (self.accounts.len(), self.holds.len());
        let full = |there: usize, more: usize, limit: usize, what| {
            let beyond = more > 0 && there.saturating_add(more) > limit;
            if beyond { Err(PayError::Full { what, limit }) } else { Ok(()) }
        };
        full(
            keys,
            1,
            self.limits.keys_max,
            "remembered idempotency keys, none of them old enough to forget",
        )?;
        full(accounts, opens, self.limits.accounts_max, "accounts")?;
        full(open, holds, self.limits.holds_max, "open holds")?;
        let names = command.ops().iter().map(marks::added).sum();
        full(self.marks.len(), names, self.limits.marks_max, "names of mandates and their payments")
    }

    /// The account, if there is one.
    #[must_use]
    pub fn account(&self, id: &AccountId) -> Option<&Account> {
        self.places.get(id).and_then(|place| self.accounts.get(*place)).map(|(_, account)| account)
    }

    /// All accounts in the order in which they were opened.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountId, &Account)> {
        self.accounts.iter().map(|(id, account)| (id, account))
    }

    /// The hold, while it is open.
    #[must_use]
    pub fn hold(&self, id: HoldId) -> Option<Hold> {
        let hold = self.holds.get(&id)?;
        let (debit, account) = self.accounts.get(hold.debit)?;
        let (credit, _) = self.accounts.get(hold.credit)?;
        let left = Amount::new(i128::try_from(hold.left).ok()?, account.asset);
        Some(Hold { debit: debit.clone(), credit: credit.clone(), left, expires: hold.expires })
    }

    /// The entry that decided a key and what it decided, while the key is remembered.
    #[must_use]
    pub fn answered(&self, key: &str) -> Option<(u64, &Outcome)> {
        self.keys.known(key).map(|known| (known.seq, &known.outcome))
    }

    /// How many holds are open.
    #[must_use]
    pub fn open_holds(&self) -> usize {
        self.holds.len()
    }

    /// When the next hold expires: send a [`super::Op::Sweep`] then, if nothing else comes.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.due.first().map(|(time, _)| *time)
    }

    /// The book as it is to be seen at a moment after its last entry: holds whose time is over are given back then, whether or not
    /// a command has come. It is for looking at: it no longer follows from the log.
    #[must_use]
    pub fn seen_at(mut self, at: Timestamp) -> Self {
        while !self.expire(at).is_empty() {}
        self.steps.clear();
        self
    }

    /// The number that the next entry will have.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Time of the last entry.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    fn operate(&mut self, now: Timestamp, first_hold: u64, command: &Command) -> Outcome {
        for (op, what) in command.ops().iter().enumerate() {
            if let Err(why) = self.operation(now, what) {
                return Outcome::Refused { op, why };
            }
        }
        if let Err((op, why)) = self.close_groups(first_hold, command) {
            return Outcome::Refused { op, why };
        }
        Outcome::Applied { holds: (first_hold..self.next_hold).map(HoldId).collect() }
    }

    /// Gives back holds whose time has run out, groups whole; answers which.
    fn expire(&mut self, now: Timestamp) -> Vec<HoldId> {
        let mut expired = Vec::new();
        while expired.len() < EXPIRED_MAX {
            let Some((_, first)) = self.due.first().copied().filter(|(time, _)| *time <= now) else { break };
            let mut members = SmallVec::<[HoldId; 4]>::new();
            match self.holds.get(&first).and_then(|hold| hold.group) {
                Some((head, count)) => members.extend((head.0..head.0.saturating_add(count)).map(HoldId)),
                None => members.push(first),
            }
            let before = expired.len();
            expired.extend(members.into_iter().filter(|hold| self.release(*hold).is_ok()));
            if expired.len() == before {
                break;
            }
        }
        expired
    }

    pub(super) fn put_hold(&mut self, id: HoldId, hold: Reservation) {
        if let Some(expires) = hold.expires {
            self.due.insert((expires, id));
        }
        self.holds.insert(id, hold);
    }

    pub(super) fn remove_hold(&mut self, id: HoldId) -> Option<Reservation> {
        let hold = self.holds.remove(&id)?;
        if let Some(expires) = hold.expires {
            self.due.remove(&(expires, id));
        }
        Some(hold)
    }

    pub(super) fn forget_last_account(&mut self) {
        if let Some((id, _)) = self.accounts.pop() {
            self.places.remove(&id);
        }
    }
}
