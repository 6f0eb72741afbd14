//! `tollgate fleet plan`: the cheapest fleet that meets every promise.

use super::problem::FleetArgs;
use super::trade::boundary_of;
use super::workload::{CLASS_HEAD, Loaded};
use super::{compat, kusd_a_year, pools, usd};
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tollgate_fleet::plan::{Plan, PoolPlan, Problem, front, plan};

/// Find the cheapest fleet that meets every promise
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet plan --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --boundary 8192 --gpu h100
  tollgate fleet plan --trace requests.csv --slo-ttft-ms 2000 --gpu h100 --gpu l40s --pools-out pools.yaml

Exits with 1 when no fleet meets the promises.")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(super) fleet: FleetArgs,
    /// Answer as the public reference simulator does, digit for digit, its faults included: one CDF or trace, one
    /// boundary [default: 4096], one GPU or two; several rates ask for the cheapest fleet at each
    #[arg(long, conflicts_with_all = compat::REFUSED, conflicts_with_all = ["slo_tpot_ms", "pools_out"])]
    pub(super) compat: bool,
    /// With --compat and one rate: how many of the cheapest fleets are simulated [default: 3]
    #[arg(long, value_name = "N", requires = "compat")]
    pub(super) verify: Option<usize>,
    /// With --compat and one rate: requests of a simulation [default: 40000]
    #[arg(long, value_name = "N", requires = "compat")]
    pub(super) requests: Option<usize>,
    /// Write a configuration for `tollgate serve` with the plan's pools, and beside it a policy that uses them
    #[arg(long, value_name = "FILE")]
    pools_out: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Plans.
pub(super) fn run(args: &PlanArgs) -> Result<Ending> {
    if args.compat {
        return compat::plan(args);
    }
    let (loaded, problem) = args.fleet.problem()?;
    let mut found = match plan(&problem) {
        Err(tollgate_fleet::Error::Infeasible { why }) => return refused(args.json, &why),
        other => other?,
    };
    found.why.extend(compressor(&found, &problem)?);
    if !args.fleet.boundary.is_empty() {
        found.why.extend(parted(&found, &problem)?);
    }
    if let Some(path) = &args.pools_out {
        pools::write(path, &found, &problem, &args.fleet.hardware.model_name()?)?;
    }
    if args.json {
        say::json(&json!({"workload": loaded.json(), "plan": found}))?;
    } else {
        show(&loaded, &found)?;
    }
    Ok(Ending::Good)
}

/// What two pools come to where boundaries were asked for and one pool is cheaper.
fn parted(found: &Plan, problem: &Problem) -> Result<Option<String>> {
    let inner = problem.space.boundaries.iter().any(|boundary| *boundary < problem.space.context);
    if found.pools.len() > 1 || problem.space.pools < 2 || !inner {
        return Ok(None);
    }
    let candidates = front(problem)?;
    let two = candidates.iter().filter_map(|candidate| Some((boundary_of(candidate)?.0, &candidate.plan)));
    let best = two.min_by_key(|(_, plan)| plan.cost_micro_per_hour);
    Ok(Some(match best {
        Some((boundary, plan)) => format!(
            "one pool does it: parted at {boundary} it takes {} GPUs, {} USD an hour",
            plan.gpus,
            usd(plan.cost_micro_per_hour)
        ),
        None => "one pool does it: parted at a boundary asked for, no fleet meets the promises".into(),
    }))
}

/// What a plan that compresses prompts comes to without a compressor: the gateway only marks such requests.
pub(super) fn compressor(found: &Plan, problem: &Problem) -> Result<Option<String>> {
    if !compresses(found, problem) {
        return Ok(None);
    }
    let mut plain = problem.clone();
    plain.space.gammas = vec![1.0];
    let without = match plan(&plain) {
        Ok(plain) => format!("{} GPUs", plain.gpus),
        Err(tollgate_fleet::Error::Infeasible { .. }) => "no fleet meets the promises".into(),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(format!("needs a prompt compressor; without it {without}")))
}

