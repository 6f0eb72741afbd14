//! The fleets that no other beats in cost, latency and power at once.

use super::problem::{Goal, Problem, Space};
use super::report::Plan;
use super::search::Search;
use crate::Error;
use serde::Serialize;

/// A fleet beside its rivals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// The fleet.
    pub plan: Plan,
    /// Slowest percentile of the time to first token, milliseconds.
    pub worst_ttft_ms: f64,
    /// Whether no other is at least as good in cost, latency and power, and better in one.
    pub efficient: bool,
}

/// The best fleet at every boundary and γ of the problem's space (and without a boundary), for each goal, by rising cost: the
/// picture of cost against boundary and γ. Where more than two pools are allowed, also the best of each number of them over all
/// boundaries and γ, so that what [`super::plan`] chooses is always among them.
///
/// # Errors
/// What [`Problem::check`] refuses; [`Error::Infeasible`] when there is no fleet at all.
pub fn front(problem: &Problem) -> Result<Vec<Candidate>, Error> {
    problem.check()?;
    let mut plans: Vec<Plan> = Vec::new();
    for (space, least) in spaces(&problem.space) {
        for goal in [Goal::Cost, Goal::Power] {
            let one = Problem { space: space.clone(), goal, ..problem.clone() };
            let mut search = Search::new(&one)?;
            let Some(fleet) = search.best_of(least) else { continue };
            let found = Plan::of(&one, &fleet, search.effort)?;
            if plans.iter().all(|p| p.pools != found.pools) {
                plans.push(found);
            }
        }
    }
    if plans.is_empty() {
        return Err(super::infeasible::explain(problem));
    }
    let points: Vec<[f64; 3]> = plans.iter().map(point).collect();
    let mut candidates: Vec<Candidate> = plans
        .into_iter()
        .zip(&points)
        .map(|(plan, own)| Candidate {
            worst_ttft_ms: own[1],
            efficient: !points.iter().any(|other| beats(other, own)),
            plan,
        })
        .collect();
    candidates.sort_by_key(|c| c.plan.cost_micro_per_hour);
    Ok(candidates)
}

fn point(plan: &Plan) -> [f64; 3] {
    [plan.cost_micro_per_hour as f64, plan.worst_ttft_ms(), plan.energy.facility_w]
}

fn beats(other: &[f64; 3], own: &[f64; 3]) -> bool {
    other.iter().zip(own).all(|(o, s)| o <= s) && other.iter().zip(own).any(|(o, s)| o < s)
}

/// Spaces, each with the pools that a fleet of it must have: parted where there is a boundary, also where one pool is cheaper.
fn spaces(space: &Space) -> Vec<(Space, usize)> {
    let mut all = vec![(Space { pools: 1, boundaries: Vec::new(), ..space.clone() }, 1)];
    if space.pools > 1 {
        for &boundary in space.boundaries.iter().filter(|b| **b < space.context) {
            for &gamma in &space.gammas {
                let one =
                    Space { pools: 2, boundaries: vec![boundary], gammas: vec![gamma], ..space.clone() };
                all.push((one, 2));
            }
        }
    }
    all.extend((3..=space.pools).map(|pools| (Space { pools, ..space.clone() }, pools)));
    all
}
