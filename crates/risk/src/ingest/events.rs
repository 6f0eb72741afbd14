//! Rows to behaviours: each is whole and before its cut-off, or refused with its row and the reason.

use super::keys::{Keys, NO_KEY};
use super::mapping::EventsMap;
use super::report::{Reason, Report};
use super::source::Source;
use super::time::{NO_TIME, seconds};
use crate::error::Result;
use crate::table::{Batch, Column, Data, Dictionary, NO_TEXT};
use std::borrow::Cow;
use std::path::Path;

/// Largest amount, in minor units: beyond it a sum over a history could overflow.
pub(crate) const AMOUNT_MAX: f64 = 9e15;
/// An amount that is not there.
const NO_AMOUNT: i64 = i64::MIN;

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
        let words = map.direction.iter().chain(&map.description).chain(&map.category);
        let source = Source::open(&folder.join(&map.file))?
            .as_written([&map.user, &map.merchant].into_iter().chain(words));
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
        Ok(Some(self.behaviours(batch, &torn, names, limits, report)))
    }

    fn behaviours(
        &self,
        mut batch: Batch,
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
        let rows = Rows {
            batch: &batch,
            torn,
            users: &users,
            merchants: &merchants,
            times: &times,
            amounts: &amounts,
        };
        let kept = rows.kept(limits, report);
        if let Some(direction) = direction.first() {
            let leaves = |row: usize| self.map.minus.iter().any(|m| *m == direction.shown(row));
            report.leaving += match &kept {
                Some(kept) => kept.iter().filter(|row| leaves(**row as usize)).count() as u64,
                None => (0..batch.rows).filter(|row| leaves(*row)).count() as u64,
            };
        }
        let text = joined(&described, &mut names.texts, batch.rows);
        let category = joined(&categories, &mut names.categories, batch.rows);
        let numbers =
            numbers.iter().map(|c| (0..batch.rows).map(|row| c.number(row) as f32).collect()).collect();
        let [times, amounts] = [times, amounts].map(owned);
        // Columns that are what is wanted already are taken out, not copied.
        let mut ints = |place: usize, made: Option<Vec<i64>>| {
            made.unwrap_or_else(|| match batch.columns.get_mut(place).map(|c| &mut c.data) {
                Some(Data::Int(values)) => std::mem::take(values),
                _ => Vec::new(),
            })
        };
        let (time, amount) = (ints(1, times), ints(3, amounts));
        let whole = Events { user: users, merchant: merchants, time, amount, text, category, numbers };
        match kept {
            Some(kept) => whole.taken(&kept),
            None => whole,
        }
    }
}

fn owned(column: Cow<'_, [i64]>) -> Option<Vec<i64>> {
    match column {
        Cow::Owned(values) => Some(values),
        Cow::Borrowed(_) => None,
    }
}

/// Rows on their way to be behaviours.
struct Rows<'a> {
    batch: &'a Batch,
    torn: &'a [usize],
    users: &'a [u32],
    merchants: &'a [u32],
    times: &'a [i64],
    amounts: &'a [i64],
}

impl Rows<'_> {
    /// The rows that are whole and inside the window; none where all are. The others are counted.
    fn kept(&self, limits: &Limits, report: &mut Report) -> Option<Vec<u32>> {
        report.rows += self.batch.rows as u64;
        let mut kept: Option<Vec<u32>> = None;
        let mut torn = self.torn.iter().copied().peekable();
        for row in 0..self.batch.rows {
            let is_torn = torn.next_if_eq(&row).is_some();
            let (user, time) = (self.users[row], self.times[row]);
            let cutoff = limits.cutoff(user);
            let reason = match (time, self.amounts[row]) {
                _ if is_torn => Some(Reason::Torn),
                _ if user == NO_KEY => Some(Reason::NoUser),
                (NO_TIME, _) => Some(Reason::NoTime),
                _ if self.merchants[row] == NO_KEY => Some(Reason::NoMerchant),
                (_, NO_AMOUNT) => Some(Reason::NoAmount),
                _ if cutoff.is_some_and(|end| time >= end) => Some(Reason::AfterCutoff),
                _ => None,
            };
            let before = || cutoff.zip(limits.length).is_some_and(|(end, length)| time < end - length);
            if limits.listed.is_some_and(|listed| user >= listed && user != NO_KEY) {
                report.unlisted += 1;
            } else if let Some(reason) = reason {
                report.refuse(reason, self.batch.first_row + row as u64, || {
                    self.batch.columns.iter().take(4).map(|c| c.shown(row)).collect::<Vec<_>>().join(", ")
                });
            } else if before() {
                report.before_window += 1;
            } else {
                if let Some(kept) = &mut kept {
                    kept.push(row as u32);
                }
                continue;
            }
            kept.get_or_insert_with(|| (0..row as u32).collect());
        }
        report.kept += kept.as_ref().map_or(self.batch.rows, Vec::len) as u64;
        kept
    }
}

/// Amounts in minor units; [`NO_AMOUNT`] where there is none.
fn minor<'a>(column: &'a Column, scale: u32, direction: Option<&Column>, minus: &[String]) -> Cow<'a, [i64]> {
    let scale = f64::from(scale);
    let whole = matches!(column.data, Data::Int(_)) && scale == 1.0;
    let inside = |n: &i64| n.unsigned_abs() <= AMOUNT_MAX as u64;
    let bounded = |n: f64| if n.is_finite() && n.abs() <= AMOUNT_MAX { n.round() as i64 } else { NO_AMOUNT };
    let mut amounts: Vec<i64> = match &column.data {
        Data::Int(values)
            if whole && column.absent.is_none() && direction.is_none() && values.iter().all(inside) =>
        {
            return Cow::Borrowed(values);
        }
        Data::Int(values) if whole => values.iter().map(|n| if inside(n) { *n } else { NO_AMOUNT }).collect(),
        data => (0..data.len()).map(|row| bounded(column.number(row) * scale)).collect(),
    };
    if let Some(absent) = &column.absent {
        amounts.iter_mut().zip(absent).filter(|(_, hole)| **hole).for_each(|(a, _)| *a = NO_AMOUNT);
    }
    if let Some(direction) = direction {
        let leaves = |row: usize| minus.iter().any(|m| *m == direction.shown(row));
        for (row, amount) in amounts.iter_mut().enumerate().filter(|(_, a)| **a != NO_AMOUNT) {
            if leaves(row) {
                *amount = -*amount;
            }
        }
    }
    Cow::Owned(amounts)
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
