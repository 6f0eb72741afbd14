//! `tollgate fleet calibrate`: models of time fitted to measurements, each with its error on what it did not see.

mod power;

use super::hardware::{Errors, Fitted, RunMachine, Stored, catalogue, tell};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tollgate_fleet::calibrate::engine::{EngineFit, Half, Recorded};
use tollgate_fleet::calibrate::power::MachinePower;
use tollgate_fleet::calibrate::silicon::{HeldOut, Learned, held_out, roofline_alone};
use tollgate_fleet::calibrate::{Machine, machines};
use tollgate_fleet::catalogue::Catalogue;
use tollgate_fleet::sim::engine::{EngineSpec, EngineTime};
use tollgate_fleet::trace::{Measured, ServedRequest, SiliconPoint, Table, archive};

/// Parts of the points, each predicted from the others.
const FOLDS: usize = 5;
/// A fit of a run is not written beyond this error of any mean, as a share, and this time of an iteration alone, in seconds.
const ERROR_MAX: f64 = 0.5;
/// Engines take milliseconds.
const ITERATION_MAX_S: f64 = 1.0;
/// How often the spinner turns.
const SPIN: Duration = Duration::from_millis(120);
/// Most rows of a file of measurements.
const ROWS_MAX: usize = 1_000_000;

/// Fit to measurements: the iteration of an engine to a recorded run or serving points of GPUs, and watts to batches
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet calibrate --run requests.jsonl --gpu h100 --model llama-3.1-8b --tensor-parallel 1 \
    --max-sequences 128 --kv-tokens 180000 --out fitted.json
  tollgate fleet calibrate --points points.csv --backend vllm --out machines.json
  tollgate fleet calibrate --power watts.csv --out power.json

A run has input_toks, output_toks, arrival_time, queued_ts, scheduled_ts, first_token_ts and last_token_ts in seconds; points
have model_path, system, backend, isl, osl, batch_size, tp_size, silicon_ttft_ms and silicon_tpot_ms; power has gpu, model, tensor_parallel, batch,
and watts of one GPU.")]
pub(crate) struct CalibrateArgs {
    /// Requests of an engine's run with the engine's own times
    #[arg(long, value_name = "FILE", required_unless_present_any = ["points", "power"],
        requires_all = ["gpu", "model", "tensor_parallel"])]
    run: Option<PathBuf>,
    /// The GPU that the run is of
    #[arg(long, value_name = "NAME", requires = "run")]
    gpu: Option<String>,
    /// The model that the run is of
    #[arg(long, value_name = "NAME", requires = "run")]
    model: Option<String>,
    /// GPUs of the instance that the run is of
    #[arg(long, value_name = "N", requires = "run")]
    tensor_parallel: Option<u32>,
    /// How the weights of the run's model were stored
    #[arg(long, value_enum, default_value_t = Stored::Fp16)]
    weights: Stored,
    /// Serving points: times to first token and per token at lengths and concurrencies
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    points: Option<PathBuf>,
    /// Watts of one GPU at batches, by themselves or beside a run or points
    #[arg(long, value_name = "FILE")]
    power: Option<PathBuf>,
    /// A file of GPUs to add to the catalogue
    #[arg(long, value_name = "FILE")]
    gpus: Option<PathBuf>,
    /// A file of models to add to the catalogue
    #[arg(long, value_name = "FILE")]
    models: Option<PathBuf>,
    /// Of the points, only those of this engine, as vllm
    #[arg(long, value_name = "NAME", requires = "points")]
    backend: Option<String>,
    /// Sequences that the engine runs together (max_num_seqs)
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_sequences: u32,
    /// Tokens of an iteration (max_num_batched_tokens)
    #[arg(long, value_name = "N", default_value_t = 2048)]
    batched_tokens: u32,
    /// Tokens that its KV cache holds
    #[arg(long, value_name = "N", default_value_t = 1 << 20)]
    kv_tokens: u64,
    /// Engines side by side
    #[arg(long, value_name = "N", default_value_t = 1)]
    engines: usize,
    /// Write the coefficients, for `--fitted` of the other commands
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Fits.
pub(crate) fn run(args: &CalibrateArgs) -> Result<Ending> {
    let (catalogue, findings) = catalogue(args.gpus.as_deref(), args.models.as_deref())?;
    tell(&findings);
    let power =
        args.power.as_deref().map(|path| power::machines(&catalogue, path)).transpose()?.unwrap_or_default();
    match (&args.run, &args.points) {
        (Some(path), _) => engine(args, machine(args, &catalogue)?, path, power),
        (None, Some(path)) => points(args, &catalogue, path, power),
        (None, None) => power_alone(args, power),
    }
}

fn power_alone(args: &CalibrateArgs, power: Vec<MachinePower>) -> Result<Ending> {
    let source = args.power.as_deref().map_or_else(String::new, |path| path.display().to_string());
    let fitted =
        Fitted { source, held_out: 0, errors: None, time: None, machine: None, machines: Vec::new(), power };
    write(args, &fitted)?;
    if args.json {
        say::json(&fitted)?;
    } else {
        power::show(&fitted.power)?;
    }
    Ok(Ending::Good)
}

