//! Idempotency keys: what each recent key was used for and what it was answered.
//!
//! There may be millions of them, and a table that outgrows its room is moved whole, while every command waits. So they are in
//! many small tables, which grow one at a time.

use super::Outcome;
use crate::PayError;
use std::collections::{HashMap, VecDeque};
use tollgate_core::{Digest, Timestamp};

/// Keys forgotten at one command at most, so that no command pays for all that went before.
const FORGET_STEP: usize = 8;

/// What a key was used for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// Digest of the command.
    pub(super) command: Digest,
    /// The entry that decided it.
    pub(super) seq: u64,
    /// What it decided.
    pub(super) outcome: Outcome,
}

/// Small tables: at four million keys one of them has some 16,000.
const TABLES: usize = 256;

/// What is known, in tables by the first byte of a key's digest, which is as good as random.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Tables(Vec<HashMap<Digest, Known>>);

impl Tables {
    fn of(key: &Digest) -> usize {
        let [first, ..] = key.0;
        usize::from(first)
    }

    fn get(&self, key: &Digest) -> Option<&Known> {
        self.0.get(Self::of(key))?.get(key)
    }

    fn insert(&mut self, key: Digest, known: Known) {
        self.0.resize_with(TABLES, HashMap::new);
        if let Some(table) = self.0.get_mut(Self::of(&key)) {
            table.insert(key, known);
        }
    }

    fn remove(&mut self, key: &Digest) {
        if let Some(table) = self.0.get_mut(Self::of(key)) {
            table.remove(key);
        }
    }
}

/// The keys, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Keys {
    known: Tables,
    order: VecDeque<(Timestamp, u64, Digest)>,
}

impl Keys {
    /// What the key was used for; an error when that was another command.
    pub(super) fn find(&self, key: &str, command: Digest) -> Result<Option<&Known>, PayError> {
        match self.known.get(&Digest::of(key.as_bytes())) {
            Some(known) if known.command != command => {
                Err(PayError::KeyConflict { key: key.into(), seq: known.seq })
            }
            found => Ok(found),
        }
    }

    /// What the key was used for, whatever that was.
    pub(super) fn known(&self, key: &str) -> Option<&Known> {
        self.known.get(&Digest::of(key.as_bytes()))
    }

    /// Forgets some keys older than `age_us`; answers how many are left.
    pub(super) fn forget(&mut self, now: Timestamp, age_us: i64) -> usize {
        for _ in 0..FORGET_STEP {
            let old = |(time, ..): &&(Timestamp, u64, Digest)| now.0.saturating_sub(time.0) > age_us;
            let Some((_, seq, key)) = self.order.front().filter(old) else { break };
            // A key that was forgotten once may have been used again since.
            if self.known.get(key).is_some_and(|known| known.seq == *seq) {
                self.known.remove(key);
            }
            self.order.pop_front();
        }
        self.order.len()
    }

    pub(super) fn remember(&mut self, key: Digest, time: Timestamp, known: Known) {
        self.order.push_back((time, known.seq, key));
        self.known.insert(key, known);
    }

    /// All keys in the order in which they were used.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, Digest, &Known)> {
        let known = |key, seq| self.known.get(key).filter(|known| known.seq == seq);
        self.order.iter().filter_map(move |(time, seq, key)| Some((*time, *key, known(key, *seq)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_is_much_larger_than_the_others_so_that_none_takes_long_to_grow() {
        let mut keys = Keys::default();
        let name = |n: u64| Digest::of(&n.to_le_bytes());
        let known = |seq| Known {
            command: name(seq),
            seq,
            outcome: Outcome::Applied { holds: smallvec::smallvec![] },
        };
        for n in 0..100_000 {
            keys.remember(name(n), Timestamp(0), known(n));
        }
        let longest = keys.known.0.iter().map(HashMap::len).max();
        assert!(longest.is_some_and(|longest| longest < 1_000), "{longest:?} of 100,000 in one table");
        assert!((0..100_000).all(|n| keys.known.get(&name(n)).is_some_and(|known| known.seq == n)));
        assert_eq!(keys.iter().count(), 100_000);
        while keys.forget(Timestamp(2), 1) > 0 {}
        assert!(keys.known.0.iter().all(HashMap::is_empty));
    }
}
