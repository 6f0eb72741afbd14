//! `tollgate fleet report`: plan, alternatives and simulation as one HTML file with pictures.
//!
//! Where no fleet meets the promises the report says so and why: for the whole workload, at a boundary, in a stretch of
//! the day, or from a reduction of power on.

mod alternatives;
mod day;
mod energy;
mod over_time;
mod simulated;

use super::compare;
use super::plan::{POOL_HEAD, PROMISE_HEAD, pool_rows, promise_rows, totals};
use super::problem::FleetArgs;
use super::simulate::{RunArgs, Swing};
use super::workload::{CLASS_HEAD, Loaded, short};
use super::{kusd_a_year, usd};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tollgate_console::page;
use tollgate_console::view::{
    Drawn, Mark, Plot, PlotPoint, PlotSeries, ReportSection, ReportTable, ReportView, Scale,
};
use tollgate_fleet::Error;
use tollgate_fleet::plan::{Plan, Problem, front, plan};
use tollgate_fleet::sim::Outcome;

/// Write a report with pictures: one HTML file that needs nothing else
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet report --trace requests.csv --slo-ttft-ms 2000 --gpu h100 --out fleet.html
  tollgate fleet report --cdf lengths.json --rate 40 --gpu h100 --swing 0.6 --swing-hours 1 --autoscale 0.5 --out fleet.html

Exits with 1 when no fleet meets the promises; the report then says why.")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    run: RunArgs,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// A part, where there is something to show.
type Section = Option<ReportSection>;

/// Plans, compares, simulates, and writes it down.
pub(super) fn run(args: &ReportArgs) -> Result<Ending> {
    let (loaded, problem) = args.fleet.problem()?;
    let (view, met) = match plan(&problem) {
        Ok(planned) => {
            let traffic = args.run.traffic(&args.fleet, &loaded, &problem, &planned)?;
            let outcome = args.run.simulate(&traffic, &problem, &planned)?;
            (whole(args, &loaded, &problem, &planned, &outcome)?, true)
        }
        Err(Error::Infeasible { why }) => (without(&loaded, &problem, &why, args.run.swing()), false),
        Err(other) => return Err(other.into()),
    };
    let html = page::report(&view);
    std::fs::write(&args.out, html).with_context(|| format!("cannot write {}", args.out.display()))?;
    let out = args.out.display().to_string();
    if args.json {
        say::json(&json!({"file": out, "fleet": met, "lead": view.lead, "facts": view.facts}))?;
    } else {
        say::line(&format!("{out}: {}", view.lead))?;
    }
    Ok(Ending::of(met))
}

fn whole(
    args: &ReportArgs,
    loaded: &Loaded,
    problem: &Problem,
    planned: &Plan,
    outcome: &Outcome,
) -> Result<ReportView> {
    let candidates = front(problem)?;
    let over_time = if args.run.changes() { simulated::timeline(outcome) } else { None };
    let sections = [
        arriving(loaded, planned.pools.split_last().map_or(&[][..], |(_, inner)| inner)),
        fleet(planned),
        alternatives::section(problem, &candidates),
        simulated::latency(loaded, planned, outcome),
        over_time,
        day::section(loaded, problem, args.run.swing()),
        energy::section(problem, planned)?,
    ];
    let met = match outcome.met() {
        Some(true) => "met",
        Some(false) => "not met",
        None => "not known: more requests or replications would tell",
    };
    let met = outcome.unsettled.as_ref().map_or_else(|| met.to_owned(), |why| format!("{met}; {why}"));
    let mut facts = vec![
        fact("GPUs", planned.gpus.to_string()),
        fact("USD an hour", usd(planned.cost_micro_per_hour)),
        fact("kUSD a year", kusd_a_year(planned.cost_micro_per_hour)),
    ];
    facts.extend(about(loaded));
    facts.extend([
        fact("Promises in simulation", met),
        fact("Power at the meter", format!("{:.1} kW", planned.energy.facility_w / 1000.0)),
        fact("Output tokens per joule", format!("{:.2}", planned.energy.tokens_per_joule)),
    ]);
    Ok(ReportView {
        title: title(loaded),
        lead: totals(planned),
        facts,
        sections: sections.into_iter().flatten().collect(),
    })
}

/// What can be said where no fleet meets the promises: why, for each choice, and when.
fn without(loaded: &Loaded, problem: &Problem, why: &str, swing: Option<Swing>) -> ReportView {
    let choices = ReportSection {
        title: "No fleet meets the promises".into(),
        text: why.into(),
        plots: Vec::new(),
        tables: vec![table(&compare::HEAD, compare::rows(&compare::fleets(problem)))],
    };
    let sections = [arriving(loaded, &[]), Some(choices), day::section(loaded, problem, swing)];
    ReportView {
        title: title(loaded),
        lead: format!("No fleet meets every promise: {why}"),
        facts: about(loaded),
        sections: sections.into_iter().flatten().collect(),
    }
}

fn title(loaded: &Loaded) -> String {
    format!("Fleet for {}", loaded.workload.name)
}

fn fact(name: &str, value: String) -> (String, String) {
    (name.to_owned(), value)
}

fn about(loaded: &Loaded) -> Vec<(String, String)> {
    vec![
        fact("Requests per second", format!("{:.1}", loaded.rate())),
        fact("Shape of the lengths", loaded.archetype(None).name().into()),
    ]
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> ReportTable {
    ReportTable { head: head.iter().map(ToString::to_string).collect(), rows }
}

fn series(name: &str, drawn: Drawn, points: Vec<PlotPoint>) -> PlotSeries {
    PlotSeries { name: name.into(), drawn, points }
}

fn arriving(loaded: &Loaded, inner: &[tollgate_fleet::plan::PoolPlan]) -> Section {
    let points = loaded.cdf.knots().iter().map(|&(tokens, share)| {
        (f64::from(tokens), share, format!("{:.2} % have at most {tokens} tokens", share * 100.0))
    });
    let boundaries = inner.iter().map(|pool| Mark {
        name: format!("{} tokens, γ {:.1}", pool.max_total_tokens, pool.gamma),
        at: f64::from(pool.max_total_tokens),
        upright: true,
    });
    let lengths = Plot {
        title: "Total tokens of a request, with the boundary".into(),
        x: "tokens, prompt and output".into(),
        y: "share of requests".into(),
        x_scale: Scale::Log,
        series: vec![series("share", Drawn::Line, points.collect())],
        marks: boundaries.collect(),
        ..Plot::default()
    };
    Some(ReportSection {
        title: "What arrives".into(),
        text: format!(
            "{} requests a second, {}. A request goes to the first pool whose boundary it fits.",
            short(loaded.rate()),
            loaded.archetype(None).name()
        ),
        plots: vec![lengths],
        tables: vec![table(&CLASS_HEAD, loaded.rows())],
    })
}

fn fleet(plan: &Plan) -> Section {
    Some(ReportSection {
        title: "The fleet".into(),
        text: format!(
            "{}. TTFT and E2E are bounds on the safe side: each has a margin.",
            plan.why.join(". ")
        ),
        plots: Vec::new(),
        tables: vec![table(&POOL_HEAD, pool_rows(plan)), table(&PROMISE_HEAD, promise_rows(plan))],
    })
}
