//! A plan as a scenario: so that the simulator can confirm it.

use super::problem::Problem;
use super::report::{Plan, PoolPlan};
use crate::Error;
use crate::sim::{OutputGuess, PoolSpec, RouterSpec, RunSpec, Scenario};
use crate::workload::{Arrivals, Gaps, Part, Workload};
use tollgate_select::pool::PoolRule;

impl Plan {
    /// The fleet of this plan with the instances that it needs (spares left out), behind a router that knows how long
    /// requests will be and compresses at each boundary what the plan compresses there. Watts are at the meter.
    #[must_use]
    pub fn scenario(&self, problem: &Problem, run: RunSpec) -> Scenario {
        let compresses = self.pools.iter().any(|pool| pool.gamma > 1.0);
        let router = RouterSpec {
            output: OutputGuess::Exact,
            pools: PoolRule { spill_wait_ms: 1e9 },
            compressible: if compresses { problem.space.compressible } else { 0.0 },
            ..RouterSpec::default()
        };
        let classes = problem.streams.iter().map(|s| s.class.clone()).collect();
        Scenario { pools: self.pools.iter().map(|pool| spec(pool, problem)).collect(), router, classes, run }
    }
}

/// How long a request may be is the router's business: an instance takes what its memory holds.
fn spec(pool: &PoolPlan, problem: &Problem) -> PoolSpec {
    let profile = &problem.profiles[pool.profile_index];
    let name = format!("up to {}", pool.max_total_tokens);
    let mut spec = PoolSpec::of_profile(&name, pool.needed, profile, problem.space.context);
    spec.max_total_tokens = u64::from(pool.max_total_tokens);
    spec.gamma = pool.gamma;
    spec.watts.iter_mut().for_each(|watts| *watts *= problem.site.pue);
    spec
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
