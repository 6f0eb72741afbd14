//! `tollgate fleet forecast`: what each pool needs some minutes ahead, how well that would have worked, and what it saves
//! to size pools for archetypes together.

use super::super::plan::refused;
use super::super::problem::{FleetArgs, band};
use super::super::workload::{Clock, Loaded};
use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use tollgate_fleet::Error;
use tollgate_fleet::operate::forecast::Backtest;
use tollgate_fleet::operate::{self, Demand, PoolAhead, Provision, provision};
use tollgate_fleet::plan::{Binding, Plan, Problem, Stream, plan};
use tollgate_fleet::workload::Cell;

/// Forecast each pool's demand some minutes ahead, archetype by archetype, and judge that by the recording
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet forecast --trace requests.csv --slo-ttft-ms 2000 --gpu h100
  tollgate fleet forecast --trace chat.csv --trace agents.csv --slo-ttft-ms 2000 --gpu h100 --at 4096 --ahead-min 5,10,15

Archetypes are the classes of the traces: routes of a gateway's log, or files. The aggregate forecast sees all arrivals as
one. Errors are sums of absolute errors over the sum of the work in tokens.")]
pub(crate) struct ForecastArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Minutes ahead
    #[arg(long, value_name = "M", value_delimiter = ',', default_value = "5,10,15")]
    ahead_min: Vec<f64>,
    /// Minutes of a step
    #[arg(long, value_name = "M", default_value_t = 1.0)]
    step_min: f64,
    /// Steps at the start whose forecasts are not judged
    #[arg(long, value_name = "N", default_value_t = 10)]
    warm_up: usize,
    /// Hours after which demand repeats, as 24 [default: none]
    #[arg(long, value_name = "H")]
    season_hours: Option<f64>,
    /// The share of steps that a fleet for all archetypes together covers
    #[arg(long, value_name = "SHARE", default_value_t = 0.99)]
    covered: f64,
    /// Boundaries of the pools in force, as 4096 [default: those of the plan]
    #[arg(long, value_name = "B", value_delimiter = ',')]
    at: Vec<u32>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// A pool in force: what it serves, and the work that an instance of it takes.
struct Pool {
    up_to_tokens: u32,
    /// Tokens per second.
    each_per_s: f64,
}

/// One horizon.
#[derive(Serialize)]
struct Horizon {
    ahead_min: f64,
    /// `None` where the recording is too short to judge it.
    errors: Option<Backtest>,
    pools: Vec<Ahead>,
}

/// A pool at a horizon.
#[derive(Serialize)]
struct Ahead {
    up_to_tokens: u32,
    now_tokens_per_s: f64,
    then_tokens_per_s: f64,
    then_instances: u32,
}

/// Plans the pools, then looks ahead.
pub(in crate::fleet) fn run(args: &ForecastArgs) -> Result<Ending> {
    let (loaded, problem) = args.fleet.problem()?;
    let pools = match pools(args, &problem) {
        Err(Error::Infeasible { why }) => return refused(args.json, &why),
        other => other?,
    };
    let demand = demand(args, &loaded, &pools, problem.space.context)?;
    let horizons = args.ahead_min.iter().map(|ahead| horizon(args, &demand, &pools, *ahead));
    let horizons = horizons.collect::<Result<Vec<Horizon>>>()?;
    let mixed =
        provision(&demand, args.covered, |at, work| pools.get(at).map_or(0, |pool| pool.instances(work)))?;
    let classes: Vec<&str> = loaded.streams.iter().map(|stream| stream.class.name.as_str()).collect();
    if classes.len() < 2 {
        say::remark(
            "one class only: by archetype and aggregate are the same; give several traces, or one with classes",
        );
    }
    if args.json {
        say::json(&json!({"archetypes": classes, "steps": demand.steps().len(), "step_s": demand.step_s(),
            "horizons": horizons, "provision": mixed}))?;
        return Ok(Ending::Good);
    }
    let steps = demand.steps().len();
    say::line(&format!("{steps} steps of {:.0} s; archetypes: {}", demand.step_s(), classes.join(", ")))?;
    say::table(&ERRORS, &horizons.iter().map(errors_row).collect::<Vec<_>>())?;
    say::line("")?;
    let ahead =
        horizons.iter().flat_map(|horizon| horizon.pools.iter().map(move |pool| ahead_row(horizon, pool)));
    say::table(&AHEAD, &ahead.collect::<Vec<_>>())?;
    show_provision(args, &pools, &mixed)?;
    Ok(Ending::Good)
}

/// The pools: between the boundaries in force, each planned for its own requests.
fn pools(args: &ForecastArgs, problem: &Problem) -> Result<Vec<Pool>, Error> {
    let context = problem.space.context;
    let mut tops = if args.at.is_empty() {
        plan(problem)?.pools.iter().map(|pool| pool.max_total_tokens).collect()
    } else {
        args.at.clone()
    };
    tops.retain(|top| *top < context);
    tops.push(context);
    tops.sort_unstable();
    tops.dedup();
    let lows = [0].into_iter().chain(tops.iter().copied());
    let mut pools = Vec::new();
    for (low, &high) in lows.zip(&tops) {
        let each_per_s = match band(problem, low, high) {
            Some(own) => each_per_s(&own, &plan(&own)?),
            None => 0.0,
        };
        pools.push(Pool { up_to_tokens: high, each_per_s });
    }
    Ok(pools)
}

