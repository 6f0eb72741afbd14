//! How well power curves predict a batch that was not measured.

use crate::Error;
use crate::power::{PowerCurve, PowerPoint};

/// A batch that was left out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LeftOut {
    /// The batch.
    pub batch: f64,
    /// Watts as measured.
    pub measured_w: f64,
    /// Watts as the others predict.
    pub predicted_w: f64,
    /// Whether smaller and larger batches were there.
    pub inner: bool,
}

impl LeftOut {
    /// The relative error, without its sign.
    #[must_use]
    pub fn error(&self) -> f64 {
        (self.predicted_w / self.measured_w - 1.0).abs()
    }
}

/// Beyond the points the curve goes on with this share of its last slope over log₂ of the batch.
const BEYOND: f64 = 0.75;

/// Leaves each batch out in turn and predicts it from the others: between two by the curve, beyond the ends by three quarters
/// of the last slope. Nothing for fewer than three points.
///
/// # Errors
/// What [`PowerCurve::of_points`] refuses.
pub fn leave_one_out(points: &[PowerPoint]) -> Result<Vec<LeftOut>, Error> {
    if points.len() < 3 {
        return Ok(Vec::new());
    }
    let one = |at: usize| {
        let mut rest = points.to_vec();
        let out = rest.remove(at);
        let inner = at > 0 && at + 1 < points.len();
        let predicted_w = if inner {
            PowerCurve::of_points(0.0, rest, "the other batches")?.watts(out.batch)
        } else {
            let near =
                if at == 0 { [rest[1], rest[0]] } else { [rest[rest.len() - 2], rest[rest.len() - 1]] };
            let slope = (near[1].watts - near[0].watts) / (near[1].batch / near[0].batch).log2();
            near[1].watts + BEYOND * slope * (out.batch / near[1].batch).log2()
        };
        Ok(LeftOut { batch: out.batch, measured_w: out.watts, predicted_w, inner })
    };
    (0..points.len()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_is_predicted_inside_and_nearly_beyond() {
        let points: Vec<PowerPoint> = (3..8)
            .map(|k| PowerPoint { batch: f64::from(1 << k), watts: 300.0 + 50.0 * f64::from(k) })
            .collect();
        let found = leave_one_out(&points).unwrap();
        assert_eq!(found.iter().filter(|one| one.inner).count(), 3);
        for one in found {
            let off = one.predicted_w - one.measured_w;
            let want = if one.inner {
                0.0
            } else if one.batch < 10.0 {
                12.5
            } else {
                -12.5
            };
            assert!((off - want).abs() < 1e-9, "{one:?}");
        }
        assert!(leave_one_out(&points[..2]).unwrap().is_empty());
    }
}
