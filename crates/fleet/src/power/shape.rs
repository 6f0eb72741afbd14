//! What the measured instances have in common, so that a curve of few points knows where it is going.
//!
//! A batch raises power as it fills the arithmetic beside a memory system that is busy from the first sequence: `P(b) = base +
//! rise·b/(b + half)`, at most the board's limit. `half` is one number for all instances; `base` and `rise` are each instance's own,
//! by least squares, with one measurement added: at an empty batch it draws the share of its board's limit that all of
//! them draw on the mean. Two points alone would say little of the watts beyond them.

use super::{PowerCurve, PowerPoint, Trend};
use crate::Error;
use crate::error::positive;

/// Candidates for half the rise, by quarters of a doubling from 2^2.5.
const HALVES: std::ops::Range<i32> = 10..40;
/// Rounds in which the shares at an empty batch settle.
const ROUNDS: u32 = 40;
/// The share of the board's limit from which they start.
const FIRST_SHARE: f64 = 0.62;

/// Points of one instance, and the limit of one of its boards.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredPower {
    /// The board's limit, in watts.
    pub cap_w: f64,
    /// By rising batch.
    pub points: Vec<PowerPoint>,
}

/// What measured instances have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerShape {
    /// The batch half way up.
    pub half: f64,
    /// The share of the board's limit that an empty batch draws.
    pub base_share: f64,
}

impl PowerShape {
    /// The shape with the least squared relative errors, those of the shares among them.
    ///
    /// # Errors
    /// [`Error::Empty`] without points; what [`PowerCurve::of_points`] refuses of an instance.
    pub fn of(instances: &[MeasuredPower]) -> Result<Self, Error> {
        for one in instances {
            PowerCurve::of_points(0.0, one.points.clone(), "measured")?;
            positive("power.cap_w", one.cap_w)?;
        }
        let tried = HALVES.map(|quarter| Self::at((f64::from(quarter) / 4.0).exp2(), instances));
        let best = tried.filter(|_| !instances.is_empty()).min_by(|a, b| a.0.total_cmp(&b.0));
        let empty = Error::Empty { what: "the measured power", fix: "give at least one instance" };
        best.map(|(_, shape)| shape).ok_or(empty)
    }

    /// The best shares with a given half, and their squared errors.
    fn at(half: f64, instances: &[MeasuredPower]) -> (f64, Self) {
        let mut shape = Self { half, base_share: FIRST_SHARE };
        for _ in 0..ROUNDS {
            let shares = instances.iter().map(|one| shape.trend(one).base_w / one.cap_w);
            shape.base_share = shares.sum::<f64>() / instances.len().max(1) as f64;
        }
        let squares = |one: &MeasuredPower| {
            let trend = shape.trend(one);
            let off = |p: &PowerPoint| (trend.uncapped_w(p.batch) / p.watts - 1.0).powi(2);
            let share_off = trend.base_w / one.cap_w / shape.base_share - 1.0;
            one.points.iter().map(off).sum::<f64>() + share_off * share_off
        };
        (instances.iter().map(squares).sum(), shape)
    }

    /// Where an instance's points lead: least squares, the empty batch of all among them. It never falls.
    #[must_use]
    pub fn trend(&self, instance: &MeasuredPower) -> Trend {
        let empty = (0.0, self.base_share * instance.cap_w);
        let filled = |point: &PowerPoint| (point.batch / (point.batch + self.half), point.watts);
        let points = || instance.points.iter().map(filled).chain([empty]);
        let n = (instance.points.len() + 1) as f64;
        let mean = |of: fn((f64, f64)) -> f64| points().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let (xx, xy) =
            points().fold((0.0, 0.0), |(xx, xy), p| (xx + (p.0 - x) * (p.0 - x), xy + (p.0 - x) * (p.1 - y)));
        let rise_w = if xx > 0.0 { (xy / xx).max(0.0) } else { 0.0 };
        Trend { base_w: y - rise_w * x, rise_w, half: self.half, cap_w: instance.cap_w }
    }

    /// The curve of an instance: through its points, and along the trend between and beyond them.
    ///
    /// # Errors
    /// What [`PowerCurve::of_points`] refuses.
    pub fn curve(&self, idle_w: f64, instance: &MeasuredPower, source: &str) -> Result<PowerCurve, Error> {
        let curve = PowerCurve::of_points(idle_w, instance.points.clone(), source)?;
        Ok(PowerCurve { trend: Some(self.trend(instance)), ..curve })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(base_w: f64, rise_w: f64, batches: &[f64]) -> MeasuredPower {
        let trend = Trend { base_w, rise_w, half: 64.0, cap_w: 700.0 };
        let points = batches.iter().map(|&batch| PowerPoint { batch, watts: trend.watts(batch) }).collect();
        MeasuredPower { cap_w: 700.0, points }
    }

    #[test]
    fn what_follows_the_shape_is_found_and_carried_on() {
        let batches = [8.0, 32.0, 128.0, 512.0];
        let all = [of(420.0, 200.0, &batches), of(420.0, 120.0, &batches), of(420.0, 260.0, &batches[..3])];
        let shape = PowerShape::of(&all).unwrap();
        assert!(
            (shape.half / 64.0 - 1.0).abs() < 0.01 && (shape.base_share - 0.6).abs() < 0.001,
            "{shape:?}"
        );
        // One point is enough to tell the rest of an instance like the others.
        let few = of(420.0, 200.0, &[128.0]);
        let curve = shape.curve(70.0, &few, "one point").unwrap();
        for batch in [1.0, 8.0, 60.0, 500.0, 5000.0] {
            let truth = 420.0 + 200.0 * batch / (batch + 64.0);
            assert!((curve.watts(batch) / truth - 1.0).abs() < 0.005, "{batch}: {}", curve.watts(batch));
        }
    }

    #[test]
    fn nothing_falls_or_exceeds_the_board() {
        let falling = MeasuredPower {
            cap_w: 700.0,
            points: [(8.0, 650.0), (64.0, 600.0)].map(|(batch, watts)| PowerPoint { batch, watts }).to_vec(),
        };
        let shape = PowerShape { half: 64.0, base_share: 0.6 };
        assert!(shape.trend(&falling).rise_w >= 0.0);
        let steep = of(600.0, 400.0, &[8.0, 16.0]);
        assert_eq!(shape.curve(70.0, &steep, "steep").unwrap().watts(1e6), 700.0);
        assert!(PowerShape::of(&[]).is_err());
        assert!(PowerShape::of(&[MeasuredPower { cap_w: 0.0, ..steep }]).is_err());
    }
}
