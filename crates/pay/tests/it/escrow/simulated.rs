//! Seeded schedules; `tollgate pay simulate` plays a million.

use tollgate_pay::simulate::{Cast, Tally, schedule};

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
    assert_eq!(sum.schedules, SCHEDULES);
    let tenth = SCHEDULES / 10;
    assert!(sum.crashes > SCHEDULES && sum.refused > SCHEDULES && sum.recorded > 5 * SCHEDULES, "{sum:?}");
    assert!(sum.unknown > tenth && sum.released > tenth / 2 && sum.disputed > tenth, "{sum:?}");
}

#[test]
fn a_seed_is_a_schedule() {
    let cast = Cast::new().unwrap();
    for seed in [0, 7, u64::MAX] {
        assert_eq!(schedule(&cast, seed).unwrap(), schedule(&cast, seed).unwrap());
    }
}
