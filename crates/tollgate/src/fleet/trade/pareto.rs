//! `tollgate fleet pareto`: every boundary and γ with its cheapest fleet, and those that no other beats.

use super::super::compat;
use super::super::plan::{compresses, refused};
use super::super::problem::FleetArgs;
use super::super::{kusd_a_year, usd};
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use tollgate_fleet::Error;
use tollgate_fleet::plan::{Candidate, PoolPlan, Problem, front};

/// Search boundaries and γ: cost against latency and power, and the fleets that no other beats
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet pareto --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --gpu h100
  tollgate fleet pareto --cdf lengths.json --rate 40 --gpu h100 --boundary 2048 --boundary 8192 --gamma 1 --gamma 1.5 --all
  tollgate fleet pareto --cdf lengths.json --rate 200 --slo-ttft-ms 500 --gpu a100 --compat

Exits with 1 when no fleet meets the promises.")]
pub(crate) struct ParetoArgs {
    #[command(flatten)]
    pub(in crate::fleet) fleet: FleetArgs,
    /// Answer as the public reference simulator's `pareto` does: every length of the distribution as the boundary, γ 1
    #[arg(long, conflicts_with_all = compat::REFUSED, conflicts_with_all = ["slo_tpot_ms", "boundary", "gamma"])]
    pub(in crate::fleet) compat: bool,
    /// Show every fleet, not only those that no other beats in cost, latency and power
    #[arg(long)]
    pub(in crate::fleet) all: bool,
    /// Print as JSON
    #[arg(long)]
    pub(in crate::fleet) json: bool,
}

const HEAD: [&str; 9] =
    ["boundary", "γ", "below", "GPUs", "USD/h", "kUSD/year", "worst TTFT ms", "kW", "unbeaten"];

/// Searches.
pub(in crate::fleet) fn run(args: &ParetoArgs) -> Result<Ending> {
    if args.compat {
        return compat::pareto(args);
    }
    let (loaded, problem) = args.fleet.problem()?;
    let candidates = match front(&problem) {
        Err(Error::Infeasible { why }) => return refused(args.json, &why),
        other => other?,
    };
    let without = without_fleet(&problem, &candidates);
    if args.json {
        let row = |candidate: &Candidate| {
            let (boundary, gamma) = boundary_of(candidate).unzip();
            json!({"boundary": boundary, "gamma": gamma, "boundaries": edges(candidate), "efficient": candidate.efficient,
                "worst_ttft_ms": candidate.worst_ttft_ms, "plan": candidate.plan})
        };
        let rows: Vec<Value> = candidates.iter().map(row).collect();
        say::json(
            &json!({"workload": loaded.json(), "candidates": rows, "boundaries_without_fleet": without}),
        )?;
        return Ok(Ending::Good);
    }
    let share = |tokens: u32| format!("{:.1} %", loaded.cdf.at(f64::from(tokens)) * 100.0);
    let row = |candidate: &Candidate| {
        let plan = &candidate.plan;
        let inner = plan.pools.split_last().map_or(&[][..], |(_, inner)| inner);
        let each = |text: &dyn Fn(&PoolPlan) -> String| match inner {
            [] => "–".into(),
            some => some.iter().map(text).collect::<Vec<_>>().join(", "),
        };
        vec![
            each(&|pool| pool.max_total_tokens.to_string()),
            each(&|pool| format!("{:.1}", pool.gamma)),
            each(&|pool| share(pool.max_total_tokens)),
            plan.gpus.to_string(),
            usd(plan.cost_micro_per_hour),
            kusd_a_year(plan.cost_micro_per_hour),
            format!("{:.0}", candidate.worst_ttft_ms),
            format!("{:.1}", plan.energy.facility_w / 1000.0),
            if candidate.efficient { "*" } else { "" }.into(),
        ]
    };
    let shown: Vec<_> = candidates.iter().filter(|c| args.all || c.efficient).map(row).collect();
    say::table(&HEAD, &shown)?;
    say::line(&format!(
        "\n{} fleets, {} unbeaten in cost, latency and power; `–` is one pool",
        candidates.len(),
        candidates.iter().filter(|c| c.efficient).count()
    ))?;
    if shown_compress(args, &candidates, &problem) {
        say::line("fleets with γ above 1 count on a prompt compressor")?;
    }
    if !without.is_empty() {
        let named = without.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        say::line(&format!("no fleet meets the promises with a boundary at {named}"))?;
    }
    Ok(Ending::Good)
}

/// Whether a fleet that is shown counts on a prompt compressor.
fn shown_compress(args: &ParetoArgs, candidates: &[Candidate], problem: &Problem) -> bool {
    let mut shown = candidates.iter().filter(|c| args.all || c.efficient);
    shown.any(|candidate| compresses(&candidate.plan, problem))
}

/// The boundaries of a fleet.
pub(in crate::fleet) fn edges(candidate: &Candidate) -> Vec<u32> {
    let pools = candidate.plan.pools.split_last().map_or(&[][..], |(_, inner)| inner);
    pools.iter().map(|pool| pool.max_total_tokens).collect()
}

/// The boundary and γ of a fleet of two pools.
pub(in crate::fleet) fn boundary_of(candidate: &Candidate) -> Option<(u32, f64)> {
    match candidate.plan.pools.as_slice() {
        [short, _] => Some((short.max_total_tokens, short.gamma)),
        _ => None,
    }
}

/// Boundaries at which no γ has a fleet.
pub(in crate::fleet) fn without_fleet(problem: &Problem, candidates: &[Candidate]) -> Vec<u32> {
    let space = &problem.space;
    let has = |boundary: u32| candidates.iter().filter_map(boundary_of).any(|(at, _)| at == boundary);
    let inner = space.boundaries.iter().copied().filter(|b| *b < space.context && space.pools > 1);
    inner.filter(|boundary| !has(*boundary)).collect()
}
