//! Time to first token and per token, learned from published serving points over a roofline.
//!
//! A roofline says how times scale over models, GPUs, lengths and batches; measurements say by how much it is off. The logarithm
//! of that factor is learned by kernel ridge regression (equivalently: the mean of a Gaussian process). Two points are alike
//! as far as they share model, GPU, engine, weights and degrees, and as far as their lengths and batches are close; so a
//! configuration that was measured is met closely, and one that was not borrows from its relatives.

use super::linalg::{Square, dot};
use crate::Error;
use crate::catalogue::{Catalogue, Dtype};
use crate::service::{Roofline, Serving};
use crate::trace::SiliconPoint;
use std::collections::BTreeMap;

/// Most points that a fit takes: the work grows with their cube.
pub const MAX_POINTS: usize = 6_000;

/// Numbers of a point: logarithms of batch, prompt, output, GPUs, and the degrees of data and expert parallelism.
const NUMBERS: usize = 6;
/// Typical logarithms, so that numbers lie around 0.
const CENTRE: [f64; NUMBERS] = [3.0, 7.3, 6.5, 1.5, 0.0, 0.0];
/// How far two numbers may lie apart and still be alike.
const REACH: [f64; NUMBERS] = [1.5, 1.5, 1.5, 1.2, 1.5, 1.5];
/// Ways in which two points can be of a kind.
const KINDS: usize = 11;
/// Weight of the part that is linear in the numbers.
const LINEAR: f64 = 0.3;
/// Noise of a measurement against the kernel's scale.
const NOISE: f64 = 0.03;
/// A prompt at concurrency `n` waits for about this share of the `n` prompts beside it.
pub(super) const QUEUED_SHARE: f64 = 0.25;

/// What the kernel sees of a point.
#[derive(Clone, Debug)]
struct Seen {
    numbers: [f64; NUMBERS],
    kinds: [u64; KINDS],
    /// What the roofline says, as logarithms of milliseconds.
    ttft: f64,
    tpot: f64,
}

/// A learned correction of the roofline.
#[derive(Clone, Debug)]
pub struct Learned {
    catalogue: Catalogue,
    seen: Vec<Seen>,
    ttft: Target,
    tpot: Target,
}

/// Weights of the points for one target, around its median.
#[derive(Clone, Debug)]
struct Target {
    median: f64,
    weights: Vec<f64>,
}

/// Held-out errors, as shares.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct HeldOut {
    /// Points judged.
    pub points: usize,
    /// Groups that were held out, each as a whole.
    pub groups: usize,
    /// Mean absolute error of the time per output token.
    pub tpot_mean: f64,
    /// Its median.
    pub tpot_median: f64,
    /// Mean absolute error of the time to first token.
    pub ttft_mean: f64,
    /// Its median.
    pub ttft_median: f64,
}

/// The catalogue's name of a model by its repository path: without owner, `-Instruct`, and how it is quantised.
pub(super) fn model_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let mut name = name.as_str();
    for suffix in ["-fp8", "-nvfp4", "-instruct"] {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    if name == "deepseek-r1" { "deepseek-v3".into() } else { name.into() }
}

fn hash(parts: &[&str]) -> u64 {
    tollgate_core::Digest::of(parts.join("\u{1f}").as_bytes()).short()
}

/// How a point's weights are stored.
pub(super) fn weights(point: &SiliconPoint) -> Dtype {
    match point.weight_type.as_str() {
        "nvfp4" => Dtype::Int4,
        "bfloat16" | "float16" => Dtype::Fp16,
        _ => Dtype::Fp8,
    }
}

fn see(catalogue: &Catalogue, point: &SiliconPoint) -> Result<Seen, Error> {
    let name = model_name(&point.model);
    let (gpu, model) = (catalogue.gpu(&point.system)?, catalogue.model(&name)?);
    let weights = weights(point);
    let gpus = point.tensor_parallel.max(point.attention_data_parallel);
    let (isl, osl) = (f64::from(point.prompt_tokens.max(1)), f64::from(point.output_tokens.max(1)));
    let batch = f64::from(point.concurrency.max(1));
    let length = isl + osl / 2.0;
    let serving = Serving {
        tensor_parallel: gpus.clamp(1, 64),
        weights,
        kv: if weights == Dtype::Fp16 { Dtype::Fp16 } else { Dtype::Fp8 },
        context: length as u32,
        ..Serving::default()
    };
    let roofline = Roofline::new(gpu, model, &serving);
    let prefill = roofline.seconds(isl, 0.0, isl * isl / 2.0);
    let step = roofline.seconds(batch, batch * length, 0.0) + batch / osl * prefill;
    let degrees = [point.tensor_parallel, point.attention_data_parallel, point.expert_parallel];
    let logs = [batch, isl, osl, f64::from(gpus), f64::from(degrees[1].max(1)), f64::from(degrees[2].max(1))];
    let degrees = format!("{degrees:?}");
    let moe = if model.experts.is_some() { "moe" } else { "dense" };
    let (system, backend, kind) = (point.system.as_str(), point.backend.as_str(), point.weight_type.as_str());
    let kinds = [
        hash(&[]),
        hash(&[moe]),
        hash(&[system]),
        hash(&[backend]),
        hash(&[kind]),
        hash(&[&name]),
        hash(&[&name, system]),
        hash(&[system, backend]),
        hash(&[&name, backend]),
        hash(&[&name, system, backend, kind]),
        hash(&[&name, system, backend, kind, &degrees]),
    ];
    Ok(Seen {
        numbers: std::array::from_fn(|at| logs[at].ln() - CENTRE[at]),
        kinds,
        ttft: (prefill * (1.0 + QUEUED_SHARE * batch) * 1e3).ln(),
        tpot: (step * 1e3).ln(),
    })
}

