//! What is known of a share after some successes and failures: a Beta distribution's mean and interval.
//!
//! The distribution function is the regularized incomplete beta function by its continued fraction (DLMF 8.17.22, evaluated as
//! Lentz does), with the logarithm of the gamma function by Stirling's series (DLMF 5.11.1); quantiles by halving.

/// Halvings: past the last bit of a share.
const HALVINGS: usize = 60;
/// Steps of the continued fraction: far more than the counts here need.
const STEPS: usize = 400;
const TINY: f64 = 1e-300;

/// A share, with the interval that holds 95 % of what is believed of it.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Share {
    /// The mean.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Share {
    /// After so many successes and failures, from a uniform prior.
    #[must_use]
    pub fn of(successes: u32, failures: u32) -> Self {
        let (a, b) = (f64::from(successes) + 1.0, f64::from(failures) + 1.0);
        Self { mean: a / (a + b), low: quantile(a, b, 0.025), high: quantile(a, b, 0.975) }
    }
}

fn quantile(a: f64, b: f64, wanted: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if below(a, b, middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The probability that a Beta(a, b) variable is at most `x`, for 0 < x < 1.
fn below(a: f64, b: f64, x: f64) -> f64 {
    // The fraction converges fast on this side; the other is its mirror.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - below(b, a, 1.0 - x);
    }
    let front = a * x.ln() + b * (1.0 - x).ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let (mut fraction, mut c, mut d) = (1.0, 1.0, 0.0);
    for step in 0..STEPS {
        let m = (step / 2) as f64;
        let numerator = match step {
            0 => 1.0,
            even if even % 2 == 0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        let apart = |value: f64| if value.abs() < TINY { TINY } else { value };
        d = 1.0 / apart(1.0 + numerator * d);
        c = apart(1.0 + numerator / c);
        fraction *= c * d;
        if (1.0 - c * d).abs() < 1e-12 {
            break;
        }
    }
    (front.exp() / a * (fraction - 1.0)).clamp(0.0, 1.0)
}

/// Of a number from 1 on.
fn ln_gamma(x: f64) -> f64 {
    // The series wants a large number; the product of the steps to one is taken off again.
    let (mut y, mut product) = (x, 1.0);
    while y < 12.0 {
        product *= y;
        y += 1.0;
    }
    let square = y * y;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * square)) / square) / y;
    (y - 0.5) * y.ln() - y + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(Beta(a, b) <= x) for whole a and b is that of at least `a` successes in a + b - 1 trials of chance x.
    fn by_counting(a: u32, b: u32, x: f64) -> f64 {
        let n = a + b - 1;
        let (mut term, mut sum) = ((1.0 - x).powi(n.cast_signed()), 0.0);
        for k in 0..=n {
            if k >= a {
                sum += term;
            }
            term *= f64::from(n - k) / f64::from(k + 1) * x / (1.0 - x);
        }
        sum
    }

    #[test]
    fn the_distribution_is_that_of_counted_trials() {
        for (a, b) in [(1, 1), (2, 2), (1, 9), (11, 3), (40, 60)] {
            for x in [0.01, 0.1, 0.3, 0.5, 0.77, 0.99] {
                let (found, wanted) = (below(f64::from(a), f64::from(b), x), by_counting(a, b, x));
                assert!((found - wanted).abs() < 1e-9, "Beta({a}, {b}) at {x}: {found} {wanted}");
            }
        }
    }

    #[test]
    fn intervals_by_hand_and_in_their_order() {
        let none = Share::of(0, 0);
        assert!((none.low - 0.025).abs() < 1e-9 && (none.high - 0.975).abs() < 1e-9 && none.mean == 0.5);
        // One success of one: the distribution function is x².
        let one = Share::of(1, 0);
        assert!((one.low - 0.025_f64.sqrt()).abs() < 1e-9 && (one.high - 0.975_f64.sqrt()).abs() < 1e-9);
        for (s, f) in [(0, 50), (3, 4), (900, 100), (50_000, 1)] {
            let share = Share::of(s, f);
            assert!(
                0.0 < share.low && share.low < share.mean && share.mean < share.high && share.high < 1.0,
                "{share:?}"
            );
        }
    }
}
