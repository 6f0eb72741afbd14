//! How far a distribution has moved from what it was in training.

use crate::dataset::Dataset;
use crate::error::Result;
use crate::feature::{FeatureSpace, Lookup, Matrix};
use crate::shelf::Shelf;
use crate::table::NO_TEXT;
use serde::{Deserialize, Serialize};

/// Bins of a distribution.
const BINS: usize = 10;
/// Least share of a bin: an empty one would make the index infinite.
const SHARE_MIN: f64 = 1e-4;
/// From here on somebody should look, and from there on act (the customary bounds of the index).
const WATCH: f64 = 0.10;
const ACT: f64 = 0.25;

/// How urgent something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing to do.
    Stable,
    /// To be looked at.
    Watch,
    /// To be acted on.
    Act,
}

/// A distribution in bins that are fixed once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// Upper ends of all bins but the last, ascending.
    pub edges: Vec<f64>,
    /// The share of each bin, and last the share of missing values.
    pub shares: Vec<f64>,
}

impl Bins {
    /// Ten bins of about equal counts. A value that a tenth of the users have is a bin of its own: otherwise what falls
    /// below it would still be in its bin, and a feed that went dead would not be seen.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let mut edges: Vec<f64> = Vec::new();
        for bin in 1..BINS {
            let Some(edge) = sorted.get((sorted.len() * bin / BINS).saturating_sub(1)).copied() else {
                continue;
            };
            let first = sorted.partition_point(|v| *v < edge);
            if (sorted.partition_point(|v| *v <= edge) - first) * BINS >= sorted.len() {
                let under = first.checked_sub(1).map(|below| sorted[below].midpoint(edge));
                edges.push(under.unwrap_or(edge - edge.abs().max(1.0) * 1e-6));
            }
            edges.push(edge);
        }
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let mut bins = Self { edges, shares: Vec::new() };
        bins.shares = bins.shares_of(values.iter().copied());
        bins
    }

    /// The shares of other values in the same bins.
    #[must_use]
    pub fn shares_of(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut counts = vec![0.0; self.edges.len() + 2];
        let mut all = 0.0f64;
        for value in values {
            let bin = match value.is_finite() {
                true => self.edges.partition_point(|edge| *edge < value),
                false => self.edges.len() + 1,
            };
            counts[bin] += 1.0;
            all += 1.0;
        }
        counts.iter_mut().for_each(|count| *count /= all.max(1.0));
        counts
    }
}

/// The population stability index of two distributions in the same bins: Σ (now − then) · ln(now / then).
#[must_use]
pub fn psi(then: &[f64], now: &[f64]) -> f64 {
    let part = |(then, now): (&f64, &f64)| {
        if then.max(*now) == 0.0 {
            return 0.0;
        }
        let (then, now) = (then.max(SHARE_MIN), now.max(SHARE_MIN));
        (now - then) * (now / then).ln()
    };
    then.iter().zip(now).map(part).sum()
}

/// How far one distribution moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// Of what.
    pub name: String,
    /// The index.
    pub psi: f64,
    /// What it means.
    pub level: Level,
}

impl Drift {
    /// Compares values with what they were.
    #[must_use]
    pub fn of(name: &str, then: &Bins, now: impl Iterator<Item = f64>) -> Self {
        let psi = psi(&then.shares, &then.shares_of(now));
        let level = match psi {
            x if x > ACT => Level::Act,
            x if x > WATCH => Level::Watch,
            _ => Level::Stable,
        };
        Self { name: name.to_owned(), psi, level }
    }
}

/// Figures of the folds, over all users together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Merchants per user.
    pub merchants: f64,
    /// Payments per merchant and user.
    pub payments: f64,
    /// Share of payments in a category without a column of its own.
    pub other_category: f64,
    /// Share of payments none of whose words the model knows.
    pub unknown_words: f64,
}

impl Shape {
    /// Measures a data set.
    #[must_use]
    pub fn of(data: &Dataset, space: &FeatureSpace) -> Self {
        let mut counts = Counts::default();
        counts.add(data, &space.lookup(&data.names));
        counts.shape(data.users.count)
    }

