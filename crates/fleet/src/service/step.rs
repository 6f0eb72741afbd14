//! The time of one iteration of an engine, linear in what is active.

use crate::Error;
use crate::error::{positive, within};
use serde::{Deserialize, Serialize};

/// The coefficients of an iteration's time, in seconds: `t = base + per_sequence·n + per_context_token·S +
/// per_prefill_token·P` for `n` active sequences that hold `S` tokens between them while `P` prompt tokens are read.
///
/// With all lengths at `L` it is the `W + H·n·L/L_c` of the service model.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTime {
    /// Of any iteration: weights read once, launches.
    pub base_s: f64,
    /// For each active sequence: arithmetic, exchange between GPUs, sampling.
    #[serde(default)]
    pub per_sequence_s: f64,
    /// For each token of context held by active sequences: the KV cache is read once.
    #[serde(default)]
    pub per_context_token_s: f64,
    /// For each prompt token read in the iteration.
    #[serde(default)]
    pub per_prefill_token_s: f64,
}

impl StepTime {
    /// Every iteration takes the same.
    #[must_use]
    pub const fn constant(base_s: f64) -> Self {
        Self { base_s, per_sequence_s: 0.0, per_context_token_s: 0.0, per_prefill_token_s: 0.0 }
    }

    /// One iteration, in seconds: `sequences` active, `context` tokens held, `prefill` prompt tokens read.
    #[must_use]
    #[inline]
    pub fn seconds(&self, sequences: f64, context: f64, prefill: f64) -> f64 {
        self.base_s
            + self.per_sequence_s * sequences
            + self.per_context_token_s * context
            + self.per_prefill_token_s * prefill
    }

    /// # Errors
    /// [`Error::Setting`] where a coefficient is negative or not finite, or a step would take no time at all.
    pub fn check(&self) -> Result<(), Error> {
        let fields = [
            ("step.base_s", self.base_s),
            ("step.per_sequence_s", self.per_sequence_s),
            ("step.per_context_token_s", self.per_context_token_s),
            ("step.per_prefill_token_s", self.per_prefill_token_s),
        ];
        for (field, value) in fields {
            within(field, value, 0.0, 1e6, "give 0 to 1e6 seconds")?;
        }
        Ok(positive("step.base_s + step.per_sequence_s", self.base_s + self.per_sequence_s)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_adds_its_parts_and_nonsense_is_refused() {
        let step = StepTime {
            base_s: 0.004,
            per_sequence_s: 1e-5,
            per_context_token_s: 4e-8,
            per_prefill_token_s: 2e-6,
        };
        let sum = 0.004 + 0.00128 + 0.041_943_04 + 0.001_024;
        assert!((step.seconds(128.0, 1_048_576.0, 512.0) - sum).abs() < 1e-12);
        assert!(step.check().is_ok() && StepTime::constant(0.0).check().is_err());
        assert!(StepTime { per_prefill_token_s: f64::NAN, ..step }.check().is_err());
    }
}
