//! Analytic plans confirmed by simulation: random workloads, objectives, GPUs and spaces.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper outside a test function fails its test, and says which plan did not hold"
)]

mod random;
mod report;

use random::{Tally, bound_by_end_to_end, bound_by_first_token, problem};

use tollgate_core::Seed;
use tollgate_fleet::catalogue::Catalogue;
use tollgate_fleet::plan::{Plan, PoolPlan, Problem, Space, Stream, flex, plan};
use tollgate_fleet::service::{Profile, Serving};
use tollgate_fleet::sim::{Outcome, RunSpec, simulate};
use tollgate_fleet::workload::{Cdf, Class, JointLengths, Slo};

fn simulated(asked: &Problem, found: &Plan, requests: u64, seed: u64) -> Outcome {
    let run = RunSpec { requests, replications: 3, warm_up: 0.3, seed: Seed(seed), ..RunSpec::default() };
    let workload = asked.workload("random").unwrap();
    simulate(&found.scenario(asked, run), |seed| workload.requests(seed)).unwrap()
}

/// Each boundary is compressed by its own γ: what pools serve in simulation is what the plan sends them.
#[test]
fn every_boundary_keeps_its_own_gamma() {
    let shipped = Catalogue::shipped().unwrap();
    let (gpu, model) = (shipped.gpu("h100-sxm").unwrap(), shipped.model("llama-3.1-70b").unwrap());
    let profile = Profile::derive(gpu, model, &Serving { tensor_parallel: 4, ..Serving::default() }).unwrap();
    let cdf = Cdf::new(vec![(1024, 0.3), (2048, 0.6), (4096, 0.8), (8192, 0.95), (16_384, 1.0)]).unwrap();
    let class = Class { name: "all".into(), slo: Slo::ttft(8000.0) };
    let stream = Stream::new(class, JointLengths::of_totals(&cdf, 0.1).unwrap(), 40.0);
    let lengths = stream.lengths.clone();
    let asked = Problem::new(vec![stream], vec![profile], Space::two_pools(2048, 16_384));
    let mut found = plan(&asked).unwrap();
    let (pool, compressible) = (found.pools[0].clone(), asked.space.compressible);
    for gammas in [[1.0, 1.5], [2.0, 1.0], [1.2, 1.8]] {
        let bounds = [(2048, gammas[0]), (8192, gammas[1]), (16_384, 1.0)];
        let planned =
            |&(max_total_tokens, gamma)| PoolPlan { max_total_tokens, gamma, needed: 8, ..pool.clone() };
        found.pools = bounds.iter().map(planned).collect();
        let outcome = simulated(&asked, &found, 40_000, 11);
        let below = |tokens: f64| -> f64 {
            lengths.cells().iter().filter(|cell| cell.total_tokens() <= tokens).map(|cell| cell.weight).sum()
        };
        // What each pool has at last: all up to its boundary, and from above what can be compressed.
        let up_to = bounds.map(|(most, gamma)| {
            let most = f64::from(most);
            below(most) + compressible * (below(most * gamma) - below(most))
        });
        let all: u64 = outcome.pools.iter().map(|pool| pool.served).sum();
        let mut served = 0;
        for (pool, wanted) in outcome.pools.iter().zip(up_to) {
            served += pool.served;
            let share = served as f64 / all as f64;
            assert!((share - wanted).abs() < 0.006, "γ {gammas:?}: {share} served, {wanted} planned");
        }
    }
}

