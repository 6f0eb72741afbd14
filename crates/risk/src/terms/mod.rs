//! From a score to a credit line and escrow terms, by a table that somebody declared.
//!
//! ```yaml
//! asset: EUR
//! payments_min: 20            # who has fewer gets the last row; may be left out
//! rows:                       # the first row whose bound the probability is below
//!   - { below: 0.02, credit_minor: 500000, prefund_percent: 0, hold_days: 1 }
//!   - { below: 0.10, credit_minor: 50000, prefund_percent: 30, hold_days: 7 }
//!   - { credit_minor: 0, prefund_percent: 100, hold_days: 14 }
//! ```
//!
//! Invariant: worse scores never get better terms. What was decided is a record with the SHA-256 of model, data and table,
//! with row and reasons, in one canonical spelling, so that an audit log can hold it and anybody can decide again: the row
//! follows from the figures of the record alone ([`Table::row_of`]). Money is whole minor units.

use crate::digest::sha256;
use crate::error::{Result, RiskError};
use crate::explain::{REASONS_MAX, Reason};
use crate::model::{Model, Score};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Most rows of a table.
pub const ROWS_MAX: usize = 100;
/// Millionths of a probability of one.
const MILLION: u32 = 1_000_000;

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
    /// Fewest payments that a score must rest on; who has fewer gets the last row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments_min: Option<u32>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// What was decided of one user. Fields stand in alphabetical order, so that the plain serialisation is canonical (RFC 8785
/// orders members so).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// The table's asset.
    pub asset: String,
    /// The SHA-256 of the data that the model was made from.
    pub data: String,
    /// The SHA-256 of the model's files.
    pub model: String,
    /// Payments that the score rests on.
    pub payments: usize,
    /// Probability of a default in millionths, rounded up: a record holds no fractions. A million where there is no score.
    pub probability_ppm: u32,
    /// Why, in words, the weightiest first; none for the best row.
    pub reasons: Vec<String>,
    /// The row of the table, from 1.
    pub row: usize,
    /// The SHA-256 of the table.
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
                Some(below) if (below * 1e6 - (below * 1e6).round()).abs() > 1e-6 => {
                    return wrong(i, "has a bound finer than a millionth, which no record could show");
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

    /// The row, from 0, of a probability in millionths that rests on so many payments.
    #[must_use]
    pub fn row_of(&self, probability_ppm: u32, payments: usize) -> usize {
        let last = self.rows.len().saturating_sub(1);
        if self.payments_min.is_some_and(|least| payments < least as usize) {
            return last;
        }
        let under = |row: &Row| row.below.is_some_and(|below| probability_ppm < (below * 1e6).round() as u32);
        self.rows.iter().position(under).unwrap_or(last)
    }

    /// The SHA-256 of the table as it is written canonically.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256([serde_json::to_vec(self).unwrap_or_default().as_slice()])
    }

    /// What besides the model's reasons put somebody into a row.
    fn own_reasons(&self, score: &Score, payments: usize) -> Vec<String> {
        let few = self.payments_min.filter(|least| payments < *least as usize);
        let few = few.map(|least| format!("fewer than {least} payments are known"));
        few.into_iter()
            .chain(score.lacks.as_ref().map(|name| format!("the value of {name} is not known")))
            .collect()
    }

    /// Decides for one user by a model's score, which rests on so many payments; reasons are given to everybody but those of the best row.
    #[must_use]
    pub fn decide(&self, model: &Model, score: &Score, payments: usize, reasons: &[Reason]) -> Decision {
        let probability_ppm = ppm(score.probability);
        let place = self.row_of(probability_ppm, payments);
        let terms = self.rows.get(place).map_or(
            Terms { credit_minor: 0, hold_days: u16::MAX, prefund_percent: 100 },
            |row| Terms {
                credit_minor: row.credit_minor,
                hold_days: row.hold_days,
                prefund_percent: row.prefund_percent,
            },
        );
        let mut told = self.own_reasons(score, payments);
        told.extend(reasons.iter().map(|reason| reason.text.clone()));
        if told.is_empty() {
            told.push("the whole of the payments; no part of them stands out".into());
        }
        if place == 0 {
            told.clear();
        }
        told.truncate(REASONS_MAX);
        Decision {
            asset: self.asset.clone(),
            data: model.card.made_from.digest.clone(),
            model: model.digest.clone(),
            payments,
            probability_ppm,
            reasons: told,
            row: place + 1,
            table: self.digest(),
            terms,
            user: score.user.clone(),
        }
    }
}

