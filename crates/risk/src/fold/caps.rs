//! Caps on what a user's history holds: what is cut is pooled, never dropped.
//!
//! Invariant: counts and sums over a user are the same before and after.

use super::folded::{Folded, Older, REST};
use serde::{Deserialize, Serialize};

/// How much of a history is listed behaviour by behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Merchants per user: the most recently visited, among equals the most visited.
    pub merchants: u32,
    /// Behaviours per merchant: the most recent.
    pub behaviours: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { merchants: 128, behaviours: 64 }
    }
}

/// Cuts histories to the caps. `category` names the category of a group's merchant, by its first listed behaviour.
#[must_use]
pub fn capped(folded: &Folded, caps: Caps, category: impl Fn(u32, usize) -> u32) -> Folded {
    let mut out =
        Folded { users: folded.users.clone(), groups: vec![0], starts: vec![0], ..Folded::default() };
    let mut kept_rows: Vec<u32> = Vec::with_capacity(folded.events.len());
    for place in 0..folded.users.len() {
        let keep = kept(folded, place, caps);
        let mut rests: Vec<(u32, Older)> = Vec::new();
        for (group, keep) in folded.groups_of(place).zip(keep) {
            let rows = folded.behaviours_of(group);
            let mut older = folded.older[group];
            let cut = if keep { rows.len().saturating_sub(caps.behaviours as usize) } else { rows.len() };
            for row in rows.clone().take(cut) {
                older.add(folded.events.time[row], folded.events.amount[row]);
            }
            let merchant = folded.merchants[group];
            if keep && merchant != REST {
                kept_rows.extend((rows.start + cut..rows.end).map(|row| row as u32));
                out.group(merchant, 0, older, kept_rows.len());
                continue;
            }
            let pooled = if merchant == REST { folded.pooled[group] } else { category(merchant, rows.start) };
            match rests.iter_mut().find(|(key, _)| *key == pooled) {
                Some((_, rest)) => rest.join(older),
                None => rests.push((pooled, older)),
            }
        }
        rests.sort_unstable_by_key(|(key, _)| *key);
        for (pooled, older) in rests {
            out.group(REST, pooled, older, kept_rows.len());
        }
        out.groups.push(out.merchants.len() as u32);
    }
    // Nothing cut, nothing moved.
    let whole = kept_rows.len() == folded.events.len();
    out.events = if whole { folded.events.clone() } else { folded.events.taken(&kept_rows) };
    out
}

/// Which groups of a user stay.
fn kept(folded: &Folded, place: usize, caps: Caps) -> Vec<bool> {
    let groups = folded.groups_of(place);
    let mut keep = vec![true; groups.len()];
    if groups.len() <= caps.merchants as usize {
        return keep;
    }
    let rank = |group: usize| {
        let rows = folded.behaviours_of(group);
        let last = rows.clone().next_back().map_or(i64::MIN, |row| folded.events.time[row]);
        (last, rows.len(), std::cmp::Reverse(folded.merchants[group]))
    };
    let mut by_rank: Vec<usize> = groups.clone().collect();
    by_rank.sort_by_key(|group| std::cmp::Reverse(rank(*group)));
    for group in by_rank.into_iter().skip(caps.merchants as usize) {
        keep[group - groups.start] = false;
    }
    keep
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Events;
    use proptest::prelude::*;

    fn totals(folded: &Folded, place: usize) -> (u64, i64) {
        let listed = folded.listed_of(place);
        let groups = folded.groups_of(place);
        let counted: u64 = groups.clone().map(|g| u64::from(folded.older[g].count)).sum();
        let sums: i64 = groups.map(|g| folded.older[g].sum).sum();
        (counted + listed.len() as u64, sums + folded.events.amount[listed].iter().sum::<i64>())
    }

    proptest! {
        #[test]
        fn nothing_is_dropped(
            rows in prop::collection::vec((0u32..3, 0u32..12, 0i64..1000, -100i64..100), 0..300),
            merchants in 1u32..6, behaviours in 1u32..5,
        ) {
            let events = Events {
                user: rows.iter().map(|r| r.0).collect(),
                merchant: rows.iter().map(|r| r.1).collect(),
                time: rows.iter().map(|r| r.2).collect(),
                amount: rows.iter().map(|r| r.3).collect(),
                ..Events::default()
            };
            let folded = Folded::of(&events, Some(3));
            let caps = Caps { merchants, behaviours };
            let small = capped(&folded, caps, |merchant, _| merchant % 2);
            for place in 0..3 {
                prop_assert_eq!(totals(&folded, place), totals(&small, place));
                let real = small.groups_of(place).filter(|g| small.merchants[*g] != REST);
                prop_assert!(real.clone().count() <= merchants as usize);
                for group in real {
                    prop_assert!(small.behaviours_of(group).len() <= behaviours as usize);
                }
                prop_assert!(small.groups_of(place).filter(|g| small.merchants[*g] == REST).count() <= 2);
            }
            // Cutting again changes nothing.
            prop_assert_eq!(&capped(&small, Caps { merchants: merchants + 2, behaviours }, |m, _| m % 2), &small);
        }
    }
}