/// How alike two points are.
fn kernel(a: &Seen, b: &Seen) -> f64 {
    let alike = a.kinds.iter().zip(&b.kinds).filter(|(a, b)| a == b).count() as f64 / KINDS as f64;
    let apart: f64 = (0..NUMBERS).map(|at| ((a.numbers[at] - b.numbers[at]) / REACH[at]).powi(2)).sum();
    alike * (1.0 + LINEAR * dot(&a.numbers, &b.numbers) + (-0.5 * apart).exp())
}

/// Solves for the weights of both targets from the kernel among the points.
fn solve(kernel: impl Fn(usize, usize) -> f64, targets: [&[f64]; 2]) -> Result<[Target; 2], Error> {
    let size = targets[0].len();
    let noisy = |row, column| kernel(row, column) + if row == column { NOISE } else { 0.0 };
    let factor = Square::lower(size, noisy).factor()?;
    Ok(targets.map(|target| {
        let mut sorted = target.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(size / 2).copied().unwrap_or(0.0);
        let around: Vec<f64> = target.iter().map(|y| y - median).collect();
        Target { median, weights: factor.solve(&around) }
    }))
}

/// The factors, as logarithms, by which measured times are off the roofline: TTFT and TPOT.
fn factors(points: &[SiliconPoint], seen: &[Seen]) -> [Vec<f64>; 2] {
    let both = points.iter().zip(seen);
    let ttft = both.clone().map(|(point, seen)| point.ttft_ms.max(1e-3).ln() - seen.ttft).collect();
    let tpot = both.map(|(point, seen)| point.tpot_ms.max(1e-3).ln() - seen.tpot).collect();
    [ttft, tpot]
}

fn see_all(catalogue: &Catalogue, points: &[SiliconPoint]) -> Result<Vec<Seen>, Error> {
    if points.is_empty() {
        return Err(Error::Empty { what: "the measured points", fix: "give at least one" });
    }
    if points.len() > MAX_POINTS {
        return Err(Error::TooMany {
            what: "measured points",
            limit: MAX_POINTS,
            fix: "give those in question",
        });
    }
    points.iter().map(|point| see(catalogue, point)).collect()
}

impl Learned {
    /// Learns from all `points`, whose models and GPUs must be in the catalogue.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooMany`] beyond [`MAX_POINTS`], [`Error::Unknown`] for a model or GPU that the catalogue
    /// lacks.
    pub fn from_points(catalogue: &Catalogue, points: &[SiliconPoint]) -> Result<Self, Error> {
        let seen = see_all(catalogue, points)?;
        let [ttft, tpot] = factors(points, &seen);
        let [ttft, tpot] = solve(|a, b| kernel(&seen[a], &seen[b]), [&ttft, &tpot])?;
        Ok(Self { catalogue: catalogue.clone(), seen, ttft, tpot })
    }

    /// Time to first token and per output token of a configuration, in milliseconds; its measured times are not looked at.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a model or GPU that the catalogue lacks.
    pub fn predict_ms(&self, point: &SiliconPoint) -> Result<(f64, f64), Error> {
        let new = see(&self.catalogue, point)?;
        let alike: Vec<f64> = self.seen.iter().map(|seen| kernel(seen, &new)).collect();
        let off = |target: &Target| target.median + dot(&target.weights, &alike);
        Ok(((new.ttft + off(&self.ttft)).exp(), (new.tpot + off(&self.tpot)).exp()))
    }
}

