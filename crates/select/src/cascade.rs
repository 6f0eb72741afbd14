//! A cheaper place first, a dearer one when its answer is not good enough.
//!
//! The stages are those of a request's order (models, or pools of models) from the cheapest on. A score says how good an answer
//! is: of a judge, a verifier, or the model's own confidence. What was spent on refused answers is the price of the
//! cascade: with acceptance rates `p₁, p₂, …` stage `i` is reached by a share `Π (1 - p_j)` of the requests (FrugalGPT,
//! Chen, Zaharia and Zou 2023).
//!
//! ```
//! use tollgate_select::cascade::Cascade;
//! let cascade = Cascade { accept: 0.7, max_stages: 2 };
//! assert_eq!(cascade.next(0, 0.9, 3), None); // good enough
//! assert_eq!(cascade.next(0, 0.4, 3), Some(1)); // ask the next one
//! assert_eq!(cascade.next(1, 0.4, 3), None); // as many as may be asked: this answer stands
//! ```

use crate::Error;
use crate::error::within;
use serde::{Deserialize, Serialize};

/// Most stages of a cascade.
pub const MAX_STAGES: u8 = 8;

/// When an answer is accepted.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cascade {
    /// The least score of an answer that is accepted, in [0, 1].
    pub accept: f64,
    /// Stages that one request may use, in 1 to [`MAX_STAGES`].
    pub max_stages: u8,
}

impl Cascade {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        within("cascade.accept", self.accept, 0.0, 1.0, "give 0 to 1")?;
        Ok(within(
            "cascade.max_stages",
            f64::from(self.max_stages),
            1.0,
            f64::from(MAX_STAGES),
            "give 1 to 8",
        )?)
    }

    /// The stage to ask next after `stage` (from 0) answered with `score`, of `stages` in all; none when its answer stands.
    /// A score that is not a number is not good enough.
    #[must_use]
    pub fn next(&self, stage: u8, score: f64, stages: usize) -> Option<u8> {
        let next = stage.checked_add(1)?;
        let may = next < self.max_stages.min(MAX_STAGES) && usize::from(next) < stages;
        let good = score >= self.accept;
        (may && !good).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_at_a_good_answer_or_the_last_stage() {
        let cascade = Cascade { accept: 0.5, max_stages: 3 };
        for (stage, score, stages, next) in [
            (0, 0.5, 3, None),
            (0, 0.499, 3, Some(1)),
            (1, 0.0, 3, Some(2)),
            (2, 0.0, 9, None),
            (0, 0.0, 1, None),
            (0, f64::NAN, 2, Some(1)),
            (u8::MAX, 0.0, 999, None),
        ] {
            assert_eq!(cascade.next(stage, score, stages), next, "{stage} {score} {stages}");
        }
        assert!(cascade.check().is_ok());
        assert!(Cascade { accept: f64::NAN, ..cascade }.check().is_err());
        assert!(Cascade { max_stages: 9, ..cascade }.check().is_err());
    }
}
