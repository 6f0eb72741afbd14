//! The kept answers: by exact key, by likeness within a group, out by age, by time and by command.

use crate::guard::Gist;
use crate::index::{Index, Row};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tollgate_core::{Digest, Timestamp};

/// Near questions that are looked at: where the nearest is another one by its words, the next may be the same.
const NEAR_MAX: usize = 8;
/// Bytes that an entry takes beside its body, vector and words.
const ENTRY_BYTES: usize = 1024;

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Answers.
    pub entries: usize,
    /// Bytes of all of them, with their vectors.
    pub bytes: usize,
    /// Bytes of one answer.
    pub answer_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 256 << 20, answer_bytes: 1 << 20 }
    }
}

/// A kept answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The whole answer in its dialect.
    #[serde(skip)]
    pub body: Bytes,
    /// Its id.
    pub id: String,
    /// The model that gave it.
    pub model: String,
    /// The policy's route.
    pub route: String,
    /// The category of its question.
    pub category: String,
    /// Whose it is.
    pub owner: String,
    /// Their tenant.
    pub tenant: String,
    /// The request that it answered.
    pub request: String,
    /// When it was given.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// The question of an answer that may be found by likeness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// [`crate::Keys::group`].
    pub group: Digest,
    /// What it says.
    pub gist: Gist,
    /// Its vector, of length 1.
    #[serde(skip)]
    pub vector: Vec<f32>,
}

/// A search for a question that asks the same.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The question.
    pub question: &'a Question,
    /// Least cosine.
    pub least: f32,
    /// The time.
    pub now: Timestamp,
}

/// An answer that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its exact key.
    pub key: Digest,
    /// The answer.
    pub answer: Arc<Answer>,
    /// How close its question is, where it is not the same to the byte.
    pub cosine: Option<f32>,
}

/// Which answers a command is about: those for which every given part holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Whose they are.
    pub owner: Option<String>,
    /// Their tenant's.
    pub tenant: Option<String>,
    /// The policy's route.
    pub route: Option<String>,
    /// The model that gave them.
    pub model: Option<String>,
    /// The category of their question.
    pub category: Option<String>,
    /// Given before this time.
    pub before: Option<Timestamp>,
}

impl Chosen {
    /// Whether an answer is meant.
    #[must_use]
    pub fn holds(&self, answer: &Answer) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.owner, &answer.owner)
            && is(&self.tenant, &answer.tenant)
            && is(&self.route, &answer.route)
            && is(&self.model, &answer.model)
            && is(&self.category, &answer.category)
            && self.before.is_none_or(|before| answer.created < before)
    }
}

/// What is kept, and what became of what is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Groups of questions that are compared with each other.
    pub groups: usize,
    /// Answers that made room for others so far.
    pub evicted: u64,
}

/// See the crate. Its own locks are held for a step of a table; a search by likeness only keeps its group from changing.
#[derive(Debug)]
pub struct Cache {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Digest, Entry>,
    /// Least recently used first.
    by_use: BTreeMap<u64, Digest>,
    /// First to end first.
    by_end: BTreeSet<(Timestamp, Digest)>,
    groups: HashMap<Digest, Arc<RwLock<Group>>>,
    stamp: u64,
    bytes: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Entry {
    answer: Arc<Answer>,
    used: u64,
    bytes: usize,
    place: Option<(Digest, Row)>,
}

#[derive(Debug)]
struct Group {
    index: Index,
    questions: HashMap<Row, (Digest, Gist)>,
}

impl Cache {
    /// An empty one.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default() }
    }

    /// Keeps an answer, in place of one under the same key; gives the keys of those that made room for it, or nothing
    /// where it is too large to be kept.
    pub fn put(&self, key: Digest, answer: Answer, question: Option<Question>) -> Option<Vec<Digest>> {
        let vector = question.as_ref().map_or(0, |q| Index::row_bytes(q.vector.len()) + q.gist.bytes());
        let bytes = answer.body.len() + vector + ENTRY_BYTES;
        if answer.body.len() > self.bounds.answer_bytes || bytes > self.bounds.bytes {
            return None;
        }
        let mut evicted = Vec::new();
        let mut state = self.state.lock();
        state.remove(&key);
        while state.entries.len() >= self.bounds.entries.max(1) || state.bytes + bytes > self.bounds.bytes {
            let Some((_, oldest)) = state.by_use.pop_first() else { break };
            state.remove(&oldest);
            state.evicted += 1;
            evicted.push(oldest);
        }
        state.insert(key, answer, question, bytes);
        Some(evicted)
    }

