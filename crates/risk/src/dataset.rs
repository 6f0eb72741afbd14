//! A folder of data in memory: users, their folded histories, and what names them.

use crate::block::Barred;
use crate::error::{Result, RiskError};
use crate::fold::Folded;
use crate::ingest::{EventReader, Events, Limits, Mapping, Merchants, Names, Report, Users, seen};
use crate::table::NO_TEXT;
use std::path::Path;

/// Seconds of a day.
pub const DAY: i64 = 86_400;
/// Most events held in memory at once; more are folded out of core first.
pub const EVENTS_MAX: usize = 400_000_000;

/// Users with histories.
#[derive(Debug, Clone, Default)]
pub struct Dataset {
    /// How the files were read.
    pub mapping: Mapping,
    /// Keys and words.
    pub names: Names,
    /// Who is judged; user `i` is place `i` of `folded`.
    pub users: Users,
    /// Names and categories of merchants.
    pub merchants: Merchants,
    /// Histories, uncut.
    pub folded: Folded,
    /// When each user's history ends, in seconds.
    pub ends: Vec<i64>,
    /// Length of the window in seconds.
    pub length: i64,
    /// What was read and refused.
    pub report: Report,
}

impl Dataset {
    /// Reads a folder.
    ///
    /// `days` takes the place of the mapping's window length where given.
    ///
    /// # Errors
    /// A file or column is missing or broken; there are no users; there are more events than fit ([`EVENTS_MAX`]).
    pub fn read(
        folder: &Path,
        mapping: &Mapping,
        days: Option<u32>,
        step: &mut dyn FnMut(u64, u64),
    ) -> Result<Self> {
        let mut data = Self { mapping: mapping.clone(), ..Self::default() };
        if let Some(map) = &mapping.users {
            data.users = Users::read(folder, map, &mut data.names)?;
        }
        if let Some(map) = &mapping.merchants {
            data.merchants = Merchants::read(folder, map, &mut data.names)?;
        }
        let length = days.or(mapping.window.days).map(|days| i64::from(days) * DAY);
        let mut events = Events::default();
        if let Some(map) = &mapping.events {
            let listed = mapping.users.as_ref().map(|_| data.users.count as u32);
            let limits =
                Limits { cutoffs: data.users.cutoffs.clone(), end: mapping.window.end, length, listed };
            let mut reader = EventReader::open(folder, map)?;
            let about = reader.rows_about();
            while let Some(batch) = reader.next(&mut data.names, &limits, &mut data.report)? {
                events.append(&batch);
                step(data.report.rows, about);
                if events.len() > EVENTS_MAX {
                    return Err(RiskError::Data(format!(
                        "{} has more than {EVENTS_MAX} events; fold it out of core first: tollgate risk fold",
                        folder.display()
                    )));
                }
            }
        }
        if mapping.users.is_none() {
            data.users.count = data.names.users.len();
            data.users.labels = vec![None; data.users.count];
        }
        if data.users.count == 0 {
            return Err(RiskError::Data(format!("{} has no users", folder.display())));
        }
        data.merchants.complete(&mut data.names);
        // Numbers in the order of keys: sums over merchants come out the same whichever payment was read first.
        let numbers = data.names.merchants.sort();
        data.merchants.renumbered(&numbers);
        events.merchant.iter_mut().for_each(|m| *m = numbers[*m as usize]);
        if let Some(kept) = Barred::of(&mapping.block, &data.names).staying(&events, &data.merchants) {
            let out = (events.len() - kept.len()) as u64;
            data.report.kept -= out;
            data.report.barred += out;
            events = events.taken(&kept);
        }
        let keys = data.merchants.chained(&data.names.merchants, mapping.keys.users_min, &mut |keys| {
            Ok(seen(&events.user, &events.merchant, keys))
        })?;
        events.merchant.iter_mut().for_each(|m| *m = keys[*m as usize]);
        data.window(&mut events, length);
        data.folded = Folded::of(&events, Some(data.users.count as u32));
        Ok(data)
    }

    /// Settles ends and length of windows, and leaves out what a length without a declared end could not yet exclude.
    fn window(&mut self, events: &mut Events, length: Option<i64>) {
        self.settle_ends(events.time.iter().copied().max());
        let reach = events.user.iter().zip(&events.time).map(|(u, t)| self.ends[*u as usize] - t).max();
        self.settle_length(length, reach);
        let kept = self.inside(events);
        if kept.len() < events.len() {
            let out = (events.len() - kept.len()) as u64;
            self.report.before_window += out;
            self.report.kept -= out;
            *events = events.taken(&kept);
        }
    }

    /// Settles when each history ends, from the time of the last payment of all; answers the end of those who have none
    /// of their own.
    pub(crate) fn settle_ends(&mut self, last: Option<i64>) -> i64 {
        // Nothing declared: the day after the last payment begins with the decision.
        let day = (last.unwrap_or(0).div_euclid(DAY) + 1) * DAY;
        let common = self.mapping.window.end.unwrap_or(day);
        let end = |user: usize| self.users.cutoffs.get(user).copied().flatten().unwrap_or(common);
        self.ends = (0..self.users.count).map(end).collect();
        common
    }

    /// Settles the window's length: the declared one, else whole days that reach back to the first payment.
    pub(crate) fn settle_length(&mut self, length: Option<i64>, reach: Option<i64>) {
        let whole = || (reach.unwrap_or(DAY) + DAY - 1).div_euclid(DAY) * DAY;
        self.length = length.unwrap_or_else(whole).max(1);
    }

    /// The rows that are in their user's window.
    pub(crate) fn inside(&self, events: &Events) -> Vec<u32> {
        let inside = |i: &u32| {
            let i = *i as usize;
            events.time[i] >= self.ends[events.user[i] as usize] - self.length
        };
        (0..events.len() as u32).filter(inside).collect()
    }

    /// The category of a behaviour: its own where events have one, else its merchant's; [`NO_TEXT`] where there is none.
    #[must_use]
    pub fn category(&self, merchant: u32, event: usize) -> u32 {
        match self.folded.events.category.get(event) {
            Some(own) => *own,
            None => self.merchants.categories.get(merchant as usize).copied().unwrap_or(NO_TEXT),
        }
    }

    /// The numbers of the texts of a behaviour: its description and its merchant's name.
    #[must_use]
    pub fn texts(&self, merchant: u32, event: usize) -> [u32; 2] {
        let name = self.merchants.names.get(merchant as usize).copied().unwrap_or(NO_TEXT);
        [self.folded.events.text.get(event).copied().unwrap_or(NO_TEXT), name]
    }

    /// Whether there are histories.
    #[must_use]
    pub const fn has_events(&self) -> bool {
        self.mapping.events.is_some()
    }
}
