//! Histories as the network reads them: the fields of each behaviour, its kind, and statistics of each merchant.

use super::layout::{FIELDS, Shape};
use super::shard::{HIDDEN, Hide, Shard, Tally};
use crate::dataset::{DAY, Dataset};
use crate::error::Result;
use crate::feature::Lookup;
use crate::fold::{Caps, Folded, REST, capped};
use crate::shelf::Shelf;
use crate::table::NO_TEXT;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Sine and cosine of each hour of a week, by day and by week.
static HOURS: LazyLock<[[f32; 4]; 168]> = LazyLock::new(|| {
    std::array::from_fn(|hour| {
        let (day, week) = (hour as f32 % 24.0 / 24.0, hour as f32 / 168.0);
        let turn = std::f32::consts::TAU;
        [(turn * day).sin(), (turn * day).cos(), (turn * week).sin(), (turn * week).cos()]
    })
});

/// Most users that are laid out and added up together.
const SHARD: usize = 16;
/// Behaviours of a shard of several users, at most; one user's are never parted.
const SHARD_BEHAVIOURS: usize = 8_192;

/// Everything of a data set that does not depend on weights.
pub(super) struct Histories<'a> {
    data: &'a Dataset,
    folded: Folded,
    /// The kind of each behaviour: equal words and category.
    kinds: Vec<u32>,
    /// The category column of each kind; the last where it has none of its own.
    kind_category: Vec<u32>,
    kind_texts: Vec<[u32; 2]>,
    words: &'a Lookup,
    shape: Shape,
    /// Mean and deviation of log amounts.
    amounts: (f32, f32),
    numbers: Vec<(f32, f32)>,
}

/// How amounts and numbers are scaled: learned on training users and kept with the weights.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scales {
    /// Mean and deviation of log amounts.
    pub amounts: (f32, f32),
    /// Mean and deviation of each further number.
    pub numbers: Vec<(f32, f32)>,
}

impl Scales {
    /// Learns from the users given.
    #[must_use]
    pub fn learn(data: &Dataset, users: &[u32]) -> Self {
        let mut sums = vec![Sums::default(); data.folded.events.numbers.len() + 1];
        add_up(&mut sums, data, users);
        Self::from(sums)
    }

    /// The same from a shelf.
    ///
    /// # Errors
    /// A part cannot be read.
    pub fn learn_from(shelf: &mut Shelf<'_>, users: &[u32]) -> Result<Self> {
        let mut sums = Vec::new();
        shelf.each(users, |data, users| {
            sums.resize(data.folded.events.numbers.len() + 1, Sums::default());
            add_up(&mut sums, data, users);
        })?;
        Ok(Self::from(sums))
    }
}

/// Count, sum and sum of squares.
#[derive(Debug, Clone, Copy, Default)]
struct Sums(f64, f64, f64);

impl Sums {
    fn add(&mut self, x: f32) {
        if x.is_finite() {
            let x = f64::from(x);
            *self = Self(self.0 + 1.0, self.1 + x, self.2 + x * x);
        }
    }

    fn scale(self) -> (f32, f32) {
        let n = self.0.max(1.0);
        let mean = self.1 / n;
        (mean as f32, (self.2 / n - mean * mean).max(1e-6).sqrt() as f32)
    }
}

/// Amounts first, then each further number.
fn add_up(sums: &mut [Sums], data: &Dataset, users: &[u32]) {
    let events = &data.folded.events;
    let Some((amounts, numbers)) = sums.split_first_mut() else { return };
    for row in users.iter().flat_map(|u| data.folded.listed_of(*u as usize)) {
        amounts.add(log(events.amount[row]));
        numbers.iter_mut().zip(&events.numbers).for_each(|(sum, column)| sum.add(column[row]));
    }
}

impl From<Vec<Sums>> for Scales {
    fn from(sums: Vec<Sums>) -> Self {
        let mut scales = sums.into_iter().map(Sums::scale);
        Self { amounts: scales.next().unwrap_or((0.0, 1.0)), numbers: scales.collect() }
    }
}

fn log(amount: i64) -> f32 {
    (amount.unsigned_abs().max(1) as f32).ln()
}