    /// Names with the figures then (this) and now.
    #[must_use]
    pub fn beside(&self, now: &Self) -> [(&'static str, f64, f64); 4] {
        [
            ("merchants per user", self.merchants, now.merchants),
            ("payments per merchant", self.payments, now.payments),
            ("share of payments in other categories", self.other_category, now.other_category),
            ("share of payments without a known word", self.unknown_words, now.unknown_words),
        ]
    }
}

/// What a [`Shape`] is made of, counted part by part.
#[derive(Default)]
struct Counts {
    groups: u64,
    payments: u64,
    other_category: u64,
    unknown_words: u64,
}

impl Counts {
    fn add(&mut self, data: &Dataset, lookup: &Lookup) {
        let folded = &data.folded;
        for group in 0..folded.merchants.len() {
            let merchant = folded.merchants[group];
            for event in folded.behaviours_of(group) {
                let category = data.category(merchant, event);
                let column = lookup.columns.get(category as usize).copied().unwrap_or(NO_TEXT);
                self.other_category += u64::from(column == NO_TEXT);
                let known = data.texts(merchant, event).iter().any(|text| !lookup.words(*text).is_empty());
                self.unknown_words += u64::from(!known);
            }
        }
        self.groups += folded.merchants.len() as u64;
        self.payments += folded.events.len() as u64;
    }

    fn shape(&self, users: usize) -> Shape {
        let (groups, payments) = (self.groups as f64, self.payments as f64);
        Shape {
            merchants: groups / users.max(1) as f64,
            payments: payments / groups.max(1.0),
            other_category: self.other_category as f64 / payments.max(1.0),
            unknown_words: self.unknown_words as f64 / payments.max(1.0),
        }
    }
}

/// What score, inputs and folds were in training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Scores of users that the model had not seen.
    pub score: Bins,
    /// Features by name, column by column.
    pub inputs: Vec<(String, Bins)>,
    /// The folds.
    pub shape: Shape,
}

impl Reference {
    /// Takes the measure of what a model was made from. `scores` are probabilities of users that it had not seen.
    ///
    /// # Errors
    /// A part cannot be read.
    pub fn of(
        shelf: &mut Shelf<'_>,
        space: &FeatureSpace,
        features: &Matrix,
        users: &[u32],
        scores: &[f64],
    ) -> Result<Self> {
        let column = |(i, name): (usize, &String)| {
            let values: Vec<f64> = features.column(i, users).map(f64::from).collect();
            (name.clone(), Bins::of(&values))
        };
        let (mut counts, lookup) = (Counts::default(), space.lookup(&shelf.about().names));
        shelf.each(&[], |data, _| counts.add(data, &lookup))?;
        Ok(Self {
            score: Bins::of(scores),
            inputs: features.names.iter().enumerate().map(column).collect(),
            shape: counts.shape(shelf.about().users.count),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example is worked by hand: 0.1·ln 1.5 + (−0.1)·ln 0.8 + 0 for shares 0.2, 0.5, 0.3 and 0.3, 0.4, 0.3.
    #[test]
    fn the_index_is_that_of_the_formula() {
        let wanted = 0.1 * 1.5f64.ln() - 0.1 * 0.8f64.ln();
        assert!((psi(&[0.2, 0.5, 0.3], &[0.3, 0.4, 0.3]) - wanted).abs() < 1e-12);
        assert_eq!(psi(&[0.5, 0.5, 0.0], &[0.5, 0.5, 0.0]), 0.0);
        // A bin that was empty counts with the least share.
        let found = psi(&[1.0, 0.0], &[0.9, 0.1]);
        let wanted = -0.1 * 0.9f64.ln() + (0.1 - 1e-4) * (0.1f64 / 1e-4).ln();
        assert!((found - wanted).abs() < 1e-12);
    }

    #[test]
    fn bins_are_tenths_and_missing_values_are_their_own() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let bins = Bins::of(&values);
        assert_eq!(bins.edges, [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]);
        assert!(bins.shares[..10].iter().all(|s| (s - 0.1).abs() < 1e-12) && bins.shares[10] == 0.0);
        assert_eq!(Drift::of("x", &bins, values.iter().copied()).level, Level::Stable);
        let moved = Drift::of("x", &bins, values.iter().map(|v| v + 30.0));
        assert_eq!(moved.level, Level::Act);
        assert!(
            Drift::of("x", &bins, values.iter().map(|v| if *v > 80.0 { f64::NAN } else { *v })).psi > ACT
        );
        assert_eq!(Bins::of(&[3.0; 5]).edges, [3.0 - 3e-6, 3.0]);
        // Nearly everybody has twelve: falling to three is seen as rising to thirteen is.
        let used = [[12.0; 95].as_slice(), &[11.0; 5]].concat();
        let twelve = Bins::of(&used);
        for now in [3.0, 13.0] {
            assert_eq!(Drift::of("used", &twelve, [now; 100].into_iter()).level, Level::Act, "{now}");
        }
        assert_eq!(Drift::of("used", &twelve, used.into_iter()).level, Level::Stable);
        assert_eq!(Bins::of(&[]).shares, [0.0, 0.0]);
    }
}
