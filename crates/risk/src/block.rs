//! Merchants and categories that must not count: they may stand for religion, health or origin.
//!
//! Payments there are taken out before anything is computed, in training and in scoring alike; the list is declared in
//! the mapping and kept with the model.

use crate::dataset::Dataset;
use crate::fold::Folded;
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

impl Dataset {
    /// Takes barred payments out; answers how many.
    pub fn block(&mut self, list: &BlockList) -> u64 {
        if list.is_empty() {
            return 0;
        }
        let keys = self.names.merchants.list();
        let merchants: Vec<bool> = keys.iter().map(|key| list.merchants.contains(&key.to_string())).collect();
        let words = self.names.categories.words();
        let categories: Vec<bool> = words.iter().map(|word| list.categories.contains(word)).collect();
        let barred = |which: &[bool], number: u32| which.get(number as usize).copied().unwrap_or(false);
        let events = &self.folded.events;
        let stays = |row: &u32| {
            let merchant = events.merchant[*row as usize];
            !barred(&merchants, merchant) && !barred(&categories, self.category(merchant, *row as usize))
        };
        let kept: Vec<u32> = (0..events.len() as u32).filter(stays).collect();
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
