//! Who is told what happened: for each receiver, how far it was told, what it has not taken yet, and what it never took.
//!
//! The log is the outbox: an event and its entry are one commit, so an event that happened cannot be lost, and one that did not
//! cannot be told. An [`Outbox`] only remembers how far a receiver is, in bytes that are replaced as a whole. They are kept after
//! what was delivered, so a crash tells the last deliveries again and never none: at least once. Of each escrow the events are
//! told in their order, the next when the one before was taken or given up. What was given up stays to be seen, and is told again
//! on demand.

use crate::journal::JournalError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{EventKind, Phase};

/// Most events of one receiver that wait for a second try or that are being delivered; the rest wait in the log.
pub const OPEN_MAX: usize = 1_024;
/// Most deliveries to one receiver at one time.
pub const IN_FLIGHT_MAX: usize = 16;
/// Most events that are kept as given up; at this many the receiver is told nothing more until somebody looks.
pub const DEAD_MAX: usize = 10_000;
/// Longest wait between two tries.
const WAIT_MAX_US: i64 = 3_600_000_000;
/// Longest reason that is kept, in characters.
const WHY_MAX: usize = 200;

/// One receiver's terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookConfig {
    /// Its name, which is also its file's: letters, digits, `-` and `_`.
    pub name: String,
    /// It is told when an escrow comes to one of these phases; of everything when there is none.
    pub phases: Vec<Phase>,
    /// How often one event is tried.
    pub attempts: u32,
    /// The wait after the first try that failed; each further one is twice as long, up to an hour.
    pub first_wait_us: i64,
}

impl HookConfig {
    /// A receiver of everything, with 16 attempts over some five hours.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), phases: Vec::new(), attempts: 16, first_wait_us: 1_000_000 }
    }
}

/// An event of an escrow, as far as a receiver is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Happened {
    /// The entry of the log.
    pub seq: u64,
    /// The escrow.
    pub escrow: Digest,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: EventKind,
    /// Where the escrow was after it.
    pub phase: Phase,
    /// The escrow's events so far, this one included.
    pub version: u64,
}

/// An event that a receiver has not taken yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    attempts: u32,
    escrow: Digest,
    seq: u64,
}

/// An event that was given up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dead {
    /// When it was given up.
    pub at: Timestamp,
    /// After how many attempts.
    pub attempts: u32,
    /// Its escrow.
    pub escrow: Digest,
    /// Its entry of the log.
    pub seq: u64,
    /// What went wrong the last time.
    pub why: String,
}

/// What is kept of a receiver.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    dead: VecDeque<Dead>,
    /// The first entry that was not looked at.
    next: u64,
    open: Vec<Open>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Outbox {
    config: HookConfig,
    dead: VecDeque<Dead>,
    next: u64,
    /// What waits, by escrow and entry.
    open: BTreeMap<Digest, BTreeMap<u64, Waiting>>,
    count: usize,
    flying: BTreeSet<u64>,
}

/// One event that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Waiting {
    attempts: u32,
    /// Not before.
    due: Timestamp,
    /// What happened; the log has it where it is not known.
    happened: Option<Happened>,
}

/// One delivery that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    /// The entry of the log.
    pub(super) seq: u64,
    /// The number of this attempt, from 1.
    pub(super) attempt: u32,
    /// What happened, unless only the log knows.
    pub(super) happened: Option<Happened>,
}

/// How a receiver stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// The first entry that was not looked at.
    pub next: u64,
    /// Events that wait for a further try or are being delivered.
    pub open: usize,
    /// Events that were given up, oldest first.
    pub dead: Vec<Dead>,
}

impl Outbox {
    /// A receiver that is told of what happens from this entry on.
    #[must_use]
    pub(super) fn new(config: HookConfig, next: u64) -> Self {
        Self::from_kept(config, Kept { next, ..Kept::default() })
    }

    fn from_kept(config: HookConfig, kept: Kept) -> Self {
        let (flying, open) = (BTreeSet::new(), BTreeMap::new());
        let mut this = Self { config, dead: kept.dead, next: kept.next, open, count: 0, flying };
        for Open { attempts, escrow, seq } in kept.open {
            this.wait(escrow, seq, Waiting { attempts, due: Timestamp(i64::MIN), happened: None });
        }
        this
    }

    /// The outbox whose [`Outbox::bytes`] were kept in this place.
    pub(super) fn read(config: HookConfig, bytes: &[u8]) -> Result<Self, JournalError> {
        let kept: Kept = serde_json::from_slice(bytes).map_err(|error| JournalError::Damaged {
            file: format!("what is kept of the receiver {}", config.name),
            at: 0,
            what: format!("{error}: remove it to tell this receiver what happens from now on"),
        })?;
        Ok(Self::from_kept(config, kept))
    }

