//! `tollgate fleet report`: plan, alternatives and simulation as one HTML file with pictures.

use super::compare;
use super::plan::{POOL_HEAD, PROMISE_HEAD, pool_rows, promise_rows, totals};
use super::problem::FleetArgs;
use super::simulate::{self, RunArgs};
use super::workload::{CLASS_HEAD, Loaded};
use super::{kusd_a_year, usd};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use tollgate_console::page;
use tollgate_console::view::{
    Drawn, Mark, Plot, PlotPoint, PlotSeries, ReportSection, ReportTable, ReportView, Scale,
};
use tollgate_fleet::plan::{Candidate, Plan, Problem, flex, front, plan};
use tollgate_fleet::power::decode_only;
use tollgate_fleet::sim::{Outcome, Percentiles};
use tollgate_fleet::workload::Slo;

/// Reductions of power that the curve shows, in percent.
const FLEX: [f64; 9] = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0];
/// Windows of the decode-only curve, in tokens.
const WINDOWS: [u32; 7] = [2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
/// Most steps of the schedule over the day.
const SCHEDULE_STEPS: usize = 48;
/// Points of a distribution.
const SHARES: usize = 120;

/// Write a report with pictures: one HTML file that needs nothing else
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate fleet report --trace requests.csv --slo-ttft-ms 2000 --gpu h100 --out fleet.html")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    run: RunArgs,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Plans, compares, simulates, and writes it down.
pub(super) fn run(args: &ReportArgs) -> Result<Ending> {
    let (loaded, problem) = args.fleet.problem()?;
    let planned = plan(&problem)?;
    let outcome = args.run.simulate(&loaded, &problem, &planned, args.run.placement())?;
    let candidates = front(&problem)?;
    let sections = vec![
        workload(&loaded, &planned),
        fleet(&planned),
        alternatives(&problem, &candidates),
        latency(&loaded, &outcome),
        day(&loaded, &problem),
        energy(&problem, &planned)?,
    ];
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let met = match outcome.met() {
        Some(true) => "met",
        Some(false) => "not met",
        None => "not known: more requests or replications would tell",
    };
    let view = ReportView {
        title: format!("Fleet for {}", loaded.workload.name),
        lead: totals(&planned),
        facts: vec![
            fact("GPUs", planned.gpus.to_string()),
            fact("USD an hour", usd(planned.cost_micro_per_hour)),
            fact("kUSD a year", kusd_a_year(planned.cost_micro_per_hour)),
            fact("Requests per second", format!("{:.1}", loaded.rate())),
            fact("Shape of the lengths", loaded.archetype(None).name().into()),
            fact("Promises in simulation", met.into()),
            fact("Power at the meter", format!("{:.1} kW", planned.energy.facility_w / 1000.0)),
            fact("Output tokens per joule", format!("{:.2}", planned.energy.tokens_per_joule)),
        ],
        sections: sections.into_iter().flatten().collect(),
    };
    let html = page::report(&view);
    std::fs::write(&args.out, html).with_context(|| format!("cannot write {}", args.out.display()))?;
    say::line(&format!("{}: {}", args.out.display(), view.lead))?;
    Ok(Ending::Good)
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> ReportTable {
    ReportTable { head: head.iter().map(ToString::to_string).collect(), rows }
}

fn series(name: &str, drawn: Drawn, points: Vec<PlotPoint>) -> PlotSeries {
    PlotSeries { name: name.into(), drawn, points }
}

fn workload(loaded: &Loaded, plan: &Plan) -> Option<ReportSection> {
    let points = loaded.cdf.knots().iter().map(|&(tokens, share)| {
        (f64::from(tokens), share, format!("{:.2} % have at most {tokens} tokens", share * 100.0))
    });
    let inner = plan.pools.len().saturating_sub(1);
    let boundaries = plan.pools.iter().take(inner).map(|pool| Mark {
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
            super::workload::short(loaded.rate()),
            loaded.archetype(None).name()
        ),
        plots: vec![lengths],
        tables: vec![table(&CLASS_HEAD, loaded.rows())],
    })
}

fn fleet(plan: &Plan) -> Option<ReportSection> {
    Some(ReportSection {
        title: "The fleet".into(),
        text: plan.why.join(". "),
        plots: Vec::new(),
        tables: vec![table(&POOL_HEAD, pool_rows(plan)), table(&PROMISE_HEAD, promise_rows(plan))],
    })
}

fn boundary_of(candidate: &Candidate) -> Option<(u32, f64)> {
    match candidate.plan.pools.as_slice() {
        [short, _] => Some((short.max_total_tokens, short.gamma)),
        _ => None,
    }
}

fn cost(candidate: &Candidate) -> f64 {
    candidate.plan.cost_micro_per_hour as f64 / 1e6
}

fn told(candidate: &Candidate) -> String {
    let split =
        boundary_of(candidate).map_or_else(|| "one pool".into(), |(b, g)| format!("boundary {b}, γ {g:.1}"));
    let money = usd(candidate.plan.cost_micro_per_hour);
    format!("{split}: {} GPUs, {money} USD/h, TTFT {:.0} ms", candidate.plan.gpus, candidate.worst_ttft_ms)
}

fn alternatives(problem: &Problem, candidates: &[Candidate]) -> Option<ReportSection> {
    let one_pool = candidates.iter().find(|c| c.plan.pools.len() == 1).map(cost);
    let level = one_pool.map(|at| Mark { name: "one pool".into(), at, upright: false });
    let by_boundary = |gamma: f64| {
        let at = candidates
            .iter()
            .filter_map(|c| boundary_of(c).filter(|b| (b.1 - gamma).abs() < 0.01).map(|b| (b.0, c)));
        cheapest(at.map(|(boundary, c)| (f64::from(boundary), c)))
    };
    let gammas = [
        problem.space.gammas.first(),
        problem.space.gammas.get(problem.space.gammas.len() / 2),
        problem.space.gammas.last(),
    ];
    let mut shown: Vec<f64> = gammas.into_iter().flatten().copied().collect();
    shown.dedup();
    let mut costs = Plot {
        title: "Cost against the boundary".into(),
        x: "boundary, tokens".into(),
        y: "USD an hour".into(),
        x_scale: Scale::Log,
        series: shown.iter().map(|g| series(&format!("γ {g:.1}"), Drawn::Line, by_boundary(*g))).collect(),
        marks: level.into_iter().collect(),
        ..Plot::default()
    };
    costs.series.retain(|series| !series.points.is_empty());
    let best = candidates.iter().find_map(|c| boundary_of(c).map(|b| b.0));
    let of_best =
        candidates.iter().filter_map(|c| boundary_of(c).filter(|b| Some(b.0) == best).map(|b| (b.1, c)));
    let against_gamma = Plot {
        title: best.map_or_else(|| "Cost against γ".into(), |b| format!("Cost against γ at {b} tokens")),
        x: "γ".into(),
        y: "USD an hour".into(),
        series: vec![series("cost", Drawn::Line, cheapest(of_best))],
        ..Plot::default()
    };
    let points = |efficient: bool| -> Vec<PlotPoint> {
        let some = candidates.iter().filter(|c| c.efficient == efficient);
        some.map(|c| (cost(c), c.worst_ttft_ms, told(c))).collect()
    };
    let pareto = Plot {
        title: "Cost and latency of every fleet".into(),
        x: "USD an hour".into(),
        y: "slowest TTFT percentile, ms".into(),
        series: vec![
            series("no other is better in all", Drawn::Points, points(true)),
            series("another is", Drawn::Points, points(false)),
        ],
        ..Plot::default()
    };
    let mut plots = vec![pareto];
    if best.is_some() {
        plots = vec![costs, against_gamma, plots.remove(0)];
    }
    Some(ReportSection {
        title: "Alternatives".into(),
        text: "Every boundary and γ that was allowed, each with its cheapest fleet.".into(),
        plots,
        tables: vec![table(&compare::HEAD, compare::rows(&compare::fleets(problem)))],
    })
}

/// The cheapest candidate at each x, by rising x.
fn cheapest<'a>(at: impl Iterator<Item = (f64, &'a Candidate)>) -> Vec<PlotPoint> {
    let mut all: Vec<(f64, &Candidate)> = at.collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(cost(a.1).total_cmp(&cost(b.1))));
    all.dedup_by(|a, b| a.0 == b.0);
    all.into_iter().map(|(x, candidate)| (x, cost(candidate), told(candidate))).collect()
}

