//! What is simulated: pools of instances, the router in front of them, and how long to look.

use super::limits::Limits;
use crate::Error;
use crate::error::within;
use crate::service::{Profile, StepTime};
use crate::workload::Class;
use serde::{Deserialize, Serialize};
use tollgate_core::Seed;
use tollgate_select::cascade::Cascade;
use tollgate_select::place::PlaceRule;
use tollgate_select::pool::{DEFAULT_GAMMA, PoolRule};

/// Most pools of a fleet.
pub const MAX_POOLS: usize = 64;
/// Most instances of one pool: what the index of a placement can count.
pub const MAX_INSTANCES: u32 = 65_535;
/// Most classes of requests.
pub const MAX_CLASSES: usize = 256;
/// Most replications of one run.
pub const MAX_REPLICATIONS: u32 = 10_000;
/// Most samples of a timeline.
pub const MAX_SAMPLES: usize = 100_000;

/// Shortest mean time between changes and shortest interval, in seconds: below it the clock would hardly move.
const MIN_INTERVAL_S: f64 = 1e-3;

/// A time after which the simulation acts again.
fn interval(field: &'static str, value: f64) -> Result<(), Error> {
    Ok(within(field, value, MIN_INTERVAL_S, 1e12, "give at least 0.001 seconds")?)
}

/// A pool of equal instances.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    /// Its name.
    pub name: String,
    /// Its boundary: most tokens, prompt and output, that the router sends here.
    pub max_total_tokens: u64,
    /// γ: a request up to this many times the boundary may be compressed to fit.
    #[serde(default = "default_gamma")]
    pub gamma: f64,
    /// Instances at the start; with autoscaling, within its bounds.
    pub instances: u32,
    /// How long an iteration takes.
    pub step: StepTime,
    /// What an instance takes on at once.
    pub limits: Limits,
    /// Watts of one instance (all its GPUs, and its share of the host) by active sequences, from none; beyond its end the
    /// last. Empty: not known.
    #[serde(default)]
    pub watts: Vec<f64>,
    /// Blocks of prefix cache of one instance; 0 for no cache.
    #[serde(default)]
    pub cache_blocks: usize,
    /// Tokens of a block, as the trace cuts prompts.
    #[serde(default = "default_block")]
    pub block_tokens: u32,
    /// How instances fail; none when they don't.
    #[serde(default)]
    pub failures: Option<Failures>,
    /// From being switched on, or repaired, to serving, in seconds.
    #[serde(default)]
    pub cold_start_s: f64,
    /// How the pool grows and shrinks; none when it doesn't.
    #[serde(default)]
    pub autoscale: Option<Autoscale>,
}

const fn default_gamma() -> f64 {
    DEFAULT_GAMMA
}

const fn default_block() -> u32 {
    512
}

impl PoolSpec {
    /// A pool of instances that never fail, without caches or known power.
    #[must_use]
    pub fn new(name: &str, instances: u32, step: StepTime, limits: Limits) -> Self {
        Self {
            name: name.into(),
            max_total_tokens: u64::from(limits.context),
            gamma: DEFAULT_GAMMA,
            instances,
            step,
            limits,
            watts: Vec::new(),
            cache_blocks: 0,
            block_tokens: default_block(),
            failures: None,
            cold_start_s: 0.0,
            autoscale: None,
        }
    }

    /// A pool of instances as `profile` has them, each sequence at most `context` tokens long.
    #[must_use]
    pub fn of_profile(name: &str, instances: u32, profile: &Profile, context: u32) -> Self {
        let limits = Limits {
            kv_tokens: profile.kv_tokens,
            context,
            chunk: profile.chunk,
            ..Limits::slots(profile.sequences)
        };
        let watts = |active: u32| {
            f64::from(profile.gpus) * profile.power.watts(f64::from(active)) + profile.host_power_w
        };
        let watts = (0..=profile.sequences).map(watts).collect();
        Self { watts, ..Self::new(name, instances, profile.step, limits) }
    }

