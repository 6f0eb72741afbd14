//! How good the scores of one period's decisions turned out to be.

use super::Judged;
use crate::dataset::{DAY, Dataset};
use crate::evaluate::{auc, ece, ks};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bins of a period's calibration.
const BINS: usize = 5;

/// One period of decisions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Vintage {
    /// Its first day.
    pub name: String,
    /// Users with an outcome.
    pub users: usize,
    /// Of them, defaults.
    pub defaults: usize,
    /// Area under the ROC curve; one half where one outcome does not occur.
    pub auc: f64,
    /// Kolmogorov-Smirnov distance.
    pub ks: f64,
    /// Mean probability.
    pub expected: f64,
    /// Share of defaults.
    pub observed: f64,
    /// Expected calibration error over five bins of equal counts.
    pub ece: f64,
}

/// Periods of so many days by the moment of the decision, in order, of the users who are judged.
#[must_use]
pub fn vintages(data: &Dataset, scores: &[f64], days: u32, judged: &Judged) -> Vec<Vintage> {
    let length = i64::from(days.max(1)) * DAY;
    let mut periods: BTreeMap<i64, (Vec<f64>, Vec<bool>)> = BTreeMap::new();
    for (user, label) in data.users.labels.iter().enumerate() {
        let score =
            scores.get(user).filter(|score| score.is_finite() && judged.users.get(user) == Some(&true));
        if let (Some(label), Some(end), Some(score)) = (label, data.ends.get(user), score) {
            let (scores, labels) = periods.entry(end.div_euclid(length)).or_default();
            scores.push(*score);
            labels.push(*label);
        }
    }
    let of = |(period, (scores, labels)): (i64, (Vec<f64>, Vec<bool>))| {
        let n = labels.len().max(1) as f64;
        let defaults = labels.iter().filter(|l| **l).count();
        Vintage {
            name: day(period * length),
            users: labels.len(),
            defaults,
            auc: auc(&scores, &labels).unwrap_or(0.5),
            ks: ks(&scores, &labels),
            expected: scores.iter().sum::<f64>() / n,
            observed: defaults as f64 / n,
            ece: ece(&scores, &labels, BINS),
        }
    };
    periods.into_iter().map(of).collect()
}

fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |t| t.to_zoned(TimeZone::UTC).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Users;

    #[test]
    fn periods_are_judged_each_for_itself() {
        let data = Dataset {
            users: Users {
                count: 6,
                labels: vec![Some(true), Some(false), None, Some(true), Some(false), Some(false)],
                ..Users::default()
            },
            ends: [1, 2, 3, 31, 32, 33].map(|d| d * DAY).to_vec(),
            ..Dataset::default()
        };
        let all = Judged { users: vec![true; 6], ..Judged::default() };
        let found = vintages(&data, &[0.9, 0.1, 0.5, 0.2, 0.6, 0.7], 30, &all);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].users, found[0].auc), ("1970-01-01", 2, 1.0));
        assert_eq!((found[1].name.as_str(), found[1].defaults, found[1].auc), ("1970-01-31", 1, 0.0));
        assert!((found[1].expected - 0.5).abs() < 1e-12);
        let some = Judged { users: vec![false, true, true, false, true, true], ..Judged::default() };
        let found = vintages(&data, &[0.9, 0.1, 0.5, 0.2, 0.6, f64::NAN], 30, &some);
        assert_eq!(
            [found[0].users, found[1].users],
            [1, 1],
            "who was learned from or has no score is left out"
        );
    }
}
