//! `--compat`: the public reference simulator's answer to the same question, digit for digit.
//!
//! What the reference has no equal of is refused with the option's name, never ignored; what is not said has the
//! reference's default.

mod energy;
mod flex;
mod optimize;
mod pareto;
mod split;

pub(super) use energy::run as energy;
pub(super) use flex::run as flex;
pub(super) use optimize::{gpus, run as plan};
pub(super) use pareto::run as pareto;
pub(super) use split::run as split;

use super::files::cdf_bytes;
use super::problem::FleetArgs;
use super::workload::WorkloadArgs;
use anyhow::{Context, Result, bail};
use tollgate_fleet::compat::{Case, Knots, Profile};

/// Options that all planning commands share and none of the reference's has an equal of.
pub(super) const REFUSED: &[&str] = &[
    "output_share",
    "burstiness",
    "slo_e2e_ms",
    "class_slo",
    "percentile",
    "cached",
    "drop_longer",
    "model",
    "model_config",
    "tensor_parallel",
    "weights",
    "kv",
    "sequences",
    "chunk",
    "fitted",
    "gpus",
    "models",
    "pools",
    "goal",
    "utilisation",
    "confidence",
    "pue",
    "tariff",
    "carbon",
];

/// Options of our simulation: the reference's request by request is not reproduced.
pub(super) const SIMULATED: &[&str] = &[
    "instances",
    "placement",
    "output",
    "spill_over_ms",
    "cascade",
    "retries",
    "requests",
    "hours",
    "replay",
    "follow",
    "swing",
    "swing_hours",
    "drift",
    "replications",
    "seed",
    "failure_hours",
    "repair_hours",
    "cold_start_s",
    "autoscale",
    "autoscale_bounds",
    "autoscale_s",
    "waiting",
    "patience_s",
    "cache_blocks",
    "block_tokens",
];

/// What stands above every table.
const NOTE: &str = "As the reference simulator (vllm-sr-sim 0.1.0) answers, its faults included; without --compat they are mended.\n";
/// The boundary where none is said, tokens: the reference's.
const BOUNDARY: u32 = 4096;
/// The context of one pool where none is said, tokens: the reference's.
const CONTEXT: u32 = 8192;

/// What is asked, in the reference's terms: one objective, one boundary, a GPU for each pool.
fn case(fleet: &FleetArgs, rate: f64) -> Result<Case> {
    let boundary = match fleet.boundary.as_slice() {
        [] => BOUNDARY,
        [one] => *one,
        _ => bail!("--compat answers for one --boundary"),
    };
    let (short, long) = match fleet.hardware.gpu.as_slice() {
        [both] => (both, both),
        [short, long] => (short, long),
        _ => bail!("--compat takes one --gpu for both pools, or two: short and long"),
    };
    let mut case = Case::new(rate, slo_ms(fleet)?, boundary, Profile::named(short)?, Profile::named(long)?);
    case.long_context = fleet.context.unwrap_or(case.long_context);
    if !fleet.gamma.is_empty() {
        case.gammas.clone_from(&fleet.gamma);
    }
    case.compressible = fleet.compressible;
    case.availability = fleet.availability;
    Ok(case)
}

fn slo_ms(fleet: &FleetArgs) -> Result<f64> {
    match fleet.workload.slo_ttft_ms.as_slice() {
        &[slo_ms] => Ok(slo_ms),
        _ => bail!("--compat answers for one --slo-ttft-ms"),
    }
}

fn rate(fleet: &FleetArgs) -> Result<f64> {
    match fleet.workload.rate.as_slice() {
        [] => bail!("--compat needs the requests per second: --rate R"),
        &[rate] => Ok(rate),
        _ => bail!("--compat answers for one --rate here"),
    }
}

/// The GPU of a question about one pool.
fn one_gpu(fleet: &FleetArgs) -> Result<Profile> {
    match fleet.hardware.gpu.as_slice() {
        [one] => Ok(Profile::named(one)?),
        _ => bail!("--compat answers for one --gpu here"),
    }
}

/// The lengths: a CDF as it stands, or a trace reduced to one as the reference reduces it.
fn knots(workload: &WorkloadArgs) -> Result<Knots> {
    match (workload.cdf.as_slice(), workload.trace.as_slice()) {
        ([cdf], []) => {
            Knots::from_json(&cdf_bytes(cdf)?).with_context(|| format!("cannot use {}", cdf.display()))
        }
        ([], [trace]) => Knots::of_lengths(workload.totals(trace)?)
            .with_context(|| format!("{} holds no request", trace.display())),
        _ => bail!("--compat answers for one --cdf or one --trace"),
    }
}

fn yes(met: bool) -> String {
    if met { "yes" } else { "no" }.into()
}

#[cfg(test)]
mod tests {
    use super::super::compare::CompareArgs;
    use super::super::plan::PlanArgs;
    use super::super::trade::{EnergyArgs, FlexArgs, ParetoArgs, SplitArgs};
    use clap::{Args, Command};

    /// Options that every compat question reads.
    const READ: [&str; 8] = ["cdf", "trace", "fields", "rate", "slo_ttft_ms", "gpu", "compat", "json"];
    const CASE: [&str; 3] = ["compressible", "context", "availability"];

    /// Every option of a command is read with `--compat`, or refused by name.
    fn holds<A: Args>(read: &[&str]) {
        let command = A::augment_args(Command::new("command"));
        let compat = command.get_arguments().find(|arg| arg.get_id() == "compat").unwrap();
        let refused: Vec<_> = command.get_arg_conflicts_with(compat).iter().map(|arg| arg.get_id()).collect();
        for option in command.get_arguments().map(clap::Arg::get_id) {
            let read = READ.contains(&option.as_str()) || read.contains(&option.as_str());
            assert!(read != refused.contains(&option), "--compat must either read or refuse `{option}`");
        }
    }

    #[test]
    fn every_option_is_read_or_refused() {
        holds::<PlanArgs>(&[&CASE[..], &["boundary", "gamma", "verify", "requests"]].concat());
        holds::<CompareArgs>(&[&CASE[..], &["boundary", "gamma"]].concat());
        holds::<ParetoArgs>(&[&CASE[..], &["all"]].concat());
        holds::<SplitArgs>(&["slo_tpot_ms", "context", "mean_prompt", "mean_output"]);
        holds::<FlexArgs>(&["context", "reduction", "instances"]);
        holds::<EnergyArgs>(&["boundary", "context", "used", "window"]);
    }
}