/// Tokens per second that an instance of a planned pool takes: its share of the mean, and where one is the fewest, as much
/// more as its utilisation leaves.
fn each_per_s(own: &Problem, planned: &Plan) -> f64 {
    let of = |stream: &Stream| stream.rate_per_s * stream.lengths.mean_of(Cell::total_tokens);
    let work: f64 = own.streams.iter().map(of).sum();
    let Some(pool) = planned.pools.first() else { return 0.0 };
    let spare = match pool.binding {
        Binding::Minimum if pool.utilisation > 0.0 => own.limits.utilisation / pool.utilisation,
        _ => 1.0,
    };
    work / f64::from(pool.needed.max(1)) * spare.max(1.0)
}

impl Pool {
    fn instances(&self, work_per_s: f64) -> u32 {
        if self.each_per_s > 0.0 { (work_per_s / self.each_per_s - 1e-9).ceil().max(0.0) as u32 } else { 0 }
    }
}

/// The work of each step, by class and pool, in tokens, at the rates that are asked for.
fn demand(args: &ForecastArgs, loaded: &Loaded, pools: &[Pool], context: u32) -> Result<Demand> {
    let requests = args.fleet.workload.recorded(loaded, Clock::Recorded)?;
    let growth = loaded.growth();
    let mut demand = Demand::new(args.step_min * 60.0, loaded.streams.len(), pools.len())?;
    for request in requests.iter().filter(|request| request.total_tokens() <= context) {
        let (total, class) = (request.total_tokens(), usize::from(request.class));
        let pool = pools.iter().position(|pool| total <= pool.up_to_tokens).unwrap_or(0);
        let times = growth.get(class).copied().unwrap_or(1.0);
        demand.add(request.arrival_ns, class, pool, times, times * f64::from(total))?;
    }
    Ok(demand)
}

fn horizon(args: &ForecastArgs, demand: &Demand, pools: &[Pool], ahead_min: f64) -> Result<Horizon> {
    let steps = (ahead_min / args.step_min).round();
    if !(1.0..=1440.0).contains(&steps) {
        bail!("--ahead-min {ahead_min} is {steps} steps of {} minutes: give 1 to 1440 steps", args.step_min);
    }
    let period = args.season_hours.map_or(0, |hours| (hours * 60.0 / args.step_min).round() as usize);
    let found = operate::horizon(demand, steps as usize, args.warm_up, period)?;
    let pool = |(pool, ahead): (&Pool, &PoolAhead)| Ahead {
        up_to_tokens: pool.up_to_tokens,
        now_tokens_per_s: ahead.now_tokens_per_s,
        then_tokens_per_s: ahead.then_tokens_per_s,
        then_instances: pool.instances(ahead.then_tokens_per_s),
    };
    Ok(Horizon { ahead_min, errors: found.errors, pools: pools.iter().zip(&found.pools).map(pool).collect() })
}

const ERRORS: [&str; 5] = ["ahead", "forecasts", "error by archetype", "aggregate", "as it was"];

fn errors_row(horizon: &Horizon) -> Vec<String> {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let mut row = vec![format!("{} min", horizon.ahead_min)];
    match &horizon.errors {
        Some(found) => row.extend([
            found.forecasts.to_string(),
            percent(found.archetypes),
            percent(found.aggregate),
            percent(found.unchanged),
        ]),
        None => row.extend(["0".into(), "the recording is too short to judge".into()]),
    }
    row
}

const AHEAD: [&str; 5] = ["ahead", "pool", "tokens/s now", "tokens/s then", "instances then"];

fn ahead_row(horizon: &Horizon, pool: &Ahead) -> Vec<String> {
    vec![
        format!("{} min", horizon.ahead_min),
        format!("up to {}", pool.up_to_tokens),
        format!("{:.0}", pool.now_tokens_per_s),
        format!("{:.0}", pool.then_tokens_per_s),
        pool.then_instances.to_string(),
    ]
}

fn show_provision(args: &ForecastArgs, pools: &[Pool], mixed: &Provision) -> Result<()> {
    say::line("\nInstances for each archetype's own peak, and for all archetypes together:")?;
    let sizes = pools.iter().zip(mixed.worst_case.iter().zip(&mixed.mixed));
    let row = |(pool, (worst, mixed)): (&Pool, (&u32, &u32))| {
        vec![format!("up to {}", pool.up_to_tokens), worst.to_string(), mixed.to_string()]
    };
    say::table(&["pool", "worst case", "together"], &sizes.map(row).collect::<Vec<_>>())?;
    say::line(&format!(
        "\ntogether {:.1} % fewer, for {} of the steps; {:.2} % of the steps are not covered",
        mixed.saving * 100.0,
        args.covered,
        mixed.uncovered * 100.0
    ))
}
