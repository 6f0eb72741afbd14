//! Every recorded command line of the reference, asked through ours: what `docs/fleet.md` says it is here, against what was written.
//!
//! The recordings lie outside the repository (`../shared/data`); without them the test says SKIPPED.

#[path = "../../../../fleet/tests/baseline/command.rs"]
#[expect(dead_code, reason = "numbers are read by the library's test; here words stay words")]
mod command;

use super::same::same;
use crate::tool::Folder;
use command::Command;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Options of the reference that are options here, by another name.
const OPTIONS: [(&str, &str); 14] = [
    ("lam", "--rate"),
    ("lam-range", "--rate"),
    ("slo", "--slo-ttft-ms"),
    ("slo-ttft", "--slo-ttft-ms"),
    ("slo-tpot", "--slo-tpot-ms"),
    ("b-short", "--boundary"),
    ("long-max-ctx", "--context"),
    ("max-ctx", "--context"),
    ("verify-top", "--verify"),
    ("n-sim-req", "--requests"),
    ("mean-isl", "--mean-prompt"),
    ("mean-osl", "--mean-output"),
    ("n-gpus", "--instances"),
    ("flex-pcts", "--reduction"),
];

/// Its commands here, and the GPUs where none is said: by the options that name them.
fn here(word: &str, command: &Command) -> (&'static str, Vec<String>) {
    let pair = |first: &str, second: &str, defaults: [&str; 2]| {
        let named = [(first, defaults[0]), (second, defaults[1])];
        named.map(|(option, default)| command.text(option).unwrap_or(default).to_owned()).to_vec()
    };
    let list = |option: &str| command.words(option).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let pools = || pair("gpu-short", "gpu-long", ["a100", "a100"]);
    match word {
        "optimize" => ("plan", pools()),
        "whatif" if command.text("gpu-compare").is_some() => ("compare", list("gpu-compare")),
        "whatif" => ("plan", pools()),
        "pareto" => ("pareto", pools()),
        "disagg" => ("split", pair("gpu-prefill", "gpu-decode", ["h100", "a100"])),
        "grid-flex" => ("flex", vec![command.text("gpu").unwrap_or("h100").to_owned()]),
        _ if command.text("b-short").is_some() => ("energy", pools()),
        _ if command.text("gpus").is_some() => ("energy", list("gpus")),
        _ => ("energy", ["h100", "a100", "a10g"].map(str::to_owned).to_vec()),
    }
}

/// The same question as words for `tollgate fleet`.
fn asked(word: &str, command: &Command, lengths: &Path) -> Vec<String> {
    let (here, gpus) = here(word, command);
    let mut words =
        vec!["fleet", here, "--compat", "--json", "--cdf"].into_iter().map(String::from).collect::<Vec<_>>();
    words.push(lengths.display().to_string());
    for (theirs, ours) in OPTIONS {
        let values = command.words(theirs);
        // Lists are one word with commas here; rates are an option each.
        let values = if theirs == "flex-pcts" && !values.is_empty() {
            vec![values.join(",")]
        } else {
            values.into_iter().map(String::from).collect()
        };
        words.extend(values.into_iter().flat_map(|value| [ours.to_owned(), value]));
    }
    words.extend(gpus.into_iter().flat_map(|gpu| ["--gpu".to_owned(), gpu]));
    if command.text("rho-sweep").is_some() {
        words.extend(["--used", "0.2,0.4,0.6,0.8"].map(String::from));
    }
    words
}

/// What of our JSON the reference writes too.
fn written(word: &str, command: &Command, found: &Value) -> Value {
    let fleet = |of: &str| {
        let keys = ["fleet_tpw", "fleet_cost_per_mil", "fleet_power_kw", "total_gpus"];
        Value::from_iter(keys.map(|key| (key.to_owned(), found[of][key].clone())))
    };
    match word {
        "disagg" => json!({ "best": found["best"], "pareto": found["pareto"] }),
        "grid-flex" => found["curve"].clone(),
        "tok-per-watt" if command.text("b-short").is_some() => {
            json!({ "homo": fleet("homo"), "routed": fleet("routed") })
        }
        "tok-per-watt" => found["pools"].clone(),
        _ => found["rows"].clone(),
    }
}

#[test]
fn every_recorded_command_line_is_answered_alike() {
    let data = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let folder = env::var_os("FLEET_RECORDED").map_or(data.join("fleet-baseline"), PathBuf::from);
    if !folder.is_dir() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no recorded runs at {}", folder.display());
        return;
    }
    let place = Folder::new("fleet-recorded");
    let mut answered = 0;
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for text in files.iter().filter(|file| file.extension().is_some_and(|end| end == "txt")) {
        let line = fs::read_to_string(text).unwrap().lines().next().unwrap_or_default().to_owned();
        let words = ["optimize", "whatif", "pareto", "disagg", "grid-flex", "tok-per-watt"];
        let Some((word, command)) = words.iter().find_map(|word| Some((*word, Command::parse(&line, word)?)))
        else {
            continue;
        };
        let lengths = data.join("traces/cdf").join(command.text("cdf").unwrap().replace("data/", ""));
        let ran = place.run(&asked(word, &command, &lengths).iter().map(String::as_str).collect::<Vec<_>>());
        let found: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{line}: {}{}", ran.out, ran.err));
        let theirs = fs::read_to_string(text.with_extension("json")).unwrap().replace("Infinity", "null");
        let mut both = [written(word, &command, &found), serde_json::from_str(&theirs).unwrap()];
        if command.text("verify-des").is_some() {
            // Whether the objective is met comes from its request-level simulation then, which is not reproduced.
            for row in both.iter_mut().flat_map(|side| side.as_array_mut().unwrap()) {
                row.as_object_mut().unwrap().remove("slo_met");
            }
        }
        let [ours, theirs] = both;
        same(&line, &ours, &theirs);
        answered += 1;
    }
    assert!(answered >= 30 || env::var_os("FLEET_RECORDED").is_some(), "{answered} command lines");
}
