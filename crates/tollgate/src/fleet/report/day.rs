//! The rate over the recorded time, the fleet that each stretch of it needs, and where there is none.

use super::{Section, series};
use crate::fleet::workload::Loaded;
use tollgate_console::view::{Drawn, Plot, PlotPoint, ReportSection, Shade};
use tollgate_fleet::plan::{Problem, plan};

/// Most steps of the schedule over the day.
const STEPS: usize = 48;
/// Most stretches without a fleet whose reason is told.
const TOLD_MAX: usize = 8;

/// A stretch that was planned for.
struct Stretch {
    from_h: f64,
    to_h: f64,
    /// Its busiest bin, requests per second.
    peak: f64,
    gpus: Result<u32, String>,
}

pub(super) fn section(loaded: &Loaded, problem: &Problem) -> Section {
    let (width_s, rates) = &loaded.found.first().filter(|_| loaded.found.len() == 1)?.rate_over_time;
    let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    if rates.len() < 2 || mean <= 0.0 {
        return None;
    }
    let scale = loaded.rate() / mean;
    let hour = |bin: usize| bin as f64 * width_s / 3600.0;
    let arrivals: Vec<PlotPoint> =
        rates.iter().enumerate().map(|(bin, rate)| (hour(bin), rate * scale, String::new())).collect();
    let stride = rates.len().div_ceil(STEPS);
    let stretches: Vec<Stretch> = rates
        .chunks(stride)
        .enumerate()
        .map(|(index, bins)| {
            // Each stretch is planned for its busiest bin.
            let peak = bins.iter().copied().fold(0.0, f64::max);
            let (from, to) = (index * stride, (index * stride + bins.len()).min(rates.len()));
            let gpus = needed(problem, peak / mean);
            Stretch { from_h: hour(from), to_h: hour(to), peak: peak * scale, gpus }
        })
        .collect();
    let shades: Vec<Shade> = stretches
        .iter()
        .filter(|stretch| stretch.gpus.is_err())
        .map(|s| Shade { name: "no fleet meets the promises".into(), from: s.from_h, to: s.to_h })
        .collect();
    let plot = |title: &str, y: &str, points| Plot {
        title: title.into(),
        x: "hours since the start".into(),
        y: y.into(),
        series: vec![series(y, Drawn::Steps, points)],
        shades: shades.clone(),
        ..Plot::default()
    };
    Some(ReportSection {
        title: "Over the day".into(),
        text: text(&stretches, *width_s),
        plots: vec![
            plot("Arrivals", "requests per second", arrivals),
            plot("GPUs needed", "GPUs", gpus(&stretches)),
        ],
        tables: reasons(&stretches),
    })
}

fn needed(problem: &Problem, factor: f64) -> Result<u32, String> {
    if factor <= 0.0 {
        return Ok(0);
    }
    plan(&problem.with_rate(factor)).map(|found| found.gpus).map_err(|error| error.to_string())
}

fn gpus(stretches: &[Stretch]) -> Vec<PlotPoint> {
    let level = |s: &Stretch| s.gpus.as_ref().map_or(f64::NAN, |gpus| f64::from(*gpus));
    let mut points: Vec<PlotPoint> = stretches.iter().map(|s| (s.from_h, level(s), String::new())).collect();
    if let Some(last) = stretches.last() {
        points.push((last.to_h, level(last), String::new()));
    }
    points
}

fn text(stretches: &[Stretch], width_s: f64) -> String {
    let found: Vec<f64> =
        stretches.iter().filter_map(|s| s.gpus.as_ref().ok()).map(|n| f64::from(*n)).collect();
    let width = if width_s < 120.0 { "minute".into() } else { format!("{:.0} minutes", width_s / 60.0) };
    let most = found.iter().copied().fold(0.0, f64::max);
    let mean = found.iter().sum::<f64>() / found.len().max(1) as f64;
    let sized = format!(
        "Sized for each stretch's busiest {width}: {mean:.0} GPUs on average where a fixed fleet for the peak has {most:.0}."
    );
    match stretches.len() - found.len() {
        0 => sized,
        without => {
            format!("{sized} In {without} of {} stretches no fleet meets the promises.", stretches.len())
        }
    }
}

fn reasons(stretches: &[Stretch]) -> Vec<tollgate_console::view::ReportTable> {
    let row = |s: &Stretch| {
        let why = s.gpus.as_ref().err()?;
        let hours = format!("{:.2} to {:.2}", s.from_h, s.to_h);
        Some(vec![hours, format!("{:.1}", s.peak), why.clone()])
    };
    let rows: Vec<Vec<String>> = stretches.iter().filter_map(row).take(TOLD_MAX).collect();
    if rows.is_empty() { Vec::new() } else { vec![super::table(&["hours", "req/s", "why no fleet"], rows)] }
}
