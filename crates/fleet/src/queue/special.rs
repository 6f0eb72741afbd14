//! The saddle-point pieces of Poisson and binomial probabilities (Loader 2000): no cancellation at any size.

use std::f64::consts::PI;

/// ln Γ(x + 1) less Stirling's (x + ½) ln x − x + ½ ln 2π, for x > 0.
pub(super) fn stirling_rest(mut x: f64) -> f64 {
    let mut rest = 0.0;
    while x < 12.0 {
        // The difference of this remainder at x and x + 1.
        rest += (x + 0.5) * (1.0 / x).ln_1p() - 1.0;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0 - inverse / 1188.0)));
    rest + series / x
}

/// x − ln(1 + x) for x > −1, to full relative precision.
pub(super) fn less_log(x: f64) -> f64 {
    if !(-0.6..=1.5).contains(&x) {
        return x - x.ln_1p();
    }
    // ln(1 + x) = 2 artanh(v); x − 2v = x·v.
    let v = x / (2.0 + x);
    let square = v * v;
    let (mut term, mut sum, mut k) = (v * square, 0.0, 3.0);
    loop {
        let next = sum + term / k;
        if next == sum {
            return x * v - 2.0 * sum;
        }
        sum = next;
        term *= square;
        k += 2.0;
    }
}

/// The natural logarithm of a Poisson probability of `k` (real, > 0) at a mean.
pub(super) fn ln_poisson(k: f64, mean: f64) -> f64 {
    -stirling_rest(k) - k * less_log((mean - k) / k) - 0.5 * (2.0 * PI * k).ln()
}

/// Σ over j ≥ 1 of the products r(1)·…·r(j), for ratios that fall and start below 1.
pub(super) fn falling_products(ratio: impl Fn(f64) -> f64, terms_max: u32) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for j in 1..=terms_max {
        term *= ratio(f64::from(j));
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_match_factorials() {
        let mut ln_factorial = 0.0;
        for n in 1..=170u32 {
            let x = f64::from(n);
            ln_factorial += x.ln();
            let stirling = (x + 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln();
            assert!(
                (stirling_rest(x) - (ln_factorial - stirling)).abs() < 1e-12 * ln_factorial.max(1.0),
                "{n}"
            );
        }
        assert!((stirling_rest(0.5) - 0.153_426_409_720_027_35).abs() < 1e-14, "ln Γ(3/2)");
    }

    #[test]
    fn less_log_joins_its_branches() {
        for x in [-0.6, 1.5] {
            let (inside, outside) = (less_log(x), less_log(x + x.signum() * 1e-9));
            assert!((inside / outside - 1.0).abs() < 1e-8);
        }
        assert!((less_log(1e-9) - 5e-19).abs() < 1e-27);
    }

    #[test]
    fn poisson_probabilities_match_their_product() {
        let mut p = (-30.0f64).exp();
        for k in 1..100u32 {
            p *= 30.0 / f64::from(k);
            assert!((ln_poisson(f64::from(k), 30.0).exp() / p - 1.0).abs() < 1e-12, "{k}");
        }
    }
}
