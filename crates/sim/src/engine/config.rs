//! What an engine can hold and how long its steps take.

use crate::SimError;
use serde::{Deserialize, Serialize};

/// Largest value accepted for any capacity: 2^24, so that sums of capacities stay far from overflow.
pub const CAPACITY_MAX: u32 = 1 << 24;

/// Capacities and times of one simulated engine.
///
/// A step that computes `p` prompt tokens and one token for each of `n` sequences with `kv` context tokens
/// together lasts
///
/// `step_ns + step_per_seq_ns·n + step_per_kv_token_ps·kv/1000 + (prefill_ns + prefill_per_token_ns·p if p > 0)`.
///
/// All integers: no rounding differs between machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Most sequences that run at once.
    pub max_num_seqs: u32,
    /// Most tokens computed in one step, prompt and output together.
    pub max_batched_tokens: u32,
    /// Most requests that wait for admission; one more is refused.
    pub max_waiting: u32,
    /// Context window: prompt and output tokens together.
    pub max_model_len: u32,
    /// Tokens in one KV block.
    pub block_tokens: u32,
    /// KV blocks of the engine.
    pub kv_blocks: u32,
    /// Whether full blocks are kept and shared by their content.
    pub prefix_cache: bool,
    /// Nanoseconds of every step.
    pub step_ns: u64,
    /// Nanoseconds more for each decoding sequence.
    pub step_per_seq_ns: u64,
    /// Picoseconds more for each context token that the decoding sequences read.
    pub step_per_kv_token_ps: u64,
    /// Nanoseconds more when the step computes any prompt token.
    pub prefill_ns: u64,
    /// Nanoseconds more for each prompt token that no cache held.
    pub prefill_per_token_ns: u64,
}

impl Default for EngineConfig {
    /// About an 8 B model on one accelerator: 20,000 prompt tokens/s, 7 ms a token alone.
    fn default() -> Self {
        Self {
            max_num_seqs: 128,
            max_batched_tokens: 4096,
            max_waiting: 2048,
            max_model_len: 32_768,
            block_tokens: 16,
            kv_blocks: 16_384,
            prefix_cache: true,
            step_ns: 6_900_000,
            step_per_seq_ns: 60_000,
            step_per_kv_token_ps: 40_000,
            prefill_ns: 1_000_000,
            prefill_per_token_ns: 50_000,
        }
    }
}

impl EngineConfig {
    /// Checks that every capacity is usable.
    ///
    /// # Errors
    /// [`SimError::Config`] that names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), SimError> {
        let rows = [
            ("max_num_seqs", self.max_num_seqs),
            ("max_batched_tokens", self.max_batched_tokens),
            ("max_waiting", self.max_waiting),
            ("max_model_len", self.max_model_len),
            ("block_tokens", self.block_tokens),
            ("kv_blocks", self.kv_blocks),
        ];
        for (field, value) in rows {
            if value == 0 || value > CAPACITY_MAX {
                return Err(SimError::config(field, &value, "a number from 1 to 16777216"));
            }
        }
        if self.max_batched_tokens < self.max_num_seqs {
            let fix = "at least max_num_seqs, so that every running sequence gets a token";
            return Err(SimError::config("max_batched_tokens", &self.max_batched_tokens, fix));
        }
        Ok(())
    }

    /// Length of a step in nanoseconds, at least 1 so that the clock always advances.
    #[must_use]
    pub fn step_len_ns(&self, decodes: u32, kv_tokens: u64, prefill_tokens: u32) -> u64 {
        let seqs = self.step_per_seq_ns.saturating_mul(u64::from(decodes));
        let kv = self.step_per_kv_token_ps.saturating_mul(kv_tokens) / 1000;
        let prefill = match prefill_tokens {
            0 => 0,
            n => self.prefill_ns.saturating_add(self.prefill_per_token_ns.saturating_mul(u64::from(n))),
        };
        self.step_ns.saturating_add(seqs).saturating_add(kv).saturating_add(prefill).max(1)
    }

    /// Blocks that hold `tokens` tokens.
    #[must_use]
    pub const fn blocks_for(&self, tokens: u32) -> u32 {
        tokens.div_ceil(self.block_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_field_that_is_wrong() {
        let zero = EngineConfig { kv_blocks: 0, ..EngineConfig::default() };
        assert!(zero.check().unwrap_err().to_string().contains("kv_blocks"));
        let narrow = EngineConfig { max_batched_tokens: 4, ..EngineConfig::default() };
        assert!(narrow.check().unwrap_err().to_string().contains("max_num_seqs"));
        assert!(EngineConfig::default().check().is_ok());
    }

    #[test]
    fn a_step_is_never_free_and_never_overflows() {
        let free =
            EngineConfig { step_ns: 0, step_per_seq_ns: 0, step_per_kv_token_ps: 0, ..Default::default() };
        assert_eq!(free.step_len_ns(3, 9, 0), 1);
        let slow = EngineConfig { step_per_kv_token_ps: u64::MAX, ..Default::default() };
        assert!(slow.step_len_ns(u32::MAX, u64::MAX, u32::MAX) > 0);
    }
}
