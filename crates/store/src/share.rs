//! The part of something that is left, exact as parts per million, a ratio only where a signal wants one.

/// What is left of the tightest budget: 0 (spent) to 1,000,000 (untouched) parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Share {
    ppm: u32,
}

impl Share {
    /// All of it, also the answer where no budget applies.
    pub const FULL: Self = Self { ppm: 1_000_000 };

    /// `ppm` parts per million, cut at 1,000,000.
    #[must_use]
    pub const fn from_ppm(ppm: u32) -> Self {
        if ppm > 1_000_000 { Self::FULL } else { Self { ppm } }
    }

    /// Parts per million.
    #[must_use]
    pub const fn ppm(self) -> u32 {
        self.ppm
    }

    /// The share in [0, 1].
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.ppm) / 1e6
    }
}
