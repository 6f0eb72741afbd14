//! A mean over replications with its 95 % interval.

use serde::Serialize;

/// A mean and half the width of its 95 % interval (Student's t over independent replications).
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Estimate {
    /// The mean over replications.
    pub mean: f64,
    /// Half the width of the 95 % interval; infinite from a single replication, which tells nothing of its error.
    pub half_width: f64,
}

impl Estimate {
    /// Of one number per replication.
    #[must_use]
    pub fn of(samples: &[f64]) -> Self {
        let n = samples.len() as f64;
        if samples.is_empty() {
            return Self::default();
        }
        let mean = samples.iter().sum::<f64>() / n;
        if samples.len() == 1 {
            return Self { mean, half_width: f64::INFINITY };
        }
        let variance = samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
        Self { mean, half_width: student_95(samples.len() - 1) * (variance / n).sqrt() }
    }

    /// Whether the interval, widened by the relative `slack`, holds `value`.
    #[must_use]
    pub fn holds(&self, value: f64, slack: f64) -> bool {
        (self.mean - value).abs() <= self.half_width + slack * value.abs()
    }
}

/// The 97.5 % quantile of Student's t: tabulated to 10 degrees of freedom, beyond by Cornish and Fisher's expansion
/// (error below 0.0025; Abramowitz and Stegun 26.7.5).
#[must_use]
pub fn student_95(freedom: usize) -> f64 {
    const TABLE: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    if let Some(t) = freedom.checked_sub(1).and_then(|at| TABLE.get(at)) {
        return *t;
    }
    let (z, v) = (1.959_963_985_f64, freedom.max(1) as f64);
    z + (z.powi(3) + z) / (4.0 * v) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v * v)
}

/// The lower end of Wilson's 95 % interval for a probability of which `share` of `n` independent trials came true; 0 without any
/// (E. B. Wilson, Journal of the American Statistical Association 22, 1927).
#[must_use]
pub fn wilson_low(share: f64, n: f64) -> f64 {
    let z = 1.959_963_985_f64;
    if n <= 0.0 {
        return 0.0;
    }
    let (z2, half) = (z * z, share * (1.0 - share) / n + z * z / (4.0 * n * n));
    ((share + z2 / (2.0 * n) - z * half.sqrt()) / (1.0 + z2 / n)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        for (freedom, t) in [(1, 12.706), (10, 2.228), (11, 2.201), (20, 2.086), (30, 2.042), (120, 1.980)] {
            assert!((student_95(freedom) - t).abs() < 0.0025, "{freedom}");
        }
        let estimate = Estimate::of(&[1.0, 2.0, 3.0]);
        assert!((estimate.half_width - 4.303 / 3f64.sqrt()).abs() < 1e-9 && estimate.mean == 2.0);
        assert!(estimate.holds(4.4, 0.0) && !estimate.holds(4.5, 0.0) && estimate.holds(4.5, 0.01));
        assert_eq!(Estimate::of(&[5.0]).half_width, f64::INFINITY);
    }
}
