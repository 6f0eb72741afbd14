//! The Wilson score interval of a share.

use serde::Serialize;

/// Quantile of the normal distribution for 95 %, both sides.
const Z: f64 = 1.959_963_984_540_054;

/// A share of counted cases with its 95 % interval.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Interval {
    /// The share itself; 0 of nothing.
    pub at: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// The interval of `hits` among `cases`: centre (p + z²/2n) / (1 + z²/n), half width
    /// z / (1 + z²/n) · √(p(1-p)/n + z²/4n²).
    #[must_use]
    pub fn wilson(hits: u64, cases: u64) -> Self {
        if cases == 0 {
            return Self { at: 0.0, low: 0.0, high: 1.0 };
        }
        let n = cases as f64;
        let p = (hits as f64 / n).min(1.0);
        let spread = Z * Z / n;
        let centre = (p + spread / 2.0) / (1.0 + spread);
        let half = Z / (1.0 + spread) * (p * (1.0 - p) / n + spread / (4.0 * n)).sqrt();
        Self { at: p, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values as published for the method without continuity correction (R. G. Newcombe 1998, table I).
    #[test]
    fn agrees_with_published_values() {
        for (hits, cases, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = Interval::wilson(hits, cases);
            assert!(
                (found.low - low).abs() < 5e-5 && (found.high - high).abs() < 5e-5,
                "{hits}/{cases}: {found:?}"
            );
        }
        assert_eq!(Interval::wilson(0, 0), Interval { at: 0.0, low: 0.0, high: 1.0 });
    }
}
