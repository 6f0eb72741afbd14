//! `tollgate fleet simulate`: what a planned fleet does with the workload, request by request.

mod router;
mod run;
mod traffic;

pub(super) use router::routers;
pub(super) use run::RunArgs;
pub(super) use traffic::Swing;

use super::plan::{compressor, refused, totals};
use super::problem::FleetArgs;
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use tollgate_fleet::Error;
use tollgate_fleet::plan::{Plan, plan};
use tollgate_fleet::sim::{ClassOutcome, Estimate, Outcome, Percentiles, PoolOutcome, Sample};

/// Rows of a timeline that are shown.
const TIMELINE_ROWS: usize = 12;

/// Simulate the planned fleet on requests drawn from the workload or replayed, with the gateway's own routing
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet simulate --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --boundary 8192 --gpu h100 --requests 20000
  tollgate fleet simulate --trace requests.csv --slo-ttft-ms 2000 --gpu h100 --replay
  tollgate fleet simulate --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --gpu h100 --swing 0.6 --swing-hours 2 \\
    --autoscale 0.5 --cold-start-s 120 --failure-hours 200 --repair-hours 1

Exits with 1 when a promise is not met, or not known to be.")]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    pub(super) fleet: FleetArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Plans, then simulates.
pub(super) fn run(args: &SimulateArgs) -> Result<Ending> {
    let (loaded, problem) = args.fleet.problem()?;
    let mut planned = match plan(&problem) {
        Err(Error::Infeasible { why }) => return refused(args.json, &why),
        other => other?,
    };
    let compressor = compressor(&planned, &problem)?;
    planned.why.extend(compressor.clone());
    let traffic = args.run.traffic(&args.fleet, &loaded, &problem, &planned)?;
    let outcome = args.run.simulate(&traffic, &problem, &planned)?;
    if args.json {
        say::json(&json!({"plan": planned, "met": outcome.met(), "outcome": outcome}))?;
    } else {
        say::line(&totals(&planned))?;
        compressor.iter().try_for_each(|needed| say::line(needed))?;
        show(&outcome, &planned, args.run.changes())?;
    }
    Ok(Ending::of(outcome.met() == Some(true)))
}

fn show(outcome: &Outcome, planned: &Plan, changes: bool) -> Result<()> {
    say::line("")?;
    say::table(&CLASS_HEAD, &outcome.classes.iter().map(class_row).collect::<Vec<_>>())?;
    say::line("")?;
    say::table(&POOL_HEAD, &pool_rows(outcome, planned))?;
    if changes {
        say::line("\nThe first replication over time:")?;
        let stride = outcome.timeline.len().div_ceil(TIMELINE_ROWS).max(1);
        let rows: Vec<Vec<String>> = outcome.timeline.chunks(stride).filter_map(timeline_row).collect();
        say::table(&TIMELINE_HEAD, &rows)?;
    }
    // What fails, fails in a short run too.
    if let Some(unsettled) = outcome.unsettled.as_ref().filter(|_| outcome.met() != Some(false)) {
        say::line(&format!("\n{unsettled}"))?;
    }
    say::line(&format!(
        "\n{} replications; ± is half of a 95 % interval; {} output tokens per joule at the meter",
        outcome.replications,
        spread(&outcome.tokens_per_joule, 3)
    ))
}

/// The head of a table of classes.
pub(super) const CLASS_HEAD: [&str; 8] =
    ["class", "offered", "refused", "within", "met", "TTFT p99 ms", "TPOT p99 ms", "E2E p99 ms"];

/// How a class fared, under [`CLASS_HEAD`].
pub(super) fn class_row(class: &ClassOutcome) -> Vec<String> {
    let p99 = |percentiles: &Percentiles| spread(&percentiles.p99, 1);
    let refused = class.too_long + class.full + class.impatient + class.lost;
    vec![
        class.name.clone(),
        class.offered.to_string(),
        refused.to_string(),
        spread(&class.attainment, 4),
        match class.met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        }
        .into(),
        p99(&class.ttft_ms),
        p99(&class.tpot_ms),
        p99(&class.e2e_ms),
    ]
}

/// The head of a table of pools.
pub(super) const POOL_HEAD: [&str; 6] = ["pool", "served", "instances", "busy", "batch", "kW"];

/// What each pool did, under [`POOL_HEAD`]; its batch is of the slots that memory leaves, as in the plan.
pub(super) fn pool_rows(outcome: &Outcome, planned: &Plan) -> Vec<Vec<String>> {
    outcome.pools.iter().zip(&planned.pools).map(|(pool, planned)| pool_row(pool, planned.slots)).collect()
}

fn pool_row(pool: &PoolOutcome, slots: u32) -> Vec<String> {
    let percent = |estimate: &Estimate| format!("{:.0} %", estimate.mean * 100.0);
    vec![
        pool.name.clone(),
        pool.served.to_string(),
        format!("{:.1}", pool.instances.mean),
        percent(&pool.busy),
        format!("{:.1} of {slots}", pool.batch.mean),
        format!("{:.1}", pool.watts.mean / 1000.0),
    ]
}

const TIMELINE_HEAD: [&str; 5] = ["at", "arrived", "in flight", "serving", "kW"];

/// A stretch of the timeline: arrivals in it, and how it stands at its end.
fn timeline_row(stretch: &[Sample]) -> Option<Vec<String>> {
    let last = stretch.last()?;
    let list = |counts: &mut dyn Iterator<Item = String>| counts.collect::<Vec<_>>().join(" + ");
    Some(vec![
        clock(last.at_s),
        stretch.iter().map(|sample| sample.arrived).sum::<u64>().to_string(),
        list(&mut last.in_flight.iter().map(ToString::to_string)),
        list(&mut last.serving.iter().map(ToString::to_string)),
        format!("{:.1}", last.watts / 1000.0),
    ])
}

/// Seconds as hours, minutes and seconds.
pub(super) fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}

/// An estimate with half of its interval, where there is one.
pub(super) fn spread(estimate: &Estimate, digits: usize) -> String {
    if estimate.half_width.is_finite() {
        format!("{:.digits$} ± {:.digits$}", estimate.mean, estimate.half_width)
    } else {
        format!("{:.digits$}", estimate.mean)
    }
}
