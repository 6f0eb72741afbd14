//! `tollgate fleet flex`: how far the power of a fleet can be lowered for the grid, and what that does to latency.

use super::super::compat;
use super::super::plan::refused;
use super::super::problem::FleetArgs;
use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use tollgate_fleet::Error;
use tollgate_fleet::plan::{FlexPoint, Plan, flex, plan};

/// Reductions that are tried where none is said, in percent.
pub(in crate::fleet) const LEVELS: [f64; 9] = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0];

/// Lower the power of a fleet for the grid by capping batches: watts against latency
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet flex --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --boundary 8192 --gpu h100
  tollgate fleet flex --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --gpu h100 --reduction 10,20,30
  tollgate fleet flex --cdf lengths.json --rate 200 --slo-ttft-ms 500 --gpu h100 --instances 40 --compat

The fleet is the cheapest that meets the promises, or one with --instances. Exits with 1 when the promises are not met at
any reduction.")]
pub(crate) struct FlexArgs {
    #[command(flatten)]
    pub(in crate::fleet) fleet: FleetArgs,
    /// Answer as the public reference simulator's `grid-flex` does: one pool of --instances GPUs
    #[arg(long, conflicts_with_all = compat::REFUSED,
        conflicts_with_all = ["slo_tpot_ms", "boundary", "gamma", "compressible", "availability"])]
    pub(in crate::fleet) compat: bool,
    /// Reductions of the power at full batch, in percent [default: 0,5,10,15,20,25,30,40,50]
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    pub(in crate::fleet) reduction: Vec<f64>,
    /// Instances of each pool, instead of the plan's
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(in crate::fleet) instances: Vec<u32>,
    /// Print as JSON
    #[arg(long)]
    pub(in crate::fleet) json: bool,
}

const HEAD: [&str; 6] = ["reduction", "caps", "kW at the caps", "kW on average", "worst TTFT ms", "met"];

/// Plans, then caps.
pub(in crate::fleet) fn run(args: &FlexArgs) -> Result<Ending> {
    if args.compat {
        return compat::flex(args);
    }
    let (_, problem) = args.fleet.problem()?;
    let mut planned = match plan(&problem) {
        Err(Error::Infeasible { why }) => return refused(args.json, &why),
        other => other?,
    };
    resize(&mut planned, &args.instances)?;
    let levels = if args.reduction.is_empty() { &LEVELS[..] } else { &args.reduction };
    let curve = flex(&problem, &planned, levels)?;
    let deepest = deepest(&curve);
    if args.json {
        say::json(&json!({"pools": planned.pools, "deepest_met_percent": deepest, "curve": curve}))?;
        return Ok(Ending::of(deepest.is_some()));
    }
    for pool in &planned.pools {
        say::line(&format!(
            "up to {} tokens: {} of {}",
            pool.max_total_tokens, pool.instances, pool.profile
        ))?;
    }
    say::line("")?;
    say::table(&HEAD, &curve.iter().map(row).collect::<Vec<_>>())?;
    say::line(&match deepest {
        Some(percent) => format!("\nthe deepest reduction up to which every promise is met: {percent} %"),
        None => "\nthe promises are not met at the smallest reduction asked for".into(),
    })?;
    Ok(Ending::of(deepest.is_some()))
}

/// Other counts of instances than the plan's.
fn resize(planned: &mut Plan, counts: &[u32]) -> Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    if counts.len() != planned.pools.len() || counts.contains(&0) {
        bail!(
            "--instances has {} numbers for {} pools: give one above 0 for each",
            counts.len(),
            planned.pools.len()
        );
    }
    for (pool, &count) in planned.pools.iter_mut().zip(counts) {
        (pool.instances, pool.needed) = (count, count);
    }
    Ok(())
}

/// The deepest reduction such that every promise is met there and at all that are less deep.
pub(in crate::fleet) fn deepest(curve: &[FlexPoint]) -> Option<f64> {
    let mut rising: Vec<&FlexPoint> = curve.iter().collect();
    rising.sort_by(|a, b| a.percent.total_cmp(&b.percent));
    rising.iter().take_while(|point| point.met).last().map(|point| point.percent)
}

fn row(point: &FlexPoint) -> Vec<String> {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "cannot keep up".into());
    vec![
        format!("{} %", point.percent),
        point.caps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        format!("{:.1}", point.capped_w / 1000.0),
        or_dash(point.mean_w.map(|w| format!("{:.1}", w / 1000.0))),
        or_dash(point.worst_ttft_ms.map(|ms| format!("{ms:.0}"))),
        if point.met { "yes" } else { "no" }.into(),
    ]
}
