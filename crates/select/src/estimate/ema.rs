//! An exponentially fading mean of samples at irregular times.

use super::HalfLife;
use tollgate_core::Tick;

/// The mean of all samples, each weighted by `2^(-age / half-life)`, without the bias of a starting value.
#[derive(Clone, Debug)]
pub struct Ema {
    half_life: HalfLife,
    mean: f64,
    weight: f64,
    at: Tick,
}

impl Ema {
    /// No samples yet.
    #[must_use]
    pub const fn new(half_life: HalfLife) -> Self {
        Self { half_life, mean: 0.0, weight: 0.0, at: Tick(0) }
    }

    /// Takes a sample; false when it is not finite and so was refused.
    pub fn observe(&mut self, value: f64, now: Tick) -> bool {
        if !value.is_finite() {
            return false;
        }
        self.weight = self.weight_at(now) + 1.0;
        self.mean += (value - self.mean) / self.weight;
        self.at = self.at.max(now);
        true
    }

    /// The mean, when there ever was a sample.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.weight > 0.0).then_some(self.mean)
    }

    /// How many fresh samples the faded ones are worth at `now`.
    #[must_use]
    pub fn weight_at(&self, now: Tick) -> f64 {
        self.weight * self.half_life.fade(self.at, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forgets_by_half_in_a_half_life() {
        let mut mean = Ema::new(HalfLife::ms(100));
        assert_eq!(mean.mean(), None);
        assert!(mean.observe(8.0, Tick(0)));
        assert_eq!(mean.weight_at(Tick(0).plus_ms(100)), 0.5);
        assert!(!mean.observe(f64::NAN, Tick(0)) && !mean.observe(f64::INFINITY, Tick(0)));
        mean.observe(0.0, Tick(0).plus_ms(1_000_000));
        assert!(mean.mean().unwrap() < 1e-9);
    }

    proptest! {
        #[test]
        fn stays_between_the_extremes(samples in prop::collection::vec((-1e6f64..1e6, 0u64..5000), 1..60)) {
            let mut mean = Ema::new(HalfLife::ms(500));
            for (value, at) in &samples {
                mean.observe(*value, Tick(0).plus_ms(*at));
            }
            let low = samples.iter().map(|s| s.0).fold(f64::INFINITY, f64::min);
            let high = samples.iter().map(|s| s.0).fold(f64::NEG_INFINITY, f64::max);
            let got = mean.mean().unwrap();
            prop_assert!(got >= low - 1e-6 && got <= high + 1e-6);
        }
    }
}
