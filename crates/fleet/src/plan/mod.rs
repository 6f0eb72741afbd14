//! The analytic planner: the cheapest fleet that meets every objective, exactly, within a stated space.
//!
//! [`Problem`] says what arrives, what there is to choose from and what must hold; [`plan`] answers with an immutable
//! [`Plan`] that says why it is so, or with an error that names the objective in the way and the nearest value that can be
//! met. A plan is a function of its problem: same problem, same plan. [`front`] gives the fleets that no other beats in cost,
//! latency and power at once, [`disaggregate`] parts prefill from decode, [`flex`] lowers the power of a plan for the
//! grid, and what-if questions are plans of changed problems ([`Problem::with_rate`] and its like). [`Plan::scenario`] and
//! [`Problem::workload`] hand fleet and demand to the simulator, which confirms 99 of 100 random plans (`tests/confirm.rs`).
//!
//! What the model takes into account is said in `steady`: batches that slow each other down, prefill that takes time
//! out of everybody's iterations, memory of the whole instance, bursts, compressed requests in the pool that they land in,
//! percentiles of wait and prefill together. Pools are taken to be filled evenly, as placement by least work does.
//!
//! ```
//! use tollgate_fleet::catalogue::Catalogue;
//! use tollgate_fleet::plan::{Problem, Space, Stream, plan};
//! use tollgate_fleet::service::{Profile, Serving};
//! use tollgate_fleet::workload::{Cdf, Class, JointLengths, Slo};
//!
//! let shipped = Catalogue::shipped()?;
//! let serving = Serving { tensor_parallel: 8, ..Serving::default() };
//! let h100 = Profile::derive(shipped.gpu("h100-sxm")?, shipped.model("llama-3.1-70b")?, &serving)?;
//! let lengths = JointLengths::of_totals(&Cdf::new(vec![(1024, 0.6), (8192, 0.97), (32_768, 1.0)])?, 0.2)?;
//! let chat = Class { name: "chat".into(), slo: Slo::ttft(2_000.0) };
//! let problem = Problem::new(vec![Stream::new(chat, lengths, 40.0)], vec![h100], Space::two_pools(8192, 32_768));
//! let fleet = plan(&problem)?;
//! assert!(fleet.pools.iter().all(|pool| pool.tightness <= 1.0 && pool.utilisation <= 0.85));
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

mod confirm;
mod demand;
mod disagg;
mod expected;
mod front;
mod grid;
mod infeasible;
mod problem;
mod report;
mod search;
mod steady;

pub use disagg::{Disaggregated, Side, Transfer, disaggregate};
pub use expected::Expected;
pub use front::{Candidate, front};
pub use grid::{FlexPoint, flex};
pub use problem::{
    Admission, BOUNDARIES_MAX, GAMMAS_MAX, Goal, Limits, POOLS_MAX, PROFILES_MAX, Problem, STREAMS_MAX,
    Space, Stream,
};
pub use report::{ClassPlan, Plan, PoolPlan};
pub use search::{Effort, NODES_MAX};
pub use steady::Binding;

use crate::Error;

/// The best fleet of the problem's space.
///
/// # Errors
/// What [`Problem::check`] refuses, and [`Error::Infeasible`] when no fleet meets every objective.
pub fn plan(problem: &Problem) -> Result<Plan, Error> {
    plan_parted(problem, 1)
}

/// The best fleet of at least so many pools: what one costs that is parted already.
pub(crate) fn plan_parted(problem: &Problem, pools: usize) -> Result<Plan, Error> {
    problem.check()?;
    let mut search = search::Search::new(problem)?;
    match search.best_of(pools) {
        Some(fleet) => Plan::of(problem, &fleet, search.effort),
        None => Err(infeasible::explain(problem)),
    }
}

#[cfg(test)]
mod tests;