fn rows<T: Measured>(path: &Path) -> Result<Vec<T>> {
    let place = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read {place}"))?;
    let mut table = Table::<_, T>::new(&place, archive::unpack(&place, file)?)?;
    let rows = table.by_ref().take(ROWS_MAX).collect::<Result<Vec<T>, _>>()?;
    let more = rows.len() == ROWS_MAX && table.next().is_some();
    if more {
        say::remark(&format!("{place}: only its first {ROWS_MAX} rows are used"));
    }
    let report = table.report();
    if report.bad > 0 {
        say::remark(&format!("{place}: {} of {} rows cannot be used:", report.bad, report.rows));
        report.samples.iter().for_each(|row| say::remark(&format!("  {row}")));
    }
    Ok(rows)
}

/// The machine that the run is said to be of, by the names of the catalogue.
fn machine(args: &CalibrateArgs, catalogue: &Catalogue) -> Result<RunMachine> {
    let (Some(gpu), Some(model), Some(tensor_parallel)) = (&args.gpu, &args.model, args.tensor_parallel)
    else {
        bail!("--run: say --gpu, --model and --tensor-parallel of the machine that it is of");
    };
    let gpu = catalogue.gpu(gpu)?.name.clone();
    let model = match catalogue.model(model) {
        Ok(known) => known.name.clone(),
        Err(_) => {
            say::remark(&format!("{model} is not in the catalogue: a --model-config of this name takes it"));
            model.clone()
        }
    };
    Ok(RunMachine { gpu, model, tensor_parallel, weights: args.weights.dtype() })
}

/// Why a fit is not to be used, where it is not.
fn nonsense(fit: &EngineFit) -> Option<String> {
    let off = fit.errors().into_iter().map(f64::abs).fold(0.0, |most, e| if e <= most { most } else { e });
    if off <= ERROR_MAX && fit.time.base_s <= ITERATION_MAX_S {
        return None;
    }
    Some(format!(
        "not written: an iteration of {:.0} ms that is {:.0} % off is no fit; are all times in seconds, and of one clock?",
        fit.time.base_s * 1e3,
        off * 100.0
    ))
}

fn engine(
    args: &CalibrateArgs,
    machine: RunMachine,
    path: &Path,
    power: Vec<MachinePower>,
) -> Result<Ending> {
    let mut spec = EngineSpec::new(EngineTime::default(), args.kv_tokens / 16);
    (spec.max_sequences, spec.max_batched_tokens) = (args.max_sequences, args.batched_tokens);
    let recorded = Recorded { requests: rows::<ServedRequest>(path)?, spec, engines: args.engines };
    let fit = recorded.fit(Half::Even)?;
    let nonsense = nonsense(&fit);
    let fitted = fitted(&fit, machine, path, power);
    if nonsense.is_none() {
        write(args, &fitted)?;
    }
    nonsense.iter().for_each(|why| say::remark(why));
    if args.json {
        say::json(&fitted)?;
    } else {
        show_run(&recorded, &fit)?;
        power::show(&fitted.power)?;
    }
    Ok(Ending::of(nonsense.is_none()))
}

fn show_run(recorded: &Recorded, fit: &EngineFit) -> Result<()> {
    say::line(&format!("fitted to one half of {} requests, judged by the other", recorded.requests.len()))?;
    let [ttft, tpot, e2e] = fit.errors();
    let row = |name: &str, recorded: f64, simulated: f64, error: f64| {
        vec![
            name.to_owned(),
            format!("{:.1}", recorded * 1e3),
            format!("{:.1}", simulated * 1e3),
            format!("{:+.1} %", error * 100.0),
        ]
    };
    let (r, s) = (&fit.recorded, &fit.simulated);
    let rows = [
        row("TTFT", r.ttft_s, s.ttft_s, ttft),
        row("TPOT", r.tpot_s, s.tpot_s, tpot),
        row("E2E", r.e2e_s, s.e2e_s, e2e),
    ];
    say::table(&["held out", "recorded ms", "simulated ms", "error"], &rows)?;
    let time = &fit.time;
    say::line(&format!(
        "\niteration: {:.3} ms, {:.1} µs a sequence, {:.4} µs a token of context, {:.2} µs a token computed beyond {:.0}, {:.5} µs a pair",
        time.base_s * 1e3,
        time.per_sequence_s * 1e6,
        time.per_context_token_s * 1e6,
        time.per_token_s * 1e6,
        time.free_tokens,
        time.per_pair_s * 1e6,
    ))
}

fn fitted(fit: &EngineFit, machine: RunMachine, path: &Path, power: Vec<MachinePower>) -> Fitted {
    let [ttft, tpot, e2e] = fit.errors();
    Fitted {
        source: path.display().to_string(),
        held_out: fit.held_out,
        errors: Some(Errors { ttft, tpot, e2e: Some(e2e) }),
        time: Some(fit.time),
        machine: Some(machine),
        machines: Vec::new(),
        power,
    }
}

