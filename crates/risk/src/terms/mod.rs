//! From a score to a credit line and escrow terms, by a table that somebody declared.
//!
//! ```yaml
//! asset: EUR
//! rows:                       # the first row whose bound the probability is below
//!   - { below: 0.02, credit_minor: 500000, prefund_percent: 0, hold_days: 1 }
//!   - { below: 0.10, credit_minor: 50000, prefund_percent: 30, hold_days: 7 }
//!   - { credit_minor: 0, prefund_percent: 100, hold_days: 14 }
//! ```
//!
//! Invariant: worse scores never get better terms. What was decided is a record with model, table, row and reasons, in one
//! canonical spelling, so that an audit log can hold it and anybody can decide again. Money is whole minor units.

use crate::error::{Result, RiskError};
use crate::explain::Reason;
use crate::model::Score;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Most rows of a table.
pub const ROWS_MAX: usize = 100;

/// What a payer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Minor units that may be open at one time without being paid before.
    pub credit_minor: u64,
    /// Days for which an escrow holds what was paid.
    pub hold_days: u16,
    /// Share of an escrow that must be paid in before work begins.
    pub prefund_percent: u8,
}

/// One row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The row is for probabilities below this; the last row has none and is for all others.
    pub below: Option<f64>,
    /// As [`Terms::credit_minor`].
    pub credit_minor: u64,
    /// As [`Terms::prefund_percent`].
    pub prefund_percent: u8,
    /// As [`Terms::hold_days`].
    pub hold_days: u16,
}

/// A declared table, best row first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What the minor units are of.
    pub asset: String,
    /// The rows.
    pub rows: Vec<Row>,
}

