//! What the reference says of a GPU: three profiles with stated constants, and a derivation for the others.
//!
//! The stated constants describe an instance of eight GPUs and bill and weigh it as one: see the parity report.

mod derived;

use crate::Error;
pub use derived::Prefill;
use tollgate_core::OutOfRange;

/// Power against the number of active sequences: a logistic in its base-2 logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Watts with one sequence.
    pub idle_w: f64,
    /// Watts at full batch.
    pub nominal_w: f64,
    /// Steepness per doubling.
    pub steepness: f64,
    /// Base-2 logarithm of the batch half way up.
    pub midpoint: f64,
}

/// A profile of the reference. Times are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The name that the reference prints.
    pub name: String,
    /// Time of an iteration without sequences.
    pub base_s: f64,
    /// Time that each sequence of `context` tokens adds.
    pub per_sequence_s: f64,
    /// Context at which `per_sequence_s` holds, tokens.
    pub context: u32,
    /// Prompt tokens read in one iteration.
    pub chunk: u32,
    /// Tokens of a block of the KV cache.
    pub block: u32,
    /// Blocks of the KV cache.
    pub blocks: u64,
    /// Most sequences at `context`; `None` where memory alone limits.
    pub sequences: Option<u64>,
    /// US dollars an hour.
    pub price: f64,
    /// GPUs of the instance that the constants describe.
    pub gpus: u32,
    /// GPUs that the price and the power curve are of.
    pub billed_gpus: u32,
    /// The power curve, where there is one.
    pub power: Option<Power>,
    /// Arithmetic of a prefill iteration, where it is known.
    pub prefill: Option<Prefill>,
}

impl Profile {
    /// The profile of a name: `a100`, `h100` and `a10g` are stated, other catalogue names derived for a
    /// 70-billion-parameter model in 16 bits on eight GPUs.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] with the names that there are.
    pub fn named(name: &str) -> Result<Self, Error> {
        let key = name.to_ascii_lowercase().replace(['-', ' '], "_");
        match key.as_str() {
            "a100" | "a100_80gb" => Ok(a100()),
            "h100" | "h100_80gb" => Ok(h100()),
            "a10g" => Ok(a10g()),
            other => derived::of_hardware(other).ok_or_else(|| Error::Unknown {
                what: "GPU of the reference",
                name: name.into(),
                known: "a100, h100, a10g, h200, b200, gb200, gb300, l40s, b60".into(),
            }),
        }
    }

    /// Time of an iteration with `active` sequences of mean length `tokens` (the calibration context if `None`).
    #[must_use]
    pub fn iteration_s(&self, active: u64, tokens: Option<f64>) -> f64 {
        let each = match tokens {
            Some(tokens) => self.per_sequence_s * (tokens / f64::from(self.context)),
            None => self.per_sequence_s,
        };
        self.base_s + each * active as f64
    }

    /// Sequences that fit at once when each may grow to `context` tokens.
    #[must_use]
    pub fn slots(&self, context: u32) -> u64 {
        let by_memory = self.blocks / u64::from(context.div_ceil(self.block)).max(1);
        match self.sequences {
            Some(most) => by_memory.min(most * u64::from(self.context) / u64::from(context.max(1))),
            None => by_memory.max(1),
        }
    }

    /// The longest context of which at least one sequence fits; `None` where the reference counts one all the same.
    #[must_use]
    pub fn context_max(&self) -> Option<u64> {
        let by_memory = self.blocks.saturating_mul(self.block.into());
        let by_sequences = |most: u64| most.saturating_mul(self.context.into());
        self.sequences.map(|most| by_memory.min(by_sequences(most)))
    }

    /// Time that a request holds a slot while all slots are taken by requests like it.
    #[must_use]
    pub fn service_s(&self, prompt: u32, output: u32, context: u32) -> f64 {
        let (slots, tokens) = (self.slots(context), f64::from(prompt) + f64::from(output));
        let iteration = self.iteration_s(slots, Some(tokens));
        let chunks = f64::from(prompt.div_ceil(self.chunk));
        match &self.prefill {
            None => (chunks + f64::from(output)) * iteration,
            Some(prefill) => {
                let compute = prefill.chunk_s(f64::from(self.chunk), f64::from(prompt) / 2.0);
                chunks * iteration.max(compute) + f64::from(output) * iteration
            }
        }
    }

    /// Time of the prefill of a prompt that is alone on the GPU.
    #[must_use]
    pub fn prefill_alone_s(&self, prompt: u32) -> f64 {
        f64::from(prompt.div_ceil(self.chunk)) * self.iteration_s(1, None)
    }

    /// Requests per second at full slots.
    #[must_use]
    pub fn throughput(&self, context: u32, prompt: u32, output: u32) -> f64 {
        self.slots(context) as f64 / self.service_s(prompt, output, context)
    }

