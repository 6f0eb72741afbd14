//! What an instance can hold.

use crate::Error;
use crate::error::within;
use serde::{Deserialize, Serialize};

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
        Ok(within(
            "limits.patience_s",
            self.patience_s,
            0.0,
            f64::INFINITY,
            "give at least 0, or leave it out",
        )?)
    }
}

/// Most sequences that one instance runs together.
pub const MAX_SLOTS: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_and_what_can_never_run_is_not_taken() {
        assert!(
            Limits::slots(0).check().is_err() && Limits { chunk: 0, ..Limits::slots(1) }.check().is_err()
        );
        assert!(
            Limits { patience_s: f64::NAN, ..Limits::slots(1) }.check().is_err()
                && Limits::slots(9).check().is_ok()
        );
        let small = Limits { kv_tokens: 100, context: 120, ..Limits::slots(1) };
        assert!(small.takes(100) && !small.takes(101) && !Limits { context: 50, ..small }.takes(60));
    }
}
