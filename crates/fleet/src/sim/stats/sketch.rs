//! Quantiles of non-negative numbers from buckets whose edges are read off the number's own bits.
//!
//! A bucket holds the numbers that agree in exponent and the first [`BITS`] bits of the fraction, so a sample costs a
//! shift and an increment, and two sketches add up to the sketch of both.

/// Bits of the fraction that tell buckets apart.
const BITS: u32 = 7;
/// Smallest exponent with buckets of its own: 2⁻³⁰ (a nanosecond in seconds); smaller numbers count as 0.
const LOWEST: u32 = 1023 - 30;
/// Octaves covered, up to 2³⁴; larger numbers count in the last bucket.
const OCTAVES: u32 = 64;
const BUCKETS: usize = (OCTAVES << BITS) as usize;

/// A quantile is off by at most this share of the exact sample's value: half a bucket.
pub const RELATIVE_ERROR: f64 = 1.0 / (2u32 << BITS) as f64;

/// A histogram of fixed size (64 KiB) with exact count, sum, and largest value.
#[derive(Clone, PartialEq, Debug)]
pub struct Sketch {
    counts: Box<[u64]>,
    zeros: u64,
    count: u64,
    sum: f64,
    max: f64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), zeros: 0, count: 0, sum: 0.0, max: 0.0 }
    }
}

impl Sketch {
    /// Takes a sample; negative ones and NaN count as 0.
    #[inline]
    pub fn observe(&mut self, value: f64) {
        self.count += 1;
        let place = (value.to_bits() >> (52 - BITS)).checked_sub(u64::from(LOWEST) << BITS);
        match place {
            Some(place) if value > 0.0 => {
                self.counts[(place as usize).min(BUCKETS - 1)] += 1;
                self.sum += value;
                self.max = self.max.max(value);
            }
            _ => self.zeros += 1,
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.zeros += other.zeros;
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// How many samples.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their exact mean; 0 without any.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// The largest.
    #[must_use]
    pub const fn max(&self) -> f64 {
        self.max
    }

    /// The `share`-quantile within [`RELATIVE_ERROR`] of the sample of that rank; 0 without samples.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = ((share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut below = self.zeros;
        if self.count == 0 || rank <= below {
            return 0.0;
        }
        for (place, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= rank {
                return middle(place).min(self.max);
            }
        }
        self.max
    }

    /// The share of samples above `limit`, exact up to the bucket in which `limit` lies.
    #[must_use]
    pub fn above(&self, limit: f64) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let over: u64 =
            self.counts.iter().enumerate().filter(|(place, _)| middle(*place) > limit).map(|(_, n)| n).sum();
        over as f64 / self.count as f64
    }
}

/// The middle of a bucket.
fn middle(place: usize) -> f64 {
    let bits = (place as u64 + (u64::from(LOWEST) << BITS)) << (52 - BITS);
    f64::from_bits(bits | 1 << (51 - BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantiles_are_within_the_stated_error(
            mut samples in prop::collection::vec(1e-8f64..1e9, 1..400), share in 0.0f64..=1.0, cut in 0usize..400,
        ) {
            let (mut whole, mut left, mut right) = (Sketch::default(), Sketch::default(), Sketch::default());
            for (index, sample) in samples.iter().enumerate() {
                whole.observe(*sample);
                if index < cut { left.observe(*sample) } else { right.observe(*sample) }
            }
            left.merge(&right);
            prop_assert_eq!((&left.counts, left.count), (&whole.counts, whole.count));
            samples.sort_by(f64::total_cmp);
            let rank = ((share * samples.len() as f64).ceil() as usize).clamp(1, samples.len());
            let exact = samples[rank - 1];
            prop_assert!((whole.quantile(share) / exact - 1.0).abs() <= RELATIVE_ERROR + 1e-12);
        }
    }

    #[test]
    fn zeros_and_nonsense_count_as_zero() {
        let mut sketch = Sketch::default();
        for value in [0.0, -1.0, f64::NAN, 1e-12, 5.0] {
            sketch.observe(value);
        }
        assert_eq!((sketch.count(), sketch.quantile(0.8), sketch.max()), (5, 0.0, 5.0));
        assert!((sketch.quantile(1.0) - 5.0).abs() < 0.05);
        assert_eq!((sketch.above(1.0), Sketch::default().quantile(0.5)), (0.2, 0.0));
    }
}
