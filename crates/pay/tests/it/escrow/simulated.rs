//! Seeded schedules; `tollgate pay simulate` plays a million.

use tollgate_pay::simulate::{Cast, Count, Tally, schedule};

/// Ten thousand where the code is optimised; a plain test build takes too long for that.
const SCHEDULES: u64 = if cfg!(debug_assertions) { 400 } else { 10_000 };
const THREADS: u64 = 2;

#[test]
fn no_schedule_breaks_an_invariant() {
    let part = |from: u64| {
        let cast = Cast::new().unwrap();
        let mut sum = Tally::default();
        for seed in (from..SCHEDULES).step_by(THREADS as usize) {
            match schedule(&cast, seed) {
                Ok(tally) => sum.add(&tally),
                Err(broken) => panic!("{broken}\n{}", broken.trace.join("\n")),
            }
        }
        sum
    };
    let mut sum = Tally::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..THREADS).map(|from| scope.spawn(move || part(from))).collect();
        parts.into_iter().for_each(|part| sum.add(&part.join().unwrap()));
    });
    // Schedules in which little happens prove little.
    let many = |what, least: u64| assert!(sum.get(what) >= least, "{what:?}: {sum:?}");
    assert_eq!(sum.get(Count::Schedules), SCHEDULES);
    for (what, tenths) in [
        (Count::Recorded, 50),
        (Count::Refused, 10),
        (Count::CrashBefore, 3),
        (Count::CrashAfter, 3),
        (Count::Unknown, 1),
        (Count::Disputed, 1),
    ] {
        many(what, SCHEDULES * tenths / 10);
    }
    // Every kind of fault is met, and every end.
    Count::ALL.iter().for_each(|what| many(*what, SCHEDULES / 200));
}

#[test]
fn a_seed_is_a_schedule() {
    let cast = Cast::new().unwrap();
    for seed in [0, 7, u64::MAX] {
        assert_eq!(schedule(&cast, seed).unwrap(), schedule(&cast, seed).unwrap());
    }
}
