//! Watts of one GPU against the sequences that its instance runs.

use super::measured;
use crate::Error;
use crate::catalogue::Gpu;
use crate::error::within;
use crate::service::{Roofline, Serving};
use serde::{Deserialize, Serialize};

/// Most points of a curve.
const POINTS_MAX: usize = 64;
/// Share of board power that a saturated memory system draws, and what each share of peak arithmetic adds: a rough
/// line through the measurements of [`super::measured`] (0.58 to 0.69 at batch 8; slopes 1.4 to 2.2).
const MEMORY_BOUND_SHARE: f64 = 0.62;
const PER_ARITHMETIC_SHARE: f64 = 1.7;

/// A batch and the watts that one GPU draws at it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct PowerPoint {
    /// Sequences of the instance, at least 1.
    pub batch: f64,
    /// Watts of one GPU.
    pub watts: f64,
}

/// Where the watts of an instance lead: `base + rise·b/(b + half)`, at most `cap`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// Watts of an empty batch.
    pub base_w: f64,
    /// Watts that an endless one adds.
    pub rise_w: f64,
    /// The batch half way up.
    pub half: f64,
    /// The board's limit.
    pub cap_w: f64,
}

impl Trend {
    /// Watts with a batch.
    #[must_use]
    pub fn watts(&self, batch: f64) -> f64 {
        self.uncapped_w(batch).min(self.cap_w)
    }

    pub(super) fn uncapped_w(&self, batch: f64) -> f64 {
        self.base_w + self.rise_w * batch / (batch + self.half)
    }
}

/// How a GPU's power grows with the batch: points, and where they lead.
///
/// Between two points their distance to the trend is joined by a straight line over log₂ of the batch; beyond them it stays.
/// Without a trend that means straight lines between the points and flat beyond.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerCurve {
    /// Watts without sequences.
    pub idle_w: f64,
    /// By rising batch.
    pub points: Vec<PowerPoint>,
    /// Who measured them, or how they were reckoned.
    pub source: String,
    /// What they follow, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
}

impl PowerCurve {
    /// A curve of points.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooMany`], or [`Error::Setting`] where batches do not rise from 1 or watts are not
    /// positive.
    pub fn of_points(idle_w: f64, points: Vec<PowerPoint>, source: &str) -> Result<Self, Error> {
        if points.is_empty() {
            return Err(Error::Empty {
                what: "the power curve",
                fix: "give at least one batch with its watts",
            });
        }
        if points.len() > POINTS_MAX {
            return Err(Error::TooMany { what: "power points", limit: POINTS_MAX, fix: "give fewer" });
        }
        within("power.idle_w", idle_w, 0.0, 1e5, "give 0 to 100,000 watts")?;
        let mut before = 0.0;
        for point in &points {
            within("power.batch", point.batch, f64::max(1.0, before), 1e7, "give rising batches from 1")?;
            within("power.watts", point.watts, 1e-3, 1e5, "give watts above 0")?;
            before = point.batch * (1.0 + 1e-9);
        }
        Ok(Self { idle_w, points, source: source.into(), trend: None })
    }

    /// What is known of a GPU: measured points where there are some for this model and degree, or else the line
    /// through all of them over the share of peak arithmetic in use, at batches of powers of two.
    #[must_use]
    pub(crate) fn of_roofline(gpu: &Gpu, model: &str, roofline: &Roofline, serving: &Serving) -> Self {
        if let Some(found) = measured(&gpu.name, model, serving.tensor_parallel) {
            return found.curve(gpu);
        }
        let watts = |batch: f64| {
            let share = roofline.busy(batch, batch * f64::from(serving.context)) * serving.flops_share;
            gpu.tdp_power_w * (MEMORY_BOUND_SHARE + PER_ARITHMETIC_SHARE * share).min(1.0)
        };
        let points =
            (0..=11).map(|k| f64::from(1u32 << k)).map(|batch| PowerPoint { batch, watts: watts(batch) });
        let source = "reckoned from the share of arithmetic in use; not measured".to_owned();
        Self { idle_w: gpu.idle_power_w, points: points.collect(), source, trend: None }
    }

    /// Watts of one GPU with a batch (a mean: any real number from 0).
    #[must_use]
    pub fn watts(&self, batch: f64) -> f64 {
        if batch >= 1.0 {
            return self.active_w(batch);
        }
        // Below one sequence the GPU is idle part of the time.
        self.idle_w + (self.active_w(1.0) - self.idle_w) * batch.max(0.0)
    }

