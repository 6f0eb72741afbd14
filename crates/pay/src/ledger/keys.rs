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
    order: VecDeque<(Timestamp, Digest)>,
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

    /// Forgets keys older than `age_us`, and says whether there is room for one more.
    pub(super) fn make_room(&mut self, now: Timestamp, age_us: i64, limit: usize) -> Result<(), PayError> {
        for _ in 0..FORGET_STEP {
            let old = |(time, _): &&(Timestamp, Digest)| now.0.saturating_sub(time.0) > age_us;
            let Some((_, key)) = self.order.front().filter(old) else { break };
            self.known.remove(key);
            self.order.pop_front();
        }
        if self.order.len() >= limit { Err(PayError::KeysFull { limit }) } else { Ok(()) }
    }

    pub(super) fn remember(&mut self, key: Digest, time: Timestamp, known: Known) {
        self.order.push_back((time, key));
        self.known.insert(key, known);
    }

    /// All keys in the order in which they were used.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, Digest, &Known)> {
        self.order.iter().filter_map(|(time, key)| Some((*time, *key, self.known.get(key)?)))
    }
}
