//! `tollgate fleet simulate`: what a planned fleet does with the workload, request by request.

use super::files::style;
use super::plan::totals;
use super::problem::FleetArgs;
use super::workload::Loaded;
use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde_json::json;
use tollgate_core::Seed;
use tollgate_fleet::plan::{Plan, Problem, plan};
use tollgate_fleet::sim::{
    ClassOutcome, Estimate, Failures, Outcome, OutputGuess, Percentiles, PoolOutcome, RunSpec, Scenario,
    simulate,
};
use tollgate_select::place::Strategy;

/// Every so many requests the bar moves.
const TICK: u64 = 4096;

/// Simulate the planned fleet on requests drawn from the workload, with the gateway's own routing
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate fleet simulate --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --boundary 8192 --gpu h100 --requests 20000

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

/// How it is simulated
#[derive(Args, Debug, Clone)]
pub(super) struct RunArgs {
    /// Instances of each pool, instead of the plan's
    #[arg(long, value_name = "N", value_delimiter = ',')]
    instances: Vec<u32>,
    /// How the router picks an instance
    #[arg(long, value_enum, default_value_t = Placement::LeastTtft)]
    placement: Placement,
    /// What the router takes for the output that is still to come
    #[arg(long, value_enum, default_value_t = Guess::Exact)]
    output: Guess,
    /// A pool with a longer wait than this gives way to a longer pool [default: never]
    #[arg(long, value_name = "MS")]
    spill_over_ms: Option<f64>,
    /// Requests of a replication
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub(super) requests: u64,
    /// Independent replications, which give the intervals
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(super) replications: u32,
    /// Where all draws come from
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Mean time to the failure of an instance, in hours [default: they do not fail]
    #[arg(long, value_name = "H", requires = "repair_hours")]
    failure_hours: Option<f64>,
    /// Mean time to repair an instance, in hours
    #[arg(long, value_name = "H", requires = "failure_hours")]
    repair_hours: Option<f64>,
}

/// What the router takes for the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Guess {
    /// It knows it, as the plan assumes
    Exact,
    /// What the class needed lately
    Learned,
    /// Nothing: it looks at the prompt alone
    None,
}

/// How the router picks an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Placement {
    /// Least expected time to the first token
    LeastTtft,
    /// At random
    Weighted,
    /// The owner of the prompt's beginning
    PrefixAffinity,
    /// Least additional power
    LeastEnergy,
}

impl Placement {
    pub(super) const ALL: [Self; 4] =
        [Self::LeastTtft, Self::Weighted, Self::PrefixAffinity, Self::LeastEnergy];

    const fn strategy(self) -> Strategy {
        match self {
            Self::LeastTtft => Strategy::LeastTtft,
            Self::Weighted => Strategy::Weighted,
            Self::PrefixAffinity => Strategy::PrefixAffinity,
            Self::LeastEnergy => Strategy::LeastEnergy,
        }
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Plans, then simulates.
pub(super) fn run(args: &SimulateArgs) -> Result<Ending> {
    let (loaded, problem) = args.fleet.problem()?;
    let planned = plan(&problem)?;
    let outcome = args.run.simulate(&loaded, &problem, &planned, args.run.placement())?;
    if args.json {
        say::json(&json!({"plan": planned, "met": outcome.met(), "outcome": outcome}))?;
    } else {
        show(&planned, &outcome)?;
    }
    Ok(Ending::of(outcome.met() == Some(true)))
}

impl RunArgs {
    /// How the router picks an instance.
    pub(super) fn placement(&self) -> Placement {
        self.placement
    }

    /// Runs the plan's fleet under a placement.
    pub(super) fn simulate(
        &self,
        loaded: &Loaded,
        problem: &Problem,
        planned: &Plan,
        placement: Placement,
    ) -> Result<Outcome> {
        let scenario = self.scenario(problem, planned, placement)?;
        let bar = ProgressBar::new(self.requests * u64::from(self.replications));
        bar.set_style(style("{human_pos} of {human_len} requests")?);
        let outcome = simulate(&scenario, |seed| {
            let bar = bar.clone();
            let moved = move |(n, _): &(u64, _)| {
                if n % TICK == TICK - 1 {
                    bar.inc(TICK);
                }
            };
            Ok((0..).zip(loaded.workload.requests(seed)?).inspect(moved).map(|(_, request)| request))
        })?;
        bar.finish_and_clear();
        Ok(outcome)
    }

    /// The instances of each pool.
    fn instances(&self, planned: &Plan) -> Result<Vec<u32>> {
        let pools: Vec<String> =
            planned.pools.iter().map(|p| format!("up to {} tokens", p.max_total_tokens)).collect();
        let (given, there) = (self.instances.len(), pools.len());
        if given == 0 {
            return Ok(planned.pools.iter().map(|pool| pool.instances).collect());
        }
        if given != there || self.instances.contains(&0) {
            let pools = pools.join(", ");
            bail!("--instances has {given} numbers for {there} pools ({pools}): give one above 0 for each");
        }
        Ok(self.instances.clone())
    }

    fn scenario(&self, problem: &Problem, planned: &Plan, placement: Placement) -> Result<Scenario> {
        let run = RunSpec {
            requests: self.requests,
            replications: self.replications,
            seed: Seed(self.seed),
            ..RunSpec::default()
        };
        let mut scenario = planned.scenario(problem, run);
        let hours = |hours: f64| hours * 3600.0;
        for (pool, instances) in scenario.pools.iter_mut().zip(self.instances(planned)?) {
            pool.instances = instances;
            pool.failures = self
                .failure_hours
                .zip(self.repair_hours)
                .map(|(up, repair)| Failures { mean_up_s: hours(up), mean_repair_s: hours(repair) });
        }
        scenario.router.output = match self.output {
            Guess::Exact => OutputGuess::Exact,
            Guess::Learned => OutputGuess::Learned,
            Guess::None => OutputGuess::None,
        };
        scenario.router.pools.spill_wait_ms =
            self.spill_over_ms.unwrap_or(scenario.router.pools.spill_wait_ms);
        scenario.router.place.strategy = placement.strategy();
        Ok(scenario)
    }
}

fn show(planned: &Plan, outcome: &Outcome) -> Result<()> {
    say::line(&totals(planned))?;
    say::line("")?;
    say::table(&CLASS_HEAD, &outcome.classes.iter().map(class_row).collect::<Vec<_>>())?;
    say::line("")?;
    say::table(&POOL_HEAD, &outcome.pools.iter().map(pool_row).collect::<Vec<_>>())?;
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
pub(super) const POOL_HEAD: [&str; 6] = ["pool", "served", "instances", "busy", "slots used", "kW"];

/// What a pool did, under [`POOL_HEAD`].
pub(super) fn pool_row(pool: &PoolOutcome) -> Vec<String> {
    let percent = |estimate: &Estimate| format!("{:.0} %", estimate.mean * 100.0);
    vec![
        pool.name.clone(),
        pool.served.to_string(),
        format!("{:.1}", pool.instances.mean),
        percent(&pool.busy),
        percent(&pool.utilisation),
        format!("{:.1}", pool.watts.mean / 1000.0),
    ]
}

/// An estimate with half of its interval, where there is one.
pub(super) fn spread(estimate: &Estimate, digits: usize) -> String {
    if estimate.half_width.is_finite() {
        format!("{:.digits$} ± {:.digits$}", estimate.mean, estimate.half_width)
    } else {
        format!("{:.digits$}", estimate.mean)
    }
}
