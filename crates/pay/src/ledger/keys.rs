//! Idempotency keys: what each recent key was used for and what it was answered.

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

/// The keys, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Keys {
    known: HashMap<Digest, Known>,
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
