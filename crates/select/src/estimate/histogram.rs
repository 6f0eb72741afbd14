//! Quantiles of durations from geometric buckets that fade.

use super::HalfLife;
use tollgate_core::Tick;

/// Ratio of a bucket's upper to its lower edge.
pub const GROWTH: f64 = 1.1;
/// Lower edge of the first bucket, in milliseconds; shorter durations count there.
pub const LOWEST_MS: f64 = 0.1;
/// Number of buckets.
pub const BUCKETS: usize = 194;
/// About `LOWEST_MS · GROWTH^BUCKETS` = 10⁷ ms (under three hours); longer durations count in the last bucket.
pub const HIGHEST_MS: f64 = 1e7;
/// Fresh samples outweigh the oldest by at most 2^this before the counts are rescaled.
const RESCALE_BITS: f64 = 60.0;

/// A histogram of milliseconds with buckets `[0.1·1.1^i, 0.1·1.1^(i+1))`, each sample weighted by
/// `2^(-age / half-life)`.
///
/// **Error bound.** A quantile answers the geometric middle of the bucket in which that rank lies, so for values
/// within `[LOWEST_MS, HIGHEST_MS]` it is off by a factor of at most `√1.1`, that is under 4.89 %, from the
/// weighted lower quantile of the exact samples.
///
/// Fading is by forward decay (Cormode et al. 2009): new samples weigh more instead of old ones less, and all counts
/// are rescaled once per 60 half-lives, so that a sample costs O(1).
#[derive(Clone, Debug)]
pub struct LogHistogram {
    half_life: HalfLife,
    counts: Box<[f64; BUCKETS]>,
    total: f64,
    landmark: Tick,
}

impl LogHistogram {
    /// No samples yet.
    #[must_use]
    pub fn new(half_life: HalfLife) -> Self {
        Self { half_life, counts: Box::new([0.0; BUCKETS]), total: 0.0, landmark: Tick(0) }
    }

    /// Takes a duration in milliseconds; false when it is negative or not finite and so was refused.
    pub fn observe(&mut self, ms: f64, now: Tick) -> bool {
        if !(ms.is_finite() && ms >= 0.0) {
            return false;
        }
        let age = self.half_life.fade(self.landmark, now);
        let weight = if age < (-RESCALE_BITS).exp2() {
            self.rescale(age, now);
            1.0
        } else {
            1.0 / age
        };
        if let Some(count) = self.counts.get_mut(bucket(ms)) {
            *count += weight;
            self.total += weight;
        }
        true
    }

    fn rescale(&mut self, age: f64, now: Tick) {
        self.counts.iter_mut().for_each(|count| *count *= age);
        self.total = self.counts.iter().sum();
        self.landmark = now;
    }

    /// How many fresh samples the faded ones are worth at `now`.
    #[must_use]
    pub fn weight_at(&self, now: Tick) -> f64 {
        self.total * self.half_life.fade(self.landmark, now)
    }

    /// The `q`-quantile in milliseconds (`q` is clamped to [0, 1], NaN gives none); none without samples.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.total <= 0.0 || q.is_nan() {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * self.total;
        let mut below = 0.0;
        let mut last = None;
        for (index, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            below += count;
            last = Some(index);
            if below >= rank {
                break;
            }
        }
        last.map(middle)
    }
}

fn bucket(ms: f64) -> usize {
    if ms <= LOWEST_MS {
        return 0;
    }
    // The quotient is at least 0 here; the cast saturates.
    (((ms / LOWEST_MS).ln() / GROWTH.ln()) as usize).min(BUCKETS - 1)
}

fn middle(index: usize) -> f64 {
    LOWEST_MS * GROWTH.powf(index as f64 + 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_range_is_as_documented() {
        assert!((middle(BUCKETS - 1) / HIGHEST_MS - 1.0).abs() < 0.1, "{}", middle(BUCKETS - 1));
        let mut hist = LogHistogram::new(HalfLife::ms(1000));
        assert_eq!(hist.quantile(0.5), None);
        assert!(!hist.observe(-1.0, Tick(0)) && !hist.observe(f64::NAN, Tick(0)));
        assert!(hist.observe(0.0, Tick(0)) && hist.observe(1e300, Tick(0)));
        assert_eq!(hist.quantile(f64::NAN), None);
        assert!(hist.quantile(0.0).unwrap() < 0.2 && hist.quantile(1.0).unwrap() > 9e6);
    }

    #[test]
    fn old_samples_fade_across_rescaling() {
        let mut hist = LogHistogram::new(HalfLife::ms(10));
        for _ in 0..1000 {
            hist.observe(5.0, Tick(0));
        }
        for step in 0..1000 {
            hist.observe(500.0, Tick(0).plus_ms(step));
        }
        assert!((hist.quantile(0.01).unwrap() / 500.0 - 1.0).abs() < 0.05);
        assert!(hist.weight_at(Tick(0).plus_ms(999)) < 20.0);
        hist.observe(7.0, Tick(u64::MAX));
        assert!((hist.quantile(0.5).unwrap() / 7.0 - 1.0).abs() < 0.05);
    }

    proptest! {
        #[test]
        fn quantiles_keep_the_error_bound(
            mut samples in prop::collection::vec(0.1f64..1e6, 1..200),
            q in 0.0f64..=1.0,
        ) {
            let mut hist = LogHistogram::new(HalfLife::ms(1000));
            samples.iter().for_each(|s| assert!(hist.observe(*s, Tick(0))));
            samples.sort_by(f64::total_cmp);
            let rank = ((q * samples.len() as f64).ceil() as usize).clamp(1, samples.len()) - 1;
            let (exact, got) = (samples[rank], hist.quantile(q).unwrap());
            prop_assert!(got / exact <= GROWTH.sqrt() + 1e-9 && exact / got <= GROWTH.sqrt() + 1e-9, "{exact} {got}");
        }
    }
}
