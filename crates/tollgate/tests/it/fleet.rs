//! Fleets from the command line: the fixed form that scripts rely on.

use crate::tool::Folder;
use serde_json::Value;

const FORM: [&str; 9] =
    ["--rate", "200", "--slo-ttft-ms", "500", "--boundary", "4096", "--gpu", "a100", "--json"];

fn run(folder: &Folder, more: &[&str]) -> (i32, Value) {
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
    let (traced, by_trace) = run(&folder, &["--trace", "trace.csv", "--compat"]);
    let (given, by_cdf) = run(&folder, &["--cdf", "cdf.json", "--compat"]);
    assert_eq!((traced, &by_trace), (given, &by_cdf));
    assert!(by_cdf["rows"].as_array().is_some_and(|rows| rows.len() > 5), "{by_cdf}");
    assert_eq!(run(&folder, &["--cdf", "cdf.json"]).0, 0, "the corrected planner meets the promise");
    let none = folder.run(&[&["fleet", "plan", "--compat"], &FORM[..]].concat());
    assert!(none.code == 2 && none.err.contains("--cdf or one --trace"), "{}", none.err);
}
