//! From a plan and options to a scenario, and through it with a bar.

use super::super::files::style;
use super::super::problem::FleetArgs;
use super::super::workload::Loaded;
use super::router::RouterArgs;
use super::traffic::{Swing, Traffic, TrafficArgs};
use crate::say;
use anyhow::{Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use tollgate_core::Seed;
use tollgate_fleet::plan::{Plan, PoolPlan, Problem};
use tollgate_fleet::sim::{Autoscale, Failures, Outcome, PoolSpec, RunSpec, Scenario, simulate};

/// Every so many requests the bar moves.
const TICK: u64 = 4096;
/// Samples of a timeline, about.
const SAMPLES: f64 = 240.0;

/// How it is simulated
#[derive(Args, Debug, Clone)]
pub(in crate::fleet) struct RunArgs {
    /// Instances of each pool, instead of the plan's
    #[arg(long, value_name = "N", value_delimiter = ',')]
    instances: Vec<u32>,
    #[command(flatten)]
    pub(super) router: RouterArgs,
    #[command(flatten)]
    traffic: TrafficArgs,
    /// Independent replications, which give the intervals
    #[arg(long, value_name = "N", default_value_t = 5)]
    replications: u32,
    /// Where all draws come from
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Mean time to the failure of an instance, in hours [default: they do not fail]
    #[arg(long, value_name = "H", requires = "repair_hours")]
    failure_hours: Option<f64>,
    /// Mean time to repair an instance, in hours
    #[arg(long, value_name = "H", requires = "failure_hours")]
    repair_hours: Option<f64>,
    /// From being switched on, or repaired, to serving, in seconds
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    cold_start_s: f64,
    /// Grow and shrink pools so that this share of the slots is taken (1: all of them) [default: pools stay as they are]
    #[arg(long, value_name = "SHARE")]
    autoscale: Option<f64>,
    /// Fewest and most instances of a pool that grows and shrinks, as shares of what it has [default: 0.25,2]
    #[arg(long, value_name = "LOW,HIGH", value_delimiter = ',', num_args = 1, requires = "autoscale")]
    autoscale_bounds: Vec<f64>,
    /// How often a pool is looked at, in seconds
    #[arg(long, value_name = "S", default_value_t = 30.0)]
    autoscale_s: f64,
    /// Requests that may wait at an instance; the next one is refused
    #[arg(long, value_name = "N", default_value_t = tollgate_fleet::sim::DEFAULT_WAITING)]
    waiting: u32,
    /// A request that has waited longer, in seconds, is dropped [default: it waits for ever]
    #[arg(long, value_name = "S")]
    patience_s: Option<f64>,
    /// Blocks of prefix cache of an instance, for replayed requests whose prefixes are known
    #[arg(long, value_name = "N", default_value_t = 0)]
    cache_blocks: usize,
    /// Tokens of a block, as the trace cuts prompts
    #[arg(long, value_name = "N", default_value_t = 512)]
    block_tokens: u32,
}

impl RunArgs {
    /// What arrives in a replication.
    pub(in crate::fleet) fn traffic(
        &self,
        fleet: &FleetArgs,
        loaded: &Loaded,
        problem: &Problem,
        planned: &Plan,
    ) -> Result<Traffic> {
        let stays = planned.pools.iter().flat_map(|pool| &pool.classes).map(|class| class.e2e_ms);
        let longest_s = stays.fold(0.0, f64::max) / 1e3;
        self.traffic.traffic(fleet, loaded, problem.space.context, longest_s)
    }

    /// How the rate swings, where it does.
    pub(in crate::fleet) fn swing(&self) -> Option<Swing> {
        self.traffic.swing()
    }

    /// Whether rate or fleet differ over time.
    pub(in crate::fleet) fn changes(&self) -> bool {
        self.traffic.changes() || self.autoscale.is_some() || self.failure_hours.is_some()
    }

    /// Runs the plan's fleet.
    pub(in crate::fleet) fn simulate(
        &self,
        traffic: &Traffic,
        problem: &Problem,
        planned: &Plan,
    ) -> Result<Outcome> {
        if traffic.is_replay() && self.failure_hours.is_none() {
            say::remark(
                "a replay is one sample, so it runs once: it can show that a promise fails, not that it holds",
            );
        }
        let scenario = self.scenario(traffic, problem, planned)?;
        let bar = ProgressBar::new(traffic.requests.saturating_mul(u64::from(scenario.run.replications)));
        bar.set_style(style("{human_pos} of {human_len} requests")?);
        let outcome = simulate(&scenario, |seed| {
            let bar = bar.clone();
            let moved = move |(n, _): &(u64, _)| {
                if n % TICK == TICK - 1 {
                    bar.inc(TICK);
                }
            };
            Ok((0..).zip(traffic.requests(seed)?).inspect(moved).map(|(_, request)| request))
        })?;
        bar.finish_and_clear();
        Ok(outcome)
    }

    /// The instances of each pool: spares wait for failures, so they count only where there are any.
    fn instances(&self, planned: &Plan) -> Result<Vec<u32>> {
        let pools: Vec<String> =
            planned.pools.iter().map(|p| format!("up to {} tokens", p.max_total_tokens)).collect();
        let (given, there) = (self.instances.len(), pools.len());
        if given == 0 {
            let failing = self.failure_hours.is_some();
            let count = |pool: &PoolPlan| if failing { pool.instances } else { pool.needed };
            return Ok(planned.pools.iter().map(count).collect());
        }
        if given != there || self.instances.contains(&0) {
            let pools = pools.join(", ");
            bail!("--instances has {given} numbers for {there} pools ({pools}): give one above 0 for each");
        }
        Ok(self.instances.clone())
    }

    fn scenario(&self, traffic: &Traffic, problem: &Problem, planned: &Plan) -> Result<Scenario> {
        let once = traffic.is_replay() && self.failure_hours.is_none();
        let run = RunSpec {
            requests: traffic.requests,
            replications: if once { 1 } else { self.replications },
            steady: !self.changes(),
            repeats: traffic.is_replay(),
            seed: Seed(self.seed),
            sample_s: Some((traffic.span_s / SAMPLES).max(0.01)),
            ..RunSpec::default()
        };
        let mut scenario = planned.scenario(problem, run);
        let counts = self.instances(planned)?;
        for ((spec, pool), instances) in scenario.pools.iter_mut().zip(&planned.pools).zip(counts) {
            self.change(spec, pool, instances)?;
        }
        self.router.change(&mut scenario.router);
        Ok(scenario)
    }

    /// What was asked for beside the plan.
    fn change(&self, spec: &mut PoolSpec, pool: &PoolPlan, instances: u32) -> Result<()> {
        let hours = |hours: f64| hours * 3600.0;
        spec.instances = instances;
        spec.limits.waiting = self.waiting;
        spec.limits.patience_s = self.patience_s.unwrap_or(f64::INFINITY);
        spec.failures = self
            .failure_hours
            .zip(self.repair_hours)
            .map(|(up, repair)| Failures { mean_up_s: hours(up), mean_repair_s: hours(repair) });
        spec.cold_start_s = self.cold_start_s;
        spec.autoscale = self.autoscale(pool.slots, spec.limits.slots, instances)?;
        spec.cache_blocks = self.cache_blocks;
        spec.block_tokens = self.block_tokens;
        Ok(())
    }

    /// Aims at a share of the `slots` that memory leaves, in terms of the `sequences` that the engine takes at most.
    fn autoscale(&self, slots: u32, sequences: u32, instances: u32) -> Result<Option<Autoscale>> {
        let Some(share) = self.autoscale else { return Ok(None) };
        let (low, high) = match *self.autoscale_bounds.as_slice() {
            [] => (0.25, 2.0),
            [low, high] if low > 0.0 && low <= 1.0 && high >= 1.0 => (low, high),
            _ => bail!("--autoscale-bounds: give a share up to 1 and one from 1 on, as 0.25,2"),
        };
        let bound = |share: f64| (f64::from(instances) * share).round().max(1.0) as u32;
        let target = share * f64::from(slots.min(sequences)) / f64::from(sequences.max(1));
        Ok(Some(Autoscale { min: bound(low), max: bound(high), interval_s: self.autoscale_s, target }))
    }
}