    /// What is to be kept of it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        tollgate_pay::json::plain(&self.kept())
    }

    fn kept(&self) -> Kept {
        let each = |(escrow, events): (&Digest, &BTreeMap<u64, Waiting>)| {
            let escrow = *escrow;
            let open = move |(seq, waiting): (&u64, &Waiting)| Open {
                attempts: waiting.attempts,
                escrow,
                seq: *seq,
            };
            events.iter().map(open).collect::<Vec<_>>()
        };
        Kept { dead: self.dead.clone(), next: self.next, open: self.open.iter().flat_map(each).collect() }
    }

    fn wait(&mut self, escrow: Digest, seq: u64, waiting: Waiting) {
        if self.open.entry(escrow).or_default().insert(seq, waiting).is_none() {
            self.count = self.count.saturating_add(1);
        }
    }

    /// The first entry that it has not looked at.
    #[must_use]
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Looks at an event of the log, in its order; `false` when there is no room, so that it has to come again.
    pub(super) fn hear(&mut self, happened: &Happened) -> bool {
        if happened.seq < self.next {
            return true;
        }
        if self.count >= OPEN_MAX {
            return false;
        }
        self.next = happened.seq.saturating_add(1);
        if self.config.phases.is_empty() || self.config.phases.contains(&happened.phase) {
            let waiting = Waiting { attempts: 0, due: Timestamp(i64::MIN), happened: Some(*happened) };
            self.wait(happened.escrow, happened.seq, waiting);
        }
        true
    }

    /// Whether so much room is free that reading the log is worth it.
    pub(super) fn wants_more(&self) -> bool {
        self.count <= OPEN_MAX / 2 && self.dead.len() < DEAD_MAX
    }

    /// There is nothing for it before this entry.
    pub(super) fn skip_to(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// What is to be delivered now, with the number of each attempt: of each escrow the first that waits. Each is under way until
    /// it was [`Outbox::taken`] or [`Outbox::failed`].
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Due> {
        let mut due = Vec::new();
        if self.dead.len() >= DEAD_MAX {
            return due;
        }
        for events in self.open.values() {
            if self.flying.len() >= IN_FLIGHT_MAX {
                break;
            }
            let Some((seq, waiting)) = events.first_key_value() else { continue };
            let under_way = events.keys().any(|seq| self.flying.contains(seq));
            if waiting.due <= now && !under_way {
                self.flying.insert(*seq);
                let attempt = waiting.attempts.saturating_add(1);
                due.push(Due { seq: *seq, attempt, happened: waiting.happened });
            }
        }
        due
    }

    /// The receiver took it.
    pub(super) fn taken(&mut self, seq: u64) {
        if self.flying.remove(&seq) {
            self.remove(seq);
        }
    }

    /// The receiver did not take it; answers whether it is given up.
    pub(super) fn failed(&mut self, seq: u64, why: &str, now: Timestamp) -> bool {
        if !self.flying.remove(&seq) {
            return false;
        }
        let found = self.open.iter_mut().find_map(|(escrow, events)| Some((*escrow, events.get_mut(&seq)?)));
        let Some((escrow, waiting)) = found else { return false };
        waiting.attempts = waiting.attempts.saturating_add(1);
        let attempts = waiting.attempts;
        if attempts < self.config.attempts {
            let doubled =
                self.config.first_wait_us.saturating_mul(1i64 << attempts.saturating_sub(1).min(40));
            waiting.due = Timestamp(now.0.saturating_add(doubled.clamp(0, WAIT_MAX_US)));
            return false;
        }
        self.remove(seq);
        let why = why.chars().take(WHY_MAX).collect();
        self.dead.push_back(Dead { at: now, attempts, escrow, seq, why });
        true
    }

    fn remove(&mut self, seq: u64) {
        let mut emptied = None;
        for (escrow, events) in &mut self.open {
            if events.remove(&seq).is_some() {
                self.count = self.count.saturating_sub(1);
                emptied = events.is_empty().then_some(*escrow);
                break;
            }
        }
        if let Some(escrow) = emptied {
            self.open.remove(&escrow);
        }
    }

    /// Takes up again what was given up, this entry or all; answers how many.
    pub(super) fn again(&mut self, only: Option<u64>) -> usize {
        let room = OPEN_MAX.saturating_sub(self.count);
        let (mut taken, mut rest) = (0, VecDeque::new());
        for dead in std::mem::take(&mut self.dead) {
            if taken < room && only.is_none_or(|seq| seq == dead.seq) {
                self.wait(
                    dead.escrow,
                    dead.seq,
                    Waiting { attempts: 0, due: Timestamp(i64::MIN), happened: None },
                );
                taken += 1;
            } else {
                rest.push_back(dead);
            }
        }
        self.dead = rest;
        taken
    }

    /// How it stands.
    #[must_use]
    pub(super) fn standing(&self) -> Standing {
        let dead = self.dead.iter().cloned().collect();
        Standing { name: self.config.name.clone(), next: self.next, open: self.count, dead }
    }
}

#[cfg(test)]
mod tests;
