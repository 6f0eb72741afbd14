//! The reference's split of prefill and decode: two rates and their minimum, no queue, no transfer.

use super::knots::Knots;
use super::profile::Profile;
use serde::Serialize;

/// Share of prefill throughput that is kept (the reference's constant).
const PREFILL_KEPT: f64 = 0.90;
/// Share of decode throughput that is kept.
const DECODE_KEPT: f64 = 0.92;
/// Factor on the time to first token.
const TTFT_FACTOR: f64 = 1.80;
/// Most prefill and decode instances tried.
const TRIED: [u64; 2] = [32, 64];

/// What to split.
#[derive(Clone, Debug)]
pub struct SplitCase {
    /// Requests per second.
    pub rate: f64,
    /// Objective for the time to first token, milliseconds.
    pub ttft_ms: f64,
    /// Objective for the time per output token, milliseconds.
    pub tpot_ms: f64,
    /// Context, tokens.
    pub context: u32,
    /// Mean prompt, tokens.
    pub prompt: u32,
    /// Mean output, tokens.
    pub output: u32,
    /// GPU that reads prompts.
    pub prefill: Profile,
    /// GPU that writes outputs.
    pub decode: Profile,
}

/// Mean prompt and output of a distribution: each bucket at its upper end, three quarters to one.
#[must_use]
pub fn means(knots: &Knots) -> (u32, u32) {
    let mut before = 0.0;
    let mut mean = 0.0;
    for &(tokens, share) in &knots.0 {
        mean += f64::from(tokens) * (share - before);
        before = share;
    }
    ((mean * 0.75) as u32, (mean * 0.25) as u32)
}

/// One pair of counts. Serialised, the names are the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    /// Prefill instances.
    #[serde(rename = "n_prefill")]
    pub prefill: u64,
    /// Decode instances.
    #[serde(rename = "n_decode")]
    pub decode: u64,
    /// GPUs of both.
    #[serde(rename = "total_gpus")]
    pub gpus: u64,
    /// Requests per second that they sustain.
    #[serde(rename = "system_rate")]
    pub rate: f64,
    /// The same per GPU.
    #[serde(rename = "thru_per_gpu")]
    pub rate_per_gpu: f64,
    /// Time to first token, milliseconds.
    pub ttft_ms: f64,
    /// Time per output token, milliseconds.
    pub tpot_ms: f64,
    /// US dollars an hour.
    #[serde(rename = "cost_per_hr")]
    pub cost_hour: f64,
    /// Whether both objectives are met.
    pub slo_met: bool,
}

/// The cheapest pair that sustains the rate within the objectives, and the front of cost against GPUs; `None` when
/// there is none among 32 by 64.
#[must_use]
pub fn split(case: &SplitCase) -> Option<(Split, Vec<Split>)> {
    let prefill_rate = case.prefill.throughput(case.context, case.prompt, 1);
    let decode_rate = case.decode.throughput(case.context, 1, case.output);
    let iteration_ms = |p: &Profile| p.iteration_s(p.slots(case.context), None) * 1000.0;
    let chunks = f64::from(case.prompt.div_ceil(case.prefill.chunk));
    let ttft_ms = chunks * iteration_ms(&case.prefill) * TTFT_FACTOR;
    let tpot_ms = iteration_ms(&case.decode);
    let slo_met = ttft_ms <= case.ttft_ms && tpot_ms <= case.tpot_ms;
    let mut feasible = Vec::new();
    for (prefill, decode) in (1..=TRIED[0]).flat_map(|p| (1..=TRIED[1]).map(move |d| (p, d))) {
        let (p, d) = (prefill as f64, decode as f64);
        let rate = (prefill_rate * p * PREFILL_KEPT).min(decode_rate * d * DECODE_KEPT);
        let gpus = prefill + decode;
        let cost_hour = p * case.prefill.price + d * case.decode.price;
        let rate_per_gpu = rate / gpus as f64;
        if slo_met && rate >= case.rate {
            feasible.push(Split {
                prefill,
                decode,
                gpus,
                rate,
                rate_per_gpu,
                ttft_ms,
                tpot_ms,
                cost_hour,
                slo_met,
            });
        }
    }
    let best = feasible.iter().min_by(|a, b| a.cost_hour.total_cmp(&b.cost_hour))?.clone();
    let beats = |o: &Split, s: &Split| {
        o.cost_hour <= s.cost_hour && o.gpus <= s.gpus && (o.cost_hour < s.cost_hour || o.gpus < s.gpus)
    };
    let mut front: Vec<Split> =
        feasible.iter().filter(|s| !feasible.iter().any(|o| beats(o, s))).cloned().collect();
    front.sort_by_key(|s| s.gpus);
    Some((best, front))
}
