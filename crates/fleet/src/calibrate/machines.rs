//! Learned serving points as the coefficients of an iteration, for planner and simulators.
//!
//! [`Learned`] predicts times of a configuration at a concurrency; plans need the time of an iteration. At concurrency
//! `n` with prompts of `i` and outputs of `o` tokens, each output token takes one iteration of `n` sequences of mean
//! length `i + o/2`, into which `n/o` prompts are read on average; a prompt alone takes its chunks and its own
//! arithmetic. Both are linear in the coefficients, so they follow by least squares of relative errors, none below 0.

use super::linalg::Square;
use super::silicon::{Learned, model_name, weights};
use crate::Error;
use crate::catalogue::{Catalogue, Dtype};
use crate::service::StepTime;
use crate::trace::SiliconPoint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fewest points of a machine: fewer say nothing of its own.
pub const POINTS_MIN: usize = 4;
/// Prompt tokens of an iteration, as [`crate::service::Serving`] has them.
const CHUNK: f64 = 2048.0;
/// Lengths of prompts at which a machine is looked at.
const PROMPTS: usize = 4;
/// Coefficients: base, per sequence, per token of context, per prompt token.
const UNKNOWN: usize = 4;
/// The shortest iteration.
const BASE_MIN_S: f64 = 1e-6;
/// What keeps the system solvable where two coefficients cannot be told apart, against its diagonal.
const RIDGE: f64 = 1e-9;

/// Times of one model on one type of instance with one engine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The GPU, by its name in the catalogue.
    pub gpu: String,
    /// The model, by its name in the catalogue.
    pub model: String,
    /// How weights are stored.
    pub weights: Dtype,
    /// GPUs of an instance.
    pub tensor_parallel: u32,
    /// The engine.
    pub backend: String,
    /// The time of an iteration.
    pub step: StepTime,
    /// Measured points of exactly this.
    pub points: usize,
    /// Mean distance of the line from what was learned, as a share: time per output token.
    pub tpot_off: f64,
    /// The same of the time to read a prompt alone.
    pub ttft_off: f64,
}

impl Machine {
    /// Whether a point is of this model with these weights.
    #[must_use]
    pub fn is_of(&self, point: &SiliconPoint) -> bool {
        self.weights == weights(point) && self.model == model_name(&point.model)
    }
}

/// The machines that at least [`POINTS_MIN`] of the points are of: one pool, tensor parallelism alone.
///
/// # Errors
/// [`Error::Empty`] where there is none; [`Error::Unknown`] for a model or GPU that the catalogue lacks.
pub fn machines(
    catalogue: &Catalogue,
    learned: &Learned,
    points: &[SiliconPoint],
) -> Result<Vec<Machine>, Error> {
    let mut groups: BTreeMap<(String, String, String, u32, String), Vec<&SiliconPoint>> = BTreeMap::new();
    for point in points {
        let plain =
            point.pipeline_parallel <= 1 && point.attention_data_parallel <= 1 && point.mode != "disagg";
        if plain {
            let gpu = catalogue.gpu(&point.system)?.name.clone();
            let model = catalogue.model(&model_name(&point.model))?.name.clone();
            let key = (gpu, model, point.weight_type.clone(), point.tensor_parallel, point.backend.clone());
            groups.entry(key).or_default().push(point);
        }
    }
    let mut found = Vec::new();
    for ((gpu, model, _, tensor_parallel, backend), members) in groups {
        let Some(first) = members.first().filter(|_| members.len() >= POINTS_MIN) else { continue };
        let rows = Rows::of(learned, &members)?;
        let step = rows.step();
        found.push(Machine {
            gpu,
            model,
            weights: weights(first),
            tensor_parallel,
            backend,
            step,
            points: members.len(),
            tpot_off: off(&rows.tpot, &step),
            ttft_off: off(&rows.ttft, &step),
        });
    }
    if found.is_empty() {
        return Err(Error::Empty {
            what: "the list of machines",
            fix: "give at least four points of one model, GPU, degree and engine, served by one pool",
        });
    }
    Ok(found)
}

/// By how much each coefficient counts, and the seconds that come of it.
type Row = ([f64; UNKNOWN], f64);

