//! Where training reads histories from: a data set in memory, or a folder that `risk fold` made, part by part.
//!
//! Invariant: a folder gives the same histories as the files that it was folded from; folders in which payments were pooled
//! are refused, for features count every payment. Memory: users, names and one part.

use crate::dataset::{DAY, Dataset};
use crate::error::{Result, RiskError};
use crate::fold::{Block, Folded, block_checksum, open_card, open_names, read_block, same};
use crate::ingest::{Events, Keys, Mapping, Users};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Histories in memory or in a folder.
#[derive(Debug)]
pub enum Shelf<'a> {
    /// All in memory.
    Whole(&'a Dataset),
    /// In a folder of folded histories.
    Folder(Box<Shelved>),
}

/// A folder of folded histories, one part of which is in memory.
#[derive(Debug)]
pub struct Shelved {
    data: Dataset,
    folder: PathBuf,
    blocks: Vec<Block>,
    /// The number of each merchant of the folder, in the order of keys.
    numbers: Vec<u32>,
    part: Option<usize>,
}

/// Users by part: user `u` is in part `u % parts`.
pub(crate) fn divided(users: &[u32], parts: usize) -> Vec<Vec<u32>> {
    let mut out = vec![Vec::new(); parts];
    users.iter().for_each(|user| out[*user as usize % parts].push(*user));
    out
}

impl Shelf<'_> {
    /// Users, names and mapping; of histories those of the part that was last turned to.
    #[must_use]
    pub fn about(&self) -> &Dataset {
        match self {
            Self::Whole(data) => data,
            Self::Folder(folder) => &folder.data,
        }
    }

    /// How many parts there are.
    #[must_use]
    pub fn parts(&self) -> usize {
        match self {
            Self::Whole(_) => 1,
            Self::Folder(folder) => folder.parts(),
        }
    }

    /// Payments of all parts.
    #[must_use]
    pub fn payments(&self) -> u64 {
        match self {
            Self::Whole(data) => data.folded.events.len() as u64,
            Self::Folder(folder) => folder.blocks.iter().map(|block| block.listed).sum(),
        }
    }

    /// A part; users of other parts have no payments in it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn turn(&mut self, part: usize) -> Result<&Dataset> {
        match self {
            Self::Whole(data) => Ok(data),
            Self::Folder(folder) => folder.turn(part),
        }
    }

    /// Asks `f` of each part with those of the users that are in it.
    ///
    /// # Errors
    /// A part cannot be read.
    pub fn each(&mut self, users: &[u32], mut f: impl FnMut(&Dataset, &[u32])) -> Result<()> {
        for (part, own) in divided(users, self.parts()).iter().enumerate() {
            f(self.turn(part)?, own);
        }
        Ok(())
    }

    /// Values of users, in their order, that `f` gives part by part.
    ///
    /// # Errors
    /// A part cannot be read.
    pub fn gathered<K: Ord + Copy>(
        &mut self,
        users: &[u32],
        mut f: impl FnMut(&Dataset, &[u32]) -> BTreeMap<K, Vec<f64>>,
    ) -> Result<BTreeMap<K, Vec<f64>>> {
        let parts = self.parts();
        if parts == 1 {
            return Ok(f(self.turn(0)?, users));
        }
        let mut out: BTreeMap<K, Vec<f64>> = BTreeMap::new();
        let mut part = 0;
        self.each(users, |data, own| {
            for (key, values) in f(data, own) {
                let row = out.entry(key).or_insert_with(|| vec![0.0; users.len()]);
                let places = row.iter_mut().zip(users).filter(|(_, user)| **user as usize % parts == part);
                places.zip(values).for_each(|((to, _), value)| *to = value);
            }
            part += 1;
        })?;
        Ok(out)
    }
}

impl Shelved {
    /// Opens a folder that was folded from `data` by `mapping`; `days` takes the place of the mapping's window length.
    ///
    /// # Errors
    /// It is not whole, was folded from other data, or holds pooled payments.
    pub fn open(folder: &Path, data: &Path, mapping: &Mapping, days: Option<u32>) -> Result<Self> {
        let card = open_card(folder)?;
        let place = folder.display().to_string();
        if !card.done() {
            return Err(RiskError::format(
                place,
                "is not folded to the end; run risk fold again, it goes on",
            ));
        }
        if card.mapping != *mapping {
            return Err(RiskError::mapping(
                place,
                "was folded by another mapping; remove the folder and fold again, or name another",
            ));
        }
        same(folder, data, &card.sources, mapping)?;
        if card.blocks.iter().any(|block| block.pooled > 0) {
            return Err(RiskError::format(
                place,
                "holds pooled payments, and features count every one; fold with --whole",
            ));
        }
        let saved = open_names(folder)?;
        let (mut names, merchants) = saved.numbered();
        let mut found = Dataset { mapping: mapping.clone(), report: card.report, ..Dataset::default() };
        if let Some(map) = &mapping.users {
            names.users = Keys::default();
            found.users = Users::read(data, map, &mut names)?;
        } else {
            found.users.count = names.users.len();
            found.users.labels = vec![None; found.users.count];
        }
        let known = names.users.list().iter().map(ToString::to_string);
        if !known.eq(saved.users.iter().take(found.users.count).cloned()) {
            return Err(RiskError::format(
                place,
                "was folded for other users, or in another order; remove the folder and fold again",
            ));
        }
        if names.merchants.len() != saved.merchants.len() {
            return Err(RiskError::format(place, "names a merchant twice; remove the folder and fold again"));
        }
        found.merchants = merchants;
        let numbers = names.merchants.sort();
        found.merchants.renumbered(&numbers);
        found.names = names;
        let length = days.or(mapping.window.days).map(|days| i64::from(days) * DAY);
        let mut shelved =
            Self { data: found, folder: folder.to_owned(), blocks: card.blocks, numbers, part: None };
        shelved.settle(length)?;
        Ok(shelved)
    }

