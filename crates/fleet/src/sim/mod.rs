//! Simulation: what a fleet does with a workload, request by request or token by token.
//!
//! - [`simulate`] runs a [`Scenario`] (pools, router, classes) on requests and gives an [`Outcome`]: percentiles with 95 %
//!   intervals, attainment of what is promised (refused and late requests count against it), utilisation, energy.
//!   Instances serve by processor sharing ([`instance`]): one event per first token and per finish, at a cost that does not
//!   depend on the number of instances. The router is [`tollgate_select`], the code that the gateway runs.
//! - [`slots`] is the plainest model: every KV slot a server. Fastest, and what the analytic planner assumes.
//! - [`engine`] goes iteration by iteration as vLLM schedules: chunked prefill, preemption, prefix cache. Slowest and closest.
//!
//! Replication `i` draws requests, failures and routing from the run's seed and `i` alone: two scenarios with the same
//! seed see the same requests (common random numbers), so that their difference is the fleet's doing. Nothing grows with the
//! number of requests. A run that is too short, or whose queue grows, says so ([`Unsettled`]) and certifies nothing.
//!
//! ```
//! use tollgate_fleet::service::StepTime;
//! use tollgate_fleet::sim::{Limits, PoolSpec, RouterSpec, RunSpec, Scenario, simulate};
//! use tollgate_fleet::workload::{Class, Prefix, Request, Slo};
//!
//! let step = StepTime { per_context_token_s: 4e-8, ..StepTime::constant(0.008) };
//! let scenario = Scenario {
//!     pools: vec![PoolSpec::new("all", 2, step, Limits::slots(64))],
//!     router: RouterSpec::default(),
//!     classes: vec![Class { name: "chat".into(), slo: Slo::ttft(500.0) }],
//!     run: RunSpec { requests: 2_000, ..RunSpec::default() },
//! };
//! // Any source will do; [`tollgate_fleet::workload::Workload::requests`] draws one from a seed.
//! let steady = |_seed| {
//!     Ok((0..).map(|n| Request {
//!         arrival_ns: n * 100_000_000,
//!         prompt_tokens: 800,
//!         output_tokens: 200,
//!         ..Request::default()
//!     }))
//! };
//! let outcome = simulate(&scenario, steady)?;
//! assert!(outcome.met() == Some(true) && outcome.classes[0].ttft_ms.p99.mean < 20.0);
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

mod calendar;
pub mod engine;
pub mod instance;
mod limits;
mod outcome;
mod run;
mod scenario;
mod settled;
pub mod slots;
pub mod stats;

pub use calendar::Calendar;
pub use limits::{DEFAULT_WAITING, Limits, MAX_SLOTS};
pub use outcome::{ClassOutcome, Outcome, Percentiles, PoolOutcome};
pub use run::Sample;
pub use scenario::{
    Affinity, Autoscale, Failures, MAX_CLASSES, MAX_INSTANCES, MAX_POOLS, MAX_REPLICATIONS, MAX_SAMPLES,
    OutputGuess, PoolSpec, RouterSpec, RunSpec, Scenario,
};
pub use settled::Unsettled;
pub use stats::Estimate;

use crate::Error;
use crate::workload::Request;
use tollgate_core::Seed;

/// Runs a scenario. `source` gives the requests of one replication from its seed, by rising arrival.
///
/// # Errors
/// What [`Scenario::check`] and `source` refuse.
pub fn simulate<I>(scenario: &Scenario, source: impl Fn(Seed) -> Result<I, Error>) -> Result<Outcome, Error>
where
    I: Iterator<Item = Request>,
{
    scenario.check()?;
    let replicate = |replication: u32| {
        let seed = scenario.run.seed.derive("replication").derive(&replication.to_string());
        Ok(run::replicate(scenario, source(seed)?, seed, replication == 0))
    };
    let runs = (0..scenario.run.replications).map(replicate).collect::<Result<Vec<_>, Error>>()?;
    Ok(Outcome::of(scenario, runs))
}
