//! A histogram with a bounded relative error: 32 buckets per power of two (after Gil Tene's HDR histogram).
//!
//! Values below 64 are exact; above, a bucket is at most 1/32 of its values wide and answers with its middle, so a
//! quantile is off by at most 1.6 %.

use std::collections::BTreeMap;

/// Buckets per power of two, as a power of two.
const FINE_BITS: u32 = 5;

/// Counts of values by bucket; only buckets in use take room (at most 1,920).
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    buckets: BTreeMap<u16, u64>,
    count: u64,
}

impl Histogram {
    /// Counts one value.
    pub(super) fn add(&mut self, value: u64) {
        *self.buckets.entry(bucket(value)).or_default() += 1;
        self.count += 1;
    }

    /// The smallest value that at least `permille` ‰ of the values do not exceed; `None` without values.
    pub(super) fn quantile(&self, permille: u64) -> Option<u64> {
        let rank = u128::from(self.count) * u128::from(permille.min(1000));
        let wanted = rank.div_ceil(1000).max(1);
        let mut seen = 0u128;
        for (bucket, count) in &self.buckets {
            seen += u128::from(*count);
            if seen >= wanted {
                return Some(middle(*bucket));
            }
        }
        None
    }
}

fn bucket(value: u64) -> u16 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(FINE_BITS + 1);
    // The 6 leading bits of the value, then how far they were shifted: fits in 12 bits.
    let lead = u16::try_from(value >> shift).unwrap_or(u16::MAX);
    (u16::try_from(shift).unwrap_or(u16::MAX) << (FINE_BITS + 1)) | lead
}

fn middle(bucket: u16) -> u64 {
    let shift = u32::from(bucket >> (FINE_BITS + 1));
    let lead = u64::from(bucket & ((1 << (FINE_BITS + 1)) - 1));
    (lead << shift) | ((1u64 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_values_are_exact() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), None);
        for value in 0..=50 {
            histogram.add(value);
        }
        let got: Vec<_> = [0, 500, 990, 1000].iter().map(|q| histogram.quantile(*q)).collect();
        assert_eq!(got, [Some(0), Some(25), Some(50), Some(50)]);
    }

    proptest! {
        #[test]
        fn a_bucket_answers_close_to_its_values(value: u64) {
            let error = middle(bucket(value)).abs_diff(value);
            prop_assert!(error <= value / 64 + 1, "{value} -> {}", middle(bucket(value)));
        }

        #[test]
        fn buckets_keep_order(a: u64, b: u64) {
            prop_assert_eq!(a.min(b).cmp(&a.max(b)).is_le(), bucket(a.min(b)) <= bucket(a.max(b)));
        }
    }
}
