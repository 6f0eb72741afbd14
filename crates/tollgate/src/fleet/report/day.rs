//! The rate over the recorded time, the fleet that each stretch of it needs, and where there is none.

use super::over_time::OverTime;
use super::{Section, series};
use crate::fleet::simulate::Swing;
use crate::fleet::workload::Loaded;
use tollgate_console::view::{Drawn, Plot, PlotPoint, ReportSection, Shade};
use tollgate_fleet::plan::{Problem, Stream, plan};

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

pub(super) fn section(loaded: &Loaded, problem: &Problem, swing: Option<Swing>) -> Section {
    let over = match swing {
        Some(swing) => OverTime::swinging(loaded, swing),
        None => OverTime::recorded(loaded)?,
    };
    let hour = |bin: usize| bin as f64 * over.width_s / 3600.0;
    let total = |bin: &Vec<f64>| bin.iter().sum::<f64>();
    let arrivals: Vec<PlotPoint> =
        over.bins.iter().enumerate().map(|(at, bin)| (hour(at), total(bin), String::new())).collect();
    let stride = over.bins.len().div_ceil(STEPS);
    let stretch = |(index, bins): (usize, &[Vec<f64>])| {
        // Each stretch is planned for its busiest bin, with the mix of that bin.
        let busiest = bins.iter().max_by(|a, b| total(a).total_cmp(&total(b)))?;
        let from = index * stride;
        Some(Stretch {
            from_h: hour(from),
            to_h: hour(from + bins.len()),
            peak: total(busiest),
            gpus: needed(problem, busiest),
        })
    };
    let stretches: Vec<Stretch> = over.bins.chunks(stride).enumerate().filter_map(stretch).collect();
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
        text: text(&stretches, over.width_s),
        plots: vec![
            plot("Arrivals", "requests per second", arrivals),
            plot("GPUs needed", "GPUs", gpus(&stretches)),
        ],
        tables: reasons(&without),
    })
}

/// The fleet for these rates, one for each stream.
fn needed(problem: &Problem, rates: &[f64]) -> Result<u32, String> {
    let at = |(stream, rate): (&Stream, &f64)| {
        (*rate > 0.0).then(|| Stream { rate_per_s: *rate, ..stream.clone() })
    };
    let streams: Vec<Stream> = problem.streams.iter().zip(rates).filter_map(at).collect();
    if streams.is_empty() {
        return Ok(0);
    }
    plan(&Problem { streams, ..problem.clone() }).map(|found| found.gpus).map_err(|error| error.to_string())
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