impl<'a> Histories<'a> {
    pub(super) fn new(
        data: &'a Dataset,
        lookup: &'a Lookup,
        shape: &Shape,
        scales: &Scales,
        caps: Caps,
    ) -> Self {
        let folded = capped(&data.folded, caps, |merchant, event| data.category(merchant, event));
        let other = shape.categories as u32;
        let mut known: HashMap<[u32; 3], u32> = HashMap::new();
        let (mut kinds, mut kind_category, mut kind_texts) =
            (Vec::with_capacity(folded.events.len()), Vec::new(), Vec::new());
        for group in 0..folded.merchants.len() {
            let merchant = folded.merchants[group];
            let mut last: Option<([u32; 3], u32)> = None;
            for event in folded.behaviours_of(group) {
                let name = data.merchants.names.get(merchant as usize).copied().unwrap_or(NO_TEXT);
                let text = folded.events.text.get(event).copied().unwrap_or(NO_TEXT);
                let category = folded
                    .events
                    .category
                    .get(event)
                    .or_else(|| data.merchants.categories.get(merchant as usize));
                let column =
                    category.and_then(|c| lookup.columns.get(*c as usize)).copied().filter(|c| *c != NO_TEXT);
                let key = [text, name, column.unwrap_or(other)];
                let kind = match last {
                    Some((before, kind)) if before == key => kind,
                    _ => *known.entry(key).or_insert_with(|| {
                        kind_category.push(key[2]);
                        kind_texts.push([text, name]);
                        kind_texts.len() as u32 - 1
                    }),
                };
                last = Some((key, kind));
                kinds.push(kind);
            }
        }
        Self {
            data,
            folded,
            kinds,
            kind_category,
            kind_texts,
            words: lookup,
            shape: shape.clone(),
            amounts: scales.amounts,
            numbers: scales.numbers.clone(),
        }
    }

    /// The category column of a kind; none where it is hidden.
    pub(super) fn category_of(&self, kind: u32) -> Option<usize> {
        self.kind_category.get(kind as usize).map(|category| *category as usize)
    }

