//! The analytic planner behind the tuner.

use super::tune::{Costs, Setting};
use crate::{
    plan::{Plan, Problem, Space, plan_parted},
    workload::JointLengths,
};

/// Costs settings by planning the fleet that each needs, for one class of requests.
///
/// The problem says everything but the demand: profiles, limits, the settings to choose from, and in its first stream the
/// class with its promise and burstiness. A setting whose boundary has requests on both sides costs what two pools do, as a gateway that is set so has
/// two, be one cheaper or not; the best setting may be one pool.
#[derive(Clone, Debug)]
pub struct Planner {
    problem: Problem,
}

impl Planner {
    /// A planner for the first stream of a problem.
    #[must_use]
    pub fn new(problem: Problem) -> Self {
        Self { problem }
    }

    fn plan(&self, lengths: &JointLengths, rate_per_s: f64, space: Space, pools: usize) -> Option<Plan> {
        let first = self.problem.streams.first()?;
        let context = space.context.max(lengths.max_total_tokens());
        let mut problem = self.problem.clone();
        problem.streams = vec![crate::plan::Stream { lengths: lengths.clone(), rate_per_s, ..first.clone() }];
        problem.space = Space { context, ..space };
        plan_parted(&problem, pools).ok()
    }
}

fn usd_per_hour(plan: &Plan) -> f64 {
    plan.cost_micro_per_hour as f64 / 1e6
}

impl Costs for Planner {
    fn cost(&self, lengths: &JointLengths, rate_per_s: f64, setting: Setting) -> Option<f64> {
        let space = Space {
            boundaries: vec![setting.boundary],
            gammas: vec![setting.gamma],
            ..self.problem.space.clone()
        };
        let boundary = f64::from(setting.boundary);
        let below = lengths.mean_of(|cell| f64::from(u8::from(cell.total_tokens() <= boundary)));
        let pools = if below > 0.0 && setting.boundary < lengths.max_total_tokens() { 2 } else { 1 };
        self.plan(lengths, rate_per_s, space, pools).map(|plan| usd_per_hour(&plan))
    }

    fn best(&self, lengths: &JointLengths, rate_per_s: f64) -> Option<(Setting, f64)> {
        let plan = self.plan(lengths, rate_per_s, self.problem.space.clone(), 1)?;
        let pool = plan.pools.first()?;
        Some((Setting { boundary: pool.max_total_tokens, gamma: pool.gamma }, usd_per_hour(&plan)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::Catalogue,
        operate::{Hysteresis, Tuner, Verdict, Window},
        plan::Stream,
        rng::Stream as Draws,
        service::{Profile, Serving},
        workload::{Cdf, Class, Request, Slo},
    };
    use tollgate_core::Seed;

    const SECOND: u64 = 1_000_000_000;

    /// A boundary that is set costs two pools, also where one is cheaper: that is what there is to save.
    #[test]
    fn what_is_set_costs_what_it_is() {
        let shipped = Catalogue::shipped().unwrap();
        let model = shipped.model("llama-3.1-8b").unwrap();
        let profile = Profile::derive(shipped.gpu("h100").unwrap(), model, &Serving::default()).unwrap();
        let cdf = Cdf::new(vec![(512, 0.5), (4096, 1.0)]).unwrap();
        let lengths = JointLengths::of_totals(&cdf, 0.2).unwrap();
        let class = Class { name: "all".into(), slo: Slo::ttft(1000.0) };
        let mut space = Space::two_pools(1024, 4096);
        space.gammas = vec![1.0];
        let streams = vec![Stream::new(class, lengths.clone(), 1.0)];
        let planner = Planner::new(Problem::new(streams, vec![profile.clone()], space));
        let one = profile.price_micro_per_hour as f64 / 1e6;
        let cost = |boundary| planner.cost(&lengths, 1.0, Setting { boundary, gamma: 1.0 }).unwrap();
        assert!((cost(1024) - 2.0 * one).abs() < 1e-9, "{}", cost(1024));
        // No request beyond, or none below: there is one pool.
        assert!((cost(4096) - one).abs() < 1e-9 && (cost(1) - one).abs() < 1e-9);
        assert!((planner.best(&lengths, 1.0).unwrap().1 - one).abs() < 1e-9);
    }

    /// A gateway's hour: half an hour of short chats, then long documents too. The boundary moves seldom, and never stays
    /// where another would save what makes a change worth it.
    #[test]
    fn the_boundary_moves_seldom_and_never_stays_dear() {
        let shipped = Catalogue::shipped().unwrap();
        let model = shipped.model("llama-3.1-8b").unwrap();
        let profile = |gpu| Profile::derive(shipped.gpu(gpu).unwrap(), model, &Serving::default()).unwrap();
        let profiles = vec![profile("l40s"), profile("h100")];
        let short = Cdf::new(vec![(512, 0.5), (4096, 1.0)]).unwrap();
        let long = Cdf::new(vec![(512, 0.3), (4096, 0.75), (32_768, 1.0)]).unwrap();
        let lengths = |cdf: &Cdf| JointLengths::of_totals(cdf, 0.2).unwrap();
        let class = Class { name: "all".into(), slo: Slo::ttft(1000.0) };
        let mut space = Space::two_pools(2048, 32_768);
        space.boundaries = vec![512, 1024, 2048, 4096, 8192];
        space.gammas = vec![1.0];
        let planner =
            Planner::new(Problem::new(vec![Stream::new(class, lengths(&short), 1.0)], profiles, space));
        let mut tuner = Tuner::new(Setting { boundary: 4096, gamma: 1.0 }, Hysteresis::default());
        let mut window = Window::new(600.0).unwrap();
        let mut draws = Draws::new(Seed(3), "hour");
        let (before, after) = (lengths(&short), lengths(&long));
        let mut changes = Vec::new();
        let rate = 60;
        for second in 0..3600_u64 {
            for n in 0..rate {
                let now = if second < 1800 { &before } else { &after };
                let (prompt_tokens, output_tokens) = now.draw(&mut draws);
                let arrival_ns = second * SECOND + n * SECOND / rate;
                window.observe(&Request { arrival_ns, prompt_tokens, output_tokens, ..Request::default() });
            }
            if second % 60 == 59 {
                let now_ns = (second + 1) * SECOND;
                let (seen, rate) = (window.lengths().unwrap(), window.rate_per_s(now_ns));
                if let Verdict::Change { to, .. } =
                    tuner.consider(now_ns, window.requests(), &seen, rate, &planner)
                {
                    changes.push((second / 60, to.boundary));
                }
            }
        }
        assert!((1..=4).contains(&changes.len()), "few changes, not none: {changes:?}");
        let (seen, rate) = (window.lengths().unwrap(), window.rate_per_s(3600 * SECOND));
        let (_, best) = planner.best(&seen, rate).unwrap();
        let cost = planner.cost(&seen, rate, tuner.setting()).unwrap();
        assert!(cost <= best / (1.0 - Hysteresis::default().min_saving) + 1e-9, "{cost} {best} {changes:?}");
    }
}
