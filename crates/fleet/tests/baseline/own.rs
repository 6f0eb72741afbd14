//! The same comparisons on lengths of our own, so that they run where no recording is at hand.
//!
//! `own.json` was written by this code at a state in which every recorded run of the reference was reproduced (the
//! tests of the parent module), and then compared with what the reference itself (0.1.0.dev20260713) answers for these
//! lengths: equal in all but `optimize_derived`, `one_pool` and `watts.pools`, which its command line does not give.

use super::{same, value};
use serde_json::{Value, json};
use tollgate_core::OutOfRange;
use tollgate_fleet::Error;
use tollgate_fleet::compat::{self, Case, Knots, Profile, a10g, a100, disagg, grid, h100, watts};

fn knots() -> Knots {
    let lengths = [100, 300, 700, 1500, 3000, 6000, 12_000, 40_000];
    let shares = [0.05, 0.2, 0.45, 0.7, 0.85, 0.93, 0.98, 1.0];
    Knots(lengths.into_iter().zip(shares).collect())
}

fn case() -> Case {
    Case::new(120.0, 500.0, 3000, a100(), h100())
}

fn optimised(case: &Case, verify: usize) -> Value {
    let report = compat::optimize(&knots(), case, verify, 3000).unwrap();
    value(report.rows().collect::<Vec<_>>())
}

fn computed() -> Value {
    let (best, front) = disagg::split(&split()).unwrap();
    let found = compat::what_if(&knots(), &case(), &[10.0, 900.0]).unwrap();
    let (one, thresholds) = compat::thresholds(&knots(), &case()).unwrap();
    let other = Case {
        gammas: vec![1.0, 1.5],
        long_context: 40_000,
        compressible: 0.5,
        availability: 0.95,
        ..Case::new(300.0, 2000.0, 1500, a10g(), a10g())
    };
    let derived = Profile::named("h200").unwrap();
    let derived = Case { gammas: vec![1.2], ..Case::new(80.0, 500.0, 6000, derived.clone(), derived) };
    json!({
        "optimize": optimised(&case(), 3),
        "optimize_other": optimised(&other, 2),
        "optimize_derived": optimised(&derived, 1),
        "what_if": value(found),
        "one_pool": value(one),
        "thresholds": value(thresholds),
        "grid": value(grid::flex(&knots(), &fleet(&h100()), &grid::LEVELS).unwrap()),
        "disagg": { "best": best, "front": front },
        "watts": watt_rows(),
    })
}

fn split() -> disagg::SplitCase {
    let (prompt, output) = disagg::means(&knots());
    disagg::SplitCase {
        rate: 120.0,
        ttft_ms: 500.0,
        tpot_ms: 100.0,
        context: 8192,
        prompt,
        output,
        prefill: h100(),
        decode: a100(),
    }
}

fn fleet(profile: &Profile) -> grid::Fleet<'_> {
    grid::Fleet { profile, gpus: 24, context: 8192, rate: 120.0, slo_ms: 500.0 }
}

fn watt_rows() -> Value {
    let [short, long] = [a100(), h100()];
    let pool = |label: &str, profile, knots, rate| watts::Pool { label: label.into(), profile, knots, rate };
    let all = pool("all", &short, knots(), 120.0);
    let alone = [None, Some(0.4)].map(|rho| watts::pool(&all, 500.0, 8192, rho).unwrap());
    let (below, above, share) = watts::parted(&knots(), 3000);
    let both =
        [pool("short", &short, below, share * 120.0), pool("long", &long, above, (1.0 - share) * 120.0)];
    let fleet = watts::fleet(&both, 500.0, 8192).unwrap();
    let sums = [fleet.tokens_per_watt, fleet.cost_million, fleet.power_kw, fleet.worst_ms];
    json!({ "alone": value(alone), "pools": value(fleet.pools), "sums": sums, "gpus": fleet.gpus })
}

#[test]
fn rows_on_our_own_lengths_stay_what_they_were() {
    let recorded: Value = serde_json::from_str(include_str!("own.json")).unwrap();
    same("own", &computed(), &recorded);
}

/// What cannot be computed is refused with the value and the limit, before anything overflows.
#[test]
fn what_is_beyond_a_bound_is_refused() {
    let refused = |case: &Case| compat::optimize(&knots(), case, 1, 100).unwrap_err().to_string();
    for (case, words) in [
        (Case { long_context: 1_048_577, ..case() }, ["1048577", "1048576 that H100-80GB holds"]),
        (
            Case { boundary: 2_000_000, gammas: vec![1.0], ..case() },
            ["2000000", "1048576 that A100-80GB holds"],
        ),
        (Case { gammas: vec![1e9], ..case() }, ["3000000000000", "1,073,741,824"]),
        (Case { rate: 1e12, ..case() }, ["1000000000000", "10,000,000"]),
        (Case { availability: 1e-300, ..case() }, ["availability", "0.01 to 1"]),
        (Case { compressible: 1.5, ..case() }, ["compressible: 1.5", "from 0 to 1"]),
    ] {
        let error = refused(&case);
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
    let error = compat::optimize(&knots(), &case(), 1, 10_000_001).unwrap_err().to_string();
    assert!(error.contains("10000001") && error.contains("10,000,000"), "{error}");
    let far = Knots(vec![(u32::MAX, 0.5), (u32::MAX, 1.0)]);
    assert!(matches!(
        compat::optimize(&far, &case(), 1, 100),
        Err(Error::Setting(OutOfRange { field: "knots", .. }))
    ));
    assert!(grid::flex(&far, &fleet(&h100()), &[0.0]).is_err());
    let gpu = h100();
    let far_fleet = grid::Fleet { context: u32::MAX, gpus: u64::MAX, ..fleet(&gpu) };
    assert!(grid::flex(&knots(), &far_fleet, &[0.0, 100.0]).is_err());
    let far_split = disagg::SplitCase { context: u32::MAX, prompt: u32::MAX, output: u32::MAX, ..split() };
    assert!(disagg::split(&far_split).is_none());
}

/// At the bounds themselves there is an answer, and no more memory than the requests need.
#[test]
fn at_the_bounds_there_is_an_answer() {
    let long = Case { rate: 1e7, availability: 0.01, long_context: 1_048_576, ..case() };
    let report = compat::optimize(&knots(), &long, 1, 100).unwrap();
    assert!(report.rows().all(|row| row.gpus > 1_000_000), "{:?}", report.simulated);
    let widest = f64::from(1 << 30) / 3000.0;
    let stretched = Case { gammas: vec![1.0, widest], ..case() };
    assert_eq!(compat::optimize(&knots(), &stretched, 2, 100).unwrap().simulated.len(), 2);
}