struct Rows {
    tpot: Vec<Row>,
    ttft: Vec<Row>,
}

impl Rows {
    /// What was learned of a machine, over the batches and lengths that it was measured at.
    fn of(learned: &Learned, members: &[&SiliconPoint]) -> Result<Self, Error> {
        let ends = |of: fn(&SiliconPoint) -> u32| {
            let values = members.iter().map(|point| of(point).max(1));
            values.fold((u32::MAX, 1), |(low, high), value| (low.min(value), high.max(value)))
        };
        let (fewest, most) = ends(|point| point.concurrency);
        let (shortest, longest) = ends(|point| point.prompt_tokens);
        let mut outputs: Vec<u32> = members.iter().map(|point| point.output_tokens.max(1)).collect();
        outputs.sort_unstable();
        let output = outputs[outputs.len() / 2];
        let prompt = |at: usize| {
            let way = at as f64 / (PROMPTS - 1) as f64;
            (f64::from(shortest) * (f64::from(longest) / f64::from(shortest)).powf(way)).round() as u32
        };
        let mut rows = Self { tpot: Vec::new(), ttft: Vec::new() };
        for prompt_tokens in (0..PROMPTS).map(prompt) {
            let at = |concurrency: u32| {
                let asked =
                    SiliconPoint { concurrency, prompt_tokens, output_tokens: output, ..members[0].clone() };
                learned.predict_ms(&asked)
            };
            let (n, i, o) = (f64::from(fewest), f64::from(prompt_tokens), f64::from(output));
            let chunks = (i / CHUNK).ceil();
            // Those beside it take their turns before it: without them it is the prompt's own time.
            let alone = at(fewest)?.0 / (1.0 + QUEUED_SHARE * (n - 1.0));
            rows.ttft.push(([chunks, chunks, chunks * i / 2.0, i], alone / 1e3));
            let mut batch = fewest;
            while batch <= most {
                let n = f64::from(batch);
                rows.tpot.push(([1.0, n, n * (i + o / 2.0), n * i / o], at(batch)?.1 / 1e3));
                batch = batch.saturating_mul(2);
            }
        }
        Ok(rows)
    }

    /// Least squares of relative errors, no coefficient below 0: the best over the choices of which are above it.
    fn step(&self) -> StepTime {
        let rows: Vec<Row> = self
            .tpot
            .iter()
            .chain(&self.ttft)
            .map(|(row, seconds)| (row.map(|x| x / seconds), 1.0))
            .collect();
        let mut best = (f64::INFINITY, [BASE_MIN_S, 0.0, 0.0, 0.0]);
        // The base is always among them: an iteration takes time.
        for rest in 0..1u32 << (UNKNOWN - 1) {
            let active: Vec<usize> =
                (0..UNKNOWN).filter(|&at| at == 0 || rest >> (at - 1) & 1 == 1).collect();
            let Some(found) = least_squares(&rows, &active) else { continue };
            let wrong = found.iter().any(|x| *x < 0.0) || found[0] < BASE_MIN_S;
            let error: f64 = rows.iter().map(|(row, one)| (dot(row, &found) - one).powi(2)).sum();
            if !wrong && error < best.0 {
                best = (error, found);
            }
        }
        let [base_s, per_sequence_s, per_context_token_s, per_prefill_token_s] = best.1;
        StepTime { base_s, per_sequence_s, per_context_token_s, per_prefill_token_s }
    }
}

/// A prompt at concurrency `n` waits for about this share of the `n` prompts beside it, as [`super::silicon`] takes it.
const QUEUED_SHARE: f64 = super::silicon::QUEUED_SHARE;

fn dot(row: &[f64; UNKNOWN], x: &[f64; UNKNOWN]) -> f64 {
    row.iter().zip(x).map(|(a, b)| a * b).sum()
}

