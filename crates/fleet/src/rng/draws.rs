//! The distributions that workloads need, each from its textbook method.

use super::Stream;

impl Stream {
    /// An exponential variate of mean 1 (inversion).
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// A standard normal variate (Box and Muller 1958; the second of the pair is not used).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A gamma variate of the given shape and scale 1 (Marsaglia and Tsang 2000; below shape 1 with their boost).
    ///
    /// A shape that is not above 0 gives 0.
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape.is_nan() || shape <= 0.0 {
            return 0.0;
        }
        if shape < 1.0 {
            let boost = (1.0 - self.unit()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            let u = 1.0 - self.unit();
            if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// A Weibull variate of the given shape and scale 1 (inversion).
    pub fn weibull(&mut self, shape: f64) -> f64 {
        self.exponential().powf(1.0 / shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::Seed;

    fn moments(mut draw: impl FnMut(&mut Stream) -> f64) -> (f64, f64) {
        let mut stream = Stream::new(Seed(11), "moments");
        let n = 200_000;
        let (mut sum, mut square) = (0.0, 0.0);
        for _ in 0..n {
            let x = draw(&mut stream);
            sum += x;
            square += x * x;
        }
        let mean = sum / f64::from(n);
        (mean, square / f64::from(n) - mean * mean)
    }

    #[test]
    fn each_distribution_has_its_mean_and_variance() {
        let gamma_of_1_5 = 0.886_226_925_452_758; // Γ(1.5) = √π / 2
        for (name, (mean, variance), (want_mean, want_variance)) in [
            ("exponential", moments(Stream::exponential), (1.0, 1.0)),
            ("normal", moments(Stream::normal), (0.0, 1.0)),
            ("gamma 0.3", moments(|s| s.gamma(0.3)), (0.3, 0.3)),
            ("gamma 4.5", moments(|s| s.gamma(4.5)), (4.5, 4.5)),
            ("weibull 2", moments(|s| s.weibull(2.0)), (gamma_of_1_5, 1.0 - gamma_of_1_5 * gamma_of_1_5)),
        ] {
            assert!((mean - want_mean).abs() < 0.02 * (1.0 + want_mean), "{name}: mean {mean}");
            assert!(
                (variance - want_variance).abs() < 0.03 * (1.0 + want_variance),
                "{name}: variance {variance}"
            );
        }
    }
}
