//! One user's history as features see it.

use crate::dataset::Dataset;
use crate::table::NO_TEXT;
use std::ops::Range;

/// One behaviour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Place in the window: 0 is its start, 1 the decision.
    pub(crate) at: f32,
    /// Seconds.
    pub(crate) time: i64,
    /// Natural logarithm of the amount in minor units, at least of one.
    pub(crate) log: f32,
    /// Minor units.
    pub(crate) amount: i64,
    /// Column of the category among features, or [`NO_TEXT`].
    pub(crate) category: u32,
    /// Place among the data set's events.
    pub(crate) event: usize,
}

/// A user's behaviours by merchant.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) seen: Vec<Seen>,
    /// The merchant and its behaviours in `seen`.
    pub(crate) groups: Vec<(u32, Range<usize>)>,
}

impl View {
    /// Reads a user; `columns` gives the column of each category.
    pub(crate) fn fill(&mut self, data: &Dataset, user: usize, columns: &[u32]) {
        self.seen.clear();
        self.groups.clear();
        let (end, length) = (data.ends[user], data.length as f64);
        for group in data.folded.groups_of(user) {
            let start = self.seen.len();
            let merchant = data.folded.merchants[group];
            for event in data.folded.behaviours_of(group) {
                let (time, amount) = (data.folded.events.time[event], data.folded.events.amount[event]);
                self.seen.push(Seen {
                    at: (1.0 - (end - time) as f64 / length) as f32,
                    time,
                    log: (amount.unsigned_abs().max(1) as f64).ln() as f32,
                    amount,
                    category: columns
                        .get(data.category(merchant, event) as usize)
                        .copied()
                        .unwrap_or(NO_TEXT),
                    event,
                });
            }
            self.groups.push((merchant, start..self.seen.len()));
        }
    }
}

/// Mean and standard deviation, summed once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    sum: f64,
    squares: f64,
    pub(crate) most: f64,
    pub(crate) least: f64,
}

impl Moments {
    pub(crate) fn add(&mut self, x: f64) {
        let new = self.count == 0.0;
        self.most = if new { x } else { self.most.max(x) };
        self.least = if new { x } else { self.least.min(x) };
        self.count += 1.0;
        self.sum += x;
        self.squares += x * x;
    }

    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    pub(crate) fn mean_or(&self, otherwise: f64) -> f64 {
        self.mean().unwrap_or(otherwise)
    }

    pub(crate) fn deviation(&self) -> f64 {
        self.mean().map_or(0.0, |mean| (self.squares / self.count - mean * mean).max(0.0).sqrt())
    }
}