/// Whether a fleet counts on prompts that are compressed on the way.
pub(super) fn compresses(found: &Plan, problem: &Problem) -> bool {
    problem.space.compressible > 0.0 && found.pools.iter().any(|pool| pool.gamma > 1.0)
}

/// No fleet, and why.
pub(super) fn refused(json: bool, why: &str) -> Result<Ending> {
    if json {
        say::json(&json!({"plan": null, "why": why}))?;
    } else {
        say::line(&format!("no fleet meets every promise: {why}"))?;
    }
    Ok(Ending::Refused)
}

fn show(loaded: &Loaded, plan: &Plan) -> Result<()> {
    let longest = loaded.longest();
    let rate = loaded.rate();
    say::line(&format!(
        "{}: {rate:.2} requests/s, {}, longest {longest} tokens",
        loaded.workload.name,
        loaded.archetype(None).name(),
    ))?;
    say::table(&CLASS_HEAD, &loaded.rows())?;
    say::line("")?;
    say::table(&POOL_HEAD, &pool_rows(plan))?;
    say::line("")?;
    say::table(&PROMISE_HEAD, &promise_rows(plan))?;
    say::line("")?;
    plan.why.iter().try_for_each(|why| say::line(why))?;
    say::line(&totals(plan))
}

/// One line with what it comes to.
pub(super) fn totals(plan: &Plan) -> String {
    format!(
        "{} GPUs, {} USD an hour, {} kUSD a year, {:.1} kW, {:.2} output tokens per joule, {:.1} kg CO₂e an hour",
        plan.gpus,
        usd(plan.cost_micro_per_hour),
        kusd_a_year(plan.cost_micro_per_hour),
        plan.energy.facility_w / 1000.0,
        plan.energy.tokens_per_joule,
        plan.energy.carbon_g_per_hour / 1000.0,
    )
}

/// The head of a table of pools.
pub(super) const POOL_HEAD: [&str; 10] =
    ["up to", "γ", "instances of", "instances", "GPUs", "req/s", "used", "batch", "USD/h", "bound by"];

/// The pools as rows of a table, under [`POOL_HEAD`].
pub(super) fn pool_rows(plan: &Plan) -> Vec<Vec<String>> {
    let row = |pool: &PoolPlan| {
        vec![
            pool.max_total_tokens.to_string(),
            format!("{:.1}", pool.gamma),
            pool.profile.clone(),
            pool.instances.to_string(),
            pool.gpus.to_string(),
            format!("{:.2}", pool.rate_per_s),
            format!("{:.0} %", pool.utilisation * 100.0),
            format!("{:.1} of {}", pool.batch, pool.slots),
            usd(pool.cost_micro_per_hour),
            binding(pool),
        ]
    };
    plan.pools.iter().map(row).collect()
}

fn binding(pool: &PoolPlan) -> String {
    use tollgate_fleet::plan::Binding;
    match &pool.binding {
        Binding::Minimum => "the minimum".into(),
        Binding::Capacity => "capacity".into(),
        Binding::Utilisation => "utilisation".into(),
        Binding::Ttft(class) => format!("TTFT of {class}"),
        Binding::Tpot(class) => format!("TPOT of {class}"),
        Binding::EndToEnd(class) => format!("E2E of {class}"),
    }
}

/// The head of a table of what classes get.
pub(super) const PROMISE_HEAD: [&str; 8] =
    ["pool", "class", "req/s", "share", "TTFT p50 ms", "TTFT ms", "TPOT ms", "E2E ms"];

/// What classes get, under [`PROMISE_HEAD`].
pub(super) fn promise_rows(plan: &Plan) -> Vec<Vec<String>> {
    let rows = plan.pools.iter().flat_map(|pool| pool.classes.iter().map(move |class| (pool, class)));
    rows.map(|(pool, class)| {
        vec![
            format!("up to {}", pool.max_total_tokens),
            class.class.clone(),
            format!("{:.2}", class.rate_per_s),
            format!("P{}", class.percentile * 100.0),
            format!("{:.0}", class.ttft_p50_ms),
            format!("{:.0}", class.ttft_ms),
            format!("{:.1}", class.tpot_ms),
            format!("{:.0}", class.e2e_ms),
        ]
    })
    .collect()
}