/// The coefficients in `active` that fit best, the others 0; `None` where they cannot be told apart.
fn least_squares(rows: &[Row], active: &[usize]) -> Option<[f64; UNKNOWN]> {
    // Columns differ by orders of magnitude: each is scaled to length 1.
    let length = |at: usize| rows.iter().map(|(row, _)| row[at] * row[at]).sum::<f64>().sqrt().max(1e-300);
    let scale: Vec<f64> = active.iter().map(|&at| length(at)).collect();
    let product = |a: usize, b: usize| -> f64 {
        rows.iter().map(|(row, _)| row[active[a]] / scale[a] * row[active[b]] / scale[b]).sum()
    };
    let cell = |a: usize, b: usize| product(a, b) + if a == b { RIDGE } else { 0.0 };
    let factor = Square::lower(active.len(), cell).factor().ok()?;
    let right: Vec<f64> = active
        .iter()
        .zip(&scale)
        .map(|(&at, scale)| rows.iter().map(|(row, one)| row[at] / scale * one).sum())
        .collect();
    let mut found = [0.0; UNKNOWN];
    for ((&at, scale), x) in active.iter().zip(&scale).zip(factor.solve(&right)) {
        found[at] = x / scale;
    }
    Some(found)
}

/// Mean distance of the line from what was learned, as a share.
fn off(rows: &[Row], step: &StepTime) -> f64 {
    let x = [step.base_s, step.per_sequence_s, step.per_context_token_s, step.per_prefill_token_s];
    let each = rows.iter().map(|(row, seconds)| (dot(row, &x) / seconds - 1.0).abs());
    each.sum::<f64>() / rows.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A world with known coefficients: they come back, and a machine with too few points is left out.
    #[test]
    fn coefficients_of_a_known_machine_come_back() {
        let catalogue = Catalogue::shipped().unwrap();
        let truth = StepTime {
            base_s: 0.006,
            per_sequence_s: 4e-5,
            per_context_token_s: 4e-8,
            per_prefill_token_s: 2e-5,
        };
        let mut points = Vec::new();
        for concurrency in [1, 2, 4, 8, 16, 32, 64, 128] {
            for prompt_tokens in [256, 512, 1024, 2048] {
                let (n, i, o) = (f64::from(concurrency), f64::from(prompt_tokens), 256.0);
                let read_s = truth.seconds(1.0, i / 2.0, 0.0) + truth.per_prefill_token_s * i;
                let tpot_s = truth.seconds(n, n * (i + o / 2.0), 0.0) + truth.per_prefill_token_s * n * i / o;
                points.push(SiliconPoint {
                    source: format!("run {concurrency}"),
                    backend: "vllm".into(),
                    backend_version: "1".into(),
                    model: "meta-llama/Llama-3.1-8B-Instruct".into(),
                    system: "h100_sxm".into(),
                    mode: "agg".into(),
                    weight_type: "bfloat16".into(),
                    prompt_tokens,
                    output_tokens: 256,
                    concurrency,
                    tensor_parallel: 1,
                    pipeline_parallel: 1,
                    attention_data_parallel: 1,
                    expert_parallel: 1,
                    ttft_ms: read_s * (1.0 + QUEUED_SHARE * (n - 1.0)) * 1e3,
                    tpot_ms: tpot_s * 1e3,
                });
            }
        }
        points.push(SiliconPoint { tensor_parallel: 2, ..points[0].clone() });
        let learned = Learned::from_points(&catalogue, &points).unwrap();
        let found = machines(&catalogue, &learned, &points).unwrap();
        let [machine] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (machine.gpu.as_str(), machine.model.as_str(), machine.points),
            ("h100-sxm", "llama-3.1-8b", 32)
        );
        assert_eq!((machine.weights, machine.tensor_parallel), (Dtype::Fp16, 1));
        assert!(machine.tpot_off < 0.05 && machine.ttft_off < 0.15, "{machine:?}");
        for (n, held, read) in [(1.0, 512.0, 0.0), (64.0, 64.0 * 1024.0, 0.0), (128.0, 128.0 * 512.0, 0.0)] {
            let (ours, true_s) = (machine.step.seconds(n, held, read), truth.seconds(n, held, read));
            assert!((ours / true_s - 1.0).abs() < 0.1, "{n}: {ours} {true_s} {:?}", machine.step);
        }
        assert!(machines(&catalogue, &learned, &points[..3]).is_err());
    }
}
