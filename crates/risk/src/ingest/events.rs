//! Rows to behaviours: each is whole and before its cut-off, or refused with its row and the reason.

use super::keys::{Keys, NO_KEY};
use super::mapping::EventsMap;
use super::report::{Reason, Report};
use super::source::Source;
use super::time::seconds;
use crate::error::Result;
use crate::table::{Batch, Column, Data, Dictionary, NO_TEXT};
use std::path::Path;

/// Largest amount, in minor units: beyond it a sum over a history could overflow.
const AMOUNT_MAX: f64 = 9e15;

/// Behaviours as columns, in order of arrival.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Events {
    /// The user's number.
    pub user: Vec<u32>,
    /// The merchant's number.
    pub merchant: Vec<u32>,
    /// Seconds.
    pub time: Vec<i64>,
    /// Minor units; negative where it left the account and a direction is declared.
    pub amount: Vec<i64>,
    /// The description's number, [`NO_TEXT`] where there is none; empty where no description is declared.
    pub text: Vec<u32>,
    /// The category's number; empty where no category is declared for events.
    pub category: Vec<u32>,
    /// Further numbers, a column each.
    pub numbers: Vec<Vec<f32>>,
}

impl Events {
    /// How many behaviours there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.user.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.user.is_empty()
    }

    /// The rows `order` names, in that order.
    #[must_use]
    pub fn taken(&self, order: &[u32]) -> Self {
        fn at<T: Copy>(column: &[T], order: &[u32]) -> Vec<T> {
            if column.is_empty() { Vec::new() } else { order.iter().map(|i| column[*i as usize]).collect() }
        }
        Self {
            user: at(&self.user, order),
            merchant: at(&self.merchant, order),
            time: at(&self.time, order),
            amount: at(&self.amount, order),
            text: at(&self.text, order),
            category: at(&self.category, order),
            numbers: self.numbers.iter().map(|column| at(column, order)).collect(),
        }
    }

    /// Adds the rows of another.
    pub fn append(&mut self, other: &Self) {
        self.user.extend_from_slice(&other.user);
        self.merchant.extend_from_slice(&other.merchant);
        self.time.extend_from_slice(&other.time);
        self.amount.extend_from_slice(&other.amount);
        self.text.extend_from_slice(&other.text);
        self.category.extend_from_slice(&other.category);
        self.numbers.resize(self.numbers.len().max(other.numbers.len()), Vec::new());
        self.numbers.iter_mut().zip(&other.numbers).for_each(|(a, b)| a.extend_from_slice(b));
    }
}

/// What keys and words of files became.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Users.
    pub users: Keys,
    /// Merchants.
    pub merchants: Keys,
    /// Descriptions.
    pub texts: Dictionary,
    /// Categories.
    pub categories: Dictionary,
}

/// Which times count for a user.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// The cut-off per user's number; beyond the list, or where none, `end`.
    pub cutoffs: Vec<Option<i64>>,
    /// The cut-off of everybody else.
    pub end: Option<i64>,
    /// Length of the window before the cut-off in seconds.
    pub length: Option<i64>,
    /// Users with numbers from here on are not in the table of users; their events are not read.
    pub listed: Option<u32>,
}

impl Limits {
    /// When a user's decision is taken, where that is known.
    #[must_use]
    pub fn cutoff(&self, user: u32) -> Option<i64> {
        self.cutoffs.get(user as usize).copied().flatten().or(self.end)
    }
}

/// A table of events being read.
pub struct EventReader {
    source: Source,
    wanted: Vec<String>,
    map: EventsMap,
}

