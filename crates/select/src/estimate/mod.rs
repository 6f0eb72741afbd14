//! Bounded statistics that forget: a mean, a straight line, quantiles, a sliding window and recent means.
//!
//! All but the last two weigh a sample of age `a` by `2^(-a / half-life)`. None grows with the number of samples, none
//! yields a NaN: samples that are not finite are refused, and a sample that arrives late counts as now.
//!
//! ```
//! use tollgate_core::Tick;
//! use tollgate_select::estimate::{Ema, HalfLife};
//! let mut mean = Ema::new(HalfLife::ms(1000));
//! mean.observe(10.0, Tick(0));
//! mean.observe(20.0, Tick(0).plus_ms(1000));
//! assert_eq!(mean.mean(), Some((10.0 * 0.5 + 20.0) / 1.5));
//! ```

mod ema;
mod histogram;
mod recent;
mod regression;
mod slots;
mod window;

pub use ema::Ema;
pub use histogram::{BUCKETS, GROWTH, HIGHEST_MS, LOWEST_MS, LogHistogram};
pub use recent::{RECENT_MS, RECENT_SLOTS, Recent};
pub use regression::{Fit, MIN_FIT_WEIGHT, Regression};
pub use window::{SLOTS, Window};

use tollgate_core::Tick;

/// How long it takes a sample to lose half of its weight, in milliseconds (at least 1).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HalfLife(f64);

impl HalfLife {
    /// A half-life of `ms` milliseconds; 0 is taken as 1.
    #[must_use]
    pub fn ms(ms: u64) -> Self {
        Self(ms.max(1) as f64)
    }

    /// The factor by which weights shrink between two moments, in [0, 1]; 1 when `to` is not later.
    #[must_use]
    pub fn fade(self, from: Tick, to: Tick) -> f64 {
        if to <= from { 1.0 } else { (-to.since_ms(from) / self.0).exp2() }
    }
}
