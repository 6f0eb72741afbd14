//! Features in words: what raised a user's risk, as a notice to that user must say it.
//!
//! Features that say the same to a person are one cause. A cause's part is the logit of the model that is asked minus the
//! logit of the same row with the cause's features at the middle of the users that were learned from, so only what was
//! really scored can be a reason. At most four are given, and only what raised the risk (the practice under
//! Regulation B, 12 CFR 1002.9).

use super::cause::{Cause, Moved};
use super::variant::{Variant, variants};
use crate::dataset::Dataset;
use crate::feature::{Lookup, Matrix};
use crate::online::Scorer;
use serde::Serialize;

/// Most reasons given.
pub const REASONS_MAX: usize = 4;
/// Least part of a logit that is a reason.
const PART_MIN: f64 = 0.02;
/// Copies of a history that are scored at once: bounds the memory of a reason.
const AT_ONCE: usize = 8;

/// One reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// In words.
    pub text: String,
    /// By how much it raised the logit.
    pub raised: f64,
}

/// A model's causes, found once.
#[derive(Debug)]
pub struct Reasons<'a> {
    scorer: &'a Scorer,
    causes: Vec<(Cause, Vec<usize>)>,
    middle: Vec<f32>,
}

impl<'a> Reasons<'a> {
    /// Groups the model's features.
    #[must_use]
    pub fn new(scorer: &'a Scorer) -> Self {
        let middle = scorer.model().fitted.logistic.scaler.middle();
        Self { scorer, causes: Cause::grouped(scorer.names()), middle }
    }

    /// Up to four reasons for the score of a user, the weightiest first.
    #[must_use]
    pub fn of(&self, data: &Dataset, lookup: &Lookup, user: usize) -> Vec<Reason> {
        let merchants = data.folded.groups_of(user).len();
        let one = variants(data, user, &[Variant::of(vec![true; merchants])], &self.middle);
        let row = self.scorer.features(&one, lookup);
        // The network reads payments beside features: it must see the user as often as there are rows, but not all at once.
        let payments = self.scorer.reads_payments();
        let several =
            |rows: usize| variants(data, user, &vec![Variant::of(vec![true; merchants]); rows], &self.middle);
        let many = payments.then(|| several(AT_ONCE));
        self.of_row(row.row(0), &mut |features| {
            let mut logits = Vec::with_capacity(features.rows);
            for values in features.values.chunks(AT_ONCE * features.width.max(1)) {
                let rows = values.len() / features.width.max(1);
                let part =
                    Matrix { width: features.width, values: values.to_vec(), rows, ..Matrix::default() };
                let fewer = (payments && rows < AT_ONCE).then(|| several(rows));
                let data = fewer.as_ref().or(many.as_ref()).unwrap_or(&one);
                logits.extend(self.scorer.logits_of(data, lookup, &part));
            }
            logits
        })
    }

    fn of_row(&self, row: &[f32], logits: &mut dyn FnMut(&Matrix) -> Vec<f64>) -> Vec<Reason> {
        let mut features = Matrix { width: row.len(), values: row.to_vec(), rows: 1, ..Matrix::default() };
        for (_, columns) in &self.causes {
            let start = features.values.len();
            features.values.extend_from_slice(row);
            for column in columns {
                let middle = self.middle.get(*column).copied().filter(|m| m.is_finite());
                features.values[start + column] = middle.unwrap_or(row[*column]);
            }
            features.rows += 1;
        }
        let found = logits(&features);
        let whole = found.first().copied().unwrap_or(0.0);
        let logistic = &self.scorer.model().fitted.logistic;
        let mut scaled = vec![0.0; row.len()];
        logistic.scaler.apply(row, &mut scaled);
        let mut reasons: Vec<Reason> = self
            .causes
            .iter()
            .zip(found.iter().skip(1))
            .map(|((cause, columns), without)| (cause, columns, whole - without))
            .filter(|(_, _, raised)| *raised > 0.0)
            .filter_map(|(cause, columns, raised)| {
                // Which features of a cause are named, and first, is told by the one model that is a sum.
                let part =
                    |c: &usize| f64::from(scaled[*c]) * logistic.weights.get(*c).copied().unwrap_or(0.0);
                let mut order = columns.clone();
                order.sort_by(|a, b| part(b).total_cmp(&part(a)));
                let moved: Vec<Moved<'_>> = order
                    .iter()
                    .map(|c| Moved { name: self.scorer.names()[*c].as_str(), by: scaled[*c], value: row[*c] })
                    .collect();
                cause.text(&moved).map(|text| Reason { text, raised })
            })
            .collect();
        reasons.sort_by(|a, b| b.raised.total_cmp(&a.raised).then(a.text.cmp(&b.text)));
        // Small parts are no reasons, but who is refused must be told the largest that there is.
        let large = reasons.iter().filter(|reason| reason.raised >= PART_MIN).count();
        reasons.truncate(large.clamp(1, REASONS_MAX));
        reasons
    }
}
