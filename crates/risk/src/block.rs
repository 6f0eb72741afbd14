//! Merchants and categories that must not count: they may stand for religion, health or origin.
//!
//! Payments there are taken out before anything is computed, in training and in scoring alike; the list is declared in
//! the mapping and kept with the model.

use crate::dataset::Dataset;
use crate::fold::Folded;
use crate::ingest::{Events, Merchants, Names};
use crate::table::NO_TEXT;
use serde::{Deserialize, Serialize};

/// What must not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlockList {
    /// Keys of merchants.
    pub merchants: Vec<String>,
    /// Categories of payments or merchants.
    pub categories: Vec<String>,
}

impl BlockList {
    /// Whether nothing is barred.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.merchants.is_empty() && self.categories.is_empty()
    }

    /// Adds what another list bars.
    pub fn join(&mut self, other: &Self) {
        self.merchants.extend_from_slice(&other.merchants);
        self.categories.extend_from_slice(&other.categories);
    }
}

/// A list by the numbers of a data set.
#[derive(Debug, Default)]
pub(crate) struct Barred {
    merchants: Vec<bool>,
    categories: Vec<bool>,
}

impl Barred {
    /// Looks a list up. Merchants must still have the numbers of their own keys: one that stands for others is asked by its
    /// own key only.
    pub(crate) fn of(list: &BlockList, names: &Names) -> Self {
        let mut barred = Self::default();
        barred.extend(list, names);
        barred
    }

    /// Looks up what is new since.
    pub(crate) fn extend(&mut self, list: &BlockList, names: &Names) {
        if list.is_empty() {
            return;
        }
        let keys = names.merchants.list().iter().skip(self.merchants.len());
        self.merchants.extend(keys.map(|key| list.merchants.contains(&key.to_string())));
        let words = names.categories.words().iter().skip(self.categories.len());
        self.categories.extend(words.map(|word| list.categories.contains(word)));
    }

    /// The rows that stay; none where all do. `merchants` says of which category a merchant is where events say nothing.
    pub(crate) fn staying(&self, events: &Events, merchants: &Merchants) -> Option<Vec<u32>> {
        if !self.merchants.iter().chain(&self.categories).any(|barred| *barred) {
            return None;
        }
        let barred = |which: &[bool], number: u32| which.get(number as usize).copied().unwrap_or(false);
        let stays = |row: &u32| {
            let merchant = events.merchant[*row as usize];
            let own = events.category.get(*row as usize).copied();
            let category = own.or_else(|| merchants.categories.get(merchant as usize).copied());
            !barred(&self.merchants, merchant) && !barred(&self.categories, category.unwrap_or(NO_TEXT))
        };
        let kept: Vec<u32> = (0..events.len() as u32).filter(stays).collect();
        (kept.len() < events.len()).then_some(kept)
    }
}

impl Dataset {
    /// Entries of the mapping's list that name nothing in the data.
    #[must_use]
    pub fn unmatched(&self) -> Vec<String> {
        let list = &self.mapping.block;
        let known = |key: &&String| {
            let keys = self.names.merchants.list();
            !keys.iter().any(|found| found.to_string() == **key)
        };
        let merchants = list.merchants.iter().filter(known).map(|key| format!("merchant {key:?}"));
        let unknown = |word: &&String| self.names.categories.find(word).is_none();
        let categories = list.categories.iter().filter(unknown).map(|word| format!("category {word:?}"));
        merchants.chain(categories).collect()
    }

    /// Takes barred payments out; answers how many. Where rare merchants are put together this cannot be done afterwards:
    /// put the list into the mapping then, and it is done before.
    pub fn block(&mut self, list: &BlockList) -> u64 {
        let events = &self.folded.events;
        let Some(kept) = Barred::of(list, &self.names).staying(events, &self.merchants) else { return 0 };
        let out = (events.len() - kept.len()) as u64;
        self.folded = Folded::of(&events.taken(&kept), Some(self.users.count as u32));
        self.report.kept -= out;
        self.report.barred += out;
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Plan, dataset, generate};

    #[test]
    fn barred_payments_are_as_if_they_had_not_been() {
        let mut made = generate(&Plan { users: 40, events: 30.0, ..Plan::default() });
        let whole = dataset(&made);
        let barred = made.merchants[7].1;
        let list = BlockList { merchants: vec!["3".into()], categories: vec![barred.to_string()] };
        let mut blocked = whole.clone();
        blocked.report.kept = made.events.len() as u64;
        let out = blocked.block(&list);
        made.events.retain(|e| e.2 != 3 && made.merchants[e.2 as usize].1 != barred);
        assert_eq!(out, (whole.folded.events.len() - made.events.len()) as u64);
        assert!(out > 0);
        assert_eq!(blocked.folded, dataset(&made).folded);
        assert_eq!((blocked.report.barred, blocked.block(&BlockList::default())), (out, 0));
    }
}