    /// The most instances that it ever has.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.autoscale.map_or(self.instances, |scale| scale.max)
    }

    fn check(&self) -> Result<(), Error> {
        self.step.check()?;
        self.limits.check()?;
        let fix = "give 1 to 65,535";
        within("pool.instances", f64::from(self.capacity()), 1.0, f64::from(MAX_INSTANCES), fix)?;
        within("pool.gamma", self.gamma, 1.0, 100.0, "give 1 to 100")?;
        within("pool.cold_start_s", self.cold_start_s, 0.0, 1e9, "give 0 to 1e9 seconds")?;
        within("pool.block_tokens", f64::from(self.block_tokens), 1.0, 1e6, "give 1 to 1e6")?;
        for watts in &self.watts {
            within("pool.watts", *watts, 0.0, 1e9, "give 0 to 1e9 watts")?;
        }
        if let Some(failures) = self.failures {
            interval("pool.failures.mean_up_s", failures.mean_up_s)?;
            interval("pool.failures.mean_repair_s", failures.mean_repair_s)?;
        }
        let Some(scale) = self.autoscale else { return Ok(()) };
        interval("pool.autoscale.interval_s", scale.interval_s)?;
        within("pool.autoscale.target", scale.target, 1e-3, 10.0, "give 0.001 to 10 requests per slot")?;
        let (min, max) = (f64::from(scale.min), f64::from(scale.max));
        within("pool.autoscale.min", min, 1.0, max, "give 1 to autoscale.max")?;
        Ok(within(
            "pool.instances",
            f64::from(self.instances),
            min,
            max,
            "give autoscale.min to autoscale.max",
        )?)
    }
}

/// Failures of an instance: exponential times, independent of load.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    /// Mean time from serving to failing, in seconds.
    pub mean_up_s: f64,
    /// Mean time from failing to being repaired, in seconds; the cold start comes on top.
    pub mean_repair_s: f64,
}

/// A rule that sets the number of instances by what is in flight.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    /// Fewest instances.
    pub min: u32,
    /// Most instances.
    pub max: u32,
    /// How often it looks, in seconds.
    pub interval_s: f64,
    /// Requests in flight per slot that it aims at.
    pub target: f64,
}

/// What the router takes for the output that is still to come.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputGuess {
    /// It looks at the prompt alone: routing by length.
    None,
    /// It knows it: no router does, but a bound on what knowing would bring.
    Exact,
    /// A fixed number of tokens.
    Fixed(u32),
    /// The fading mean of what the class needed lately: routing by token budget.
    Learned,
}

/// What draws a request to an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Affinity {
    /// Nothing.
    #[default]
    None,
    /// The beginning of its prompt.
    Prefix,
    /// Its session.
    Session,
}

/// The router: the rules of [`tollgate_select`], and what they are told.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouterSpec {
    /// What it takes for the output.
    pub output: OutputGuess,
    /// When a request spills. Spilling is off at an infinite wait.
    pub pools: PoolRule,
    /// The order of instances.
    pub place: PlaceRule,
    /// What draws a request to an instance, for [`tollgate_select::place::Strategy::PrefixAffinity`].
    pub affinity: Affinity,
    /// The share of borderline requests whose prompt can be compressed to fit the smaller pool; 0 to never try.
    pub compressible: f64,
    /// Pools tried in turn until an answer is good enough. An answer's score is drawn uniformly in [0, 1).
    pub cascade: Option<Cascade>,
    /// How often a request is sent again after its instance failed.
    pub retries: u8,
}

impl Default for RouterSpec {
    fn default() -> Self {
        Self {
            output: OutputGuess::Learned,
            pools: PoolRule { spill_wait_ms: 1e9 },
            place: PlaceRule::default(),
            affinity: Affinity::None,
            compressible: 0.0,
            cascade: None,
            retries: 2,
        }
    }
}

