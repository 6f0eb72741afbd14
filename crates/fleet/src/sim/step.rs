//! How long one iteration of an engine takes, and what an instance can hold.
//!
//! `t(n, S, P) = base + per_sequence·n + per_context_token·S + per_prefill_token·P` for `n` active sequences that hold
//! `S` tokens of context between them and `P` prompt tokens prefilled in the iteration. `base` is the weights read,
//! `per_context_token` the KV read; with all lengths at `L_c` it is the `W + H·n·L/L_c` of the service model.

use crate::Error;
use crate::error::within;
use serde::{Deserialize, Serialize};

/// The coefficients of an iteration's time, in seconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTime {
    /// Of any iteration: weights read once, launches.
    pub base_s: f64,
    /// For each active sequence: sampling, scheduling.
    #[serde(default)]
    pub per_sequence_s: f64,
    /// For each token of context held by active sequences: the KV cache is read once.
    #[serde(default)]
    pub per_context_token_s: f64,
    /// For each prompt token prefilled in the iteration.
    #[serde(default)]
    pub per_prefill_token_s: f64,
}

impl StepTime {
    /// Every iteration takes the same.
    #[must_use]
    pub const fn constant(base_s: f64) -> Self {
        Self { base_s, per_sequence_s: 0.0, per_context_token_s: 0.0, per_prefill_token_s: 0.0 }
    }

    /// One iteration, in seconds: `sequences` active, `context` tokens held, `prefill` prompt tokens computed.
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
        crate::error::positive("step.base_s + step.per_sequence_s", self.base_s + self.per_sequence_s)
    }
}

/// What an instance takes on at once.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Sequences that run together (`max_num_seqs`).
    pub slots: u32,
    /// Tokens that its KV cache holds.
    pub kv_tokens: u64,
    /// Most tokens, prompt and output, of one sequence; a longer request is refused at the door.
    pub context: u32,
    /// Prompt tokens of one sequence prefilled per iteration.
    pub chunk: u32,
    /// Requests that may wait; the next one is refused.
    #[serde(default = "default_waiting")]
    pub waiting: u32,
    /// A request that has waited longer, in seconds, is dropped when its turn comes.
    #[serde(default = "forever")]
    pub patience_s: f64,
}

/// The default bound of [`Limits::waiting`].
pub const DEFAULT_WAITING: u32 = 10_000;

const fn default_waiting() -> u32 {
    DEFAULT_WAITING
}

const fn forever() -> f64 {
    f64::INFINITY
}

impl Limits {
    /// `slots` sequences that never lack memory, chunks of 1,024, patient.
    #[must_use]
    pub const fn slots(slots: u32) -> Self {
        Self {
            slots,
            kv_tokens: u64::MAX,
            context: u32::MAX,
            chunk: 1024,
            waiting: DEFAULT_WAITING,
            patience_s: f64::INFINITY,
        }
    }

    /// Whether a request of this many tokens can ever run here.
    #[must_use]
    #[inline]
    pub fn takes(&self, total_tokens: u32) -> bool {
        total_tokens <= self.context && u64::from(total_tokens) <= self.kv_tokens
    }

    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        within("limits.slots", f64::from(self.slots), 1.0, f64::from(MAX_SLOTS), "give 1 to 1,000,000")?;
        within("limits.kv_tokens", self.kv_tokens as f64, 1.0, f64::INFINITY, "give at least 1")?;
        within("limits.context", f64::from(self.context), 1.0, f64::INFINITY, "give at least 1")?;
        within("limits.chunk", f64::from(self.chunk), 1.0, f64::INFINITY, "give at least 1")?;
        within("limits.waiting", f64::from(self.waiting), 0.0, 1e8, "give 0 to 1e8")?;
        within("limits.patience_s", self.patience_s, 0.0, f64::INFINITY, "give at least 0, or leave it out")
    }
}

/// Most sequences that one instance runs together.
pub const MAX_SLOTS: u32 = 1_000_000;

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
        assert!(
            (step.seconds(128.0, 1_048_576.0, 512.0) - (0.004 + 0.00128 + 0.041_943_04 + 0.001_024)).abs()
                < 1e-12
        );
        assert!(step.check().is_ok() && StepTime::constant(0.0).check().is_err());
        assert!(StepTime { per_prefill_token_s: f64::NAN, ..step }.check().is_err());
        assert!(
            Limits::slots(0).check().is_err() && Limits { chunk: 0, ..Limits::slots(1) }.check().is_err()
        );
        let small = Limits { kv_tokens: 100, context: 120, ..Limits::slots(1) };
        assert!(small.takes(100) && !small.takes(101) && !Limits { context: 50, ..small }.takes(60));
    }
}
