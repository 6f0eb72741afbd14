//! Draws from a seed: a counter-based stream, so that draw `i` depends on the seed and `i` alone.
//!
//! Two runs that use the same stream for the same purpose see the same numbers, whatever else changed between them
//! (common random numbers). Draw `i` is the SplitMix64 finaliser of `seed + i·γ` (Steele, Lea, Flood 2014), as
//! [`Seed::next`] and [`Seed::bits`] have it.
//!
//! ```
//! use tollgate_core::Seed;
//! use tollgate_fleet::rng::Stream;
//! let mut draws = Stream::new(Seed(7), "arrivals");
//! let (first, second) = (draws.bits(), draws.bits());
//! assert_ne!(first, second);
//! assert_eq!(Stream::new(Seed(7), "arrivals").at(1), second);
//! ```

mod draws;

use tollgate_core::Seed;

/// What SplitMix64 adds from one draw to the next.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// An endless stream of independent draws.
#[derive(Clone, Debug)]
pub struct Stream {
    key: u64,
    drawn: u64,
}

impl Stream {
    /// The stream of `seed` for one purpose.
    #[must_use]
    pub fn new(seed: Seed, purpose: &str) -> Self {
        Self { key: seed.derive(purpose).0, drawn: 0 }
    }

    /// The `index`-th number of this stream (from 0), whatever was drawn before.
    #[must_use]
    #[inline]
    pub fn at(&self, index: u64) -> u64 {
        Seed(self.key.wrapping_add(index.wrapping_mul(GAMMA))).bits()
    }

    /// How many numbers were drawn.
    #[must_use]
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// The next 64 bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        let bits = self.at(self.drawn);
        self.drawn = self.drawn.wrapping_add(1);
        bits
    }

    /// A number in [0, 1) with 53 bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An integer in `0..bound`, without the bias of a remainder (Lemire 2019); 0 where `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let reject_below = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.bits()) * u128::from(bound);
            if wide as u64 >= reject_below {
                return (wide >> 64) as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_its_seed_and_counter() {
        let mut stream = Stream::new(Seed(3), "x");
        let drawn: Vec<u64> = (0..5).map(|_| stream.bits()).collect();
        let indexed: Vec<u64> = (0..5).map(|i| Stream::new(Seed(3), "x").at(i)).collect();
        assert_eq!(drawn, indexed);
        assert_eq!(drawn[1], Seed(3).derive("x").next().bits());
        assert_ne!(drawn, (0..5).map(|i| Stream::new(Seed(3), "y").at(i)).collect::<Vec<_>>());
    }

    #[test]
    fn integers_are_uniform_and_in_range() {
        let mut stream = Stream::new(Seed(1), "below");
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|&n| (9_600..10_400).contains(&n)), "{counts:?}");
        assert_eq!((stream.below(0), stream.below(1)), (0, 0));
    }
}