fn latency(loaded: &Loaded, outcome: &Outcome) -> Option<ReportSection> {
    type Times =
        (&'static str, fn(&tollgate_fleet::sim::ClassOutcome) -> &Percentiles, fn(&Slo) -> Option<f64>);
    let kinds: [Times; 3] = [
        ("Time to the first token", |c| &c.ttft_ms, |slo| slo.ttft_ms),
        ("Time per output token", |c| &c.tpot_ms, |slo| slo.tpot_ms),
        ("Arrival to last token", |c| &c.e2e_ms, |slo| slo.e2e_ms),
    ];
    let plots = kinds.into_iter().map(|(title, times, limit)| {
        let one = |class| {
            let times: &Percentiles = times(class);
            let share = |i: usize| i as f64 / SHARES as f64;
            let points = (1..=SHARES).map(|i| (times.all.quantile(share(i)) * 1e3, share(i), String::new()));
            series(&class.name, Drawn::Line, points.collect())
        };
        let limits = loaded.streams.iter().filter_map(|stream| limit(&stream.class.slo));
        let mut marks: Vec<f64> = limits.collect();
        marks.dedup();
        Plot {
            title: format!("{title}, as simulated"),
            x: "ms".into(),
            y: "share of requests".into(),
            x_scale: Scale::Log,
            series: outcome.classes.iter().map(one).collect(),
            marks: marks
                .into_iter()
                .map(|at| Mark { name: format!("{at} ms promised"), at, upright: true })
                .collect(),
            ..Plot::default()
        }
    });
    Some(ReportSection {
        title: "Latency against the promises".into(),
        text: format!(
            "{} replications with the gateway's own routing; ± is half of a 95 % interval. Refused requests count as not within.",
            outcome.replications
        ),
        plots: plots.collect(),
        tables: vec![
            table(&simulate::CLASS_HEAD, outcome.classes.iter().map(simulate::class_row).collect()),
            table(&simulate::POOL_HEAD, outcome.pools.iter().map(simulate::pool_row).collect()),
        ],
    })
}

/// The rate over the recorded time, and the fleet that each stretch of it needs.
fn day(loaded: &Loaded, problem: &Problem) -> Option<ReportSection> {
    let (width_s, rates) = &loaded.found.first().filter(|_| loaded.found.len() == 1)?.rate_over_time;
    let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    if rates.len() < 2 || mean <= 0.0 {
        return None;
    }
    let scale = loaded.rate() / mean;
    let stride = rates.len().div_ceil(SCHEDULE_STEPS);
    let hour = |bin: usize| bin as f64 * width_s / 3600.0;
    let arrivals = rates.iter().enumerate().map(|(bin, rate)| (hour(bin), rate * scale, String::new()));
    let mut gpus = Vec::new();
    for (index, bins) in rates.chunks(stride).enumerate() {
        // Each stretch is planned for its busiest bin.
        let peak = bins.iter().copied().fold(0.0, f64::max) / mean;
        let needed = if peak > 0.0 { plan(&problem.with_rate(peak)).ok()?.gpus } else { 0 };
        gpus.push((hour(index * stride), f64::from(needed), String::new()));
    }
    let most = gpus.iter().map(|point| point.1).fold(0.0, f64::max);
    let used = gpus.iter().map(|point| point.1).sum::<f64>() / gpus.len() as f64;
    let plot = |title: &str, y: &str, points| Plot {
        title: title.into(),
        x: "hours since the start".into(),
        y: y.into(),
        series: vec![series(y, Drawn::Steps, points)],
        ..Plot::default()
    };
    Some(ReportSection {
        title: "Over the day".into(),
        text: format!(
            "Sized for each stretch's busiest {}: {used:.0} GPUs on average where a fixed fleet for the peak has {most:.0}.",
            if *width_s < 120.0 { "minute".into() } else { format!("{:.0} minutes", width_s / 60.0) }
        ),
        plots: vec![
            plot("Arrivals", "requests per second", arrivals.collect()),
            plot("GPUs needed", "GPUs", gpus),
        ],
        tables: Vec::new(),
    })
}

fn energy(problem: &Problem, planned: &Plan) -> Result<Option<ReportSection>> {
    let curve = flex(problem, planned, &FLEX)?;
    let capped = curve.iter().map(|p| (p.percent, p.capped_w / 1000.0, String::new())).collect();
    let slowed = curve.iter().filter_map(|p| Some((p.percent, p.worst_ttft_ms?, String::new()))).collect();
    let plot = |title: &str, x: &str, y: &str, points| Plot {
        title: title.into(),
        x: x.into(),
        y: y.into(),
        series: vec![series(y, Drawn::Line, points)],
        ..Plot::default()
    };
    let profile = planned.pools.last().and_then(|pool| problem.profiles.get(pool.profile_index));
    let windows = profile.into_iter().flat_map(|profile| {
        let fits = WINDOWS.into_iter().filter(|w| profile.reserved_slots(*w) > 0);
        fits.map(|w| decode_only(profile, w))
            .map(|p| (f64::from(p.window), p.tokens_per_joule, format!("{} slots", p.slots)))
    });
    let mut decode = plot(
        "Decode only, full slots: an upper bound",
        "context window, tokens",
        "tokens per joule",
        windows.collect(),
    );
    (decode.x_scale, decode.y_scale) = (Scale::Log, Scale::Log);
    let last_met = curve.iter().rev().find(|point| point.met).map_or(0.0, |point| point.percent);
    let row = |pool: &tollgate_fleet::plan::PoolPlan| {
        vec![
            format!("up to {}", pool.max_total_tokens),
            format!("{:.0}", pool.energy.gpu_w),
            format!("{:.1}", pool.energy.facility_w / 1000.0),
            format!("{:.2}", pool.energy.tokens_per_joule),
            usd(pool.energy.tariff_micro_per_hour),
            format!("{:.1}", pool.energy.carbon_g_per_hour / 1000.0),
        ]
    };
    let head =
        ["pool", "W per GPU", "kW at the meter", "output tokens per joule", "energy USD/h", "kg CO₂e/h"];
    Ok(Some(ReportSection {
        title: "Energy".into(),
        text: format!(
            "Power at the meter includes hosts and cooling (PUE {}). Caps on batches lower it by up to {last_met:.0} % with every promise met.",
            problem.site.pue
        ),
        plots: vec![
            plot("Power, were batches capped", "reduction asked for, %", "kW at the meter", capped),
            plot(
                "What that does to latency",
                "reduction asked for, %",
                "slowest TTFT percentile, ms",
                slowed,
            ),
            decode,
        ],
        tables: vec![table(&head, planned.pools.iter().map(row).collect())],
    }))
}