/// A plan for prompts that are mostly in a cache holds in simulation because the simulation has them there too.
#[test]
fn the_cached_share_counts_in_plan_and_simulation_alike() {
    let shipped = Catalogue::shipped().unwrap();
    let (gpu, model) = (shipped.gpu("h100-sxm").unwrap(), shipped.model("llama-3.1-70b").unwrap());
    let serving = Serving { tensor_parallel: 4, ..Serving::default() };
    let profile = Profile::derive(gpu, model, &serving).unwrap();
    let cdf = Cdf::new(vec![(4096, 0.5), (16_384, 1.0)]).unwrap();
    let class = Class { name: "all".into(), slo: Slo::ttft(3000.0) };
    let stream = Stream::new(class, JointLengths::of_totals(&cdf, 0.05).unwrap(), 30.0);
    let of = |cached: f64| {
        let stream = Stream { cached, ..stream.clone() };
        Problem::new(vec![stream], vec![profile.clone()], Space::one_pool(16_384))
    };
    let (cached, uncached) = (of(0.8), of(0.0));
    let found = plan(&cached).unwrap();
    assert!(found.pools[0].needed < plan(&uncached).unwrap().pools[0].needed);
    let as_planned = simulated(&cached, &found, 12_000, 7);
    assert_eq!(as_planned.met(), Some(true), "{:?}", as_planned.classes[0].attainment);
    let ours = found.pools[0].classes[0].tpot_mean_ms;
    let theirs = as_planned.classes[0].tpot_ms.mean.mean;
    assert!((0.9..1.1).contains(&(ours / theirs)), "{ours} against {theirs}");
    assert_eq!(simulated(&uncached, &found, 12_000, 7).met(), Some(false));
}

/// Batches capped for the grid, as the curve of power against latency says and as they are simulated: watts, and promises.
#[test]
fn a_capped_fleet_is_what_its_curve_says() {
    let shipped = Catalogue::shipped().unwrap();
    let (gpu, model) = (shipped.gpu("h100-sxm").unwrap(), shipped.model("llama-3.1-8b").unwrap());
    let profile = Profile::derive(gpu, model, &Serving::default()).unwrap();
    let cdf = Cdf::new(vec![(256, 0.22), (1024, 0.68), (4096, 0.95), (16_384, 1.0)]).unwrap();
    let class = Class { name: "all".into(), slo: Slo::ttft(1000.0) };
    let stream = Stream::new(class, JointLengths::of_totals(&cdf, 0.2).unwrap(), 60.0);
    let asked = Problem::new(vec![stream], vec![profile], Space::one_pool(16_384));
    let mut found = plan(&asked).unwrap();
    // Some to spare, or there is nothing to give.
    (found.pools[0].instances, found.pools[0].needed) = (14, 14);
    let curve = flex(&asked, &found, &[0.0, 8.0, 14.0, 25.0]).unwrap();
    let workload = asked.workload("capped").unwrap();
    for point in &curve {
        let run =
            RunSpec { requests: 60_000, replications: 3, warm_up: 0.3, seed: Seed(5), ..RunSpec::default() };
        let mut scenario = found.scenario(&asked, run);
        scenario.pools[0].limits.slots = point.caps[0].max(1);
        let outcome = simulate(&scenario, |seed| workload.requests(seed)).unwrap();
        let watts = outcome.pools[0].watts.mean;
        println!("{point:?}: {watts:.0} W, {:?}", outcome.classes[0].attainment);
        assert_eq!(outcome.met(), Some(point.met), "{point:?} {:?}", outcome.classes[0].attainment);
        if let Some(mean_w) = point.mean_w {
            assert!((watts / mean_w - 1.0).abs() < 0.02 && watts <= point.capped_w, "{point:?}: {watts} W");
        }
    }
    assert!(curve[2].met && !curve[3].met, "{curve:?}");
}

#[test]
fn random_plans_hold_in_simulation() {
    let tally = Tally::of(0..16, 8_000.0, |seed| Some(problem(seed)));
    tally.check(14, 1);
}

#[test]
fn plans_bound_by_the_end_to_end_time_hold_in_simulation() {
    Tally::of(0..40, 8_000.0, bound_by_end_to_end).check_whole(8, 1);
}

/// Seeds on which nothing was chosen.
const SEEDS: std::ops::Range<u64> = 50_000..50_400;

/// Over many, and the report: `UPDATE_REPORTS=1 cargo test --release -p tollgate-fleet --test confirm -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn of_400_random_plans_99_in_100_hold() {
    let any = Tally::of(SEEDS, 20_000.0, |seed| Some(problem(seed)));
    let tight = Tally::of(SEEDS, 20_000.0, bound_by_first_token);
    let whole = Tally::of(SEEDS, 20_000.0, bound_by_end_to_end);
    report::write("fleet-confirmation.md", &random::report(&any, &tight, &whole, SEEDS));
    any.check(380, 4);
    tight.check(180, 2);
    whole.check_whole(150, 2);
    assert!(tight.too_low() <= 0.02, "{}", tight.too_low());
}
