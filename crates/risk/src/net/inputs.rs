//! Histories as the network reads them: the fields of each behaviour, its kind, and statistics of each merchant.

use super::layout::{FIELDS, STATS, Shape};
use crate::dataset::{DAY, Dataset};
use crate::feature::Lookup;
use crate::fold::{Caps, Folded, REST, capped};
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
    pub(super) kind_category: Vec<u32>,
    kind_texts: Vec<[u32; 2]>,
    words: &'a Lookup,
    shape: Shape,
    /// Mean and deviation of log amounts.
    amounts: (f32, f32),
    numbers: Vec<(f32, f32)>,
}

/// A few users' histories, one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Shard {
    /// Behaviours by fields.
    pub(super) x: Vec<f32>,
    /// Time in −1 … 1 and deviation of each behaviour, for the wide path.
    pub(super) wide: Vec<[f32; 2]>,
    /// Place among `kinds` of each behaviour.
    pub(super) kind: Vec<u32>,
    /// The kinds that occur.
    pub(super) kinds: Vec<u32>,
    /// Where the behaviours of each merchant start; one more than merchants.
    pub(super) groups: Vec<usize>,
    /// Where the merchants of each user start; one more than users.
    pub(super) users: Vec<usize>,
    /// Statistics of merchants.
    pub(super) stats: Vec<f32>,
    /// The kind of each merchant (of its last behaviour).
    pub(super) group_kind: Vec<u32>,
    /// The category column of each merchant.
    pub(super) group_category: Vec<u32>,
    /// Each merchant's share of its user's behaviours.
    pub(super) share: Vec<f32>,
}

impl Shard {
    pub(super) const fn events(&self) -> usize {
        self.wide.len()
    }
    pub(super) const fn merchants(&self) -> usize {
        self.share.len()
    }
    pub(super) const fn people(&self) -> usize {
        self.users.len() - 1
    }
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
        let events = &data.folded.events;
        let rows = || users.iter().flat_map(|u| data.folded.listed_of(*u as usize));
        let moments = |value: &dyn Fn(usize) -> f32| {
            let (mut n, mut sum, mut squares) = (0.0f64, 0.0, 0.0);
            for x in rows().map(value).filter(|x| x.is_finite()) {
                let x = f64::from(x);
                (n, sum, squares) = (n + 1.0, sum + x, squares + x * x);
            }
            let mean = sum / f64::max(n, 1.0);
            (mean as f32, (squares / f64::max(n, 1.0) - mean * mean).max(1e-6).sqrt() as f32)
        };
        Self {
            amounts: moments(&|row| log(events.amount[row])),
            numbers: events.numbers.iter().map(|column| moments(&|row| column[row])).collect(),
        }
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

    /// The words of a kind.
    pub(super) fn words_of(&self, kind: u32) -> impl Iterator<Item = u32> + '_ {
        let texts = if self.shape.switches.names { self.kind_texts[kind as usize] } else { [NO_TEXT; 2] };
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
        let mut out = Shard { groups: vec![0], users: vec![0], ..Shard::default() };
        let mut places: HashMap<u32, u32> = HashMap::new();
        let mut order: Vec<usize> = Vec::new();
        for user in users {
            let place = *user as usize;
            let rows = self.folded.listed_of(place);
            let total = rows.len().max(1) as f32;
            if self.shape.switches.fold {
                for group in self.folded.groups_of(place) {
                    order.clear();
                    order.extend(self.folded.behaviours_of(group));
                    self.merchant(place, group, &order, total, &mut places, &mut out);
                }
            } else if !rows.is_empty() {
                order.clear();
                order.extend(rows);
                order.sort_by_key(|event| self.folded.events.time[*event]);
                self.merchant(place, usize::MAX, &order, total, &mut places, &mut out);
            }
            out.users.push(out.share.len());
        }
        out
    }

    fn merchant(
        &self,
        user: usize,
        group: usize,
        rows: &[usize],
        total: f32,
        places: &mut HashMap<u32, u32>,
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
        let mean = rows.iter().map(|row| scaled(*row)).sum::<f32>() / rows.len() as f32;
        let mut thirds = [(0.0f32, 0.0f32); 3];
        let (mut squares, mut before, mut first, mut last) = (0.0, None, 0.0, 0.0);
        for row in rows {
            let amount = scaled(*row);
            let at = 1.0 - (end - events.time[*row]) as f32 / length;
            let time = 2.0 * at - 1.0;
            let deviation = if own { (amount - mean).clamp(-4.0, 4.0) } else { 0.0 };
            let gap =
                before.map_or(0.0, |t| ((events.time[*row] - t) as f32 / DAY as f32).max(0.0).ln_1p() / 3.0);
            if before.is_none() {
                first = time;
            }
            (before, last) = (Some(events.time[*row]), time);
            squares += (amount - mean) * (amount - mean);
            let third = &mut thirds[((at * 3.0) as usize).min(2)];
            *third = (third.0 + 1.0, third.1 + amount);
            let hour = events.time[*row].rem_euclid(7 * DAY) / 3_600;
            let sign = if events.amount[*row] < 0 { -1.0 } else { 1.0 };
            let recent = (((end - events.time[*row]) as f32 / DAY as f32).max(0.0) + 1.0).ln() / 3.0;
            out.x.extend([
                amount,
                amount * amount * 0.3,
                sign,
                time,
                time * time,
                recent,
                gap,
                deviation,
                deviation * time,
            ]);
            out.x.extend(HOURS[hour as usize]);
            for (column, (mean, spread)) in events.numbers.iter().zip(&self.numbers) {
                let value = (column[*row] - mean) / spread;
                out.x.push(if value.is_finite() { value.clamp(-6.0, 6.0) } else { 0.0 });
            }
            out.wide.push([time, deviation]);
            let kind = self.kinds[*row];
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
        let n = rows.len() as f32;
        let part = |i: usize| (thirds[i].0 > 0.0).then(|| thirds[i].1 / thirds[i].0);
        let compared = thirds[0].0 >= 2.0 && thirds[2].0 >= 2.0 && own;
        let drift = if compared { part(2).unwrap_or(0.0) - part(0).unwrap_or(0.0) } else { 0.0 };
        let moved = (thirds[2].0 - thirds[0].0) / n;
        let older = self.folded.older.get(group).map_or(0.0, |o| o.count as f32);
        let stats: [f32; STATS] = [
            n.ln() / 3.0,
            n / total,
            first,
            last,
            if own { (squares / n).sqrt() } else { 0.0 },
            drift,
            drift.abs() * 2.0,
            f32::from(u8::from(compared)),
            if own { moved } else { 0.0 },
            if own { mean } else { 0.0 },
            f32::from(u8::from(n < 2.0)),
            older.ln_1p() / 3.0,
        ];
        out.stats.extend(stats);
        out.groups.push(out.wide.len());
        let kind = out.kind.last().copied().unwrap_or(0);
        out.group_kind.push(kind);
        out.group_category.push(self.kind_category[out.kinds[kind as usize] as usize]);
        out.share.push(n / total);
    }
}
