//! Sixty random cases as the reference itself answers them, and its comparison of GPUs.
//!
//! `reference.json` was written by `vllm-sr-sim` 0.1.0.dev20260713 (Apache-2.0), through the Python classes behind its command line
//! (`FleetOptimizer.optimize` with two fleets simulated, 1,500 requests each) and `whatif --gpu-compare`. Boundaries lie on and off the
//! knots and on either side of them all, contexts below and above the longest request, shares of compression from 0 to 1,
//! availability below 1, objectives that hold and that no fleet meets, rates from 1 to 2,000 a second. Analytic numbers are compared
//! to 1e-10, counts and simulated percentiles as they are.

use super::same;
use serde_json::{Value, json};
use tollgate_fleet::compat::{self, Case, Knots, Profile, Row};

fn recorded() -> Value {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

fn case(given: &Value) -> Case {
    let number = |at: usize| given[at].as_f64().unwrap();
    let gpu = |at: usize| Profile::named(given[at].as_str().unwrap()).unwrap();
    Case {
        long_context: number(3) as u32,
        compressible: number(6),
        availability: number(7),
        ..Case::new(number(0), number(1), number(2) as u32, gpu(4), gpu(5))
    }
}

fn written(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!([row.gamma, row.short, row.long, row.cost_hour, row.short_ms, row.long_ms, row.slo_met])
    };
    rows.iter().map(row).collect()
}

#[test]
fn sixty_random_cases_are_answered_alike() {
    let recorded = recorded();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 60);
    let mut rows = 0;
    for (at, theirs) in cases.iter().enumerate() {
        let knots = Knots(serde_json::from_value(theirs["knots"].clone()).unwrap());
        let report = compat::optimize(&knots, &case(&theirs["case"]), 2, 1_500).unwrap();
        rows += report.analytical.len();
        same(&format!("case {at}, by formula"), &written(&report.analytical), &theirs["analytical"]);
        same(&format!("case {at}, simulated"), &written(&report.simulated), &theirs["simulated"]);
    }
    assert_eq!(rows, 660);
}

#[test]
fn gpus_are_compared_alike() {
    let lengths = [100, 300, 700, 1500, 3000, 6000, 12_000, 40_000];
    let shares = [0.05, 0.2, 0.45, 0.7, 0.85, 0.93, 0.98, 1.0];
    let knots = Knots(lengths.into_iter().zip(shares).collect());
    let [a10g, a100, h100] = ["a10g", "a100", "h100"].map(|name| (name, Profile::named(name).unwrap()));
    let case = Case { long_context: 40_000, ..Case::new(1.0, 500.0, 3000, a100.1.clone(), a100.1.clone()) };
    let found = compat::compare_gpus(&knots, &case, &[a10g, a100, h100], &[5.0, 60.0, 900.0]).unwrap();
    same("--gpu-compare", &Value::from(compat::by_rate(&found)), &recorded()["gpus"]);
}
