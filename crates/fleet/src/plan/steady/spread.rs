//! Skewed times by their first three moments.

use crate::queue::Wait;
use std::f64::consts::SQRT_2;

/// Beyond this skewness three moments say too little.
const SKEWNESS_MAX: f64 = 6.0;
/// Below it the normal distribution is as good.
const SKEWNESS_MIN: f64 = 1e-4;
/// Deviations beyond which nothing is expected.
const FAR: f64 = 30.0;

/// A distribution of Pearson's third type (a shifted gamma), with Wilson and Hilferty's cube root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) mean: f64,
    deviation: f64,
    skewness: f64,
}

impl Spread {
    /// Always the same.
    pub(super) const fn none(mean: f64) -> Self {
        Self { mean, deviation: 0.0, skewness: 0.0 }
    }

    /// The sum of a normal part and a skewed one, with their deviations.
    pub(super) fn new(mean: f64, normal: f64, skewed: f64, skewness: f64) -> Self {
        let deviation = normal.hypot(skewed);
        let kept = if deviation > 0.0 { (skewed / deviation).powi(3) } else { 0.0 };
        Self { mean, deviation, skewness: (skewness * kept).clamp(0.0, SKEWNESS_MAX) }
    }

    /// P(X > x).
    pub(super) fn tail(&self, x: f64) -> f64 {
        if self.deviation <= 0.0 {
            return if x < self.mean { 1.0 } else { 0.0 };
        }
        let y = (x - self.mean) / self.deviation;
        if y > FAR {
            return 0.0;
        }
        if self.skewness < SKEWNESS_MIN {
            return 0.5 * libm::erfc(y / SQRT_2);
        }
        let g = self.skewness;
        let base = g * y / 2.0 + 1.0;
        if base <= 0.0 {
            return 1.0;
        }
        0.5 * libm::erfc((6.0 / g * (base.cbrt() - 1.0) + g / 6.0) / SQRT_2)
    }

    /// P(W + n·X > t) for a wait W before it. Beyond X itself the wait's exponential meets a normal X of the same mean and deviation, for which
    /// the sum has a closed form.
    pub(super) fn tail_after(&self, wait: &Wait, n: f64, t: f64) -> f64 {
        let alone = self.tail(t / n);
        if wait.probability <= 0.0 || alone >= 1.0 {
            return alone;
        }
        let (over, sigma) = (t - n * self.mean, n * self.deviation);
        let later = if sigma > 0.0 {
            let z = over / sigma - wait.decay * sigma;
            let inside = 0.5 * libm::erfc(-z / SQRT_2);
            let reach = wait.decay * (0.5 * wait.decay * sigma * sigma - over);
            if inside > 0.0 { (reach + inside.ln()).exp() } else { 0.0 }
        } else {
            (-wait.decay * over).exp()
        };
        (alone + wait.probability * later).min(1.0)
    }
}

/// Times that a percentile is halved for: to a millionth.
const HALVINGS: u32 = 24;

/// The time that a share `q` does not exceed, where `tail` is the probability of more: sought from `start` on.
pub(super) fn quantile(q: f64, start: f64, tail: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, start.max(f64::MIN_POSITIVE));
    while tail(high) > 1.0 - q && high.is_finite() {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if tail(middle) > 1.0 - q { low = middle } else { high = middle }
    }
    high
}

/// The quantile of the standard normal distribution (Acklam 2003, relative error below 1.2e-9), for q in (0, 1).
pub(super) fn normal_quantile(q: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if q > 0.5 {
        return -normal_quantile(1.0 - q);
    }
    if q < 0.024_25 {
        let r = (-2.0 * q.ln()).sqrt();
        return horner(&C, r) / (horner(&D, r) * r + 1.0);
    }
    let r = q - 0.5;
    let s = r * r;
    horner(&A, s) * r / (horner(&B, s) * s + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_the_tables() {
        for (q, z) in [(0.5, 0.0), (0.9, 1.281_551_565_5), (0.99, 2.326_347_874_0), (0.999, 3.090_232_306_2)]
        {
            assert!((normal_quantile(q) - z).abs() < 1e-8, "{q}");
            assert!((normal_quantile(1.0 - q) + z).abs() < 1e-8, "{q}");
        }
    }

    #[test]
    fn quantiles_and_tails_are_inverse() {
        for skewness in [0.0, 0.3, 1.0, 2.0] {
            let spread = Spread::new(10.0, 0.0, 3.0, skewness);
            for q in [0.9, 0.95, 0.99, 0.999] {
                assert!(
                    (spread.tail(quantile(q, spread.mean, |x| spread.tail(x))) - (1.0 - q)).abs() < 1e-6,
                    "{skewness} {q}"
                );
            }
        }
    }

    /// Against a sum over a fine grid of the wait, with an exact normal.
    #[test]
    fn a_wait_and_a_normal_add_up() {
        let (spread, wait) = (Spread::new(2.0, 0.5, 0.0, 0.0), Wait { probability: 0.3, decay: 1.5 });
        for t in [3.0, 6.0, 8.0, 12.0] {
            let steps = 100_000;
            let step = 20.0 / f64::from(steps);
            let density = |w: f64| wait.probability * wait.decay * (-wait.decay * w).exp() * step;
            let beside = |i: u32| {
                let w = (f64::from(i) + 0.5) * step;
                density(w) * spread.tail((t - w) / 3.0)
            };
            let exact = 0.7 * spread.tail(t / 3.0) + (0..steps).map(beside).sum::<f64>();
            let found = spread.tail_after(&wait, 3.0, t);
            assert!((found - exact).abs() < 1e-4, "{t}: {found} for {exact}");
        }
        let sure = Spread::none(2.0).tail_after(&wait, 1.0, 3.0);
        assert!((sure - 0.3 * (-1.5f64).exp()).abs() < 1e-12, "{sure}");
    }

    /// An exponential has skewness 2: P(X > 4.605 means) is 1 %.
    #[test]
    fn an_exponential_is_close() {
        let spread = Spread::new(1.0, 0.0, 1.0, 2.0);
        let at = |q| quantile(q, spread.mean, |x| spread.tail(x));
        assert!((at(0.99) - 4.605).abs() < 0.1 && (at(0.9) - 2.303).abs() < 0.05);
    }
}