/// A probability in millionths, rounded up so that nobody gains by the rounding; a million where it is no number.
fn ppm(probability: f64) -> u32 {
    if probability.is_nan() { MILLION } else { (probability.clamp(0.0, 1.0) * 1e6).ceil() as u32 }
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
        Table { asset: "EUR".into(), payments_min: None, rows }
    }

    fn score(probability: f64) -> Score {
        Score { user: "u".into(), probability, points: 0.0, lacks: None }
    }

    fn model() -> Model {
        let mut model = Model { digest: "sha256:1".into(), ..Model::default() };
        model.card.made_from.digest = "sha256:2".into();
        model
    }

    #[test]
    fn a_record_says_all_that_was_decided_in_one_spelling() {
        let reasons = [Reason { text: "the balance is low".into(), raised: 0.4 }];
        let decision = table().checked("t").unwrap().decide(&model(), &score(0.05), 7, &reasons);
        let text = serde_json::to_string(&decision).unwrap();
        let digest = table().digest();
        assert_eq!(
            text,
            format!(
                "{{\"asset\":\"EUR\",\"data\":\"sha256:2\",\"model\":\"sha256:1\",\"payments\":7,\"probability_ppm\":50000,\"reasons\":[\"the balance is low\"],\
\"row\":2,\"table\":\"{digest}\",\"terms\":{{\"credit_minor\":50000,\"hold_days\":7,\"prefund_percent\":30}},\"user\":\"u\"}}"
            )
        );
        assert!(table().decide(&model(), &score(0.01), 7, &reasons).reasons.is_empty());
        let none = table().decide(&model(), &score(f64::NAN), 7, &[]);
        assert_eq!((none.row, none.probability_ppm, none.reasons.len()), (3, 1_000_000, 1));
    }

    /// Nobody gets good terms for a score that rests on nothing.
    #[test]
    fn few_payments_and_missing_numbers_get_the_last_row() {
        let table = Table { payments_min: Some(8), ..table() };
        let decision = table.decide(&model(), &score(0.01), 7, &[]);
        assert_eq!((decision.row, decision.payments), (3, 7));
        assert_eq!(decision.reasons, ["fewer than 8 payments are known"]);
        assert_eq!(table.decide(&model(), &score(0.01), 8, &[]).row, 1);
        let lacking = Score { lacks: Some("income".into()), ..score(f64::NAN) };
        let decision = table.decide(&model(), &lacking, 8, &[]);
        assert_eq!(
            (decision.row, decision.reasons.as_slice()),
            (3, &["the value of income is not known".into()][..])
        );
    }

    /// Two tables, and two models, of one digest would let a record stand for either.
    #[test]
    fn digests_are_sha256() {
        let lax = Table { asset: "USD".into(), ..table() };
        assert!(table().digest() != lax.digest() && table().digest().len() == "sha256:".len() + 64);
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
        assert!(broken(&|t| t.rows[1].below = Some(0.020_000_05)).contains("finer than a millionth"));
        assert!(broken(&|t| t.rows[1].prefund_percent = 101).contains("100 percent"));
        assert!(broken(&|t| t.rows.clear()).contains("missing"));
    }

    #[test]
    fn a_score_just_below_a_bound_is_decided_as_its_record_says() {
        let decision = table().decide(&model(), &score(0.019_999_96), 7, &[]);
        assert_eq!((decision.probability_ppm, decision.row), (20_000, 2));
    }

    proptest! {
        /// Anybody can decide again from the record and the table.
        #[test]
        fn the_record_leads_to_its_row(p in 0.0f64..0.2, payments in 0usize..20) {
            let table = Table { payments_min: Some(10), ..table() };
            let decision = table.decide(&model(), &score(p), payments, &[]);
            prop_assert_eq!(table.row_of(decision.probability_ppm, decision.payments) + 1, decision.row);
        }

        #[test]
        fn worse_scores_never_get_better_terms(a in 0.0f64..1.0, b in 0.0f64..1.0) {
            let (good, bad) = (a.min(b), a.max(b));
            let [good, bad] = [good, bad].map(|p| table().decide(&model(), &score(p), 7, &[]).terms);
            prop_assert!(good.credit_minor >= bad.credit_minor);
            prop_assert!(good.prefund_percent <= bad.prefund_percent && good.hold_days <= bad.hold_days);
        }
    }
}