/// What was decided of one user. Fields stand in alphabetical order, so that the plain serialisation is canonical (RFC 8785
/// orders members so).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// The table's asset.
    pub asset: String,
    /// The digest of the data that the model was made from.
    pub model: String,
    /// Probability of a default in millionths: a record holds no fractions.
    pub probability_ppm: u32,
    /// Why, in words, the weightiest first; none for the best row.
    pub reasons: Vec<String>,
    /// The row of the table, from 1.
    pub row: usize,
    /// The digest of the table.
    pub table: String,
    /// What the user gets.
    pub terms: Terms,
    /// The user.
    pub user: String,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// It cannot be read, or says something of a row that makes no sense.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| RiskError::file(path, e))?;
        let place = path.display().to_string();
        let table: Self =
            serde_saphyr::from_str(&text).map_err(|e| RiskError::mapping(&place, e.to_string()))?;
        table.checked(&place)
    }

    /// Checks that every score has a row, and that worse scores never get better terms.
    ///
    /// # Errors
    /// The row that breaks it.
    pub fn checked(self, place: &str) -> Result<Self> {
        let wrong = |row: usize, problem: &str| {
            Err(RiskError::mapping(format!("{place}, row {}", row + 1), problem.to_owned()))
        };
        if self.rows.is_empty() || self.rows.len() > ROWS_MAX {
            return wrong(
                0,
                "is missing, or there are more than 100 rows; write one row per class of scores",
            );
        }
        let last = self.rows.len() - 1;
        for (i, row) in self.rows.iter().enumerate() {
            if row.prefund_percent > 100 {
                return wrong(i, "prefunds more than 100 percent");
            }
            match row.below {
                None if i < last => return wrong(i, "has no bound; only the last row is for all others"),
                Some(_) if i == last => {
                    return wrong(
                        i,
                        "has a bound, so some scores have no row; leave `below` out of the last row",
                    );
                }
                Some(below) if !(0.0..=1.0).contains(&below) => {
                    return wrong(i, "has a bound outside 0 to 1");
                }
                _ => {}
            }
            let Some(before) = i.checked_sub(1).and_then(|i| self.rows.get(i)) else { continue };
            if row.below.is_some_and(|below| before.below.is_some_and(|b| b >= below)) {
                return wrong(i, "has a bound that is not above that of the row before it");
            }
            let better = row.credit_minor > before.credit_minor
                || row.prefund_percent < before.prefund_percent
                || row.hold_days < before.hold_days;
            if better {
                return wrong(i, "gives better terms than the row before it, which is for better scores");
            }
        }
        Ok(self)
    }

    /// The row of a probability, from 0; one that is no number gets the last row.
    #[must_use]
    pub fn row(&self, probability: f64) -> usize {
        let last = self.rows.len().saturating_sub(1);
        self.rows.iter().position(|row| row.below.is_some_and(|below| probability < below)).unwrap_or(last)
    }

    /// A digest of the table as it is written canonically.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("crc32c:{:08x}", crc32c::crc32c(&serde_json::to_vec(self).unwrap_or_default()))
    }

    /// Decides for one user. `model` names the model; reasons are given to everybody but those of the best row.
    #[must_use]
    pub fn decide(&self, model: &str, score: &Score, reasons: &[Reason]) -> Decision {
        let place = self.row(score.probability);
        let terms = self.rows.get(place).map_or(
            Terms { credit_minor: 0, hold_days: u16::MAX, prefund_percent: 100 },
            |row| Terms {
                credit_minor: row.credit_minor,
                hold_days: row.hold_days,
                prefund_percent: row.prefund_percent,
            },
        );
        let told = if place == 0 { &[] } else { reasons };
        Decision {
            asset: self.asset.clone(),
            model: model.to_owned(),
            probability_ppm: (score.probability.clamp(0.0, 1.0) * 1e6).round() as u32,
            reasons: told.iter().map(|reason| reason.text.clone()).collect(),
            row: place + 1,
            table: self.digest(),
            terms,
            user: score.user.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Table {
        let row = |below, credit_minor, prefund_percent, hold_days| Row {
            below,
            credit_minor,
            prefund_percent,
            hold_days,
        };
        let rows = vec![row(Some(0.02), 500_000, 0, 1), row(Some(0.1), 50_000, 30, 7), row(None, 0, 100, 14)];
        Table { asset: "EUR".into(), rows }
    }

    fn score(probability: f64) -> Score {
        Score { user: "u".into(), probability, points: 0.0 }
    }

    #[test]
    fn a_record_says_all_that_was_decided_in_one_spelling() {
        let reasons = [Reason { text: "the balance is low".into(), raised: 0.4 }];
        let decision = table().checked("t").unwrap().decide("crc32c:1", &score(0.05), &reasons);
        let text = serde_json::to_string(&decision).unwrap();
        let digest = table().digest();
        assert_eq!(
            text,
            format!(
                "{{\"asset\":\"EUR\",\"model\":\"crc32c:1\",\"probability_ppm\":50000,\"reasons\":[\"the balance is low\"],\
\"row\":2,\"table\":\"{digest}\",\"terms\":{{\"credit_minor\":50000,\"hold_days\":7,\"prefund_percent\":30}},\"user\":\"u\"}}"
            )
        );
        assert!(table().decide("m", &score(0.01), &reasons).reasons.is_empty());
        assert_eq!(table().decide("m", &score(f64::NAN), &reasons).row, 3);
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused_with_the_row() {
        let broken = |change: &dyn Fn(&mut Table)| {
            let mut table = table();
            change(&mut table);
            table.checked("t").unwrap_err().to_string()
        };
        assert!(broken(&|t| t.rows[1].credit_minor = 600_000).contains("row 2: gives better terms"));
        assert!(broken(&|t| t.rows[2].below = Some(0.5)).contains("row 3: has a bound"));
        assert!(broken(&|t| t.rows[0].below = None).contains("row 1: has no bound"));
        assert!(broken(&|t| t.rows[1].below = Some(0.01)).contains("row 2: has a bound that is not above"));
        assert!(broken(&|t| t.rows[1].prefund_percent = 101).contains("100 percent"));
        assert!(broken(&|t| t.rows.clear()).contains("missing"));
    }

    proptest! {
        #[test]
        fn worse_scores_never_get_better_terms(a in 0.0f64..1.0, b in 0.0f64..1.0) {
            let (good, bad) = (a.min(b), a.max(b));
            let [good, bad] = [good, bad].map(|p| table().decide("m", &score(p), &[]).terms);
            prop_assert!(good.credit_minor >= bad.credit_minor);
            prop_assert!(good.prefund_percent <= bad.prefund_percent && good.hold_days <= bad.hold_days);
        }
    }
}
