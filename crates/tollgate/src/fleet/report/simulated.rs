//! What the simulation found: latencies against what is promised, and the fleet over time.

use super::{Section, series, table};
use crate::fleet::simulate;
use crate::fleet::workload::Loaded;
use tollgate_console::view::{Drawn, Mark, Plot, PlotPoint, PlotSeries, ReportSection, Scale};
use tollgate_fleet::plan::Plan;
use tollgate_fleet::sim::{ClassOutcome, Outcome, Percentiles, Sample};
use tollgate_fleet::workload::Slo;

/// Points of a distribution.
const SHARES: usize = 120;
/// Most classes that a picture shows: the busiest.
const CLASSES_MAX: usize = 4;

type Times = (&'static str, fn(&ClassOutcome) -> &Percentiles, fn(&Slo) -> Option<f64>);

const KINDS: [Times; 3] = [
    ("Time to the first token", |c| &c.ttft_ms, |slo| slo.ttft_ms),
    ("Time per output token", |c| &c.tpot_ms, |slo| slo.tpot_ms),
    ("Arrival to last token", |c| &c.e2e_ms, |slo| slo.e2e_ms),
];

pub(super) fn latency(loaded: &Loaded, planned: &Plan, outcome: &Outcome) -> Section {
    let mut classes: Vec<&ClassOutcome> = outcome.classes.iter().collect();
    classes.sort_by_key(|class| std::cmp::Reverse(class.offered));
    let left_out = classes.len().saturating_sub(CLASSES_MAX);
    classes.truncate(CLASSES_MAX);
    let plots = KINDS.into_iter().map(|kind| distribution(kind, loaded, &classes));
    let only = if left_out > 0 {
        format!(" Pictures show the {CLASSES_MAX} busiest classes.")
    } else {
        String::new()
    };
    Some(ReportSection {
        title: "Latency against the promises".into(),
        text: format!(
            "{} replications with the gateway's own routing; ± is half of a 95 % interval. Refused requests count as not within.{only}",
            outcome.replications
        ),
        plots: plots.collect(),
        tables: vec![
            table(&simulate::CLASS_HEAD, outcome.classes.iter().map(simulate::class_row).collect()),
            table(&simulate::POOL_HEAD, simulate::pool_rows(outcome, planned)),
        ],
    })
}

fn distribution((title, times, limit): Times, loaded: &Loaded, classes: &[&ClassOutcome]) -> Plot {
    let one = |class: &&ClassOutcome| {
        let all = &times(class).all;
        let share = |i: usize| i as f64 / SHARES as f64;
        let points = (1..=SHARES).map(|i| (all.quantile(share(i)) * 1e3, share(i), String::new()));
        series(&class.name, Drawn::Line, points.collect())
    };
    let mut limits: Vec<f64> = loaded.streams.iter().filter_map(|stream| limit(&stream.class.slo)).collect();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let mark = |at: f64| Mark { name: format!("{at} ms promised"), at, upright: true };
    let mut shares: Vec<f64> = loaded.streams.iter().map(|stream| stream.class.slo.percentile).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    let level = |at: f64| Mark { name: format!("P{}", at * 100.0), at, upright: false };
    Plot {
        title: format!("{title}, as simulated"),
        x: "ms".into(),
        y: "share of requests".into(),
        x_scale: Scale::Log,
        series: classes.iter().map(one).collect(),
        marks: limits.into_iter().map(mark).chain(shares.into_iter().map(level)).collect(),
        ..Plot::default()
    }
}

/// The first replication over time.
pub(super) fn timeline(outcome: &Outcome) -> Section {
    let samples = &outcome.timeline;
    if samples.len() < 2 {
        return None;
    }
    let at = |sample: &Sample, value: f64| -> PlotPoint { (sample.at_s / 60.0, value, String::new()) };
    let by_pool = |value: fn(&Sample, usize) -> f64| -> Vec<PlotSeries> {
        let one = |(pool, found): (usize, &tollgate_fleet::sim::PoolOutcome)| {
            let points = samples.iter().map(|sample| at(sample, value(sample, pool))).collect();
            series(&found.name, Drawn::Steps, points)
        };
        outcome.pools.iter().enumerate().map(one).collect()
    };
    let gaps = samples.iter().zip(samples.iter().skip(1));
    let rate = gaps.map(|(a, b)| at(b, b.arrived as f64 / (b.at_s - a.at_s).max(1e-9))).collect();
    let kw = samples.iter().map(|sample| at(sample, sample.watts / 1000.0)).collect();
    let plot = |title: &str, y: &str, series| Plot {
        title: title.into(),
        x: "minutes since the start".into(),
        y: y.into(),
        series,
        ..Plot::default()
    };
    Some(ReportSection {
        title: "The simulation over time".into(),
        text: "The first replication: what arrives, what is in flight, the instances that serve, and power."
            .into(),
        plots: vec![
            plot("Arrivals", "requests per second", vec![series("arrivals", Drawn::Steps, rate)]),
            plot(
                "In flight",
                "requests",
                by_pool(|sample, pool| sample.in_flight.get(pool).map_or(0.0, |n| *n as f64)),
            ),
            plot(
                "Instances that serve",
                "instances",
                by_pool(|sample, pool| sample.serving.get(pool).map_or(0.0, |n| f64::from(*n))),
            ),
            plot("Power", "kW at the meter", vec![series("power", Drawn::Steps, kw)]),
        ],
        tables: Vec::new(),
    })
}
