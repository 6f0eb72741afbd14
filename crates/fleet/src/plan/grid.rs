//! Lowering the power of a plan for the grid: batches are capped, requests wait longer.

use super::demand::{Cut, Demand};
use super::problem::Problem;
use super::report::{Plan, PoolPlan};
use super::steady::Pool;
use crate::Error;
use crate::error::within;
use crate::service::Profile;
use serde::Serialize;

/// A plan's fleet with its batches capped.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlexPoint {
    /// Reduction of the power at full batch that was asked for, percent.
    pub percent: f64,
    /// The cap on sequences of an instance, by pool.
    pub caps: Vec<u32>,
    /// Watts at the meter, were every instance at its cap: the promise to the grid.
    pub capped_w: f64,
    /// Watts at the meter at the mean batch; `None` when the fleet cannot keep up.
    pub mean_w: Option<f64>,
    /// Slowest percentile of the time to first token, milliseconds; `None` when the fleet cannot keep up.
    pub worst_ttft_ms: Option<f64>,
    /// Whether every objective still holds.
    pub met: bool,
}

/// The curve of power against latency of a plan, at some reductions.
///
/// # Errors
/// [`Error::Setting`] for a level outside 0 to 100.
pub fn flex(problem: &Problem, plan: &Plan, levels: &[f64]) -> Result<Vec<FlexPoint>, Error> {
    problem.check()?;
    let demand = Demand::new(problem);
    let mut curve = Vec::with_capacity(levels.len());
    for &percent in levels {
        within("flex", percent, 0.0, 100.0, "give percent from 0 to 100")?;
        curve.push(point(problem, plan, &demand, percent));
    }
    Ok(curve)
}

/// Watts at the meter of a pool whose needed instances work at a batch; spares idle, as in the plan.
fn usage_at(problem: &Problem, profile: &Profile, planned: &PoolPlan, batch: f64) -> f64 {
    let spares = f64::from(planned.instances - planned.needed.min(planned.instances));
    let working = problem.site.usage(profile, f64::from(planned.needed), batch, 0.0);
    working.facility_w + problem.site.usage(profile, spares, 0.0, 0.0).facility_w
}

fn point(problem: &Problem, plan: &Plan, demand: &Demand, percent: f64) -> FlexPoint {
    let mut found = FlexPoint {
        percent,
        caps: Vec::new(),
        capped_w: 0.0,
        mean_w: Some(0.0),
        worst_ttft_ms: Some(0.0),
        met: true,
    };
    let (mut low, mut low_top) = (0, 0);
    for planned in &plan.pools {
        let profile = &problem.profiles[planned.profile_index];
        let high = planned.max_total_tokens;
        let high_top = ((f64::from(high) * planned.gamma) as u32).min(problem.space.context);
        let load = demand.load(Cut { low, low_top, high, high_top }, profile.chunk);
        (low, low_top) = (high, high_top);
        let Some(load) = load else { continue };
        let Some(mut pool) = Pool::new(problem, profile, &load, high) else { continue };
        let target = profile.power.watts(f64::from(pool.slots)) * (1.0 - percent / 100.0);
        let cap = profile.power.batch_within(target * (1.0 + 1e-12), pool.slots);
        let n = f64::from(planned.instances);
        pool.slots = cap;
        found.caps.push(cap);
        found.capped_w += problem.site.usage(profile, n, f64::from(cap), 0.0).facility_w;
        let steady = if cap > 0 { pool.steady(planned.needed) } else { None };
        let Some(steady) = steady else {
            (found.mean_w, found.worst_ttft_ms, found.met) = (None, None, false);
            continue;
        };
        let mean_w = usage_at(problem, profile, planned, steady.batch);
        found.mean_w = found.mean_w.map(|w| w + mean_w);
        let slowest = load.shares.iter().zip(&problem.streams).filter(|(share, _)| share.rate > 0.0);
        let slowest = slowest.map(|(share, s)| pool.ttft_s(&steady, share, s.class.slo.percentile) * 1e3);
        found.worst_ttft_ms = found.worst_ttft_ms.map(|ms| slowest.fold(ms, f64::max));
        found.met &= pool.tightness(&steady) <= 1.0;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::plan::{Space, Stream, plan};
    use crate::service::Serving;
    use crate::workload::{Cdf, Class, JointLengths, Slo};

    /// Without a reduction a fleet with spares draws what its plan says.
    #[test]
    fn spares_idle_in_the_curve_as_in_the_plan() {
        let shipped = Catalogue::shipped().unwrap();
        let (gpu, model) = (shipped.gpu("h100").unwrap(), shipped.model("llama-3.1-8b").unwrap());
        let profile = Profile::derive(gpu, model, &Serving::default()).unwrap();
        let cdf = Cdf::new(vec![(512, 0.5), (4096, 1.0)]).unwrap();
        let class = Class { name: "all".into(), slo: Slo::ttft(2000.0) };
        let stream = Stream::new(class, JointLengths::of_totals(&cdf, 0.2).unwrap(), 40.0);
        let mut problem = Problem::new(vec![stream], vec![profile], Space::one_pool(4096));
        (problem.limits.availability, problem.limits.confidence) = (0.8, 0.999);
        let planned = plan(&problem).unwrap();
        assert!(planned.pools[0].instances > planned.pools[0].needed);
        let curve = flex(&problem, &planned, &[0.0]).unwrap();
        let drawn = curve[0].mean_w.unwrap();
        assert!((drawn / planned.energy.facility_w - 1.0).abs() < 1e-9, "{drawn} {:?}", planned.energy);
    }
}
