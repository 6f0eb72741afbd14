//! Which texts of a conversation were looked at already.
//!
//! A caller writes the whole history of its request, answers of the model included, so where a text stands and whose it claims to
//! be says nothing of whether it was ever looked at. What counts is its digest: a text that this conversation has not had looked
//! at is new, wherever it stands. Digests hang on a key that no caller knows, so that none makes two texts of one digest. What is
//! forgotten (over a restart, or for room) is looked at again.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Texts of one conversation, and of all, that are remembered.
const TEXTS_MAX: usize = 4096;
const ALL_MAX: usize = 1 << 20;

/// See the module.
#[derive(Default)]
pub struct Scored {
    key: RandomState,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_session: HashMap<Arc<str>, (HashSet<u64>, u64)>,
    by_use: BTreeMap<u64, Arc<str>>,
    stamp: u64,
    texts: usize,
}

impl Scored {
    /// What a text is known by here.
    pub(crate) fn digest(&self, text: &str) -> u64 {
        self.key.hash_one(text)
    }

    /// Which of the texts with these digests this conversation has not had looked at.
    pub(crate) fn fresh(&self, session: &str, digests: &[u64]) -> HashSet<u64> {
        let state = self.state.lock();
        let known = state.by_session.get(session).map(|(known, _)| known);
        digests.iter().copied().filter(|digest| known.is_none_or(|known| !known.contains(digest))).collect()
    }

    /// Remembers that the texts with these digests were looked at. To be called once they were.
    pub(crate) fn note(&self, session: &Arc<str>, digests: &[u64]) {
        if !digests.is_empty() {
            self.state.lock().note(session, digests, ALL_MAX);
        }
    }
}

impl State {
    fn note(&mut self, session: &Arc<str>, digests: &[u64], most: usize) {
        self.stamp += 1;
        let stamp = self.stamp;
        let (known, used) = self.by_session.entry(session.clone()).or_default();
        self.by_use.remove(used);
        *used = stamp;
        self.by_use.insert(stamp, session.clone());
        let before = known.len();
        known.extend(digests.iter().copied());
        if known.len() > TEXTS_MAX {
            // Those of now: what a conversation repeats is in its next request, too.
            *known = digests.iter().copied().take(TEXTS_MAX).collect();
        }
        self.texts = self.texts + known.len() - before;
        while self.texts > most
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.texts -= self.by_session.remove(&oldest).map_or(0, |(known, _)| known.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_known_to_their_conversation_only_and_in_bounds() {
        let scored = Scored::default();
        let [a, b]: [Arc<str>; 2] = ["a", "b"].map(Into::into);
        assert_eq!(scored.fresh(&a, &[1, 2, 2]), HashSet::from([1, 2]));
        scored.note(&a, &[1, 2]);
        assert_eq!(scored.fresh(&a, &[1, 2, 3]), HashSet::from([3]));
        assert_eq!(scored.fresh(&b, &[1]), HashSet::from([1]));
        let mut state = State::default();
        state.note(&a, &[1, 2, 3], 4);
        state.note(&b, &[1, 2], 4);
        assert_eq!((state.texts, state.by_session.len()), (2, 1), "the oldest makes room");
        let many: Vec<u64> = (0..5000).collect();
        state.note(&b, &many, usize::MAX);
        assert_eq!(state.texts, TEXTS_MAX);
        state.note(&b, &many[..10], usize::MAX);
        assert_eq!((state.texts, state.by_use.len()), (TEXTS_MAX, 1));
    }
}