    /// The answer to exactly this request.
    #[must_use]
    pub fn exact(&self, key: &Digest, now: Timestamp) -> Option<Found> {
        let answer = self.state.lock().using(key, now)?;
        Some(Found { key: *key, answer, cosine: None })
    }

    /// The answer to a question that asks the same: near enough, and no word says otherwise.
    #[must_use]
    pub fn alike(&self, search: &Search<'_>) -> Option<Found> {
        let group = self.state.lock().groups.get(&search.question.group).cloned()?;
        let same: Vec<(Digest, f32)> = {
            let group = group.read();
            let near = group.index.nearest(&search.question.vector, NEAR_MAX, search.least);
            let same = |(row, cosine): (Row, f32)| {
                let (key, gist) = group.questions.get(&row)?;
                gist.differs(&search.question.gist).is_none().then_some((*key, cosine))
            };
            near.into_iter().filter_map(same).collect()
        };
        let mut state = self.state.lock();
        same.into_iter().find_map(|(key, cosine)| {
            // Another answer may stand under the key by now, but to the same request.
            let answer = state.using(&key, search.now)?;
            Some(Found { key, answer, cosine: Some(cosine) })
        })
    }

    /// Questions that a search in this group looks at.
    #[must_use]
    pub fn questions(&self, group: &Digest) -> usize {
        let group = self.state.lock().groups.get(group).cloned();
        group.map_or(0, |group| group.read().index.len())
    }

    /// Forgets the chosen answers; gives their keys.
    pub fn forget(&self, chosen: &Chosen) -> Vec<Digest> {
        let mut state = self.state.lock();
        let meant = state.entries.iter().filter(|(_, entry)| chosen.holds(&entry.answer));
        let keys: Vec<Digest> = meant.map(|(key, _)| *key).collect();
        keys.iter().for_each(|key| state.remove(key));
        keys
    }

    /// Forgets what has ended; says how many.
    pub fn sweep(&self, now: Timestamp) -> usize {
        let mut state = self.state.lock();
        let mut gone = 0;
        while let Some((_, key)) = state.by_end.first().copied().filter(|(end, _)| *end <= now) {
            state.remove(&key);
            gone += 1;
        }
        gone
    }

    /// What is kept.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts {
            entries: state.entries.len(),
            bytes: state.bytes,
            groups: state.groups.len(),
            evicted: state.evicted,
        }
    }
}

impl State {
    fn insert(&mut self, key: Digest, answer: Answer, question: Option<Question>, bytes: usize) {
        let place = question.map(|question| {
            let dims = question.vector.len();
            let fresh =
                || Arc::new(RwLock::new(Group { index: Index::new(dims), questions: HashMap::new() }));
            let mut group = self.groups.entry(question.group).or_insert_with(fresh).write();
            let row = group.index.insert(&question.vector);
            group.questions.insert(row, (key, question.gist));
            (question.group, row)
        });
        self.stamp += 1;
        self.bytes += bytes;
        self.by_use.insert(self.stamp, key);
        self.by_end.insert((answer.expires, key));
        self.entries.insert(key, Entry { answer: Arc::new(answer), used: self.stamp, bytes, place });
    }

    /// The entry's answer, which is used now; one that has ended goes.
    fn using(&mut self, key: &Digest, now: Timestamp) -> Option<Arc<Answer>> {
        let entry = self.entries.get_mut(key)?;
        if entry.answer.expires <= now {
            self.remove(key);
            return None;
        }
        self.stamp += 1;
        self.by_use.remove(&entry.used);
        self.by_use.insert(self.stamp, *key);
        entry.used = self.stamp;
        Some(entry.answer.clone())
    }

    fn remove(&mut self, key: &Digest) {
        let Some(entry) = self.entries.remove(key) else { return };
        self.by_use.remove(&entry.used);
        self.by_end.remove(&(entry.answer.expires, *key));
        self.bytes -= entry.bytes;
        let Some((name, row)) = entry.place else { return };
        let Some(group) = self.groups.get(&name) else { return };
        let mut inside = group.write();
        inside.index.remove(row);
        inside.questions.remove(&row);
        let empty = inside.index.is_empty();
        drop(inside);
        if empty {
            self.groups.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests;
