//! `--compat`: what the reference answers, and what it cannot be asked.

use super::same::same;
use crate::tool::Folder;
use serde_json::Value;

const FORM: [&str; 9] =
    ["--rate", "200", "--slo-ttft-ms", "500", "--boundary", "4096", "--gpu", "a100", "--json"];

fn plan(folder: &Folder, more: &[&str]) -> (i32, Value) {
    let ran = folder.run(&[&["fleet", "plan"], more, &FORM].concat());
    let shown = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{more:?}: {}{}", ran.out, ran.err));
    (ran.code, shown)
}

/// The reference reduces a trace to knots of its total lengths; a CDF of those knots is the same question.
#[test]
fn a_trace_and_its_lengths_are_one_question_to_the_reference() {
    let folder = Folder::new("fleet-compat");
    let totals = [600, 1_200, 3_000, 9_000];
    let rows = totals.iter().enumerate().map(|(n, total)| format!("{n},{},100\n", total - 100));
    let text = rows.fold(String::from("arrival_s,prompt_tokens,output_tokens\n"), |text, row| text + &row);
    folder.write("trace.csv", &text);
    folder.write("cdf.json", "[[600,0.25],[1200,0.5],[3000,0.75],[9000,1.0]]");
    let (traced, by_trace) = plan(&folder, &["--trace", "trace.csv", "--compat"]);
    let (given, by_cdf) = plan(&folder, &["--cdf", "cdf.json", "--compat"]);
    assert_eq!((traced, &by_trace), (given, &by_cdf));
    assert!(by_cdf["rows"].as_array().is_some_and(|rows| rows.len() > 5), "{by_cdf}");
    assert_eq!(plan(&folder, &["--cdf", "cdf.json"]).0, 0, "the corrected planner meets the promise");
    let none = folder.run(&[&["fleet", "plan", "--compat"], &FORM[..]].concat());
    assert!(none.code == 2 && none.err.contains("--cdf or one --trace"), "{}", none.err);
}

/// Lengths and rows of the library's parity test (`crates/fleet/tests/baseline/own.json`).
const LENGTHS: &str =
    "[[100,0.05],[300,0.2],[700,0.45],[1500,0.7],[3000,0.85],[6000,0.93],[12000,0.98],[40000,1.0]]";
const ROWS: &str = include_str!("../../../../fleet/tests/baseline/own.json");

fn compat(folder: &Folder, more: &str) -> Value {
    let words = format!("fleet plan --cdf cdf.json --json --compat {more}");
    let ran = folder.run(&words.split_whitespace().collect::<Vec<_>>());
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{more}: {}{}", ran.out, ran.err))
}

/// Every option that the reference has an equal of reaches it: a row differs when one of them is dropped.
#[test]
fn the_reference_s_options_reach_it() {
    let folder = Folder::new("fleet-compat-options");
    folder.write("cdf.json", LENGTHS);
    let rows: Value = serde_json::from_str(ROWS).unwrap();
    let own = "--rate 120 --slo-ttft-ms 500 --boundary 3000 --gpu a100 --gpu h100 --requests 3000";
    assert_eq!(compat(&folder, own)["rows"], rows["optimize"]);
    let other = "--rate 300 --slo-ttft-ms 2000 --boundary 1500 --gpu a10g --gamma 1.0 --gamma 1.5 --context 40000 \
                 --compressible 0.5 --availability 0.95 --verify 2 --requests 3000";
    assert_eq!(compat(&folder, other)["rows"], rows["optimize_other"]);
    let derived = "--rate 80 --boundary 6000 --gpu h200 --gamma 1.2 --verify 1 --requests 3000";
    assert_eq!(
        compat(&folder, derived)["rows"],
        rows["optimize_derived"],
        "the objective is 500 ms unless said"
    );
    let plain = "--rate 50 --gpu a100 --verify 0";
    let at = |boundary: u32| compat(&folder, &format!("{plain} --boundary {boundary}"));
    assert_eq!(compat(&folder, plain), at(4096), "the reference's boundary");
    assert_ne!(compat(&folder, plain), at(6000));
    let rates = compat(&folder, "--rate 10 --rate 900 --boundary 3000 --gpu a100 --gpu h100");
    for (found, recorded) in rates["rows"].as_array().unwrap().iter().zip(rows["what_if"].as_array().unwrap())
    {
        assert_eq!(found["lam"], recorded[0]);
        for key in ["n_s", "n_l", "total_gpus", "annualised_cost_kusd"] {
            assert_eq!(found[key], recorded[1][key], "{key}");
        }
        assert_eq!(found["gamma_opt"], recorded[1]["gamma"]);
    }
    assert_eq!(rates["rows"].as_array().map(Vec::len), Some(2));
}

