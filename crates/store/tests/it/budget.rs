//! Budgets: exact under concurrency, across windows, restarts and crashes.

use crate::{Folder, at, open, quick};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tollgate_core::Timestamp;
use tollgate_store::Share;
use tollgate_store::budget::{Ledger, Limit, Limits, Meter, Payer, Refusal, Target, Usage, Window};

fn limit(target: Target, meter: Meter, window: Window, limit: u64) -> Limit {
    Limit { target, meter, window, limit }
}

fn tokens(tokens: u64) -> Usage {
    Usage { requests: 1, tokens, micro: tokens * 2 }
}

fn payer(key: &str) -> Payer {
    Payer { key: Some(key.into()), tenant: Some("acme".into()) }
}

fn settled(ledger: &Ledger, now: Timestamp) -> Vec<(String, u64, u64, u64)> {
    let views = ledger.accounts(now).into_iter();
    let line = |v: tollgate_store::budget::AccountView| {
        let name = format!("{} {} {}", v.counter.subject, v.counter.meter.word(), v.counter.window.word());
        (name, v.counter.settled, v.reserved, v.counter.overrun)
    };
    views.map(line).collect()
}

#[test]
fn a_refusal_names_the_budget_and_reserves_nothing() {
    let ledger = Ledger::new(
        Limits::new([
            limit(Target::EachKey, Meter::Tokens, Window::Day, 1000),
            limit(Target::Global, Meter::Requests, Window::Minute, 2),
        ]),
        10,
    );
    let held = ledger.reserve(&payer("a"), tokens(900), at(0)).unwrap();
    let refused = ledger.reserve(&payer("a"), tokens(101), at(0)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the budget of 1000 tokens per day of key a does not hold 101 more: 0 used, 900 reserved, starts again at \
         2023-11-15T00:00:00.000000Z"
    );
    let other = ledger.reserve(&payer("b"), tokens(1), at(0)).unwrap();
    let refused = ledger.reserve(&payer("c"), tokens(1), at(0)).unwrap_err();
    assert!(matches!(refused, Refusal::Spent { meter: Meter::Requests, limit: 2, asked: 1, .. }));
    let c = settled(&ledger, at(0)).into_iter().find(|line| line.0.starts_with("key c"));
    assert_eq!(c, None, "a refused request leaves no trace");
    held.settle(tokens(950));
    other.release();
    assert_eq!(
        settled(&ledger, at(0)),
        [
            ("key a tokens day".into(), 950, 0, 50),
            ("key b tokens day".into(), 0, 0, 0),
            ("all callers requests minute".into(), 1, 0, 0),
        ]
    );
}

#[test]
fn the_limit_itself_is_allowed_and_a_named_limit_replaces_the_general_one() {
    let ledger = Ledger::new(
        Limits::new([
            limit(Target::EachKey, Meter::Tokens, Window::Day, 10),
            limit(Target::Key("vip".into()), Meter::Tokens, Window::Day, 20),
            limit(Target::EachTenant, Meter::Micro, Window::Total, 50),
        ]),
        10,
    );
    let table = [
        ("a", 10, true),
        ("a", 11, false),
        ("vip", 20, true),
        ("vip", 21, false),
        ("vip", u64::MAX / 2, false),
    ];
    for (key, count, fits) in table {
        assert_eq!(ledger.reserve(&payer(key), tokens(count), at(0)).is_ok(), fits, "{key} {count}");
    }
    ledger.reserve(&payer("vip"), tokens(20), at(0)).unwrap().settle(tokens(20));
    let refused = ledger.reserve(&payer("a"), tokens(6), at(0)).unwrap_err();
    assert!(matches!(refused, Refusal::Spent { meter: Meter::Micro, settled: 40, asked: 12, .. }));
    ledger.set_limits(Limits::default());
    assert!(ledger.reserve(&payer("a"), tokens(1_000_000), at(0)).is_ok());
}

#[test]
fn a_request_settles_in_the_window_of_its_reservation() {
    let ledger = Ledger::new(Limits::new([limit(Target::EachKey, Meter::Tokens, Window::Minute, 100)]), 10);
    let held = ledger.reserve(&payer("a"), tokens(80), at(0)).unwrap();
    // The next minute has its whole budget while the first one still holds its reservation.
    let next = ledger.reserve(&payer("a"), tokens(100), at(60)).unwrap();
    held.settle(tokens(70));
    next.settle(tokens(30));
    assert_eq!(settled(&ledger, at(0)), [("key a tokens minute".into(), 70, 0, 0)]);
    assert_eq!(settled(&ledger, at(60)), [("key a tokens minute".into(), 30, 0, 0)]);
    // Long after, what was written is forgotten.
    assert_eq!(ledger.take_dirty().len(), 2);
    drop(ledger.reserve(&payer("a"), tokens(1), at(600)).unwrap());
    assert_eq!(settled(&ledger, at(0)), []);
}

