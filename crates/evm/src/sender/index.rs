//! Which records are open, and which signed under which nonce: so that a sender looks at few of many.

use crate::{Journal, Record};
use std::collections::{BTreeMap, BTreeSet};

/// Keys of a journal's records, as far as senders look for them.
#[derive(Debug, Default)]
pub(super) struct Index {
    open: BTreeSet<String>,
    signed: BTreeMap<u64, BTreeSet<String>>,
}

impl Index {
    pub(super) fn of<J: Journal>(journal: &J) -> Self {
        let mut index = Self::default();
        journal.records().for_each(|record| index.note(record));
        index
    }

    /// Takes in a record that was just kept.
    pub(super) fn note(&mut self, record: &Record) {
        if record.outcome.is_none() {
            self.open.insert(record.key.clone());
        } else {
            self.open.remove(&record.key);
        }
        for attempt in &record.attempts {
            self.signed.entry(attempt.nonce).or_default().insert(record.key.clone());
        }
    }

    /// Records whose outcome is not known.
    pub(super) fn open<'j, J: Journal>(&'j self, journal: &'j J) -> impl Iterator<Item = &'j Record> {
        self.open.iter().filter_map(|key| journal.get(key))
    }

    /// Records that have a transaction under a nonce.
    pub(super) fn signed<'j, J: Journal>(
        &'j self,
        journal: &'j J,
        nonce: u64,
    ) -> impl Iterator<Item = &'j Record> {
        self.signed.get(&nonce).into_iter().flatten().filter_map(|key| journal.get(key))
    }
}
