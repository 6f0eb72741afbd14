//! The token-step engine: continuous batching, iteration by iteration, as vLLM's scheduler has it.
//!
//! Each iteration has a budget of tokens. Running sequences take theirs first, in the order of their admission: one token each, or
//! a chunk of what is left of the prompt. When memory is short, the sequence admitted last gives its blocks back and
//! starts over (preemption by recomputation). What is left of the budget goes to those who wait, first come first served, as
//! long as their blocks fit; none is admitted in an iteration that preempted. A prefix cache keeps the blocks of ended
//! prompts until their room is needed.
//!
//! Between changes (arrival, end of a prefill, end of a sequence, memory running out) every running sequence gains a token per
//! iteration and nothing else happens: such runs of iterations are jumped in one go ([`Engine::run_until`]), exactly.
//!
//! ```
//! use tollgate_fleet::sim::engine::{Engine, EngineSpec, EngineTime};
//! use tollgate_fleet::workload::Request;
//! let time = EngineTime { base_s: 0.01, ..EngineTime::default() };
//! let mut engine = Engine::new(EngineSpec { max_sequences: 8, ..EngineSpec::new(time, 1_000) })?;
//! engine.push(&Request { prompt_tokens: 100, output_tokens: 50, ..Request::default() });
//! let mut ended = Vec::new();
//! engine.run_until(f64::INFINITY, &mut ended);
//! assert!((ended[0].last_s - 0.50).abs() < 1e-9); // the prefill's iteration gives the first of 50 tokens
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

mod jump;
mod kv;
mod schedule;
mod sequence;
mod transfer;

pub use schedule::Engine;
pub use transfer::{Disaggregated, Link, MAX_ENGINES, MAX_REQUESTS, Split};

use crate::Error;
use crate::error::{positive, within};
use crate::service::StepTime;
use serde::{Deserialize, Serialize};

/// How long an iteration takes, in seconds.
///
/// `t = base + per_sequence·n + per_context_token·S + per_token·max(0, T - free_tokens) + per_pair·Q` with `n` sequences,
/// `S` tokens of context read, `T` tokens computed, and `Q` pairs of a prompt token with one before it (the quadratic part of
/// attention). Up to `free_tokens` the arithmetic hides behind the reading of the weights, as in a roofline.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineTime {
    /// Of any iteration.
    pub base_s: f64,
    /// For each sequence in it.
    pub per_sequence_s: f64,
    /// For each token of context read by decoding sequences.
    pub per_context_token_s: f64,
    /// For each token computed beyond `free_tokens`.
    pub per_token_s: f64,
    /// Tokens that cost nothing beyond `base_s`.
    pub free_tokens: f64,
    /// For each pair of a prompt token and a token before it.
    pub per_pair_s: f64,
}

impl EngineTime {
    /// The times of the request-level model, so that both can be compared.
    #[must_use]
    pub fn of_step(step: &StepTime) -> Self {
        Self {
            base_s: step.base_s,
            per_sequence_s: step.per_sequence_s,
            per_context_token_s: step.per_context_token_s,
            per_token_s: step.per_prefill_token_s,
            ..Self::default()
        }
    }

    /// What the request-level model makes of these times. It has no term for pairs: a prompt token gets those with half of
    /// `context` tokens, what stands before it on average in a prompt of that length, so that longer prompts take longer
    /// than it says. Nor has it one for tokens that cost nothing: all are charged, which is on the safe side.
    #[must_use]
    pub fn step(&self, context: u32) -> StepTime {
        StepTime {
            base_s: self.base_s,
            per_sequence_s: self.per_sequence_s,
            per_context_token_s: self.per_context_token_s,
            per_prefill_token_s: self.per_token_s + self.per_pair_s * f64::from(context) / 2.0,
        }
    }

