//! Histories folded by merchant: ragged arrays, nothing padded.

use super::radix::order;
use crate::ingest::Events;
use std::ops::Range;

/// The merchant of a pooled remainder: what was cut from a user's rarer merchants of one category.
pub const REST: u32 = u32::MAX;

/// Behaviours that are counted and no longer listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Older {
    /// How many.
    pub count: u32,
    /// Minor units in all.
    pub sum: i64,
    /// Time of the first; 0 where there is none.
    pub first: i64,
    /// Time of the last; 0 where there is none.
    pub last: i64,
}

impl Older {
    /// One more behaviour.
    pub fn add(&mut self, time: i64, amount: i64) {
        self.join(Self { count: 1, sum: amount, first: time, last: time });
    }

    /// Another remainder's behaviours too.
    pub fn join(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        let new = self.count == 0;
        self.first = if new { other.first } else { self.first.min(other.first) };
        self.last = if new { other.last } else { self.last.max(other.last) };
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// Users → merchants → behaviours in order of time.
///
/// Group `g` of user `u` lies in `groups[u]..groups[u + 1]`; its behaviours in `starts[g]..starts[g + 1]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Folded {
    /// Users' numbers, ascending.
    pub users: Vec<u32>,
    /// Where each user's groups start; one more than users.
    pub groups: Vec<u32>,
    /// The merchant of each group, or [`REST`].
    pub merchants: Vec<u32>,
    /// For [`REST`] the category it pools (a merchant's own category is known elsewhere); else 0.
    pub pooled: Vec<u32>,
    /// Per group what is counted beside its behaviours.
    pub older: Vec<Older>,
    /// Where each group's behaviours start; one more than groups.
    pub starts: Vec<u32>,
    /// The behaviours, by group.
    pub events: Events,
}

impl Folded {
    /// Folds behaviours. With `users`, every number below it is there, with or without behaviours.
    #[must_use]
    pub fn of(events: &Events, users: Option<u32>) -> Self {
        let events = events.taken(&order(&events.user, &events.merchant, &events.time));
        let mut folded = Self { groups: vec![0], starts: vec![0], ..Self::default() };
        let mut at = 0;
        while at < events.len() {
            let user = events.user[at];
            folded.absent_below(user, users);
            folded.users.push(user);
            while events.user.get(at) == Some(&user) {
                let merchant = events.merchant[at];
                let same = |i: usize| events.user.get(i) == Some(&user) && events.merchant[i] == merchant;
                while same(at) {
                    at += 1;
                }
                folded.group(merchant, 0, Older::default(), at);
            }
            folded.groups.push(folded.merchants.len() as u32);
        }
        folded.absent_below(users.unwrap_or(0), users);
        folded.events = events;
        folded
    }

    fn absent_below(&mut self, user: u32, users: Option<u32>) {
        if users.is_some() {
            for missing in self.users.last().map_or(0, |u| u + 1)..user {
                self.users.push(missing);
                self.groups.push(self.merchants.len() as u32);
            }
        }
    }

    pub(crate) fn group(&mut self, merchant: u32, pooled: u32, older: Older, end: usize) {
        self.merchants.push(merchant);
        self.pooled.push(pooled);
        self.older.push(older);
        self.starts.push(end as u32);
    }

    /// The groups of the user at a place in `users`.
    #[must_use]
    pub fn groups_of(&self, place: usize) -> Range<usize> {
        self.groups[place] as usize..self.groups[place + 1] as usize
    }

    /// The behaviours of a group.
    #[must_use]
    pub fn behaviours_of(&self, group: usize) -> Range<usize> {
        self.starts[group] as usize..self.starts[group + 1] as usize
    }

    /// The behaviours of the user at a place, all groups together.
    #[must_use]
    pub fn listed_of(&self, place: usize) -> Range<usize> {
        let groups = self.groups_of(place);
        self.starts[groups.start] as usize..self.starts[groups.end] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_without_behaviours_keep_their_place() {
        let events = Events {
            user: vec![3, 1, 3, 1],
            merchant: vec![5, 5, 4, 5],
            time: vec![9, 8, 7, 6],
            amount: vec![1, 2, 3, 4],
            ..Events::default()
        };
        let folded = Folded::of(&events, Some(5));
        assert_eq!(folded.users, [0, 1, 2, 3, 4]);
        assert_eq!(folded.groups, [0, 0, 1, 1, 3, 3]);
        assert_eq!((&folded.merchants[..], &folded.starts[..]), (&[5, 4, 5][..], &[0, 2, 3, 4][..]));
        assert_eq!(folded.events.time, [6, 8, 7, 9]);
        assert_eq!(Folded::of(&events, None).users, [1, 3]);
        assert_eq!(folded.listed_of(3), 2..4);
    }
}