    fn active_w(&self, batch: f64) -> f64 {
        let trend_w = |batch: f64| self.trend.map_or(0.0, |trend| trend.uncapped_w(batch));
        let off_w = |point: &PowerPoint| point.watts - trend_w(point.batch);
        let at = self.points.partition_point(|p| p.batch <= batch);
        let off_w = match (at.checked_sub(1).and_then(|i| self.points.get(i)), self.points.get(at)) {
            (Some(low), Some(high)) => {
                let way = (batch / low.batch).log2() / (high.batch / low.batch).log2();
                off_w(low) + way * (off_w(high) - off_w(low))
            }
            (Some(only), None) | (None, Some(only)) => off_w(only),
            (None, None) => return self.idle_w,
        };
        (trend_w(batch) + off_w).min(self.trend.map_or(f64::INFINITY, |trend| trend.cap_w))
    }

    /// The largest batch up to `most` whose watts, and those of every smaller batch, stay within `watts`; 0 when one
    /// sequence already exceeds them.
    #[must_use]
    pub fn batch_within(&self, watts: f64, most: u32) -> u32 {
        let over = (0..=most.checked_ilog2().unwrap_or(0)).map(|k| 1u32 << k).find(|&b| self.over(b, watts));
        let (mut low, mut high) = match over {
            Some(1) => return 0,
            Some(b) => (b / 2, b),
            None if !self.over(most, watts) => return most,
            None => (1u32 << most.checked_ilog2().unwrap_or(0), most),
        };
        while high - low > 1 {
            let middle = u32::midpoint(low, high);
            if self.over(middle, watts) { high = middle } else { low = middle }
        }
        low
    }

    fn over(&self, batch: u32, watts: f64) -> bool {
        self.watts(f64::from(batch)) > watts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(list: &[(f64, f64)]) -> Result<PowerCurve, Error> {
        let points = list.iter().map(|&(batch, watts)| PowerPoint { batch, watts }).collect();
        PowerCurve::of_points(50.0, points, "test")
    }

    #[test]
    fn points_are_joined_over_doublings_and_idle_below_one() {
        let curve = points(&[(1.0, 300.0), (4.0, 400.0), (64.0, 600.0)]).unwrap();
        let watts: Vec<f64> =
            [0.0, 0.5, 1.0, 2.0, 16.0, 64.0, 999.0].iter().map(|&b| curve.watts(b)).collect();
        assert_eq!(watts, [50.0, 175.0, 300.0, 350.0, 500.0, 600.0, 600.0]);
    }

    #[test]
    fn a_cap_is_the_inverse() {
        let curve = points(&[(1.0, 300.0), (256.0, 600.0)]).unwrap();
        for watts in [299.0, 300.0, 333.0, 450.0, 599.0, 601.0] {
            let batch = curve.batch_within(watts, 200);
            assert!(batch == 0 || curve.watts(f64::from(batch)) <= watts);
            assert!(batch == 200 || curve.watts(f64::from(batch + 1)) > watts, "{watts}: {batch}");
        }
        assert_eq!([curve.batch_within(100.0, 8), curve.batch_within(900.0, 1)], [0, 1]);
    }

    /// Through the points, along the trend between and beyond them, and never over the cap.
    #[test]
    fn a_trend_is_followed_between_and_beyond() {
        let trend = Trend { base_w: 400.0, rise_w: 300.0, half: 64.0, cap_w: 680.0 };
        let off = |batch: f64, by: f64| (batch, trend.uncapped_w(batch) + by);
        let curve =
            PowerCurve { trend: Some(trend), ..points(&[off(16.0, 10.0), off(64.0, -20.0)]).unwrap() };
        let found = [1.0, 16.0, 32.0, 64.0, 192.0].map(|b| curve.watts(b) - trend.uncapped_w(b));
        for (found, wanted) in found.into_iter().zip([10.0, 10.0, -5.0, -20.0, -20.0]) {
            assert!((found - wanted).abs() < 1e-9, "{found} for {wanted}");
        }
        assert_eq!(trend.watts(1e9), 680.0);
        let high = PowerCurve { trend: Some(trend), ..points(&[off(16.0, 30.0)]).unwrap() };
        assert_eq!(high.watts(1e9), 680.0);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(points(&[]).is_err() && points(&[(0.5, 300.0)]).is_err());
        assert!(points(&[(4.0, 300.0), (4.0, 310.0)]).is_err() && points(&[(1.0, 0.0)]).is_err());
        assert!(points(&[(1.0, 1.0); 65]).is_err());
    }
}
