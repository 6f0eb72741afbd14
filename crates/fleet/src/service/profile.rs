//! One instance as planner and simulators see it.

use super::StepTime;
use crate::Error;
use crate::error::within;
use crate::power::PowerCurve;
use serde::Serialize;
use std::fmt;

/// An instance of a model: its times, its memory, its price and its power.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Profile {
    /// GPU, model and degree, as reports name it.
    pub name: String,
    /// The type of GPU.
    pub gpu: String,
    /// GPUs of the instance (the tensor-parallel degree).
    pub gpus: u32,
    /// The time of an iteration.
    pub step: StepTime,
    /// Tokens that the KV cache of the instance holds, all GPUs together.
    pub kv_tokens: u64,
    /// Most sequences at once (`max_num_seqs`).
    pub sequences: u32,
    /// Prompt tokens of one sequence in one iteration.
    pub chunk: u32,
    /// KV bytes of a token, over all GPUs: what a transfer from prefill to decode moves.
    pub kv_token_bytes: f64,
    /// Price of the instance, millionths of a US dollar an hour.
    pub price_micro_per_hour: i64,
    /// Power of one GPU against the batch.
    pub power: PowerCurve,
    /// The host's own power for the instance, watts.
    pub host_power_w: f64,
    /// Where the times come from.
    pub basis: Basis,
}

/// Where a profile's times come from.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Data sheets and the model's shape; nothing was measured.
    FirstPrinciples,
    /// A fit to measured points.
    Fitted(Fit),
    /// Stated by the user.
    Stated,
}

/// How well a fit does on points that it did not see.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Fit {
    /// The measurements.
    pub source: String,
    /// Measurements that judged it.
    pub points: usize,
    /// What the errors are of, where the profile is not that itself but follows from it.
    pub errors_of: String,
    /// Mean absolute error of the time per output token on held-out points, as a share.
    pub tpot_error: f64,
    /// The same of the time to first token.
    pub ttft_error: f64,
}

impl fmt::Display for Basis {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstPrinciples => to.write_str("from data sheets; nothing was measured"),
            Self::Fitted(fit) => {
                let (source, points, of) = (&fit.source, fit.points, &fit.errors_of);
                let (ttft, tpot) = (fit.ttft_error * 100.0, fit.tpot_error * 100.0);
                write!(
                    to,
                    "fitted to {source}; on {points} held out, {ttft:.0} % off in the time to first token "
                )?;
                write!(to, "and {tpot:.0} % per output token ({of})")
            }
            Self::Stated => to.write_str("stated"),
        }
    }
}

impl Profile {
    /// Sequences that fit at once when each reserves room for `context` tokens.
    #[must_use]
    pub fn reserved_slots(&self, context: u32) -> u32 {
        let fit = self.kv_tokens / u64::from(context.max(1));
        self.sequences.min(u32::try_from(fit).unwrap_or(u32::MAX))
    }

    /// Sequences that fit at once when each takes what it needs: `mean` tokens, with a standard deviation, so that the
    /// sum exceeds memory with the probability of a normal quantile `z`. At least 1 if `mean` fits at all.
    ///
    /// The root of n·mean + z·√n·deviation = memory.
    #[must_use]
    pub fn actual_slots(&self, mean: f64, deviation: f64, z: f64) -> u32 {
        let memory = self.kv_tokens as f64;
        if !(mean > 0.0 && mean <= memory) {
            return 0;
        }
        let b = z * deviation;
        let root = (-b + (b * b + 4.0 * mean * memory).sqrt()) / (2.0 * mean);
        self.sequences.min(((root * root) as u32).max(1))
    }

    /// # Errors
    /// [`Error::Setting`] where a figure is out of range.
    pub fn check(&self) -> Result<(), Error> {
        self.step.check()?;
        within("profile.gpus", f64::from(self.gpus), 1.0, 1024.0, "give 1 to 1,024")?;
        within("profile.sequences", f64::from(self.sequences), 1.0, 1e6, "give 1 to 1,000,000")?;
        within("profile.chunk", f64::from(self.chunk), 1.0, 1e6, "give 1 to 1,000,000 tokens")?;
        within("profile.kv_tokens", self.kv_tokens as f64, 1.0, 1e15, "give at least 1 token")?;
        within("profile.price", self.price_micro_per_hour as f64, 0.0, 1e15, "give at least 0")?;
        Ok(within("profile.host_power_w", self.host_power_w, 0.0, 1e6, "give 0 to 1e6 watts")?)
    }
}