/// How long to look, and how often.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunSpec {
    /// Requests of one replication, the warm-up included; fewer when the source ends before.
    pub requests: u64,
    /// The share of them at the start that is not counted, in [0, 0.9].
    pub warm_up: f64,
    /// Independent replications; replication `i` of two scenarios sees the same requests and failures.
    pub replications: u32,
    /// Where all draws come from.
    pub seed: Seed,
    /// Interval of the timeline of the first replication, in seconds, if wanted.
    pub sample_s: Option<f64>,
    /// Rate and fleet are meant to be the same throughout: then a number in flight that grows is told.
    pub steady: bool,
    /// Every replication sees the same requests, as a replay does: they prove no more than one replication's.
    pub repeats: bool,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            requests: 100_000,
            warm_up: 0.2,
            replications: 5,
            seed: Seed(42),
            sample_s: None,
            steady: true,
            repeats: false,
        }
    }
}

/// A fleet, its router, what requests are promised, and how long to look.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// The pools.
    pub pools: Vec<PoolSpec>,
    /// The router in front of them.
    pub router: RouterSpec,
    /// What is promised, by a request's `class`; requests of a class beyond the end count with the last.
    pub classes: Vec<Class>,
    /// How long to look.
    pub run: RunSpec,
}

impl Scenario {
    /// # Errors
    /// [`Error::Setting`], [`Error::Empty`] or [`Error::TooMany`] name what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if self.pools.is_empty() {
            return Err(Error::Empty { what: "the fleet", fix: "give at least one pool" });
        }
        if self.classes.is_empty() {
            return Err(Error::Empty {
                what: "the classes",
                fix: "give at least one class with its objective",
            });
        }
        for (what, count, limit) in
            [("pools", self.pools.len(), MAX_POOLS), ("classes", self.classes.len(), MAX_CLASSES)]
        {
            if count > limit {
                return Err(Error::TooMany { what, limit, fix: "give fewer" });
            }
        }
        self.pools.iter().try_for_each(PoolSpec::check)?;
        self.classes.iter().try_for_each(|class| class.slo.check())?;
        self.router.place.check()?;
        self.router.pools.check()?;
        within("router.compressible", self.router.compressible, 0.0, 1.0, "give a share between 0 and 1")?;
        self.router.cascade.map_or(Ok(()), |cascade| cascade.check())?;
        let run = &self.run;
        within("run.requests", run.requests as f64, 1.0, 1e12, "give 1 to 1e12")?;
        within("run.warm_up", run.warm_up, 0.0, 0.9, "give a share between 0 and 0.9")?;
        let replications = f64::from(run.replications);
        within("run.replications", replications, 1.0, f64::from(MAX_REPLICATIONS), "give 1 to 10,000")?;
        run.sample_s.map_or(Ok(()), |every_s| interval("run.sample_s", every_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Slo;

    #[test]
    fn times_at_which_the_clock_would_stand_still_are_refused_with_their_value() {
        let check = |up: f64, repair: f64, every: f64, sample: f64| {
            let step = StepTime::constant(0.01);
            let mut pool = PoolSpec::new("one", 1, step, Limits::slots(4));
            pool.failures = Some(Failures { mean_up_s: up, mean_repair_s: repair });
            pool.autoscale = Some(Autoscale { min: 1, max: 2, interval_s: every, target: 0.5 });
            let class = Class { name: "chat".into(), slo: Slo::ttft(500.0) };
            let run = RunSpec { sample_s: Some(sample), ..RunSpec::default() };
            let (pools, classes) = (vec![pool], vec![class]);
            Scenario { pools, router: RouterSpec::default(), classes, run }.check()
        };
        let least = MIN_INTERVAL_S;
        check(least, least, least, least).unwrap();
        for tiny in [0.0, 1e-300, 0.000_9, f64::NAN, f64::INFINITY] {
            let each = [
                ("mean_up_s", check(tiny, 1.0, 1.0, 1.0)),
                ("mean_repair_s", check(1.0, tiny, 1.0, 1.0)),
                ("interval_s", check(1.0, 1.0, tiny, 1.0)),
                ("sample_s", check(1.0, 1.0, 1.0, tiny)),
            ];
            for (field, checked) in each {
                let said = checked.unwrap_err().to_string();
                assert!(said.contains(field) && said.contains(&tiny.to_string()), "{said}");
            }
        }
    }
}
