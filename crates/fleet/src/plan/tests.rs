//! The planner against brute force, and the laws that any plan must obey.

use super::demand::{Cut, Demand};
use super::search::usage;
use super::steady::Pool;
use super::*;
use crate::power::{PowerCurve, PowerPoint};
use crate::service::{Basis, Profile, StepTime};
use crate::workload::{Cdf, Class, JointLengths, Slo};
use proptest::prelude::*;

/// An instance like the reference's A100 (8 ms, 0.65 ms a sequence of 8,192 tokens, 2²⁰ tokens), times a speed.
fn profile(name: &str, speed: f64, price: i64) -> Profile {
    let step = StepTime {
        base_s: 0.008 / speed,
        per_sequence_s: 2e-5 / speed,
        per_context_token_s: 0.000_65 / 8192.0 / speed,
        per_prefill_token_s: 1.5e-5 / speed,
    };
    let points = [(1.0, 300.0), (64.0, 450.0), (256.0, 600.0)];
    let points = points.map(|(batch, watts)| PowerPoint { batch, watts: watts * speed.sqrt() }).to_vec();
    Profile {
        name: name.into(),
        gpu: name.into(),
        gpus: 8,
        step,
        kv_tokens: 1 << 20,
        sequences: 256,
        chunk: 1024,
        kv_token_bytes: 327_680.0,
        price_micro_per_hour: price,
        power: PowerCurve::of_points(100.0, points, "test").unwrap(),
        host_power_w: 300.0,
        basis: Basis::Stated,
    }
}

fn lengths() -> JointLengths {
    let knots = vec![(256, 0.1), (1024, 0.45), (2048, 0.75), (4096, 0.9), (8192, 0.97), (32_768, 1.0)];
    JointLengths::of_totals(&Cdf::new(knots).unwrap(), 0.2).unwrap()
}

fn chat(ttft_ms: f64) -> Class {
    Class { name: "chat".into(), slo: Slo::ttft(ttft_ms) }
}

fn problem(rate: f64, space: Space) -> Problem {
    let both = vec![profile("slow", 1.0, 17_680_000), profile("fast", 2.0, 32_160_000)];
    Problem::new(vec![Stream::new(chat(3000.0), lengths(), rate)], both, space)
}

fn three_pools() -> Space {
    Space {
        pools: 3,
        boundaries: vec![1024, 4096, 8192],
        gammas: vec![1.0, 1.5, 2.0],
        compressible: 0.75,
        context: 32_768,
    }
}

/// The cost of every fleet of a space, found by going through all of them.
fn brute(problem: &Problem) -> Option<i64> {
    let demand = Demand::new(problem);
    let mut nodes: Vec<(u32, f64)> = Vec::new();
    for &boundary in &problem.space.boundaries {
        nodes.extend(problem.space.gammas.iter().map(|&gamma| (boundary, gamma)));
    }
    nodes.push((problem.space.context, 1.0));
    let cheapest = |low: (u32, u32), high: (u32, u32)| -> Option<i64> {
        let cut = Cut { low: low.0, low_top: low.1, high: high.0, high_top: high.1 };
        let costs = problem.profiles.iter().filter_map(|profile| {
            let load = demand.load(cut, profile.chunk)?;
            let pool = Pool::new(problem, profile, &load, cut.high)?;
            let first = (1..=problem.limits.instances).find(|&n| pool.short_of(n).is_none())?;
            let used = usage(&pool, first, first);
            Some(match problem.goal {
                Goal::Cost => profile.price_micro_per_hour * i64::from(first) + used.tariff_micro_per_hour,
                Goal::Power => (used.facility_w * 1000.0).ceil() as i64,
            })
        });
        costs.min()
    };
    let top = |n: (u32, f64)| (n.0, ((f64::from(n.0) * n.1) as u32).min(problem.space.context));
    let mut best: Option<i64> = None;
    let mut paths: Vec<(Vec<(u32, f64)>, i64)> = vec![(Vec::new(), 0)];
    while let Some((path, cost)) = paths.pop() {
        let low = path.last().map_or((0, 0), |n| top(*n));
        for &node in nodes.iter().filter(|n| n.0 > low.0 && low.1 <= n.0 && path.len() < problem.space.pools)
        {
            let Some(pool) = cheapest(low, top(node)) else { continue };
            if node.0 == problem.space.context {
                best = Some(best.map_or(cost + pool, |b| b.min(cost + pool)));
            } else {
                let mut longer = path.clone();
                longer.push(node);
                paths.push((longer, cost + pool));
            }
        }
    }
    best
}