/// What the reference cannot honour is refused by name, what it cannot compute with value and limit.
#[test]
fn what_the_reference_cannot_do_is_refused() {
    let folder = Folder::new("fleet-compat-refused");
    folder.write("cdf.json", LENGTHS);
    folder.write("broken.json", "[[512,0.5],[-7,1.0]]");
    let run = |words: &str| {
        let words = format!("fleet plan --compat --gpu a100 {words}");
        folder.run(&words.split_whitespace().collect::<Vec<_>>())
    };
    for (more, words) in [
        ("--pools 3", ["--pools", "cannot be used"]),
        ("--pools-out pools.yaml", ["--pools-out", "cannot be used"]),
        ("--slo-tpot-ms 50", ["--slo-tpot-ms", "cannot be used"]),
        ("--slo-e2e-ms 50", ["--slo-e2e-ms", "cannot be used"]),
        ("--percentile 0.95", ["--percentile", "cannot be used"]),
        ("--output-share 0.3", ["--output-share", "cannot be used"]),
        ("--model llama-3.1-8b", ["--model", "cannot be used"]),
        ("--tensor-parallel 8", ["--tensor-parallel", "cannot be used"]),
        ("--requests 1000000000000", ["1000000000000", "at most 10,000,000"]),
        ("--context 2000000", ["2000000", "1048576"]),
        ("--boundary 4294967295", ["4294967295", "1,073,741,824"]),
        ("--boundary 1000 --boundary 2000", ["--boundary", "one"]),
        ("--rate 30 --verify 1", ["--verify", "one --rate"]),
    ] {
        let ran = run(&format!("--cdf cdf.json --rate 20 {more}"));
        assert_eq!(ran.code, 2, "{more}: {}", ran.out);
        assert!(words.iter().all(|word| ran.err.contains(word)), "{more}: {}", ran.err);
    }
    assert!(run("--cdf cdf.json").err.contains("--rate R"));
    let broken = run("--cdf broken.json --rate 20");
    assert!(broken.code == 2 && broken.err.contains("its length is -7 tokens"), "{}", broken.err);
}

/// The rest of the reference's questions give the rows of the library's parity test.
#[test]
fn each_of_the_reference_s_questions_has_a_command() {
    let folder = Folder::new("fleet-compat-questions");
    folder.write("cdf.json", LENGTHS);
    let rows: Value = serde_json::from_str(ROWS).unwrap();
    let ask = |words: &str| {
        let words = format!("fleet {words} --cdf cdf.json --rate 120 --slo-ttft-ms 500 --compat --json");
        let ran = folder.run(&words.split_whitespace().collect::<Vec<_>>());
        let shown: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{words}: {}{}", ran.out, ran.err));
        assert_eq!(ran.code == 0, shown["met"] != Value::Bool(false), "{words}");
        shown
    };
    let pareto = ask("pareto --gpu a100 --gpu h100");
    same("pareto", &pareto["rows"], &rows["thresholds"]);
    same("one pool", &pareto["one_pool"], &rows["one_pool"]);
    let split = ask("split --gpu h100 --gpu a100 --slo-tpot-ms 100");
    same("split", &split["best"], &rows["disagg"]["best"]);
    same("split", &split["pareto"], &rows["disagg"]["front"]);
    assert_ne!(ask("split --gpu h100 --gpu a100 --mean-prompt 9000")["best"], split["best"]);
    same("flex", &ask("flex --gpu h100 --instances 24")["curve"], &rows["grid"]);
    let alone = ask("energy --gpu a100 --used 0.4");
    let unnamed = |mut pools: Value| {
        pools
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|pool| drop(pool.as_object_mut().unwrap().remove("pool_label")));
        pools
    };
    same("energy", &unnamed(alone["pools"].clone()), &unnamed(rows["watts"]["alone"].clone()));
    let both = ask("energy --gpu a100 --gpu h100 --boundary 3000");
    same("energy of two pools", &both["routed"]["pools"], &rows["watts"]["pools"]);
    same("energy of two pools", &both["routed"]["fleet_tpw"], &rows["watts"]["sums"][0]);
    // The published decode-only curve: 17.6 at 4K, 1.5 at 64K.
    let curve = ask("energy --gpu h100 --window 4096,65536")["decode_only"].clone();
    let at = |i: usize| curve["curves"][0]["points"][i]["tokens_per_joule"].as_f64().unwrap();
    assert_eq!([format!("{:.1}", at(0)), format!("{:.1}", at(1))], ["17.6", "1.5"]);
    assert!(curve["what"].as_str().unwrap().contains("decode only"));
    let each = ask("compare --gpu a100 --gpu h100 --boundary 3000");
    let alone = ask("plan --gpu a100 --boundary 3000 --verify 0");
    let (found, best) = (&each["rows"][0], &alone["best_analytical"]);
    assert_eq!(found["a100"]["total_gpus"], best["total_gpus"]);
    assert_eq!(found["a100"]["p99_ttft_short_ms"], best["p99_ttft_short_ms"]);
    assert_eq!((found["lam"].as_f64(), found.as_object().map(serde_json::Map::len)), (Some(120.0), Some(3)));
}
