//! Placement: each strategy, its bounds, and what never happens.

#![expect(clippy::unwrap_used, reason = "a helper outside a test function fails its test")]

use proptest::prelude::*;
use tollgate_core::{Seed, Tick};
use tollgate_select::Error;
use tollgate_select::place::{
    InstanceView, PlaceReason, PlaceRule, Placement, Standing, Strategy as Order, WhenNone, key_of, place,
};

fn pool(n: usize) -> Vec<InstanceView> {
    (0..n).map(|i| InstanceView::idle(key_of(&format!("i{i}")))).collect()
}

fn rule(strategy: Order) -> PlaceRule {
    PlaceRule { strategy, ..PlaceRule::default() }
}

fn owner(views: &[InstanceView], prefix: u64) -> Placement {
    place(views, Some(prefix), &rule(Order::PrefixAffinity), Seed(1)).unwrap()
}

/// 5 standard deviations of a binomial.
fn close(hits: u64, n: u64, p: f64) -> bool {
    (hits as f64 - n as f64 * p).abs() <= 5.0 * (n as f64 * p * (1.0 - p)).sqrt()
}

#[test]
fn weights_are_respected_and_drain() {
    let mut views = pool(4);
    for (view, weight) in views.iter_mut().zip([5.0, 0.0, 3.0, 2.0]) {
        view.weight = weight;
    }
    let n = 20_000;
    let (mut drawn, mut owned) = ([0u64; 4], [0u64; 4]);
    for seed in 0..n {
        drawn[place(&views, None, &rule(Order::Weighted), Seed(seed)).unwrap().first()] += 1;
        owned[owner(&views, Seed(seed).bits()).first()] += 1;
    }
    for (index, weight) in [5.0, 0.0, 3.0, 2.0].into_iter().enumerate() {
        assert!(close(drawn[index], n, weight / 10.0), "{drawn:?}");
        assert!(close(owned[index], n, weight / 10.0), "{owned:?}");
    }
    views.retain(|view| view.weight == 0.0);
    assert_eq!(owner(&views, 7).first(), 0, "a drained instance still serves when it is alone");
}

#[test]
fn least_ttft_orders_and_breaks_ties_at_random() {
    let mut views = pool(5);
    for (view, wait) in views.iter_mut().zip([50.0, 10.0, f64::NAN, 30.0, 20.0]) {
        view.wait_ms = wait;
    }
    let placed = place(&views, None, &PlaceRule { keep: 5, ..PlaceRule::default() }, Seed(3)).unwrap();
    assert_eq!(placed.order.to_vec(), [1, 4, 3, 0, 2]);
    let n = 8_000;
    let hits =
        (0..n).filter(|s| place(&pool(4), None, &PlaceRule::default(), Seed(*s)).unwrap().first() == 2);
    assert!(close(hits.count() as u64, n, 0.25));
}

#[test]
fn two_choices_never_take_the_worst_and_spread() {
    let mut views = pool(4);
    for (view, wait) in views.iter_mut().zip([10.0, 20.0, 30.0, 40.0]) {
        view.wait_ms = wait;
    }
    let rule = PlaceRule { two_choices: true, ..PlaceRule::default() };
    let n = 12_000;
    let mut hits = [0u64; 4];
    (0..n).for_each(|s| hits[place(&views, None, &rule, Seed(s)).unwrap().first()] += 1);
    // The best of two distinct draws out of four: 3/6, 2/6, 1/6, 0.
    for (hit, p) in hits.into_iter().zip([3.0, 2.0, 1.0, 0.0]) {
        assert!(close(hit, n, p / 6.0), "{hits:?}");
    }
}

#[test]
fn affinity_holds_until_the_load_bound() {
    let mut views = pool(8);
    let first = owner(&views, 42);
    assert_eq!(first.reason, PlaceReason::Affinity);
    // Others idle: with bound 1.5 and 8 instances, the owner may have ceil(1.5 · (load + 1) / 8) in flight.
    views[first.first()].in_flight = 1;
    let moved = owner(&views, 42);
    assert_eq!(moved.reason, PlaceReason::AffinityMoved(1));
    assert_ne!(moved.first(), first.first());
    views.iter_mut().for_each(|view| view.in_flight = 10);
    assert_eq!(owner(&views, 42), first, "equal load is no imbalance");
    let short = place(&views, None, &rule(Order::PrefixAffinity), Seed(1)).unwrap();
    assert_eq!(short.reason, PlaceReason::LeastTtft);
}

#[test]
fn when_none_may_be_picked() {
    let mut views = pool(5);
    let later = |ms| Tick(0).plus_ms(ms);
    let standings = [
        Standing::Open(later(900)),
        Standing::Cooling(later(1)),
        Standing::Down,
        Standing::Ejected(later(500)),
        Standing::Refusing(later(2)),
    ];
    for (view, standing) in views.iter_mut().zip(standings) {
        view.standing = standing;
    }
    let panic = place(&views, None, &PlaceRule::default(), Seed(1)).unwrap();
    assert_eq!((panic.order.to_vec(), panic.reason), (vec![3, 0, 2], PlaceReason::Panic));
    let fail = PlaceRule { when_none: WhenNone::Fail, ..PlaceRule::default() };
    assert_eq!(
        place(&views, None, &fail, Seed(1)).unwrap_err().to_string(),
        "no instance of 5 can take a request now: 1 open, 1 ejected, 1 down, 1 cooling, 1 refusing"
    );
    views.retain(|view| matches!(view.standing, Standing::Cooling(_)));
    assert!(matches!(place(&views, None, &PlaceRule::default(), Seed(1)), Err(Error::NoInstance { .. })));
    assert!(
        place(&[], None, &PlaceRule::default(), Seed(1))
            .unwrap_err()
            .to_string()
            .ends_with("the pool is empty")
    );
    assert!(PlaceRule { max_imbalance: 0.9, ..PlaceRule::default() }.check().is_err());
}

