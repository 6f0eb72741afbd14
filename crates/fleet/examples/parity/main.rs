//! The tables of `docs/reports/fleet-parity.md`: every recorded run of the reference beside our planner.
//!
//! `cargo run -p tollgate-fleet --example parity -- FOLDER` with the folder that holds `fleet-baseline` and `traces/cdf`.

#![allow(clippy::print_stdout, reason = "an example prints its table")]

use std::error::Error;
use std::fs;
use std::path::Path;
use tollgate_fleet::compat::{Billing, Case, Knots, Profile, Row, corrected, optimize};
use tollgate_fleet::plan::{Admission, Plan, Problem, plan};
use tollgate_fleet::sim::{RunSpec, simulate};

#[path = "../../tests/baseline/command.rs"]
#[allow(dead_code, reason = "the test uses all of it")]
mod command;
mod others;

use command::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("give the folder that holds fleet-baseline and traces/cdf")?;
    let folder = Path::new(&folder);
    println!(
        "| case | reference, by formula | its simulation | ours, slots reserved | ours, slots as needed | its simulation | whole instances |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut files: Vec<_> = fs::read_dir(folder.join("fleet-baseline"))?
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "txt")) {
        let printed = fs::read_to_string(file)?;
        let Some(command) = Command::parse(printed.lines().next().unwrap_or_default(), "optimize") else {
            continue;
        };
        let name = file.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        println!("{}", row(name, &command, folder)?);
    }
    others::print(&files, folder)
}

fn row(name: &str, command: &Command, folder: &Path) -> Result<String, Box<dyn Error>> {
    let lengths = command.text("cdf").unwrap_or_default().replace("data/", "");
    let knots = Knots::from_json(&fs::read(folder.join("traces/cdf").join(lengths))?)?;
    let gpu = |option| Profile::named(command.text(option).unwrap_or("a100"));
    let number = |option, default| command.number(option).unwrap_or(default);
    let case = Case {
        long_context: number("long-max-ctx", 65_536.0) as u32,
        ..Case::new(
            number("lam", 200.0),
            number("slo", 500.0),
            number("b-short", 4096.0) as u32,
            gpu("gpu-short")?,
            gpu("gpu-long")?,
        )
    };
    let report = optimize(&knots, &case, 3, number("n-sim-req", 40_000.0) as usize)?;
    let stated = corrected(&knots, &case, Billing::AsStated)?;
    let as_needed = |problem: Problem| {
        let mut problem = problem;
        problem.limits.admission = Admission::Actual { confidence: 0.99 };
        problem
    };
    let needed = as_needed(stated.clone());
    let whole = as_needed(corrected(&knots, &case, Billing::Whole)?);
    Ok(format!(
        "| {name} | {} | {} | {} | {} | {} | {} |",
        theirs(report.best_analytical()),
        theirs(report.best_simulated()),
        ours(&plan(&stated)),
        ours(&plan(&needed)),
        simulated(&needed)?,
        ours(&plan(&whole)),
    ))
}

/// The 99th percentile that the request-level simulator finds for our plan, and the share within the objective.
fn simulated(problem: &Problem) -> Result<String, Box<dyn Error>> {
    let Ok(found) = plan(problem) else { return Ok(String::new()) };
    let run = RunSpec { requests: 40_000, replications: 3, ..RunSpec::default() };
    let workload = problem.workload("parity")?;
    let outcome = simulate(&found.scenario(problem, run), |seed| workload.requests(seed))?;
    let class = outcome.classes.first().ok_or("no class")?;
    Ok(format!("{:.1} ms, {:.2} %", class.ttft_ms.p99.mean, class.attainment.mean * 100.0))
}

fn theirs(found: Option<&Row>) -> String {
    found.map_or_else(String::new, |row| {
        format!(
            "{}+{} at γ {}, ${:.1}K, {:.1}/{:.1} ms",
            row.short, row.long, row.gamma, row.cost_year, row.short_ms, row.long_ms
        )
    })
}

fn ours(found: &Result<Plan, tollgate_fleet::Error>) -> String {
    match found {
        Ok(plan) => {
            let counts: Vec<String> = plan.pools.iter().map(|p| p.instances.to_string()).collect();
            let times: Vec<String> =
                plan.pools.iter().flat_map(|p| &p.classes).map(|c| format!("{:.1}", c.ttft_ms)).collect();
            let year = plan.cost_micro_per_hour as f64 * 8760.0 / 1e9;
            let gamma = plan.pools.first().map_or(1.0, |p| p.gamma);
            format!("{} at γ {gamma}, ${year:.1}K, {} ms", counts.join("+"), times.join("/"))
        }
        Err(error) => {
            let text = error.to_string();
            let nearest = text.rsplit("the nearest that can is ").next().unwrap_or_default();
            if text.contains("nearest") { format!("none; nearest {nearest}") } else { text }
        }
    }
}
