//! Power: by pool, against latency when batches are capped, and the decode-only bound.

use super::{Section, series, table};
use crate::fleet::trade::{LEVELS, WINDOWS, curve, deepest};
use crate::fleet::usd;
use anyhow::Result;
use tollgate_console::view::{Drawn, Mark, Plot, PlotPoint, ReportSection, Scale, Shade};
use tollgate_fleet::plan::{FlexPoint, Plan, PoolPlan, Problem, flex};

const HEAD: [&str; 6] =
    ["pool", "W per GPU", "kW at the meter", "output tokens per joule", "energy USD/h", "kg CO₂e/h"];

pub(super) fn section(problem: &Problem, planned: &Plan) -> Result<Section> {
    let capped = flex(problem, planned, &LEVELS)?;
    let text = match deepest(&capped) {
        Some(percent) if percent > 0.0 => {
            format!("Caps on batches lower it by up to {percent:.0} % with every promise met.")
        }
        Some(_) | None => "No cap on batches that lowers it keeps every promise.".into(),
    };
    Ok(Some(ReportSection {
        title: "Energy".into(),
        text: format!("Power at the meter includes hosts and cooling (PUE {}). {text}", problem.site.pue),
        plots: vec![power(&capped), latency(problem, &capped), decode_only(problem, planned)],
        tables: vec![table(&HEAD, planned.pools.iter().map(row).collect())],
    }))
}

fn power(capped: &[FlexPoint]) -> Plot {
    let caps = capped.iter().map(|p| (p.percent, p.capped_w / 1000.0, String::new())).collect();
    let mean = capped
        .iter()
        .map(|p| (p.percent, p.mean_w.map_or(f64::NAN, |w| w / 1000.0), String::new()))
        .collect();
    Plot {
        title: "Power, were batches capped".into(),
        x: "reduction asked for, %".into(),
        y: "kW at the meter".into(),
        series: vec![series("at the caps", Drawn::Line, caps), series("on average", Drawn::Line, mean)],
        shades: missed(capped),
        ..Plot::default()
    }
}

fn latency(problem: &Problem, capped: &[FlexPoint]) -> Plot {
    let slowest: Vec<PlotPoint> =
        capped.iter().map(|p| (p.percent, p.worst_ttft_ms.unwrap_or(f64::NAN), String::new())).collect();
    let tightest = problem.streams.iter().filter_map(|stream| stream.class.slo.ttft_ms).reduce(f64::min);
    Plot {
        title: "What that does to latency".into(),
        x: "reduction asked for, %".into(),
        y: "slowest TTFT percentile, ms".into(),
        // Near what a fleet can do it grows without end.
        y_scale: Scale::Log,
        series: vec![series("slowest TTFT percentile", Drawn::Line, slowest)],
        marks: tightest
            .map(|at| Mark { name: format!("{at} ms promised"), at, upright: false })
            .into_iter()
            .collect(),
        // The plot beside it has the words; here they would lie on the promise.
        shades: missed(capped).into_iter().map(|shade| Shade { name: String::new(), ..shade }).collect(),
        ..Plot::default()
    }
}

/// From each reduction at which a promise is missed to the next one.
fn missed(capped: &[FlexPoint]) -> Vec<Shade> {
    let ends = capped.iter().skip(1).map(|point| point.percent).chain(capped.last().map(|p| p.percent));
    let shade = |(point, end): (&FlexPoint, f64)| {
        let name = "a promise is missed".to_owned();
        (!point.met).then_some(Shade { name, from: point.percent, to: end })
    };
    capped.iter().zip(ends).filter_map(shade).collect()
}

fn decode_only(problem: &Problem, planned: &Plan) -> Plot {
    let profile = planned.pools.last().and_then(|pool| problem.profiles.get(pool.profile_index));
    let points = profile.map_or_else(Vec::new, |profile| curve(profile, &WINDOWS));
    let points =
        points.iter().map(|p| (f64::from(p.window), p.tokens_per_joule, format!("{} slots", p.slots)));
    Plot {
        title: "Decode only, full slots: an upper bound".into(),
        x: "context window, tokens".into(),
        y: "tokens per joule".into(),
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        series: vec![series("tokens per joule", Drawn::Line, points.collect())],
        ..Plot::default()
    }
}

fn row(pool: &PoolPlan) -> Vec<String> {
    vec![
        format!("up to {}", pool.max_total_tokens),
        format!("{:.0}", pool.energy.gpu_w),
        format!("{:.1}", pool.energy.facility_w / 1000.0),
        format!("{:.2}", pool.energy.tokens_per_joule),
        usd(pool.energy.tariff_micro_per_hour),
        format!("{:.1}", pool.energy.carbon_g_per_hour / 1000.0),
    ]
}
