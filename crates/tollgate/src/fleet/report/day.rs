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
    let without = without(&stretches);
    let shade =
        |gap: &Gap| Shade { name: "no fleet meets the promises".into(), from: gap.from_h, to: gap.to_h };
    let shades: Vec<Shade> = without.iter().map(shade).collect();
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
        tables: reasons(&without),
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
        all if found.is_empty() => format!("In none of {all} stretches any fleet meets the promises."),
        without => {
            format!("{sized} In {without} of {} stretches no fleet meets the promises.", stretches.len())
        }
    }
}

/// Stretches without a fleet, one after the other.
struct Gap {
    from_h: f64,
    to_h: f64,
    /// The highest rate in it, and why there is no fleet for that.
    peak: f64,
    why: String,
}

fn without(stretches: &[Stretch]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    let mut open = false;
    for stretch in stretches {
        let Err(why) = &stretch.gpus else {
            open = false;
            continue;
        };
        match gaps.last_mut().filter(|_| open) {
            Some(gap) => {
                gap.to_h = stretch.to_h;
                if stretch.peak > gap.peak {
                    (gap.peak, gap.why) = (stretch.peak, why.clone());
                }
            }
            None => gaps.push(Gap {
                from_h: stretch.from_h,
                to_h: stretch.to_h,
                peak: stretch.peak,
                why: why.clone(),
            }),
        }
        open = true;
    }
    gaps
}

fn reasons(gaps: &[Gap]) -> Vec<tollgate_console::view::ReportTable> {
    let row = |gap: &Gap| {
        vec![format!("{:.2} to {:.2}", gap.from_h, gap.to_h), format!("{:.1}", gap.peak), gap.why.clone()]
    };
    let rows: Vec<Vec<String>> = gaps.iter().take(TOLD_MAX).map(row).collect();
    if rows.is_empty() {
        Vec::new()
    } else {
        vec![super::table(&["hours", "up to req/s", "why no fleet"], rows)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_without_a_fleet_are_joined_with_the_reason_of_the_busiest() {
        let stretch = |from_h: f64, peak: f64, why: Option<&str>| Stretch {
            from_h,
            to_h: from_h + 1.0,
            peak,
            gpus: why.map_or(Ok(1), |why| Err(why.into())),
        };
        let day = [
            stretch(0.0, 1.0, Some("a")),
            stretch(1.0, 5.0, Some("b")),
            stretch(2.0, 1.0, None),
            stretch(3.0, 2.0, Some("c")),
        ];
        let found: Vec<_> = without(&day).into_iter().map(|g| (g.from_h, g.to_h, g.why)).collect();
        assert_eq!(found, [(0.0, 2.0, "b".to_owned()), (3.0, 4.0, "c".to_owned())]);
        assert!(gpus(&day)[0].1.is_nan() && text(&day, 60.0).contains("In 3 of 4 stretches"));
    }
}
