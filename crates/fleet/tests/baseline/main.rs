//! The compat mode against recorded runs of the reference: every analytic number and every percentile of its slots.
//!
//! The recordings lie outside the repository (`../shared/data/fleet-baseline`, lengths in `../shared/data/traces/cdf`);
//! without them the test says SKIPPED. Rows on lengths of our own and
//! random cases that the reference itself answered run everywhere: [`own`], [`reference`].

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says when it has nothing to compare with"
)]

mod command;
mod own;
mod reference;
mod same;

use command::Command;
use same::same;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tollgate_fleet::compat::{self, Case, Knots, Profile, disagg, grid, watts};

fn data() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    if folder.join("fleet-baseline").is_dir() {
        return Some(folder);
    }
    let _ = writeln!(std::io::stderr(), "SKIPPED: no recorded runs at {}", folder.display());
    None
}

/// The commands that start with a word, with what they wrote.
fn recorded(folder: &Path, word: &str) -> Vec<(String, Command, Knots, Value)> {
    let mut found = Vec::new();
    let mut files: Vec<_> =
        fs::read_dir(folder.join("fleet-baseline")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for text in files.iter().filter(|f| f.extension().is_some_and(|e| e == "txt")) {
        let name = text.file_stem().unwrap().to_str().unwrap().to_owned();
        let printed = fs::read_to_string(text).unwrap();
        let Some(command) = Command::parse(printed.lines().next().unwrap_or_default(), word) else {
            continue;
        };
        let lengths = command.text("cdf").unwrap().replace("data/", "");
        let knots = Knots::from_json(&fs::read(folder.join("traces/cdf").join(lengths)).unwrap()).unwrap();
        let written = fs::read_to_string(text.with_extension("json")).unwrap().replace("Infinity", "null");
        found.push((name, command, knots, serde_json::from_str(&written).unwrap()));
    }
    found
}

fn gpu(command: &Command, option: &str, default: &str) -> Profile {
    Profile::named(command.text(option).unwrap_or(default)).unwrap()
}

fn case(command: &Command) -> Case {
    let [short, long] = ["gpu-short", "gpu-long"].map(|option| gpu(command, option, "a100"));
    let number = |option, default| command.number(option).unwrap_or(default);
    let boundary = number("b-short", 4096.0) as u32;
    let long_context = number("long-max-ctx", 65_536.0) as u32;
    Case { long_context, ..Case::new(number("lam", 200.0), number("slo", 500.0), boundary, short, long) }
}

fn value(of: impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap()
}

#[test]
fn optimize_writes_the_same_rows() {
    let Some(folder) = data() else { return };
    let runs = recorded(&folder, "optimize");
    assert!(runs.len() >= 14, "{} runs", runs.len());
    for (name, command, knots, theirs) in runs {
        let verify = command.number("verify-top").unwrap_or(3.0) as usize;
        let requests = command.number("n-sim-req").unwrap_or(40_000.0) as usize;
        let report = compat::optimize(&knots, &case(&command), verify, requests).unwrap();
        same(&name, &value(report.rows().collect::<Vec<_>>()), &theirs);
    }
}

#[test]
fn thresholds_write_the_same_front() {
    let Some(folder) = data() else { return };
    let runs = recorded(&folder, "pareto");
    assert!(runs.len() >= 6, "{} runs", runs.len());
    for (name, command, knots, theirs) in runs {
        let (_, rows) = compat::thresholds(&knots, &case(&command)).unwrap();
        same(&name, &value(&rows), &theirs);
        let printed = fs::read_to_string(folder.join(format!("fleet-baseline/{name}.txt"))).unwrap();
        if let Some(line) = printed.lines().find(|l| l.contains("Recommended B_short")) {
            let boundary = compat::recommended(&rows).unwrap().boundary.to_string();
            assert!(line.replace(',', "").contains(&boundary), "{name}: {line}");
        }
    }
}

#[test]
fn what_if_finds_the_same_fleets() {
    let Some(folder) = data() else { return };
    let runs = recorded(&folder, "whatif");
    assert!(runs.len() >= 3, "{} runs", runs.len());
    for (name, command, knots, theirs) in runs {
        let found = compat::what_if(&knots, &case(&command), &command.numbers("lam-range")).unwrap();
        let rows: Vec<Value> = found
            .iter()
            .map(|(rate, row)| {
                serde_json::json!({ "lam": rate, "n_s": row.short, "n_l": row.long, "total_gpus": row.gpus,
                    "annualised_cost_kusd": compat::rounded(row.cost_year, 1), "gamma_opt": row.gamma })
            })
            .collect();
        same(&name, &Value::from(rows), &theirs);
    }
}

#[test]
fn grid_flexibility_has_the_same_curve() {
    let Some(folder) = data() else { return };
    let runs = recorded(&folder, "grid-flex");
    assert!(runs.len() >= 5, "{} runs", runs.len());
    for (name, command, knots, theirs) in runs {
        let profile = gpu(&command, "gpu", "h100");
        let fleet = grid::Fleet {
            profile: &profile,
            gpus: command.number("n-gpus").unwrap() as u64,
            context: 8192,
            rate: command.number("lam").unwrap(),
            slo_ms: command.number("slo").unwrap(),
        };
        let given = command.numbers("flex-pcts");
        let levels = if given.is_empty() { grid::LEVELS.to_vec() } else { given };
        let mut curve = value(grid::flex(&knots, &fleet, &levels).unwrap());
        let mut theirs = theirs;
        if command.number("verify-des").is_some() {
            // With its request-level simulation on, whether the objective is met comes from there, not from a formula.
            for row in [&mut curve, &mut theirs].into_iter().flat_map(|v| v.as_array_mut().unwrap()) {
                row.as_object_mut().unwrap().remove("slo_met");
            }
        }
        same(&name, &curve, &theirs);
    }
}

#[test]
fn the_split_of_prefill_and_decode_is_the_same() {
    let Some(folder) = data() else { return };
    let runs = recorded(&folder, "disagg");
    assert!(runs.len() >= 2, "{} runs", runs.len());
    for (name, command, knots, theirs) in runs {
        let (prompt, output) = disagg::means(&knots);
        let case = disagg::SplitCase {
            rate: command.number("lam").unwrap(),
            ttft_ms: command.number("slo-ttft").unwrap(),
            tpot_ms: command.number("slo-tpot").unwrap(),
            context: command.number("max-ctx").unwrap_or(8192.0) as u32,
            prompt: command.number("mean-isl").map_or(prompt, |n| n as u32),
            output: command.number("mean-osl").map_or(output, |n| n as u32),
            prefill: gpu(&command, "gpu-prefill", "h100"),
            decode: gpu(&command, "gpu-decode", "a100"),
        };
        let (best, front) = disagg::split(&case).unwrap();
        same(&name, &serde_json::json!({ "best": best, "pareto": front }), &theirs);
    }
}

#[test]
fn tokens_per_watt_are_the_same() {
    let Some(folder) = data() else { return };
    let runs = recorded(&folder, "tok-per-watt");
    assert!(runs.len() >= 5, "{} runs", runs.len());
    for (name, command, knots, theirs) in runs {
        let (rate, slo) = (command.number("lam").unwrap(), command.number("slo").unwrap());
        let ours = match command.number("b-short") {
            Some(boundary) => two_pools(&command, &knots, rate, slo, boundary as u32),
            None => single_pools(&command, &knots, rate, slo),
        };
        same(&name, &ours, &theirs);
    }
}

fn single_pools(command: &Command, knots: &Knots, rate: f64, slo: f64) -> Value {
    let named: Vec<&str> = command.words("gpus");
    let names = if named.is_empty() { vec!["h100", "a100", "a10g"] } else { named };
    let mut points = Vec::new();
    for name in names {
        let profile = Profile::named(name).unwrap();
        let label = profile.name.clone();
        let pool = watts::Pool { label, profile: &profile, knots: knots.clone(), rate };
        let sweep = if command.text("rho-sweep").is_some() { &[0.2, 0.4, 0.6, 0.8][..] } else { &[] };
        for rho in [None].into_iter().chain(sweep.iter().copied().map(Some)) {
            points.push(watts::pool(&pool, slo, 8192, rho).unwrap());
        }
    }
    value(points)
}

fn two_pools(command: &Command, knots: &Knots, rate: f64, slo: f64, boundary: u32) -> Value {
    let [short, long] = ["gpu-short", "gpu-long"].map(|option| gpu(command, option, "a100"));
    let (below, above, share) = watts::parted(knots, boundary);
    let pool = |profile, knots, rate| watts::Pool { label: String::new(), profile, knots, rate };
    let both = [pool(&short, below, share * rate), pool(&long, above, (1.0 - share) * rate)];
    let written = |pools: &[watts::Pool<'_>]| {
        let fleet = watts::fleet(pools, slo, 8192).unwrap();
        serde_json::json!({ "fleet_tpw": fleet.tokens_per_watt, "fleet_cost_per_mil": fleet.cost_million,
            "fleet_power_kw": fleet.power_kw, "total_gpus": fleet.gpus })
    };
    serde_json::json!({ "homo": written(&[pool(&long, knots.clone(), rate)]), "routed": written(&both) })
}
