//! The rate of every class over time: as recorded, all files on one clock, or as it is said to swing.

use crate::fleet::simulate::Swing;
use crate::fleet::workload::{Found, Loaded};
use std::f64::consts::TAU;
use tollgate_fleet::workload::NS_PER_S;

/// Bins of a swing.
const SWING_BINS: usize = 96;
/// Most bins of several recordings together; beyond, bins are wider.
const BINS_MAX: usize = 4096;

/// Rates in bins of time.
pub(super) struct OverTime {
    pub(super) width_s: f64,
    /// For each bin, requests per second by stream.
    pub(super) bins: Vec<Vec<f64>>,
}

impl OverTime {
    /// A whole swing, from its lowest.
    pub(super) fn swinging(loaded: &Loaded, swing: Swing) -> Self {
        let factor = |bin: usize| 1.0 - swing.share * (TAU * (bin as f64 + 0.5) / SWING_BINS as f64).cos();
        let bin = |bin| loaded.streams.iter().map(|stream| stream.rate_per_s * factor(bin)).collect();
        Self { width_s: swing.hours * 3600.0 / SWING_BINS as f64, bins: (0..SWING_BINS).map(bin).collect() }
    }

    /// As the recordings have it, scaled to the rates that are asked for; none where one of the files has no times.
    pub(super) fn recorded(loaded: &Loaded) -> Option<Self> {
        let found = &loaded.found;
        let timed = |found: &Found| found.rate_over_time.1.len() > 1 && mean(&found.rate_over_time.1) > 0.0;
        if found.is_empty() || !found.iter().all(timed) {
            return None;
        }
        let start_ns = found.iter().map(|found| found.start_ns).min()?;
        let late_s = |found: &Found| (found.start_ns - start_ns) as f64 / NS_PER_S;
        let span_s =
            |found: &Found| late_s(found) + found.rate_over_time.0 * found.rate_over_time.1.len() as f64;
        let end_s = found.iter().map(span_s).fold(0.0, f64::max);
        let widest = found.iter().map(|found| found.rate_over_time.0).fold(0.0, f64::max);
        let width_s = widest * (end_s / widest / BINS_MAX as f64).ceil().max(1.0);
        let count = (end_s / width_s).ceil() as usize;
        let bin = |bin: usize| {
            let (from_s, to_s) = (bin as f64 * width_s, (bin + 1) as f64 * width_s);
            let mut streams = loaded.streams.iter();
            let of_file = |found: &Found| {
                let factor = within(found, from_s - late_s(found), to_s - late_s(found));
                let own = streams.by_ref().take(found.classes);
                own.map(|stream| stream.rate_per_s * factor).collect::<Vec<f64>>()
            };
            found.iter().flat_map(of_file).collect()
        };
        Some(Self { width_s, bins: (0..count).map(bin).collect() })
    }
}

fn mean(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / rates.len().max(1) as f64
}

/// The recorded rate between two times, in seconds from the file's start, over that of the whole file.
fn within(found: &Found, from_s: f64, to_s: f64) -> f64 {
    let (width_s, rates) = &found.rate_over_time;
    let overlap = |at: usize| {
        let start_s = at as f64 * width_s;
        (to_s.min(start_s + width_s) - from_s.max(start_s)).max(0.0)
    };
    let sum: f64 = rates.iter().enumerate().map(|(at, rate)| rate * overlap(at)).sum();
    sum / (to_s - from_s) / mean(rates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_fleet::plan::Stream;
    use tollgate_fleet::workload::{Cdf, Class, JointLengths, Slo, Workload};

    fn file(start_s: i128, width_s: f64, rates: &[f64]) -> Found {
        Found {
            name: "f".into(),
            requests: None,
            bad: Vec::new(),
            bad_rows: 0,
            layout: None,
            span_s: 0.0,
            gaps_cv2: 1.0,
            sessions: None,
            prefix_hits: None,
            rate_over_time: (width_s, rates.to_vec()),
            classes: 1,
            recorded_rate: None,
            start_ns: start_s * 1_000_000_000,
            growth: 1.0,
        }
    }

    fn loaded(found: Vec<Found>) -> Loaded {
        let cdf = Cdf::new(vec![(512, 1.0)]).unwrap();
        let lengths = JointLengths::of_totals(&cdf, 0.2).unwrap();
        let class = Class { name: "c".into(), slo: Slo::ttft(500.0) };
        let stream = |_: &Found| Stream::new(class.clone(), lengths.clone(), 10.0);
        let streams = found.iter().map(stream).collect();
        Loaded { streams, cdf, workload: Workload { name: "w".into(), parts: Vec::new() }, found }
    }

    #[test]
    fn files_are_on_one_clock_each_with_its_own_rates() {
        // The second starts 60 s later and tells every two minutes.
        let both = loaded(vec![file(0, 60.0, &[1.0, 3.0, 2.0, 2.0]), file(60, 120.0, &[4.0, 0.0])]);
        let over = OverTime::recorded(&both).unwrap();
        assert_eq!(over.width_s, 120.0);
        assert_eq!(over.bins, [vec![10.0, 10.0], vec![10.0, 10.0], vec![0.0, 0.0]]);
        assert!(OverTime::recorded(&loaded(vec![file(0, 60.0, &[1.0])])).is_none());
    }

    #[test]
    fn a_swing_begins_at_its_lowest_and_keeps_the_mean() {
        let over = OverTime::swinging(&loaded(vec![file(0, 0.0, &[])]), Swing { share: 0.5, hours: 24.0 });
        let rates: Vec<f64> = over.bins.iter().map(|bin| bin[0]).collect();
        assert!((mean(&rates) - 10.0).abs() < 1e-9 && rates[0] < 5.1 && rates[48] > 14.9, "{rates:?}");
        assert_eq!(over.width_s, 900.0);
    }
}