    /// Watts with `active` sequences.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for a profile without a power curve.
    pub fn power_w(&self, active: u64) -> Result<f64, Error> {
        let curve = self.power.ok_or_else(|| {
            Error::Setting(OutOfRange {
                field: "gpu",
                value: self.name.clone(),
                fix: "name a GPU with a power curve: a100, h100 or a10g",
            })
        })?;
        if active == 0 {
            return Ok(curve.idle_w);
        }
        let way = (active as f64).log2() - curve.midpoint;
        Ok(curve.idle_w + (curve.nominal_w - curve.idle_w) / (1.0 + (-curve.steepness * way).exp()))
    }

    /// The most sequences whose power stays within `watts`, found by halving; at least 1.
    ///
    /// # Errors
    ///
    /// As [`Profile::power_w`].
    pub fn sequences_within(&self, watts: f64) -> Result<u64, Error> {
        self.power_w(1)?;
        let curve = self.power.map_or(watts, |c| watts.min(c.nominal_w).max(c.idle_w));
        let (mut low, mut high) = (1, self.sequences.unwrap_or(1));
        for _ in 0..20 {
            let middle = u64::midpoint(low, high);
            if self.power_w(middle)? <= curve {
                low = middle;
            } else {
                high = middle - 1;
            }
            if low >= high {
                break;
            }
        }
        Ok(low.max(1))
    }

    /// This profile with its slots at `context` forced to `slots`.
    pub(super) fn capped(&self, slots: u64, context: u32) -> Self {
        let most = (slots * u64::from(context)).div_ceil(u64::from(self.context).max(1));
        let blocks = slots * u64::from(context.div_ceil(self.block));
        Self { sequences: Some(most), blocks, ..self.clone() }
    }
}

/// Stated: A100 80 GB, a 70-billion-parameter model. Power: one measured anchor and scaling.
#[must_use]
pub fn a100() -> Profile {
    stated("A100-80GB", 8, [0.0080, 0.00065, 2.21], 512, 65_536, 128, [175.0, 385.0, 1.0, 2.5])
}

/// Stated: H100 80 GB, a 70-billion-parameter model. Power: fitted to measurements.
#[must_use]
pub fn h100() -> Profile {
    stated("H100-80GB", 8, [0.0040, 0.00032, 4.02], 1024, 65_536, 256, [300.0, 600.0, 1.0, 4.2])
}

/// Stated: A10G, a 7-billion-parameter model. Power: a projection.
#[must_use]
pub fn a10g() -> Profile {
    stated("A10G", 1, [0.012, 0.000_90, 1.01], 256, 32_768, 64, [75.0, 120.0, 0.7, 3.0])
}

fn stated(
    name: &str,
    gpus: u32,
    times: [f64; 3],
    chunk: u32,
    blocks: u64,
    most: u64,
    power: [f64; 4],
) -> Profile {
    let [base_s, per_sequence_s, price] = times;
    let [idle_w, nominal_w, steepness, midpoint] = power;
    Profile {
        name: name.into(),
        base_s,
        per_sequence_s,
        context: 8192,
        chunk,
        block: 16,
        blocks,
        sequences: Some(most),
        price,
        gpus,
        billed_gpus: 1,
        power: Some(Power { idle_w, nominal_w, steepness, midpoint }),
        prefill: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_the_published_table() {
        for (context, slots) in
            [(2048, 512), (4096, 256), (8192, 128), (16_384, 64), (32_768, 32), (65_536, 16)]
        {
            assert_eq!([a100(), h100(), a10g()].map(|p| p.slots(context)), [slots, slots, slots / 2]);
        }
    }

    #[test]
    fn beyond_the_longest_context_no_sequence_fits() {
        for profile in [a100(), h100(), a10g()] {
            let longest = profile.context_max().unwrap() as u32;
            assert_eq!([longest, longest + 1].map(|c| profile.slots(c)), [1, 0], "{}", profile.name);
        }
        let derived = Profile::named("h200").unwrap();
        assert_eq!((derived.context_max(), derived.slots(u32::MAX)), (None, 1));
    }

    /// Measured with the reference: watts at the batch of each cap, and the caps of 10, 20 and 30 percent.
    #[test]
    fn power_and_its_inverse_are_the_reference_s() {
        let watts = h100().power_w(128).unwrap();
        assert!((watts - 582.802_747_230_339_4).abs() < 1e-9, "{watts}");
        let caps = [540.0, 480.0, 420.0].map(|w| h100().sequences_within(w).unwrap());
        assert_eq!(caps, [48, 24, 13]);
        assert_eq!(a100().sequences_within(385.0).unwrap(), 127);
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let error = Profile::named("tpu").unwrap_err().to_string();
        assert!(error.contains("h200"), "{error}");
    }
}
