//! A plan as a scenario: so that the simulator can confirm it.

use super::problem::Problem;
use super::report::{Plan, PoolPlan};
use crate::Error;
use crate::service::Profile;
use crate::sim::{Limits, OutputGuess, PoolSpec, RouterSpec, RunSpec, Scenario};
use crate::workload::{Arrivals, Gaps, Part, Workload};
use tollgate_select::pool::PoolRule;

/// Waiting requests of an instance after which more are refused, so that an overload shows.
const WAITING_MAX: u32 = 10_000;

impl Plan {
    /// The fleet of this plan with the instances that it needs (spares left out), behind a router that knows how long
    /// requests will be, as the plan takes it to. One γ serves all boundaries: the largest.
    #[must_use]
    pub fn scenario(&self, problem: &Problem, run: RunSpec) -> Scenario {
        let pools = self
            .pools
            .iter()
            .enumerate()
            .map(|(at, pool)| spec(&format!("pool-{at}"), pool, &problem.profiles[pool.profile_index]));
        let gamma = self.pools.iter().map(|p| p.gamma).fold(1.0, f64::max);
        let router = RouterSpec {
            output: OutputGuess::Exact,
            pools: PoolRule { gamma, spill_wait_ms: 1e9 },
            compressible: if gamma > 1.0 { problem.space.compressible } else { 0.0 },
            ..RouterSpec::default()
        };
        let classes = problem.streams.iter().map(|s| s.class.clone()).collect();
        Scenario { pools: pools.collect(), router, classes, run }
    }
}

fn spec(name: &str, pool: &PoolPlan, profile: &Profile) -> PoolSpec {
    let limits = Limits {
        kv_tokens: profile.kv_tokens,
        context: pool.max_total_tokens,
        chunk: profile.chunk,
        waiting: WAITING_MAX,
        ..Limits::slots(profile.sequences)
    };
    let watts =
        |active: u32| f64::from(profile.gpus) * profile.power.watts(f64::from(active)) + profile.host_power_w;
    PoolSpec {
        max_total_tokens: u64::from(pool.max_total_tokens),
        watts: (0..=profile.sequences).map(watts).collect(),
        ..PoolSpec::new(name, pool.needed, profile.step, limits)
    }
}

impl Problem {
    /// The demand of this problem as a workload to draw requests from: renewal arrivals with gamma gaps of the stated
    /// burstiness, and the cached share of each prompt.
    ///
    /// # Errors
    /// What the workload refuses.
    pub fn workload(&self, name: &str) -> Result<Workload, Error> {
        self.check()?;
        let part = |s: &super::Stream| {
            let gaps =
                if s.arrival_cv2 == 1.0 { Gaps::Exponential } else { Gaps::Gamma { cv2: s.arrival_cv2 } };
            let arrivals = Arrivals::Steady { rate_per_s: s.rate_per_s, gaps };
            Part { class: s.class.clone(), arrivals, lengths: s.lengths.clone(), cached: s.cached }
        };
        Ok(Workload { name: name.into(), parts: self.streams.iter().map(part).collect() })
    }
}
