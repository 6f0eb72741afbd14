//! A few users' histories laid out one after the other, whole or with some fields hidden.

use super::layout::STATS;
use std::ops::Range;
use tollgate_core::Seed;

/// The kind of a merchant that is hidden: no words, no category.
pub(super) const HIDDEN: u32 = u32::MAX;

/// Which fields a shard leaves out, to have them guessed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hide {
    /// Share of behaviours without amount and gap, and of merchants without words and category.
    pub(super) share: f64,
    pub(super) seed: Seed,
}

/// What a shard leaves out.
#[derive(Debug, Clone, Default)]
pub(super) struct Hidden {
    /// Behaviours with their scaled amount, and the days since the one before at the same merchant.
    pub(super) behaviours: Vec<(u32, f32, Option<f32>)>,
    /// Merchants with their category's column.
    pub(super) merchants: Vec<(u32, u32)>,
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
    /// What is left out.
    pub(super) hidden: Hidden,
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
    /// The merchants of each user.
    pub(super) fn people_groups(&self) -> Vec<Range<usize>> {
        self.users.windows(2).map(|ends| ends[0]..ends[1]).collect()
    }
    /// Whether two merchants are of one category.
    pub(super) fn alike(&self, a: usize, b: usize) -> bool {
        self.group_category[a] == self.group_category[b]
    }
}

impl Hide {
    pub(super) fn draw(&mut self) -> bool {
        self.seed = self.seed.next();
        self.seed.unit() < self.share
    }
}

/// What is counted of a merchant's behaviours while they are laid out.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Mean of the amounts that are not hidden.
    mean: f32,
    /// Of each third of the window: behaviours and their sum.
    thirds: [(f32, f32); 3],
    squares: f32,
    known: f32,
    first: Option<f32>,
    last: f32,
}

impl Tally {
    pub(super) fn of(mean: f32) -> Self {
        Self { mean, ..Self::default() }
    }

    pub(super) fn add(&mut self, at: f32, amount: Option<f32>) {
        self.last = 2.0 * at - 1.0;
        self.first.get_or_insert(self.last);
        if let Some(amount) = amount {
            self.known += 1.0;
            self.squares += (amount - self.mean) * (amount - self.mean);
            let third = &mut self.thirds[((at * 3.0) as usize).min(2)];
            *third = (third.0 + 1.0, third.1 + amount);
        }
    }

    pub(super) fn figures(&self, n: f32, total: f32, own: bool, older: f32) -> [f32; STATS] {
        let part = |i: usize| (self.thirds[i].0 > 0.0).then(|| self.thirds[i].1 / self.thirds[i].0);
        let compared = self.thirds[0].0 >= 2.0 && self.thirds[2].0 >= 2.0 && own;
        let drift = if compared { part(2).unwrap_or(0.0) - part(0).unwrap_or(0.0) } else { 0.0 };
        let moved = (self.thirds[2].0 - self.thirds[0].0) / n;
        [
            n.ln() / 3.0,
            n / total,
            self.first.unwrap_or(0.0),
            self.last,
            if own { (self.squares / self.known.max(1.0)).sqrt() } else { 0.0 },
            drift,
            drift.abs() * 2.0,
            f32::from(u8::from(compared)),
            if own { moved } else { 0.0 },
            if own { self.mean } else { 0.0 },
            f32::from(u8::from(n < 2.0)),
            older.ln_1p() / 3.0,
        ]
    }
}