#[test]
fn the_tightest_budget_tells_what_is_left() {
    let limits = [
        limit(Target::EachKey, Meter::Tokens, Window::Day, 1000),
        limit(Target::Global, Meter::Requests, Window::Total, 4),
        limit(Target::EachTenant, Meter::Micro, Window::Total, 0),
    ];
    let [day, total, nothing] = limits;
    let ledger = Ledger::new(Limits::new([day, total]), 10);
    assert_eq!(ledger.left_share(&payer("a"), at(0)), Share::FULL);
    let held = ledger.reserve(&payer("a"), tokens(500), at(0)).unwrap();
    assert_eq!(ledger.left_share(&payer("a"), at(0)).ratio(), 0.5);
    assert_eq!(ledger.left_share(&payer("b"), at(0)).ratio(), 0.75);
    held.settle(tokens(2000));
    assert_eq!(ledger.left_share(&payer("a"), at(0)).ppm(), 0);
    ledger.set_limits(Limits::new([nothing]));
    assert_eq!(ledger.left_share(&payer("a"), at(0)).ppm(), 0);
}

#[test]
fn subjects_are_bounded_and_idle_ones_make_room() {
    let ledger = Ledger::new(Limits::new([limit(Target::EachKey, Meter::Tokens, Window::Minute, 100)]), 2);
    let one = |key: &str, now| ledger.reserve(&payer(key), tokens(1), at(now));
    let (a, b) = (one("a", 0).unwrap(), one("b", 0).unwrap());
    assert_eq!(one("c", 0).unwrap_err(), Refusal::Crowded { limit: 2 });
    a.release();
    b.settle(tokens(1));
    assert!(one("c", 600).is_ok(), "a is idle");
    assert_eq!(one("d", 600).map(drop), Err(Refusal::Crowded { limit: 2 }), "b is not written yet, c is new");
    assert_eq!(ledger.take_dirty().len(), 1);
    assert!(one("d", 600).is_ok());
}

#[test]
fn counters_survive_a_restart_and_reservations_do_not() {
    let folder = Folder::new();
    let limits = || Limits::new([limit(Target::EachKey, Meter::Tokens, Window::Day, 100)]);
    let store = open(&folder.file(), quick());
    store.budgets().set_limits(limits());
    store.budgets().reserve(&payer("a"), tokens(30), at(0)).unwrap().settle(tokens(40));
    let stuck = store.budgets().reserve(&payer("a"), tokens(50), at(0)).unwrap();
    assert!(store.budgets().reserve(&payer("a"), tokens(11), at(0)).is_err());
    store.close().unwrap();
    drop(store);
    let store = open(&folder.file(), quick());
    store.budgets().set_limits(limits());
    assert_eq!(settled(store.budgets(), at(0)), [("key a tokens day".into(), 40, 0, 10)]);
    let held = store.budgets().reserve(&payer("a"), tokens(60), at(0)).unwrap();
    held.settle(tokens(60));
    drop(stuck);
    store.flush().unwrap();
    assert_eq!(store.sweep(at(0)).unwrap().budget_spans, 0);
    assert_eq!(store.sweep(at(100_000)).unwrap().budget_spans, 1);
    assert!(store.fsck().unwrap().is_clean());
}

#[test]
fn counters_that_could_not_be_written_are_taken_again() {
    let ledger = Ledger::new(Limits::new([limit(Target::EachKey, Meter::Tokens, Window::Minute, 100)]), 2);
    ledger.reserve(&payer("a"), tokens(1), at(0)).unwrap().settle(tokens(5));
    let taken = ledger.take_dirty();
    assert_eq!((taken.len(), ledger.take_dirty().len(), ledger.has_dirty()), (1, 0, false));
    // Forgotten meanwhile, then put back.
    drop(ledger.reserve(&payer("a"), tokens(1), at(6000)).unwrap());
    ledger.mark_dirty(&taken);
    assert_eq!(ledger.take_dirty(), taken);
}