/// Writes what `--fitted` reads, where a file was named.
fn write(args: &CalibrateArgs, fitted: &Fitted) -> Result<()> {
    let Some(out) = &args.out else { return Ok(()) };
    let text = serde_json::to_string_pretty(fitted)?;
    std::fs::write(out, text + "\n").with_context(|| format!("cannot write {}", out.display()))
}

fn points(
    args: &CalibrateArgs,
    catalogue: &Catalogue,
    path: &Path,
    power: Vec<MachinePower>,
) -> Result<Ending> {
    let all = rows::<SiliconPoint>(path)?;
    let read = all.len();
    let known = |point: &SiliconPoint| roofline_alone(catalogue, std::slice::from_ref(point)).is_ok();
    let asked = |point: &SiliconPoint| args.backend.as_ref().is_none_or(|name| *name == point.backend);
    let points: Vec<SiliconPoint> =
        all.into_iter().filter(|p| p.mode != "disagg" && asked(p) && known(p)).collect();
    if points.is_empty() {
        let engine = args.backend.as_ref().map_or_else(String::new, |name| format!(" and of {name}"));
        bail!(
            "{}: none of its {read} points is of a model and a GPU of the catalogue{engine}",
            path.display()
        );
    }
    say::remark(&format!(
        "{} of {read} points are of one pool, and of models and GPUs of the catalogue",
        points.len()
    ));
    let (ttft_alone, tpot_alone) = roofline_alone(catalogue, &points)?;
    let bar = ProgressBar::new_spinner();
    bar.set_message(format!("learning from {} points in {FOLDS} parts", points.len()));
    bar.enable_steady_tick(SPIN);
    let by_source = held_out(catalogue, &points, FOLDS, |point| point.source.clone())?;
    let fitted = of_points(args, catalogue, &points, path, &by_source, power)?;
    let machines = &fitted.machines;
    bar.finish_and_clear();
    if args.json {
        say::json(&json!({
            "read": read, "points": by_source.points, "groups": by_source.groups,
            "held_out": {"tpot_mean": by_source.tpot_mean, "tpot_median": by_source.tpot_median,
                "ttft_mean": by_source.ttft_mean, "ttft_median": by_source.ttft_median},
            "roofline_alone": {"tpot_mean": tpot_alone, "ttft_mean": ttft_alone},
            "machines": machines, "power": fitted.power,
        }))?;
        return Ok(Ending::Good);
    }
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let rows = [
        vec![
            "TPOT".into(),
            percent(by_source.tpot_mean),
            percent(by_source.tpot_median),
            percent(tpot_alone),
        ],
        vec![
            "TTFT".into(),
            percent(by_source.ttft_mean),
            percent(by_source.ttft_median),
            percent(ttft_alone),
        ],
    ];
    say::line(&format!(
        "{} points of {} sources (a run at a concurrency) in {FOLDS} parts; each part predicted from the others",
        by_source.points, by_source.groups
    ))?;
    say::table(&["error held out", "mean", "median", "roofline alone, mean"], &rows)?;
    say::line("\nMachines with points enough, as --fitted takes them:")?;
    say::table(&MACHINES, &machines.iter().map(machine_row).collect::<Vec<_>>())?;
    power::show(&fitted.power)?;
    Ok(Ending::Good)
}

/// The machines that can be planned with, written where a file was named.
fn of_points(
    args: &CalibrateArgs,
    catalogue: &Catalogue,
    points: &[SiliconPoint],
    path: &Path,
    held_out: &HeldOut,
    power: Vec<MachinePower>,
) -> Result<Fitted> {
    let learned = Learned::from_points(catalogue, points)?;
    let found = match machines(catalogue, &learned, points) {
        Err(tollgate_fleet::Error::Empty { .. }) if args.out.is_none() => Vec::new(),
        other => other?,
    };
    let fitted = Fitted {
        source: path.display().to_string(),
        held_out: held_out.points,
        errors: Some(Errors { ttft: held_out.ttft_mean, tpot: held_out.tpot_mean, e2e: None }),
        time: None,
        machine: None,
        machines: found,
        power,
    };
    write(args, &fitted)?;
    Ok(fitted)
}

const MACHINES: [&str; 9] = [
    "GPU",
    "model",
    "weights",
    "engine",
    "points",
    "iteration ms",
    "µs a sequence",
    "line off TPOT",
    "off TTFT",
];

fn machine_row(machine: &Machine) -> Vec<String> {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    vec![
        format!("{}x{}", machine.gpu, machine.tensor_parallel),
        machine.model.clone(),
        format!("{:?}", machine.weights).to_lowercase(),
        machine.backend.clone(),
        machine.points.to_string(),
        format!("{:.2}", machine.step.base_s * 1e3),
        format!("{:.1}", machine.step.per_sequence_s * 1e6),
        percent(machine.tpot_off),
        percent(machine.ttft_off),
    ]
}