/// What the fit says of points that it did not see: groups (by `group`) are dealt over `folds` and each fold is predicted
/// from the others.
///
/// # Errors
/// As [`Learned::from_points`].
pub fn held_out(
    catalogue: &Catalogue,
    points: &[SiliconPoint],
    folds: usize,
    group: impl Fn(&SiliconPoint) -> String,
) -> Result<HeldOut, Error> {
    let seen = see_all(catalogue, points)?;
    let [ttft, tpot] = factors(points, &seen);
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, point) in points.iter().enumerate() {
        groups.entry(group(point)).or_default().push(at);
    }
    let fold_of = |name: &str| (hash(&[name]) % folds.max(2) as u64) as usize;
    let (mut ttft_off, mut tpot_off) = (Vec::new(), Vec::new());
    for fold in 0..folds.max(2) {
        let part = |inside: bool| -> Vec<usize> {
            let of = groups.iter().filter(|(name, _)| (fold_of(name) == fold) == inside);
            of.flat_map(|(_, members)| members.iter().copied()).collect()
        };
        let (out, rest) = (part(true), part(false));
        if out.is_empty() || rest.is_empty() {
            continue;
        }
        let pick = |target: &[f64]| rest.iter().map(|at| target[*at]).collect::<Vec<f64>>();
        let (some_ttft, some_tpot) = (pick(&ttft), pick(&tpot));
        let learned = solve(|a, b| kernel(&seen[rest[a]], &seen[rest[b]]), [&some_ttft, &some_tpot])?;
        for at in out {
            let alike: Vec<f64> = rest.iter().map(|other| kernel(&seen[*other], &seen[at])).collect();
            let off = |target: &Target, truth: f64| {
                ((target.median + dot(&target.weights, &alike) - truth).exp() - 1.0).abs()
            };
            ttft_off.push(off(&learned[0], ttft[at]));
            tpot_off.push(off(&learned[1], tpot[at]));
        }
    }
    Ok(HeldOut {
        points: tpot_off.len(),
        groups: groups.len(),
        tpot_mean: mean(&tpot_off),
        tpot_median: median(&mut tpot_off),
        ttft_mean: mean(&ttft_off),
        ttft_median: median(&mut ttft_off),
    })
}

/// Mean absolute errors of the roofline alone: TTFT and TPOT.
///
/// # Errors
/// As [`Learned::from_points`].
pub fn roofline_alone(catalogue: &Catalogue, points: &[SiliconPoint]) -> Result<(f64, f64), Error> {
    let [ttft, tpot] = factors(points, &see_all(catalogue, points)?);
    let off = |factors: &[f64]| mean(&factors.iter().map(|f| ((-f).exp() - 1.0).abs()).collect::<Vec<f64>>());
    Ok((off(&ttft), off(&tpot)))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(concurrency: u32, prompt_tokens: u32, backend: &str) -> SiliconPoint {
        SiliconPoint {
            source: format!("run {concurrency}"),
            backend: backend.into(),
            backend_version: "1".into(),
            model: "meta-llama/Llama-3.1-8B-Instruct".into(),
            system: "h100_sxm".into(),
            mode: "agg".into(),
            weight_type: "fp8".into(),
            prompt_tokens,
            output_tokens: 256,
            concurrency,
            tensor_parallel: 1,
            pipeline_parallel: 1,
            attention_data_parallel: 1,
            expert_parallel: 1,
            ttft_ms: 0.0,
            tpot_ms: 0.0,
        }
    }

    /// A world that is the roofline times a factor for each engine: the fit finds the factors, for sources it did not see.
    #[test]
    fn it_learns_by_how_much_the_roofline_is_off() {
        let catalogue = Catalogue::shipped().unwrap();
        let mut points = Vec::new();
        for concurrency in [1, 2, 4, 8, 16, 32, 64, 128] {
            for prompt in [128, 512, 1024, 4096] {
                for (backend, factor) in [("vllm", 1.5), ("trtllm", 1.1)] {
                    let mut one = point(concurrency, prompt, backend);
                    let seen = see(&catalogue, &one).unwrap();
                    (one.ttft_ms, one.tpot_ms) = (2.0 * factor * seen.ttft.exp(), factor * seen.tpot.exp());
                    points.push(one);
                }
            }
        }
        let found = held_out(&catalogue, &points, 5, |point| point.source.clone()).unwrap();
        assert!(found.tpot_mean < 0.02 && found.ttft_mean < 0.02 && found.groups == 8, "{found:?}");
        let learned = Learned::from_points(&catalogue, &points).unwrap();
        let (ttft, tpot) = learned.predict_ms(&points[10]).unwrap();
        assert!(
            (ttft / points[10].ttft_ms - 1.0).abs() < 0.02 && (tpot / points[10].tpot_ms - 1.0).abs() < 0.02
        );
        let unknown = SiliconPoint { system: "abacus".into(), ..points[0].clone() };
        assert!(learned.predict_ms(&unknown).is_err() && Learned::from_points(&catalogue, &[]).is_err());
        assert!(roofline_alone(&catalogue, &points).unwrap().1 > 0.1);
    }

    #[test]
    fn names_lose_what_is_not_the_model() {
        for (path, name) in [
            ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
            ("nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b"),
            ("Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b"),
            ("deepseek-ai/DeepSeek-R1", "deepseek-v3"),
        ] {
            assert_eq!(model_name(path), name);
        }
    }
}