/// What one request does: asks for, uses (none: fails) and how late.
type Step = (u64, Option<u64>, u64);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Threads reserve and settle in whatever order the machine runs them. Afterwards the counters hold exactly what
    /// was used, nothing is reserved, and no admission exceeded the limit unless an overrun already had.
    #[test]
    fn what_is_settled_is_what_was_used(
        plans in prop::collection::vec(
            prop::collection::vec((0u64..50, prop::option::of(0u64..60), 0u64..3), 0..60),
            4,
        ),
        cap in 50u64..2000,
    ) {
        let limits = Limits::new([
            limit(Target::EachKey, Meter::Tokens, Window::Minute, cap),
            limit(Target::EachTenant, Meter::Micro, Window::Total, cap * 3),
            limit(Target::Global, Meter::Requests, Window::Total, 1000),
        ]);
        let ledger = Ledger::new(limits, 100);
        let used: Arc<[AtomicU64; 3]> = Arc::default();
        let requests = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for (who, plan) in plans.iter().enumerate() {
                let (ledger, used, requests) = (&ledger, &used, &requests);
                scope.spawn(move || run(ledger, plan, who % 2, used, requests));
            }
        });
        for minute in 0..3u64 {
            for view in ledger.accounts(at(40 + 60 * minute)) {
                prop_assert_eq!(view.reserved, 0);
                let limit = view.limit.unwrap();
                prop_assert!(view.counter.settled <= limit + view.counter.overrun);
            }
            let of_minute: u64 = settled(&ledger, at(40 + 60 * minute))
                .iter()
                .filter(|line| line.0.starts_with("key") && line.0.ends_with("minute"))
                .map(|line| line.1)
                .sum();
            prop_assert_eq!(of_minute, used[usize::try_from(minute).unwrap()].load(Ordering::SeqCst));
        }
        let all: u64 = used.iter().map(|u| u.load(Ordering::SeqCst)).sum();
        let total = |name: &str| settled(&ledger, at(40)).iter().find(|l| l.0 == name).map_or(0, |l| l.1);
        prop_assert_eq!(total("tenant acme micro total"), all * 2);
        prop_assert_eq!(total("all callers requests total"), requests.load(Ordering::SeqCst));
        let journal: u64 = ledger.take_dirty().iter().filter(|r| r.meter == Meter::Tokens).map(|r| r.settled).sum();
        prop_assert_eq!(journal, all);
    }
}

fn run(ledger: &Ledger, plan: &[Step], who: usize, used: &[AtomicU64; 3], requests: &AtomicU64) {
    let mut held = Vec::new();
    for (at_step, (ask, actual, minute)) in plan.iter().enumerate() {
        let now = at(40 + 60 * minute);
        if let Ok(reservation) = ledger.reserve(&payer(["a", "b"][who]), tokens(*ask), now) {
            held.push((reservation, *actual, *minute));
        }
        // Some settle at once, some much later, out of order.
        if at_step % 3 != 0 && !held.is_empty() {
            finish(held.swap_remove(at_step % held.len()), used, requests);
        }
        std::thread::yield_now();
    }
    held.into_iter().for_each(|one| finish(one, used, requests));
}

fn finish(
    (reservation, actual, minute): (tollgate_store::budget::Reservation, Option<u64>, u64),
    used: &[AtomicU64; 3],
    requests: &AtomicU64,
) {
    match actual {
        None => reservation.release(),
        Some(actual) => {
            used[usize::try_from(minute).unwrap()].fetch_add(actual, Ordering::SeqCst);
            requests.fetch_add(1, Ordering::SeqCst);
            reservation.settle(tokens(actual));
        }
    }
}

#[test]
fn past_a_spent_budget_every_other_one_still_holds() {
    let ledger = Ledger::new(
        Limits::new([
            limit(Target::EachTenant, Meter::Micro, Window::Day, 100),
            limit(Target::Global, Meter::Tokens, Window::Day, 100),
        ]),
        10,
    );
    let refused = ledger.reserve(&payer("a"), tokens(60), at(0)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "120 micro are larger than the whole limit of 100 per day of tenant acme"
    );
    let spent = [refused.line().unwrap()];
    let held = ledger.reserve_beside(&payer("a"), tokens(60), &spent, at(0)).unwrap();
    let other = ledger.reserve_beside(&payer("a"), tokens(41), &spent, at(0)).unwrap_err();
    assert!(matches!(other, Refusal::Spent { meter: Meter::Tokens, reserved: 60, asked: 41, .. }));
    held.settle(tokens(60));
    let lines = [("tenant acme micro day".into(), 120, 0, 120), ("all callers tokens day".into(), 60, 0, 0)];
    assert_eq!(settled(&ledger, at(0)), lines, "what is beyond the spent limit is overrun");
    // Overspent, it is still passed by, and by name alone.
    assert!(ledger.reserve_beside(&payer("a"), tokens(40), &spent, at(0)).is_ok());
    assert!(ledger.reserve(&payer("a"), tokens(1), at(0)).is_err());
}
