//! When a simulation may say that promises hold.

use super::{STEP, limits, requests, scenario};
use tollgate_fleet::sim::{Outcome, PoolSpec, RouterSpec, RunSpec, Unsettled, simulate};

/// `instances` at 20 requests a second, each of which stays about 2 s, through `count` requests.
fn run(instances: u32, count: u64) -> Outcome {
    let mut scenario = scenario(vec![PoolSpec::new("all", instances, STEP, limits())], RouterSpec::default());
    scenario.run = RunSpec { requests: count, ..RunSpec::default() };
    simulate(&scenario, |seed| Ok(requests(seed, 20.0, 4_000, 1.0))).unwrap()
}

/// One instance takes about 16 requests a second: the first hundred find it empty, and are served in time.
#[test]
fn a_fleet_that_cannot_keep_up_is_never_certified() {
    let mut seen = Vec::new();
    for count in [50, 100, 200, 400, 800, 1_600, 3_200, 12_800] {
        let found = run(1, count);
        assert!(found.met() != Some(true), "{count} requests: {:?}", found.classes[0].attainment);
        seen.push(found.met());
    }
    assert_eq!(seen.last(), Some(&Some(false)), "{seen:?}");
    let short = run(1, 100);
    assert!(
        matches!(short.unsettled, Some(Unsettled::Short { requests, .. }) if requests > 100),
        "{short:?}"
    );
}

/// What a short run asks for is enough, where the fleet holds.
#[test]
fn a_run_says_how_many_requests_it_needs() {
    let short = run(6, 150);
    let Some(Unsettled::Short { requests, .. }) = short.unsettled else { panic!("{short:?}") };
    assert_eq!(short.met(), None);
    let enough = run(6, requests.max(1_000));
    assert_eq!((enough.unsettled, enough.met()), (None, Some(true)), "{:?}", enough.classes[0]);
}

/// A queue that grows under a promise that is too loose to fail yet.
#[test]
fn a_queue_that_grows_is_told() {
    let mut scenario = scenario(vec![PoolSpec::new("all", 1, STEP, limits())], RouterSpec::default());
    scenario.classes[0].slo.ttft_ms = Some(1e9);
    scenario.run = RunSpec { requests: 6_000, ..RunSpec::default() };
    let of = |rate: f64| simulate(&scenario, |seed| Ok(requests(seed, rate, 4_000, 1.0))).unwrap();
    let balanced = of(3.0);
    assert_eq!((balanced.unsettled, balanced.met()), (None, Some(true)));
    let grown = of(20.0);
    assert!(grown.unsettled.is_some() && grown.met() != Some(true), "{grown:?}");
}
