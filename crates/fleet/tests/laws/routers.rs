//! Each router does what it is for.

use super::*;

#[test]
fn a_cascade_asks_the_larger_model_for_what_it_refused() {
    let pools = vec![
        PoolSpec::new("small", 4, STEP, limits()),
        PoolSpec { max_total_tokens: 1 << 20, ..PoolSpec::new("large", 4, STEP, limits()) },
    ];
    let cascade = Some(Cascade { accept: 0.3, max_stages: 2 });
    let router = RouterSpec { cascade, ..RouterSpec::default() };
    let outcome = simulate(&scenario(pools, router), |seed| Ok(requests(seed, 10.0, 4_000, 1.0))).unwrap();
    let share = outcome.pools[1].served as f64 / outcome.pools[0].served as f64;
    assert!((share - 0.3).abs() < 0.03 && conserved(&outcome), "{share}");
}

fn two_pools(short: u32, long: u32) -> Vec<PoolSpec> {
    let small = Limits { context: 1_024, ..limits() };
    vec![PoolSpec::new("short", short, STEP, small), PoolSpec::new("long", long, STEP, limits())]
}

#[test]
fn compression_moves_the_borderline_and_spilling_the_excess() {
    let served = |router: RouterSpec, short: u32| {
        let scenario = scenario(two_pools(short, 4), router);
        let found = simulate(&scenario, |seed| Ok(requests(seed, 30.0, 4_000, 1.0))).unwrap();
        assert!(conserved(&found), "{found:?}");
        let all: u64 = found.pools.iter().map(|pool| pool.served).sum();
        (found.pools[0].served as f64 / all as f64, found.classes[0].ttft_ms.p99.mean)
    };
    let exact = RouterSpec { output: OutputGuess::Exact, ..RouterSpec::default() };
    let plain = served(exact, 4);
    let half = served(RouterSpec { compressible: 0.5, ..exact }, 4);
    let all = served(RouterSpec { compressible: 1.0, ..exact }, 4);
    assert!(plain.0 + 0.05 < half.0 && half.0 + 0.05 < all.0, "{plain:?} {half:?} {all:?}");
    let crowded = served(exact, 1);
    let spilling = RouterSpec { pools: PoolRule { spill_wait_ms: 100.0 }, ..exact };
    let relieved = served(spilling, 1);
    assert!(relieved.0 < crowded.0 && relieved.1 < 0.8 * crowded.1, "{crowded:?} {relieved:?}");
}

#[test]
fn energy_aware_placement_saves_power_where_idling_is_cheap() {
    let watts: Vec<f64> = (0..=32).map(|b| if b == 0 { 100.0 } else { 400.0 + 5.0 * f64::from(b) }).collect();
    let run = |strategy| {
        let pool = PoolSpec { watts: watts.clone(), ..PoolSpec::new("all", 8, STEP, limits()) };
        let place = PlaceRule { strategy, ..PlaceRule::default() };
        let scenario = scenario(vec![pool], RouterSpec { place, ..RouterSpec::default() });
        simulate(&scenario, |seed| Ok(requests(seed, 4.0, 4_000, 1.0))).unwrap()
    };
    let (quick, frugal) = (run(Place::LeastTtft), run(Place::LeastEnergy));
    let (q, f) = (quick.pools[0].watts, frugal.pools[0].watts);
    assert!(f.mean + f.half_width < 0.9 * q.mean, "{f:?} {q:?}");
    assert!(frugal.tokens_per_joule.mean > 1.1 * quick.tokens_per_joule.mean);
    assert!(frugal.classes[0].attainment.mean > 0.98, "{:?}", frugal.classes[0].attainment);
}

#[test]
fn a_cache_and_affinity_shorten_the_prefill() {
    let found = |cache_blocks, strategy| {
        let pool = PoolSpec { cache_blocks, block_tokens: 256, ..PoolSpec::new("all", 6, STEP, limits()) };
        let place = PlaceRule { strategy, ..PlaceRule::default() };
        let router = RouterSpec { place, affinity: Affinity::Prefix, ..RouterSpec::default() };
        let outcome =
            simulate(&scenario(vec![pool], router), |seed| Ok(requests(seed, 30.0, 4_000, 1.0))).unwrap();
        outcome.classes[0].ttft_ms.mean.mean
    };
    let (cold, blind) = (found(0, Place::Weighted), found(60, Place::Weighted));
    let (near, best) = (found(60, Place::PrefixAffinity), found(60, Place::LeastTtft));
    assert!(best < near && near < blind && blind < cold, "{cold} {blind} {near} {best}");
}

/// 256 slots, and memory for a dozen requests: who waits for memory is seen as who waits for a slot is.
#[test]
fn where_memory_binds_the_excess_spills_too() {
    let found = |spill_wait_ms: f64| {
        let mut pools = two_pools(1, 4);
        (pools[0].limits.slots, pools[0].limits.kv_tokens) = (256, 4_000);
        let rule = PoolRule { spill_wait_ms };
        let router = RouterSpec { output: OutputGuess::Exact, pools: rule, ..RouterSpec::default() };
        let found = simulate(&scenario(pools, router), |seed| Ok(requests(seed, 30.0, 4_000, 1.0))).unwrap();
        assert!(conserved(&found), "{found:?}");
        (found.pools[0].served, found.classes[0].ttft_ms.p99.mean)
    };
    let (crowded, relieved) = (found(1e9), found(500.0));
    assert!(crowded.1 > 5_000.0, "one instance is too few: {crowded:?}");
    assert!(relieved.0 < crowded.0 && relieved.1 < 2_000.0, "{crowded:?} {relieved:?}");
}