#[test]
fn energy_fills_what_runs_until_it_would_be_late() {
    let mut views = pool(4);
    for (view, (wait, watts)) in
        views.iter_mut().zip([(900.0, 2.0), (10.0, 9.0), (1_500.0, 1.0), (2_000.0, 0.0)])
    {
        (view.wait_ms, view.marginal_w) = (wait, watts);
    }
    let by_energy = PlaceRule { strategy: Order::LeastEnergy, ..PlaceRule::default() };
    let placed = place(&views, None, &by_energy, Seed(3)).unwrap();
    assert_eq!((placed.order.to_vec(), placed.reason), (vec![0, 1, 2, 3], PlaceReason::LeastEnergy));
    let patient = PlaceRule { max_ttft_ms: 1e9, ..by_energy };
    assert_eq!(place(&views, None, &patient, Seed(3)).unwrap().order.to_vec(), [3, 2, 0, 1]);
    views[3].marginal_w = f64::NAN;
    assert_eq!(place(&views, None, &patient, Seed(3)).unwrap().order.to_vec(), [2, 0, 1, 3]);
}

fn any_view() -> impl Strategy<Value = InstanceView> {
    let standing = prop_oneof![
        3 => Just(Standing::Ready),
        1 => Just(Standing::Probing),
        1 => (0u64..9).prop_map(|t| Standing::Open(Tick(t))),
        1 => (0u64..9).prop_map(|t| Standing::Ejected(Tick(t))),
        1 => Just(Standing::Down),
        1 => Just(Standing::Cooling(Tick(1))),
        1 => Just(Standing::Refusing(Tick(1))),
    ];
    let wait = prop_oneof![9 => 0.0f64..1e4, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    let weight = prop_oneof![9 => 0.0f64..10.0, 1 => Just(f64::NAN), 1 => Just(-1.0)];
    (any::<u64>(), weight, 0u32..50, wait, standing).prop_map(
        |(key, weight, in_flight, wait_ms, standing)| InstanceView {
            key,
            weight,
            in_flight,
            wait_ms,
            prefill_ms: 1.0,
            marginal_w: wait_ms / 7.0,
            standing,
        },
    )
}

fn any_rule() -> impl Strategy<Value = PlaceRule> {
    let strategy = prop_oneof![
        Just(Order::Weighted),
        Just(Order::LeastTtft),
        Just(Order::PrefixAffinity),
        Just(Order::LeastEnergy)
    ];
    (strategy, any::<bool>(), 1.0f64..4.0, 1usize..20).prop_map(
        |(strategy, two_choices, max_imbalance, keep)| PlaceRule {
            strategy,
            two_choices,
            max_imbalance,
            max_ttft_ms: 5_000.0,
            keep,
            when_none: WhenNone::Panic,
        },
    )
}

proptest! {
    #[test]
    fn only_available_ones_while_there_are_any(
        views in prop::collection::vec(any_view(), 1..40), rule in any_rule(),
        prefix in prop::option::of(any::<u64>()), seed: u64,
    ) {
        let available = views.iter().filter(|view| view.standing.available()).count();
        let Ok(placed) = place(&views, prefix, &rule, Seed(seed)) else {
            prop_assert!(views.iter().all(|v| matches!(v.standing, Standing::Cooling(_) | Standing::Refusing(_))));
            return Ok(());
        };
        prop_assert_eq!(placed.reason == PlaceReason::Panic, available == 0);
        if available > 0 {
            prop_assert!(placed.order.iter().all(|i| views[usize::from(*i)].standing.available()));
            prop_assert_eq!(placed.order.len(), available.min(rule.keep.min(16)));
        }
        let mut distinct = placed.order.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), placed.order.len());
        prop_assert_eq!(place(&views, prefix, &rule, Seed(seed)), Ok(placed));
    }

    #[test]
    fn removing_one_moves_only_its_own_prefixes(n in 2usize..20, gone in 0usize..20, prefixes in prop::collection::vec(any::<u64>(), 1..60)) {
        let views = pool(n);
        let gone = gone % n;
        let mut fewer = views.clone();
        fewer.remove(gone);
        for prefix in prefixes {
            let (before, after) = (owner(&views, prefix).first(), owner(&fewer, prefix).first());
            if before != gone {
                prop_assert_eq!(views[before].key, fewer[after].key);
            }
        }
    }

    /// The chosen one never has more than its bounded share, whatever the loads.
    #[test]
    fn affinity_respects_the_bound(loads in prop::collection::vec(0u32..40, 1..20), prefix: u64) {
        let mut views = pool(loads.len());
        for (view, load) in views.iter_mut().zip(&loads) {
            view.in_flight = *load;
        }
        let chosen = owner(&views, prefix).first();
        let share = f64::from(loads.iter().sum::<u32>() + 1) / loads.len() as f64;
        prop_assert!(f64::from(loads[chosen] + 1) <= (1.5 * share).ceil());
    }
}