    /// The words of a kind; none where it is hidden.
    pub(super) fn words_of(&self, kind: u32) -> impl Iterator<Item = u32> + '_ {
        let texts = self.kind_texts.get(kind as usize).filter(|_| self.shape.switches.names);
        let texts = texts.copied().unwrap_or([NO_TEXT; 2]);
        texts.into_iter().flat_map(|text| self.words.words(text).iter().copied())
    }

    /// Users in runs that are laid out together: at most [`SHARD`], and few enough behaviours to stay in a cache.
    pub(super) fn shards<'u>(&self, users: &'u [u32]) -> Vec<&'u [u32]> {
        let mut out = Vec::new();
        let mut rest = users;
        while !rest.is_empty() {
            let mut behaviours = 0;
            let fits = |user: &&u32| {
                behaviours += self.folded.listed_of(**user as usize).len();
                behaviours <= SHARD_BEHAVIOURS
            };
            let count = rest.iter().take(SHARD).take_while(fits).count().max(1);
            let (run, more) = rest.split_at(count);
            out.push(run);
            rest = more;
        }
        out
    }

    /// Lays users' histories out.
    pub(super) fn shard(&self, users: &[u32]) -> Shard {
        self.shard_without(users, None)
    }

    /// The same without some fields.
    pub(super) fn shard_without(&self, users: &[u32], hide: Option<Hide>) -> Shard {
        let mut out = Shard { groups: vec![0], users: vec![0], ..Shard::default() };
        let mut places: HashMap<u32, u32> = HashMap::new();
        let mut order: Vec<usize> = Vec::new();
        for user in users {
            let mut veil = hide.map(|h| Hide { seed: h.seed.derive(&format!("user {user}")), ..h });
            let place = *user as usize;
            let rows = self.folded.listed_of(place);
            let total = rows.len().max(1) as f32;
            if self.shape.switches.fold {
                for group in self.folded.groups_of(place) {
                    order.clear();
                    order.extend(self.folded.behaviours_of(group));
                    self.merchant((place, group), &order, total, (&mut places, &mut veil), &mut out);
                }
            } else if !rows.is_empty() {
                order.clear();
                order.extend(rows);
                order.sort_by_key(|event| self.folded.events.time[*event]);
                self.merchant((place, usize::MAX), &order, total, (&mut places, &mut veil), &mut out);
            }
            out.users.push(out.share.len());
        }
        out
    }

    fn merchant(
        &self,
        (user, group): (usize, usize),
        rows: &[usize],
        total: f32,
        (places, veil): (&mut HashMap<u32, u32>, &mut Option<Hide>),
        out: &mut Shard,
    ) {
        // A pooled remainder has no behaviours to attend to; the aggregates count it.
        if rows.is_empty() || (group != usize::MAX && self.folded.merchants[group] == REST) {
            return;
        }
        let events = &self.folded.events;
        let own = self.shape.switches.deviation;
        let (end, length) = (self.data.ends[user], self.data.length as f32);
        let scaled = |row: usize| (log(events.amount[row]) - self.amounts.0) / self.amounts.1;
        let nameless = veil.as_mut().is_some_and(Hide::draw);
        let veiled: Vec<bool> =
            veil.as_mut().map_or_else(Vec::new, |veil| rows.iter().map(|_| veil.draw()).collect());
        let hidden = |i: usize| veiled.get(i).copied().unwrap_or(false);
        let seen = rows.iter().enumerate().filter(|(i, _)| !hidden(*i)).map(|(_, row)| *row);
        let count = seen.clone().count();
        let mean = seen.map(scaled).sum::<f32>() / count.max(1) as f32;
        let mut stats = Tally::of(mean);
        let mut before = None;
        for (i, row) in rows.iter().enumerate() {
            let time = events.time[*row];
            let at = 1.0 - (end - time) as f32 / length;
            let since = before.map(|t| ((time - t) as f32 / DAY as f32).max(0.0));
            before = Some(time);
            let amount = if hidden(i) {
                out.hidden.behaviours.push((out.wide.len() as u32, scaled(*row), since));
                None
            } else {
                Some(scaled(*row))
            };
            stats.add(at, amount);
            let since = since.filter(|_| amount.is_some());
            self.fields(user, *row, at, amount.map(|a| (a, if own { a - mean } else { 0.0 })), since, out);
            let kind = if nameless { HIDDEN } else { self.kinds[*row] };
            let next = places.len() as u32;
            let local = *places.entry(kind).or_insert_with(|| {
                out.kinds.push(kind);
                next
            });
            out.kind.push(local);
        }
        debug_assert!(
            out.x.len() == out.wide.len() * (FIELDS + self.numbers.len()),
            "every behaviour has every field"
        );
        let older = self.folded.older.get(group).map_or(0.0, |o| o.count as f32);
        out.stats.extend(stats.figures(rows.len() as f32, total, own, older));
        out.groups.push(out.wide.len());
        let kind = out.kind.last().copied().unwrap_or(0);
        out.group_kind.push(kind);
        if let (true, Some(row)) = (nameless, rows.last()) {
            out.hidden
                .merchants
                .push((out.share.len() as u32, self.kind_category[self.kinds[*row] as usize]));
        }
        let category = self.kind_category.get(out.kinds[kind as usize] as usize);
        out.group_category.push(category.copied().unwrap_or(self.shape.categories as u32));
        out.share.push(rows.len() as f32 / total);
    }

    /// The fields of one behaviour: its amount with the deviation from its own merchant, and the days since the one
    /// before, where they are not hidden.
    fn fields(
        &self,
        user: usize,
        row: usize,
        at: f32,
        amount: Option<(f32, f32)>,
        since: Option<f32>,
        out: &mut Shard,
    ) {
        let events = &self.folded.events;
        let time = 2.0 * at - 1.0;
        let sign = match amount {
            None => 0.0,
            Some(_) if events.amount[row] < 0 => -1.0,
            Some(_) => 1.0,
        };
        let (amount, deviation) = amount.unwrap_or_default();
        let deviation = deviation.clamp(-4.0, 4.0);
        let gap = since.map_or(0.0, |days| days.ln_1p() / 3.0);
        let hour = events.time[row].rem_euclid(7 * DAY) / 3_600;
        let ago = (self.data.ends[user] - events.time[row]) as f32 / DAY as f32;
        let recent = (ago.max(0.0) + 1.0).ln() / 3.0;
        let squares = amount * amount * 0.3;
        out.x.extend([amount, squares, sign, time, time * time, recent, gap, deviation, deviation * time]);
        out.x.extend(HOURS[hour as usize]);
        for (column, (mean, spread)) in events.numbers.iter().zip(&self.numbers) {
            let value = (column[row] - mean) / spread;
            out.x.push(if value.is_finite() { value.clamp(-6.0, 6.0) } else { 0.0 });
        }
        out.wide.push([time, deviation]);
    }
}
