//! How well power curves predict a batch that was not measured.

use crate::Error;
use crate::power::{MeasuredPower, PowerShape};

/// A batch that was left out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LeftOut {
    /// The instance, by index.
    pub instance: usize,
    /// The batch.
    pub batch: f64,
    /// Watts as measured.
    pub measured_w: f64,
    /// Watts as the curve of all the others says.
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

/// Leaves each batch out in turn, fits everything to the others, and asks the curve that ships for it. An instance of fewer than
/// three points is fitted to, and not asked.
///
/// # Errors
/// What [`PowerShape::of`] refuses.
pub fn leave_one_out(instances: &[MeasuredPower]) -> Result<Vec<LeftOut>, Error> {
    let mut found = Vec::new();
    for (instance, whole) in instances.iter().enumerate().filter(|(_, one)| one.points.len() >= 3) {
        for at in 0..whole.points.len() {
            let mut rest = instances.to_vec();
            let out = rest[instance].points.remove(at);
            let curve = PowerShape::of(&rest)?.curve(0.0, &rest[instance], "the other batches")?;
            let (batch, measured_w) = (out.batch, out.watts);
            let inner = at > 0 && at + 1 < whole.points.len();
            found.push(LeftOut { instance, batch, measured_w, predicted_w: curve.watts(batch), inner });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::{PowerPoint, Trend};

    #[test]
    fn what_follows_the_shape_is_predicted_at_the_ends_too_and_an_outlier_is_not() {
        let of = |rise_w: f64| {
            let trend = Trend { base_w: 420.0, rise_w, half: 64.0, cap_w: 700.0 };
            let points =
                [8.0, 32.0, 128.0, 512.0].map(|batch| PowerPoint { batch, watts: trend.watts(batch) });
            MeasuredPower { cap_w: 700.0, points: points.to_vec() }
        };
        let mut instances = [of(100.0), of(200.0), of(260.0)];
        instances[2].points.truncate(2);
        let found = leave_one_out(&instances).unwrap();
        assert_eq!((found.len(), found.iter().filter(|one| one.inner).count()), (8, 4));
        assert!(found.iter().all(|one| one.error() < 0.01), "{found:?}");
        // A point that is twice as high must not be seen by the curve that is asked for it.
        instances[0].points[3].watts *= 1.3;
        let found = leave_one_out(&instances).unwrap();
        assert!((found[3].predicted_w / of(100.0).points[3].watts - 1.0).abs() < 0.02, "{:?}", found[3]);
        assert!(found[3].error() > 0.2);
    }
}
