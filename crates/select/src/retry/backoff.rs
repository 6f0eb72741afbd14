//! Exponential back-off with jitter.

use serde::{Deserialize, Serialize};
use tollgate_core::Seed;

/// A pause that doubles from `base_ms` up to `cap_ms`; the upper half of it is random, so that those who failed
/// together do not return together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// The first full pause, in milliseconds.
    pub base_ms: u64,
    /// The longest full pause, in milliseconds.
    pub cap_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base_ms: 100, cap_ms: 5_000 }
    }
}

impl Backoff {
    /// The full pause after `failures` earlier ones: `min(cap, base · 2^failures)`.
    #[must_use]
    pub fn full_ms(&self, failures: u32) -> u64 {
        let factor = 1u64.checked_shl(failures).unwrap_or(u64::MAX);
        self.base_ms.saturating_mul(factor).min(self.cap_ms)
    }

    /// The pause to keep: uniform in [full / 2, full].
    #[must_use]
    pub fn pause_ms(&self, failures: u32, seed: Seed) -> u64 {
        let full = self.full_ms(failures);
        let half = full / 2;
        half + (seed.unit() * (full - half + 1) as f64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_cap_with_half_jitter() {
        let backoff = Backoff { base_ms: 100, cap_ms: 1000 };
        assert_eq!(
            [0, 1, 2, 3, 4, 63, 64, 999].map(|n| backoff.full_ms(n)),
            [100, 200, 400, 800, 1000, 1000, 1000, 1000]
        );
        let pauses: Vec<u64> = (0..2000).map(|n| backoff.pause_ms(2, Seed(n))).collect();
        assert!(pauses.iter().all(|p| (200..=400).contains(p)));
        assert!(pauses.iter().any(|p| *p < 205) && pauses.iter().any(|p| *p > 395));
        let huge = Backoff { base_ms: u64::MAX, cap_ms: u64::MAX };
        assert!(huge.pause_ms(7, Seed(3)) >= u64::MAX / 2);
        assert_eq!(Backoff { base_ms: 0, cap_ms: 0 }.pause_ms(9, Seed(0)), 0);
    }
}