#[test]
fn the_search_finds_what_brute_force_finds() {
    for rate in [0.5, 7.0, 60.0, 240.0] {
        for pools in 1..=3 {
            let asked = Problem {
                limits: Limits { instances: 60, ..Limits::default() },
                ..problem(rate, Space { pools, ..three_pools() })
            };
            let found = plan(&asked).map(|p| p.cost_micro_per_hour).ok();
            assert_eq!(found, brute(&asked), "{pools} pools at {rate}/s");
        }
    }
}

/// The same where energy is paid for, and where watts are what is made small.
#[test]
fn the_search_finds_what_brute_force_finds_of_energy() {
    for (rate, pools) in [(0.5, 2), (7.0, 3), (60.0, 3), (240.0, 2)] {
        let mut asked = problem(rate, Space { pools, ..three_pools() });
        asked.limits.instances = 60;
        asked.site.tariff_micro_per_kwh = 900_000;
        // A pool's tariff and watts are rounded, and so is their sum.
        let near = |found: Option<f64>, brute: Option<i64>| match (found, brute) {
            (Some(found), Some(brute)) => (found - brute as f64).abs() <= 4.0,
            (found, brute) => found.is_none() && brute.is_none(),
        };
        let taxed = plan(&asked).map(|p| p.cost_micro_per_hour as f64).ok();
        assert!(near(taxed, brute(&asked)), "{pools} pools at {rate}/s: {taxed:?} {:?}", brute(&asked));
        asked.goal = Goal::Power;
        let frugal = plan(&asked).map(|p| p.energy.facility_w * 1000.0).ok();
        assert!(near(frugal, brute(&asked)), "{pools} pools at {rate}/s: {frugal:?} {:?}", brute(&asked));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_small_problems_are_solved_exactly(
        rate in 0.2f64..150.0, cv2 in 0.3f64..12.0, ttft in 400.0f64..6000.0, tpot in 12.0f64..60.0,
        price in 10_000_000i64..60_000_000, cached in 0.0f64..0.8,
    ) {
        let mut asked = problem(rate, three_pools());
        asked.limits.instances = 60;
        asked.profiles[1].price_micro_per_hour = price;
        asked.streams[0].class.slo = Slo { tpot_ms: Some(tpot), ..Slo::ttft(ttft) };
        (asked.streams[0].arrival_cv2, asked.streams[0].cached) = (cv2, cached);
        let found = search::Search::new(&asked).unwrap().best();
        let cost = found.map(|fleet| fleet.iter().map(|c| c.cost).sum::<i64>());
        prop_assert_eq!(cost, brute(&asked));
    }

    #[test]
    fn more_instances_never_do_worse(rate in 1.0f64..300.0, cv2 in 0.2f64..50.0, extra in 1u32..40) {
        let mut asked = problem(rate, Space::one_pool(32_768));
        asked.streams[0].arrival_cv2 = cv2;
        let demand = Demand::new(&asked);
        let cut = Cut { low: 0, low_top: 0, high: 32_768, high_top: 32_768 };
        let load = demand.load(cut, 1024).unwrap();
        let pool = Pool::new(&asked, &asked.profiles[0], &load, 32_768).unwrap();
        let (needed, _) = pool.instances().unwrap();
        let [few, many] = [needed, needed + extra].map(|n| pool.steady(n).unwrap());
        prop_assert!(pool.short_of(needed + extra).is_none());
        prop_assert!(pool.ttft_s(&many, &load.shares[0], 0.99) <= pool.ttft_s(&few, &load.shares[0], 0.99) * (1.0 + 1e-9));
        prop_assert!(pool.e2e_s(&many, &load.shares[0], 0.9) <= pool.e2e_s(&few, &load.shares[0], 0.9) * (1.0 + 1e-9));
        prop_assert!(many.utilisation < few.utilisation && many.wait.probability <= few.wait.probability);
        prop_assert!(pool.fluid() <= needed, "the bound bounds");
    }

    #[test]
    fn time_scales(rate in 1.0f64..120.0, scale in 0.05f64..20.0) {
        let asked = problem(rate, three_pools());
        let mut scaled = asked.with_rate(1.0 / scale);
        for p in &mut scaled.profiles {
            p.step.base_s *= scale;
            p.step.per_sequence_s *= scale;
            p.step.per_context_token_s *= scale;
            p.step.per_prefill_token_s *= scale;
        }
        let ttft = asked.streams[0].class.slo.ttft_ms.unwrap();
        scaled.streams[0].class.slo.ttft_ms = Some(ttft * scale);
        let [a, b] = [&asked, &scaled].map(|p| plan(p).unwrap());
        let fleet = |p: &Plan| p.pools.iter().map(|q| (q.instances, q.profile.clone(), q.max_total_tokens)).collect::<Vec<_>>();
        prop_assert_eq!(fleet(&a), fleet(&b));
    }
}

#[test]
fn more_demand_more_bursts_and_less_availability_never_cost_less() {
    let cost = |p: &Problem| plan(p).unwrap().cost_micro_per_hour;
    let base = problem(40.0, three_pools());
    let mut last = 0;
    for factor in [0.1, 0.5, 1.0, 1.3, 2.0, 5.0] {
        let now = cost(&base.with_rate(factor));
        assert!(now >= last, "{factor}");
        last = now;
    }
    let mut bursty = base.clone();
    for cv2 in [1.0, 4.0, 20.0, 173.0] {
        let before = cost(&bursty);
        bursty.streams[0].arrival_cv2 = cv2;
        assert!(cost(&bursty) >= before, "{cv2}");
    }
    let mut fragile = base.clone();
    fragile.limits.availability = 0.95;
    let plan = plan(&fragile).unwrap();
    assert!(plan.cost_micro_per_hour > cost(&base));
    assert!(plan.pools.iter().all(|p| p.instances > p.needed), "each pool has spares of its own");
}

#[test]
fn no_request_is_lost_and_compressed_ones_are_counted_where_they_land() {
    let demand = Demand::new(&problem(100.0, three_pools()));
    let pools = [
        Cut { low: 0, low_top: 0, high: 1024, high_top: 1536 },
        Cut { low: 1024, low_top: 1536, high: 8192, high_top: 12_288 },
        Cut { low: 8192, low_top: 12_288, high: 32_768, high_top: 32_768 },
    ];
    let loads = pools.map(|cut| demand.load(cut, 1024).unwrap());
    let rate: f64 = loads.iter().map(|l| l.rate).sum();
    assert!((rate - 100.0).abs() < 1e-9, "{rate}");
    assert!(loads[0].compressed > 1.0 && loads[1].compressed > 0.1 && loads[2].compressed == 0.0);
    // A quarter of the borderline stays above: the reference leaves it out of both distributions.
    let without = demand.load(Cut { low: 1536, low_top: 1536, ..pools[1] }, 1024).unwrap();
    assert!((loads[1].rate - without.rate - loads[0].compressed / 3.0).abs() < 0.5);
    assert!(demand.load(Cut { low: 32_768, low_top: 32_768, high: 40_000, high_top: 40_000 }, 1).is_none());
}

#[test]
fn an_impossible_objective_is_named_with_the_nearest_that_can_be_met() {
    let mut asked = problem(20.0, Space::one_pool(32_768));
    asked.streams[0].class = chat(150.0);
    let why = plan(&asked).unwrap_err().to_string();
    assert!(why.contains("chat.ttft_ms of 150 ms") && why.contains("0.99"), "{why}");
    let nearest: f64 = why.rsplit("can is ").next().unwrap().trim_end_matches(" ms").parse().unwrap();
    asked.streams[0].class = chat(nearest * 1.01);
    assert!(plan(&asked).is_ok(), "{why}");
    asked.streams[0].class = chat(nearest * 0.97);
    assert!(plan(&asked).is_err(), "{why}");

    asked.streams[0].class.slo = Slo { tpot_ms: Some(1.0), e2e_ms: Some(5.0), ..Slo::ttft(5000.0) };
    let why = plan(&asked).unwrap_err().to_string();
    assert!(
        why.contains("together") && why.contains("chat.tpot_ms 1 ms") && why.contains("chat.e2e_ms"),
        "{why}"
    );

    asked.streams[0].class = chat(5000.0);
    asked.profiles.iter_mut().for_each(|p| p.kv_tokens = 20_000);
    let why = plan(&asked).unwrap_err().to_string();
    assert!(why.contains("32768 tokens") && why.contains("20000"), "{why}");
}

#[test]
fn classes_are_held_to_their_own_promises() {
    let strict = Class { name: "agent".into(), slo: Slo { e2e_ms: Some(20_000.0), ..Slo::ttft(2000.0) } };
    let short = JointLengths::of_totals(&Cdf::new(vec![(512, 0.5), (2048, 1.0)]).unwrap(), 0.3).unwrap();
    let mut asked = problem(30.0, three_pools());
    asked.streams.push(Stream::new(strict, short, 30.0));
    let found = plan(&asked).unwrap();
    for pool in &found.pools {
        for class in &pool.classes {
            let slo = &asked.streams.iter().find(|s| s.class.name == class.class).unwrap().class.slo;
            assert!(slo.holds(class.ttft_ms, class.tpot_ms, class.e2e_ms), "{class:?}");
        }
    }
    let rate: f64 = found.pools.iter().flat_map(|p| &p.classes).map(|c| c.rate_per_s).sum();
    assert!((rate - 60.0).abs() < 1e-6);
}

#[test]
fn percentiles_are_of_the_sum_and_at_the_operating_batch() {
    let asked = problem(100.0, Space::one_pool(32_768));
    let found = plan(&asked).unwrap();
    let (pool, class) = (&found.pools[0], &found.pools[0].classes[0]);
    // 1 % of requests are longer than 24,000 tokens: 19 chunks or more, each no faster than the mean iteration.
    assert!(class.ttft_ms > 19.0 * pool.iteration_ms, "{} {}", class.ttft_ms, pool.iteration_ms);
    assert!(class.ttft_p50_ms < 5.0 * pool.iteration_ms);
    assert!(pool.batch > 1.0 && pool.batch < f64::from(pool.slots));
}

#[test]
fn the_front_is_not_dominated_and_holds_the_plan() {
    for (pools, goal) in [(3, Goal::Cost), (3, Goal::Power), (2, Goal::Power)] {
        let asked = Problem { goal, ..problem(40.0, Space { pools, ..three_pools() }) };
        let best = plan(&asked).unwrap();
        let candidates = front(&asked).unwrap();
        assert!(candidates.iter().any(|c| c.plan.pools == best.pools), "{pools}, {goal:?}");
        assert_eq!(candidates.iter().any(|c| c.plan.pools.len() == 3), pools == 3);
    }
    let asked = problem(40.0, Space { pools: 2, ..three_pools() });
    let candidates = front(&asked).unwrap();
    let best = plan(&asked).unwrap();
    assert_eq!(candidates[0].plan.cost_micro_per_hour, best.cost_micro_per_hour);
    assert!(
        candidates.len() > 5
            && candidates.iter().any(|c| c.efficient)
            && candidates.iter().any(|c| !c.efficient)
    );
    for a in candidates.iter().filter(|c| c.efficient) {
        assert!(!candidates.iter().any(|b| {
            b.plan.cost_micro_per_hour < a.plan.cost_micro_per_hour
                && b.worst_ttft_ms < a.worst_ttft_ms
                && b.plan.energy.facility_w < a.plan.energy.facility_w
        }));
    }
}

#[test]
fn power_can_be_the_goal_and_money_counts_energy() {
    let mut asked = problem(40.0, three_pools());
    let [cheap, frugal] =
        [Goal::Cost, Goal::Power].map(|goal| plan(&Problem { goal, ..asked.clone() }).unwrap());
    assert!(frugal.energy.facility_w <= cheap.energy.facility_w);
    assert!(frugal.cost_micro_per_hour >= cheap.cost_micro_per_hour);
    asked.site.tariff_micro_per_kwh = 200_000;
    let taxed = plan(&asked).unwrap();
    assert!(taxed.energy.tariff_micro_per_hour > 0);
    let pools: i64 = taxed.pools.iter().map(|p| p.cost_micro_per_hour).sum();
    assert_eq!(taxed.cost_micro_per_hour, pools + taxed.energy.tariff_micro_per_hour);
}

#[test]
fn capping_power_saves_watts_and_costs_time() {
    let asked = problem(60.0, Space::two_pools(4096, 32_768));
    let found = plan(&asked).unwrap();
    let curve = flex(&asked, &found, &[0.0, 10.0, 20.0, 30.0, 45.0]).unwrap();
    assert!(curve[0].met && curve[0].caps.len() == found.pools.len());
    for pair in curve.windows(2) {
        assert!(pair[1].capped_w < pair[0].capped_w);
        let times = [&pair[0], &pair[1]].map(|p| p.worst_ttft_ms.unwrap_or(f64::INFINITY));
        assert!(times[1] >= times[0] * 0.999, "{times:?}");
    }
    assert!(!curve[4].met, "45 % down leaves too few slots");
    assert!(flex(&asked, &found, &[101.0]).is_err());
}

#[test]
fn prefill_and_decode_are_each_as_small_as_they_can_be() {
    let mut asked = problem(60.0, Space::one_pool(32_768));
    asked.streams[0].class.slo = Slo { tpot_ms: Some(40.0), ..Slo::ttft(3000.0) };
    let transfer = Transfer { bytes_per_s: 50e9, latency_s: 0.001 };
    let found = disaggregate(&asked, transfer).unwrap();
    assert!(found.ttft_ms[0] <= 3000.0 && found.tpot_ms[0] <= 40.0);
    assert!(found.prefill.utilisation <= 0.85 && found.decode.utilisation <= 0.85);
    // A slower link takes more of the objective, a hopeless one all of it.
    let slow = disaggregate(&asked, Transfer { bytes_per_s: 10e9, ..transfer }).unwrap();
    assert!(slow.ttft_ms[0] > found.ttft_ms[0] || slow.prefill.instances > found.prefill.instances);
    let why = disaggregate(&asked, Transfer { bytes_per_s: 1e6, ..transfer }).unwrap_err().to_string();
    assert!(why.contains("prefill") && why.contains("ttft_ms"), "{why}");
    asked.streams[0].class.slo.tpot_ms = Some(0.5);
    assert!(disaggregate(&asked, transfer).unwrap_err().to_string().contains("decode"));
}

#[test]
fn what_is_out_of_range_is_refused_by_name() {
    let check = |change: &dyn Fn(&mut Problem), says: &str| {
        let mut asked = problem(10.0, three_pools());
        change(&mut asked);
        let error = plan(&asked).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    check(&|p| p.streams.clear(), "streams");
    check(&|p| p.profiles.clear(), "profiles");
    check(&|p| p.streams[0].rate_per_s = f64::NAN, "stream.rate_per_s");
    check(&|p| p.space.gammas = vec![0.5], "space.gammas");
    check(&|p| p.space.pools = 0, "space");
    check(&|p| p.space.boundaries = vec![1; 257], "boundaries");
    check(&|p| p.space.context = 100, "space.context");
    check(&|p| p.limits.utilisation = 1.0, "limits.utilisation");
    check(&|p| p.site.pue = 0.5, "site.pue");
}

#[test]
fn what_if_questions_are_plans_of_changed_problems() {
    let asked = problem(40.0, three_pools());
    let dear = plan(&asked.with_price("slow", 1000)).unwrap();
    assert!(dear.pools.iter().all(|p| p.profile == "fast"));
    let doubled = plan(&asked.with_class_rate("chat", 2.0)).unwrap();
    assert_eq!(doubled, plan(&asked.with_rate(2.0)).unwrap());
    assert_eq!(plan(&asked).unwrap(), plan(&asked).unwrap(), "same problem, same plan");
}