impl EventReader {
    /// Opens the table of a folder.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(folder: &Path, map: &EventsMap) -> Result<Self> {
        let source = Source::open(&folder.join(&map.file))?;
        let mut wanted = vec![map.user.clone(), map.time.clone(), map.merchant.clone(), map.amount.clone()];
        wanted.extend(map.direction.clone());
        wanted.extend(map.description.iter().chain(&map.category).chain(&map.numbers).cloned());
        Ok(Self { source, wanted, map: map.clone() })
    }

    /// About how many rows there are.
    #[must_use]
    pub fn rows_about(&self) -> u64 {
        self.source.rows_about()
    }

    /// The next behaviours; `None` at the end.
    ///
    /// # Errors
    /// A column is missing or the file is broken; bad rows are no error but counted in the report.
    pub fn next(
        &mut self,
        names: &mut Names,
        limits: &Limits,
        report: &mut Report,
    ) -> Result<Option<Events>> {
        let Some((batch, torn)) = self.source.batch(&self.wanted)? else { return Ok(None) };
        Ok(Some(self.behaviours(&batch, &torn, names, limits, report)))
    }

    fn behaviours(
        &self,
        batch: &Batch,
        torn: &[usize],
        names: &mut Names,
        limits: &Limits,
        report: &mut Report,
    ) -> Events {
        let mut columns = batch.columns.iter();
        let mut take = |n: usize| -> Vec<&Column> { columns.by_ref().take(n).collect() };
        let [user, time, merchant, amount] = take(4)[..] else { return Events::default() };
        let direction = take(usize::from(self.map.direction.is_some()));
        let (described, categories) = (take(self.map.description.len()), take(self.map.category.len()));
        let numbers = take(self.map.numbers.len());
        let users = names.users.column(user);
        let merchants = names.merchants.column(merchant);
        let times = seconds(time);
        let amounts = minor(amount, self.map.scale.unwrap_or(1), direction.first().copied(), &self.map.minus);
        report.rows += batch.rows as u64;
        let mut kept: Vec<u32> = Vec::with_capacity(batch.rows);
        let mut torn = torn.iter().copied().peekable();
        for row in 0..batch.rows {
            let is_torn = torn.next_if_eq(&row).is_some();
            let number = batch.first_row + row as u64;
            let cutoff = limits.cutoff(users[row]);
            let reason = match (times[row], amounts[row]) {
                _ if is_torn => Some(Reason::Torn),
                _ if users[row] == NO_KEY => Some(Reason::NoUser),
                (None, _) => Some(Reason::NoTime),
                _ if merchants[row] == NO_KEY => Some(Reason::NoMerchant),
                (_, i64::MIN) => Some(Reason::NoAmount),
                (Some(t), _) if cutoff.is_some_and(|end| t >= end) => Some(Reason::AfterCutoff),
                _ => None,
            };
            if limits.listed.is_some_and(|listed| users[row] >= listed && users[row] != NO_KEY) {
                report.unlisted += 1;
            } else if let Some(reason) = reason {
                report.refuse(reason, number, || {
                    batch.columns.iter().take(4).map(|c| c.shown(row)).collect::<Vec<_>>().join(", ")
                });
            } else if cutoff
                .zip(limits.length)
                .zip(times[row])
                .is_some_and(|((end, length), t)| t < end - length)
            {
                report.before_window += 1;
            } else {
                kept.push(row as u32);
            }
        }
        report.kept += kept.len() as u64;
        let whole = Events {
            user: users,
            merchant: merchants,
            time: times.into_iter().map(Option::unwrap_or_default).collect(),
            amount: amounts,
            text: joined(&described, &mut names.texts, batch.rows),
            category: joined(&categories, &mut names.categories, batch.rows),
            numbers: numbers
                .iter()
                .map(|c| (0..batch.rows).map(|row| c.number(row) as f32).collect())
                .collect(),
        };
        if kept.len() == batch.rows { whole } else { whole.taken(&kept) }
    }
}

/// Amounts in minor units; [`i64::MIN`] where there is none.
fn minor(column: &Column, scale: u32, direction: Option<&Column>, minus: &[String]) -> Vec<i64> {
    let scale = f64::from(scale);
    let whole = matches!(column.data, Data::Int(_)) && scale == 1.0;
    let bounded = |n: f64| if n.is_finite() && n.abs() <= AMOUNT_MAX { n.round() as i64 } else { i64::MIN };
    let mut amounts: Vec<i64> = match &column.data {
        Data::Int(values) if whole => {
            values.iter().map(|n| if n.unsigned_abs() <= AMOUNT_MAX as u64 { *n } else { i64::MIN }).collect()
        }
        data => (0..data.len()).map(|row| bounded(column.number(row) * scale)).collect(),
    };
    if let Some(absent) = &column.absent {
        amounts.iter_mut().zip(absent).filter(|(_, hole)| **hole).for_each(|(a, _)| *a = i64::MIN);
    }
    if let Some(direction) = direction {
        let leaves = |row: usize| minus.iter().any(|m| *m == direction.shown(row));
        for (row, amount) in amounts.iter_mut().enumerate().filter(|(_, a)| **a != i64::MIN) {
            if leaves(row) {
                *amount = -*amount;
            }
        }
    }
    amounts
}

/// Several columns' texts as one, by number in `words`.
fn joined(columns: &[&Column], words: &mut Dictionary, rows: usize) -> Vec<u32> {
    match columns {
        [] => Vec::new(),
        [column] => match &column.data {
            Data::Text(codes, dictionary) => {
                let known: Vec<u32> = dictionary.words().iter().map(|w| words.code(w)).collect();
                let number = |row: usize, code: u32| {
                    if code == NO_TEXT || column.is_absent(row) { NO_TEXT } else { known[code as usize] }
                };
                codes.iter().enumerate().map(|(row, code)| number(row, *code)).collect()
            }
            _ => (0..rows).map(|row| words.code(&column.shown(row))).collect(),
        },
        _ => {
            let text = |row| {
                let parts: Vec<String> =
                    columns.iter().map(|c| c.shown(row)).filter(|s| !s.is_empty()).collect();
                parts.join("|")
            };
            (0..rows).map(|row| words.code(&text(row))).collect()
        }
    }
}
