//! One user's history over and over, each time with something taken out.

use crate::dataset::Dataset;
use crate::fold::Folded;
use crate::ingest::{Merchants, Users};
use crate::table::NO_TEXT;
use serde::Serialize;

/// Parts of every payment, and what is known of the user beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Without it every payment has the user's geometric mean amount.
    Amount,
    /// Without it payments lie evenly in the window, in their order.
    Time,
    /// Descriptions of payments and names of merchants.
    Words,
    /// Categories of payments and merchants.
    Category,
    /// Further numbers of payments (a balance).
    Numbers,
    /// Numbers of the user.
    Profile,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Amount, Self::Time, Self::Words, Self::Category, Self::Numbers, Self::Profile];

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Whether a data set has the field.
    pub(super) fn is_in(self, data: &Dataset) -> bool {
        let events = &data.folded.events;
        match self {
            Self::Amount | Self::Time => !events.is_empty(),
            Self::Words => {
                [&events.text, &data.merchants.names].iter().any(|c| c.iter().any(|t| *t != NO_TEXT))
            }
            Self::Category => {
                [&events.category, &data.merchants.categories].iter().any(|c| c.iter().any(|t| *t != NO_TEXT))
            }
            Self::Numbers => !events.numbers.is_empty(),
            Self::Profile => !data.users.numbers.is_empty(),
        }
    }
}

/// What of a history stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variant {
    /// Per merchant of the user.
    pub(super) merchants: Vec<bool>,
    without: u8,
}

impl Variant {
    /// Merchants that stay, with all fields.
    pub(super) const fn of(merchants: Vec<bool>) -> Self {
        Self { merchants, without: 0 }
    }

    /// All merchants, and the fields given only.
    pub(super) fn fields(merchants: usize, all: &[Field], kept: impl Fn(usize) -> bool) -> Self {
        let out = all.iter().enumerate().filter(|(i, _)| !kept(*i));
        Self { merchants: vec![true; merchants], without: out.fold(0, |bits, (_, field)| bits | field.bit()) }
    }

    const fn lacks(&self, field: Field) -> bool {
        self.without & field.bit() != 0
    }
}

/// A data set in which user `i` is the one given as variant `i` has it. Its dictionaries are those of `data`.
///
/// A number of the user that is taken out is at its `middle`, in the order of the profile: missing would say something else.
pub(super) fn variants(data: &Dataset, user: usize, list: &[Variant], middle: &[f32]) -> Dataset {
    let groups: Vec<usize> = data.folded.groups_of(user).collect();
    let mut rows = Vec::new();
    let mut users = Vec::new();
    for (number, variant) in list.iter().enumerate() {
        for (group, _) in groups.iter().zip(&variant.merchants).filter(|(_, keep)| **keep) {
            for row in data.folded.behaviours_of(*group) {
                rows.push(row as u32);
                users.push(number as u32);
            }
        }
    }
    let mut events = data.folded.events.taken(&rows);
    events.user = users;
    let known = data.merchants.names.len() as u32;
    let mut start = 0;
    for (number, variant) in list.iter().enumerate() {
        let end = events.user[start..].partition_point(|u| *u <= number as u32) + start;
        let own = start..end;
        start = end;
        if own.is_empty() {
            continue;
        }
        if variant.lacks(Field::Amount) {
            let logs = events.amount[own.clone()].iter().map(|a| (a.unsigned_abs().max(1) as f64).ln());
            let mean = (logs.sum::<f64>() / own.len() as f64).exp().round() as i64;
            events.amount[own.clone()].iter_mut().for_each(|a| *a = if *a < 0 { -mean } else { mean });
        }
        if variant.lacks(Field::Time) {
            spread(&mut events.time[own.clone()], data.ends[user], data.length);
        }
        let (words, category) = (variant.lacks(Field::Words), variant.lacks(Field::Category));
        if words && !events.text.is_empty() {
            events.text[own.clone()].fill(NO_TEXT);
        }
        if category && !events.category.is_empty() {
            events.category[own.clone()].fill(NO_TEXT);
        }
        // Merchants stand four times in a row: whole, without name, without category, without both.
        let shift = known * (u32::from(words) + 2 * u32::from(category));
        events.merchant[own.clone()].iter_mut().for_each(|m| *m += shift);
        if variant.lacks(Field::Numbers) {
            events.numbers.iter_mut().for_each(|column| column[own.clone()].fill(f32::NAN));
        }
    }
    let count = list.len();
    let profile = |(place, column): (usize, &Vec<f32>)| {
        let taken_out = middle.get(place).copied().filter(|m| m.is_finite()).unwrap_or(column[user]);
        list.iter().map(|v| if v.lacks(Field::Profile) { taken_out } else { column[user] }).collect()
    };
    Dataset {
        mapping: data.mapping.clone(),
        merchants: fourfold(&data.merchants),
        users: Users {
            count,
            labels: vec![None; count],
            numbers: data.users.numbers.iter().enumerate().map(profile).collect(),
            number_names: data.users.number_names.clone(),
            ..Users::default()
        },
        folded: Folded::of(&events, Some(count as u32)),
        ends: vec![data.ends[user]; count],
        length: data.length,
        ..Dataset::default()
    }
}

/// Evenly over the window, the order kept.
fn spread(times: &mut [i64], end: i64, length: i64) {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|i| times[*i]);
    let count = times.len() as i64;
    for (place, i) in order.into_iter().enumerate() {
        times[i] = end - length + length * (2 * place as i64 + 1) / (2 * count);
    }
}

fn fourfold(merchants: &Merchants) -> Merchants {
    let none = vec![NO_TEXT; merchants.names.len()];
    Merchants {
        names: [&merchants.names, &none, &merchants.names, &none].map(Vec::as_slice).concat(),
        categories: [&merchants.categories, &merchants.categories, &none, &none].map(Vec::as_slice).concat(),
    }
}
