//! Every boundary and γ with its cheapest fleet, where there is none, and which no other beats.

use super::{Section, series, table};
use crate::fleet::trade::{boundary_of, edges, without_fleet};
use crate::fleet::{compare, usd};
use tollgate_console::view::{Drawn, Mark, Plot, PlotPoint, ReportSection, Scale, Shade};
use tollgate_fleet::plan::{Candidate, Problem};

pub(super) fn section(problem: &Problem, candidates: &[Candidate]) -> Section {
    let (costs, against_gamma) = (against_boundary(problem, candidates), against_gamma(candidates));
    // A line needs two values: with one γ, as by default, there is no curve of it.
    let points = |plot: &Plot| plot.series.iter().map(|series| series.points.len()).max().unwrap_or(0);
    let (parted, gammas) = (points(&costs) > 0, points(&against_gamma) > 1);
    let mut plots: Vec<Plot> = parted.then_some(costs).into_iter().collect();
    plots.extend(gammas.then_some(against_gamma));
    plots.push(pareto(problem, candidates));
    let one_gamma = match problem.space.gammas.as_slice() {
        [gamma] if parted => {
            format!(" γ is {gamma} alone: --gamma, given several times, shows what others cost.")
        }
        _ => String::new(),
    };
    let without = without_fleet(problem, candidates);
    let none = match without.as_slice() {
        [] => String::new(),
        some => {
            let named = some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!(" No fleet meets the promises with a boundary at {named} tokens.")
        }
    };
    Some(ReportSection {
        title: "Alternatives".into(),
        text: format!(
            "Every boundary and γ that was allowed, each with its cheapest fleet.{one_gamma}{none}"
        ),
        plots,
        tables: vec![table(&compare::HEAD, compare::rows(&compare::fleets(problem)))],
    })
}

fn cost(candidate: &Candidate) -> f64 {
    candidate.plan.cost_micro_per_hour as f64 / 1e6
}

fn told(candidate: &Candidate) -> String {
    let split = match (boundary_of(candidate), edges(candidate).as_slice()) {
        (Some((b, g)), _) => format!("boundary {b}, γ {g:.1}"),
        (None, []) => "one pool".into(),
        (None, edges) => format!("boundaries {edges:?}"),
    };
    let money = usd(candidate.plan.cost_micro_per_hour);
    format!("{split}: {} GPUs, {money} USD/h, TTFT {:.0} ms", candidate.plan.gpus, candidate.worst_ttft_ms)
}

fn against_boundary(problem: &Problem, candidates: &[Candidate]) -> Plot {
    let one_pool = candidates.iter().find(|c| c.plan.pools.len() == 1).map(cost);
    let level = one_pool.map(|at| Mark { name: "one pool".into(), at, upright: false });
    let at_gamma = |gamma: f64| {
        let at = candidates
            .iter()
            .filter_map(|c| boundary_of(c).filter(|b| (b.1 - gamma).abs() < 0.01).map(|b| (b.0, c)));
        cheapest(at.map(|(boundary, c)| (f64::from(boundary), c)))
    };
    let gammas = &problem.space.gammas;
    let mut shown: Vec<f64> = [gammas.first(), gammas.get(gammas.len() / 2), gammas.last()]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    shown.dedup();
    let mut rows: Vec<_> =
        shown.iter().map(|g| series(&format!("γ {g:.1}"), Drawn::Line, at_gamma(*g))).collect();
    rows.retain(|series| !series.points.is_empty());
    Plot {
        title: "Cost against the boundary".into(),
        x: "boundary, tokens".into(),
        y: "USD an hour".into(),
        x_scale: Scale::Log,
        series: rows,
        marks: level.into_iter().collect(),
        shades: shades(problem, candidates),
        ..Plot::default()
    }
}

/// Around each boundary without a fleet, half way to its neighbours.
fn shades(problem: &Problem, candidates: &[Candidate]) -> Vec<Shade> {
    let mut all: Vec<f64> = problem.space.boundaries.iter().map(|b| f64::from(*b)).collect();
    all.sort_by(f64::total_cmp);
    let middle = |a: f64, b: f64| (a * b).sqrt();
    let around = |boundary: u32| {
        let at = f64::from(boundary);
        let place = all.partition_point(|b| *b < at);
        let before = place.checked_sub(1).and_then(|i| all.get(i)).map_or(at * 0.95, |b| middle(*b, at));
        let after = all.get(place + 1).map_or(at * 1.05, |b| middle(*b, at));
        Shade { name: "no fleet meets the promises".into(), from: before, to: after }
    };
    without_fleet(problem, candidates).into_iter().map(around).collect()
}

fn against_gamma(candidates: &[Candidate]) -> Plot {
    let best = candidates.iter().find_map(|c| boundary_of(c).map(|b| b.0));
    let of_best =
        candidates.iter().filter_map(|c| boundary_of(c).filter(|b| Some(b.0) == best).map(|b| (b.1, c)));
    Plot {
        title: best.map_or_else(|| "Cost against γ".into(), |b| format!("Cost against γ at {b} tokens")),
        x: "γ".into(),
        y: "USD an hour".into(),
        series: vec![series("cost", Drawn::Line, cheapest(of_best))],
        ..Plot::default()
    }
}

fn pareto(problem: &Problem, candidates: &[Candidate]) -> Plot {
    let points = |efficient: bool| -> Vec<PlotPoint> {
        let some = candidates.iter().filter(|c| c.efficient == efficient);
        some.map(|c| (cost(c), c.worst_ttft_ms, told(c))).collect()
    };
    let loosest = problem.streams.iter().filter_map(|stream| stream.class.slo.ttft_ms).reduce(f64::max);
    Plot {
        title: "Cost and latency of every fleet".into(),
        x: "USD an hour".into(),
        y: "slowest TTFT percentile, ms".into(),
        series: vec![
            series("no other is better in all", Drawn::Points, points(true)),
            series("another is", Drawn::Points, points(false)),
        ],
        marks: loosest
            .map(|at| Mark { name: format!("{at} ms promised"), at, upright: false })
            .into_iter()
            .collect(),
        ..Plot::default()
    }
}

/// The cheapest candidate at each x, by rising x.
fn cheapest<'a>(at: impl Iterator<Item = (f64, &'a Candidate)>) -> Vec<PlotPoint> {
    let mut all: Vec<(f64, &Candidate)> = at.collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(cost(a.1).total_cmp(&cost(b.1))));
    all.dedup_by(|a, b| a.0 == b.0);
    all.into_iter().map(|(x, candidate)| (x, cost(candidate), told(candidate))).collect()
}
