//! A straight line through fading points.

use super::HalfLife;
use tollgate_core::Tick;

/// Fewer (faded) points than this give no line.
pub const MIN_FIT_WEIGHT: f64 = 3.0;
/// Spread of x, relative to its mean, below which a slope would be noise.
const MIN_SPREAD: f64 = 1e-3;

/// A fitted line `y = intercept + slope · x`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fit {
    /// Change of y per unit of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
}

/// Weighted least squares of y on x, each point weighted by `2^(-age / half-life)`.
///
/// Keeps the weighted means and centred moments and updates them one point at a time (West 1979), so that large x do
/// not cancel: `slope = Σw(x-x̄)(y-ȳ) / Σw(x-x̄)²`, `intercept = ȳ - slope·x̄`.
#[derive(Clone, Debug)]
pub struct Regression {
    half_life: HalfLife,
    weight: f64,
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    xy: f64,
    at: Tick,
}

impl Regression {
    /// No points yet.
    #[must_use]
    pub const fn new(half_life: HalfLife) -> Self {
        Self { half_life, weight: 0.0, mean_x: 0.0, mean_y: 0.0, xx: 0.0, xy: 0.0, at: Tick(0) }
    }

    /// Takes a point; false when a coordinate is not finite and so it was refused.
    pub fn observe(&mut self, x: f64, y: f64, now: Tick) -> bool {
        if !(x.is_finite() && y.is_finite()) {
            return false;
        }
        let fade = self.half_life.fade(self.at, now);
        self.xx *= fade;
        self.xy *= fade;
        self.weight = self.weight * fade + 1.0;
        let dx = x - self.mean_x;
        self.mean_x += dx / self.weight;
        self.mean_y += (y - self.mean_y) / self.weight;
        self.xx += dx * (x - self.mean_x);
        self.xy += dx * (y - self.mean_y);
        self.at = self.at.max(now);
        true
    }

    /// The mean point, when there ever was a point.
    #[must_use]
    pub fn mean(&self) -> Option<(f64, f64)> {
        (self.weight > 0.0).then_some((self.mean_x, self.mean_y))
    }

    /// The line; none while the points are too few or stand too close in x to tell a slope.
    #[must_use]
    pub fn fit(&self) -> Option<Fit> {
        let spread = (self.xx / self.weight.max(1.0)).sqrt();
        if self.weight < MIN_FIT_WEIGHT || spread <= MIN_SPREAD * (1.0 + self.mean_x.abs()) {
            return None;
        }
        let slope = self.xy / self.xx;
        let intercept = self.mean_y - slope * self.mean_x;
        (slope.is_finite() && intercept.is_finite()).then_some(Fit { slope, intercept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn too_few_or_too_close_points_give_no_line() {
        let mut line = Regression::new(HalfLife::ms(1000));
        assert_eq!((line.fit(), line.mean()), (None, None));
        for _ in 0..100 {
            line.observe(5000.0, 7.0, Tick(0));
        }
        assert_eq!((line.fit(), line.mean()), (None, Some((5000.0, 7.0))));
        assert!(!line.observe(f64::NAN, 1.0, Tick(0)));
    }

    #[test]
    fn follows_a_line_that_changes() {
        let mut line = Regression::new(HalfLife::ms(1000));
        for step in 0..400u64 {
            let (x, slope) = ((step % 10) as f64, if step < 200 { 1.0 } else { 3.0 });
            line.observe(x, 2.0 + slope * x, Tick(0).plus_ms(step * 50));
        }
        let fit = line.fit().unwrap();
        assert!((fit.slope - 3.0).abs() < 0.01 && (fit.intercept - 2.0).abs() < 0.01, "{fit:?}");
    }

    proptest! {
        #[test]
        fn recovers_an_exact_line(slope in -5.0f64..5.0, intercept in -100.0f64..100.0, offset in 0.0f64..1e6) {
            let mut line = Regression::new(HalfLife::ms(10_000));
            for step in 0..50u64 {
                let x = offset + (step * 7919 % 8000) as f64;
                line.observe(x, intercept + slope * x, Tick(0).plus_ms(step));
            }
            if let Some(fit) = line.fit() {
                prop_assert!((fit.slope - slope).abs() < 1e-6, "{fit:?}");
                prop_assert!((fit.intercept - intercept).abs() < 1e-6 * (1.0 + offset), "{fit:?}");
            } else {
                prop_assert!(offset > 1e5);
            }
        }
    }
}