    /// Users, names and mapping.
    #[must_use]
    pub const fn about(&self) -> &Dataset {
        &self.data
    }

    /// How many parts there are.
    #[must_use]
    pub const fn parts(&self) -> usize {
        self.blocks.len()
    }

    /// When windows end and how long they are, from all parts.
    fn settle(&mut self, length: Option<i64>) -> Result<()> {
        let (mut last, mut first, mut reach) = (i64::MIN, i64::MAX, i64::MIN);
        let place = || self.folder.display().to_string();
        for block in &self.blocks {
            let events = read_block(&self.folder, block)?.events;
            for (user, time) in events.user.iter().zip(&events.time) {
                last = last.max(*time);
                if *user as usize >= self.data.users.count {
                    return Err(RiskError::format(
                        place(),
                        "has payments of users who are not listed; remove the folder and fold again",
                    ));
                }
                match self.data.users.cutoffs.get(*user as usize).copied().flatten() {
                    // The table of users may have changed since: what was not known then must not be read.
                    Some(cutoff) if *time >= cutoff => {
                        return Err(RiskError::format(
                            place(),
                            "has payments after a cut-off; remove the folder and fold again",
                        ));
                    }
                    Some(cutoff) => reach = reach.max(cutoff - time),
                    None => first = first.min(*time),
                }
            }
        }
        let common = self.data.settle_ends((last > i64::MIN).then_some(last));
        if first < i64::MAX {
            reach = reach.max(common - first);
        }
        self.data.settle_length(length, (reach > i64::MIN).then_some(reach));
        Ok(())
    }

    /// Reads a part, unless it is the one in memory.
    ///
    /// # Errors
    /// The folder is broken.
    pub fn turn(&mut self, part: usize) -> Result<&Dataset> {
        if part < self.parts() && self.part != Some(part) {
            let events = self.events(part)?;
            self.data.folded = Folded::of(&events, Some(self.data.users.count as u32));
            self.part = Some(part);
        }
        Ok(&self.data)
    }

    /// The payments of a part that are in their user's window.
    fn events(&self, part: usize) -> Result<Events> {
        let Some(block) = self.blocks.get(part) else { return Ok(Events::default()) };
        let mut events = read_block(&self.folder, block)?.events;
        for merchant in &mut events.merchant {
            *merchant = self.numbers.get(*merchant as usize).copied().unwrap_or(*merchant);
        }
        let kept = self.data.inside(&events);
        Ok(if kept.len() < events.len() { events.taken(&kept) } else { events })
    }

    /// The users of a part.
    pub(crate) fn users_of(&self, part: usize) -> Vec<u32> {
        (part as u32..self.data.users.count as u32).step_by(self.parts().max(1)).collect()
    }

    /// Lends a part by itself, no larger than it is: its users have numbers of their own, and `f` hears their numbers among all.
    ///
    /// # Errors
    /// The part cannot be read; those of `f`.
    pub fn lend<T>(&mut self, part: usize, f: impl FnOnce(&mut Dataset, &[u32]) -> Result<T>) -> Result<T> {
        let (mut events, users) = (self.events(part)?, self.users_of(part));
        let (parts, data) = (self.parts().max(1), &mut self.data);
        events.user.iter_mut().for_each(|user| *user /= parts as u32);
        let mut alone = Dataset {
            mapping: data.mapping.clone(),
            names: std::mem::take(&mut data.names),
            users: data.users.only(&users),
            merchants: std::mem::take(&mut data.merchants),
            folded: Folded::of(&events, Some(users.len() as u32)),
            ends: users.iter().map(|user| data.ends[*user as usize]).collect(),
            length: data.length,
            report: data.report.clone(),
        };
        drop(events);
        let answer = f(&mut alone, &users);
        (data.names, data.merchants) = (alone.names, alone.merchants);
        answer
    }

    /// A digest of what the folder holds: the checksums of its blocks.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn digest(&self) -> Result<u32> {
        let mut digest = 0;
        for block in &self.blocks {
            digest = crc32c::crc32c_append(digest, &block_checksum(&self.folder, block)?);
        }
        Ok(digest)
    }
}