    /// # Errors
    /// [`Error::Setting`] where a coefficient is negative or not finite, or an iteration would take no time.
    pub fn check(&self) -> Result<(), Error> {
        for (field, value) in [
            ("engine.base_s", self.base_s),
            ("engine.per_sequence_s", self.per_sequence_s),
            ("engine.per_context_token_s", self.per_context_token_s),
            ("engine.per_token_s", self.per_token_s),
            ("engine.free_tokens", self.free_tokens),
            ("engine.per_pair_s", self.per_pair_s),
        ] {
            within(field, value, 0.0, 1e9, "give 0 to 1e9")?;
        }
        Ok(positive("engine.base_s + engine.per_sequence_s", self.base_s + self.per_sequence_s)?)
    }
}

/// What an engine is told at its start.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSpec {
    /// How long an iteration takes.
    pub time: EngineTime,
    /// Sequences that run together (`max_num_seqs`).
    pub max_sequences: u32,
    /// Tokens of one iteration (`max_num_batched_tokens`).
    pub max_batched_tokens: u32,
    /// Most tokens, prompt and output, of one sequence (`max_model_len`); a longer request is refused.
    pub context: u32,
    /// Blocks of the KV cache.
    pub blocks: u64,
    /// Tokens of a block.
    pub block_tokens: u32,
    /// Tokens for which a request's prefix has one hash, a multiple of `block_tokens`; 0 turns the prefix cache off.
    pub hash_tokens: u32,
}

impl EngineSpec {
    /// vLLM's defaults: 256 sequences, 2,048 tokens an iteration, blocks of 16, no prefix cache.
    #[must_use]
    pub const fn new(time: EngineTime, blocks: u64) -> Self {
        Self {
            time,
            max_sequences: 256,
            max_batched_tokens: 2048,
            context: u32::MAX,
            blocks,
            block_tokens: 16,
            hash_tokens: 0,
        }
    }

    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        self.time.check()?;
        let sequences = f64::from(self.max_sequences);
        within("engine.max_sequences", sequences, 1.0, f64::from(super::MAX_SLOTS), "give 1 to 1,000,000")?;
        // Every running sequence needs its token in every iteration.
        let budget = f64::from(self.max_batched_tokens);
        within("engine.max_batched_tokens", budget, sequences, 1e9, "give max_sequences to 1e9")?;
        within("engine.context", f64::from(self.context), 2.0, f64::INFINITY, "give at least 2")?;
        within("engine.blocks", self.blocks as f64, 1.0, 1e12, "give 1 to 1e12")?;
        within("engine.block_tokens", f64::from(self.block_tokens), 1.0, 65_536.0, "give 1 to 65,536")?;
        let rest = f64::from(self.hash_tokens % self.block_tokens);
        Ok(within(
            "engine.hash_tokens % block_tokens",
            rest,
            0.0,
            0.0,
            "give a multiple of block_tokens, or 0",
        )?)
    }
}

/// A request that ended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Served {
    /// Its place in the order of pushes, from 0.
    pub index: u64,
    /// Prompt tokens.
    pub prompt_tokens: u32,
    /// Output tokens.
    pub output_tokens: u32,
    /// Its class.
    pub class: u16,
    /// When it arrived.
    pub arrival_s: f64,
    /// When the scheduler first saw it: the boundary of an iteration.
    pub queued_s: f64,
    /// When it was first scheduled.
    pub scheduled_s: f64,
    /// When its first token was there.
    pub first_s: f64,
    /// When its last token was there.
    pub last_s: f64,
    /// Prompt tokens that its first admission did not compute: found in the prefix cache, or cached wherever it goes.
    pub cached_tokens: u32,
    /// How often it had to start over.
    pub preemptions: u32,
}

impl Served {
    /// Seconds per output token after the first; none for a single token.
    #[must_use]
    pub fn tpot_s(&self) -> Option<f64> {
        (self.output_tokens > 1).then(|| (self.last_s - self.first_s) / f64::from(self.output_tokens - 1))
    }
}

#[cfg(test)]
mod tests;
