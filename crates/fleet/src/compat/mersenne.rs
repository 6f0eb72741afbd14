//! The Mersenne Twister with the derived draws of Python's `random` module, which the reference's numbers rest on.
//!
//! MT19937: Matsumoto and Nishimura 1998. Seeding from an integer is `init_by_array` over its 32-bit words; a
//! float takes 53 bits of two outputs; an integer in a range is drawn by rejection from as many high bits as the
//! width needs. Nothing but [`super`] may use this generator: everything else draws from [`crate::rng`].

/// Words of state.
const N: usize = 624;
/// Offset of the recurrence.
const M: usize = 397;
/// Lower 31 bits.
const LOWER: u32 = 0x7fff_ffff;

/// A generator in the state that a seed gives.
#[derive(Clone)]
pub struct Mersenne {
    state: [u32; N],
    at: usize,
}

impl Mersenne {
    /// The generator that Python's `random.Random(seed)` is, for a seed of 32 bits.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        let mut generator = Self { state: knuth(19_650_218), at: N };
        let state = &mut generator.state;
        let mixed = |state: &[u32; N], i: usize| state[i - 1] ^ (state[i - 1] >> 30);
        let mut i = 1;
        let wrap = |state: &mut [u32; N], i: usize| {
            if i == N {
                state[0] = state[N - 1];
                1
            } else {
                i
            }
        };
        for _ in 0..N {
            // The key has one word, so its index never adds anything.
            state[i] = (state[i] ^ mixed(state, i).wrapping_mul(1_664_525)).wrapping_add(seed);
            i = wrap(state, i + 1);
        }
        for _ in 1..N {
            state[i] = (state[i] ^ mixed(state, i).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i = wrap(state, i + 1);
        }
        state[0] = 0x8000_0000;
        generator
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.at == N {
            self.twist();
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & !LOWER) | (self.state[(i + 1) % N] & LOWER);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.at = 0;
    }

    /// A number in [0, 1) with 53 bits.
    pub fn unit(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// An integer in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        let width = u64::from(high.saturating_sub(low)) + 1;
        let bits = u64::BITS - width.leading_zeros();
        loop {
            let drawn = if bits > 32 {
                u64::from(self.next_u32()) | u64::from(self.next_u32() >> (64 - bits)) << 32
            } else {
                u64::from(self.next_u32() >> (32 - bits))
            };
            if drawn < width {
                return low.saturating_add(drawn as u32);
            }
        }
    }

    /// A draw of the exponential distribution with a rate.
    pub fn exponential(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }

    /// The index of one of some weights, drawn in proportion to them.
    pub fn choose(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let target = self.unit() * total;
        let mut reached = 0.0;
        let above = weights.iter().position(|w| {
            reached += w;
            target < reached
        });
        above.unwrap_or(weights.len().saturating_sub(1))
    }
}

/// `init_genrand`: the linear filling that the array seeding starts from.
fn knuth(seed: u32) -> [u32; N] {
    let mut state = [seed; N];
    for i in 1..N {
        let before = state[i - 1];
        state[i] = (before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with CPython 3.11: `r = random.Random(42)`.
    #[test]
    fn draws_what_python_draws() {
        let mut r = Mersenne::new(42);
        let units: Vec<f64> = (0..3).map(|_| r.unit()).collect();
        assert_eq!(units, [0.639_426_798_457_883_7, 0.025_010_755_222_666_936, 0.275_029_318_369_119_26]);
        let lengths: Vec<u32> = (0..5).map(|_| r.between(1, 6144)).collect();
        assert_eq!(lengths, [1829, 1144, 6034, 840, 5544]);
        assert_eq!([r.between(7, 7), r.between(7, 7)], [7, 7]);
        let gaps = [r.exponential(200.0), r.exponential(200.0)];
        assert_eq!(gaps, [0.000_161_493_561_176_913_85, 0.000_491_898_248_292_281_6]);
        let categories: Vec<usize> = (0..5).map(|_| r.choose(&[0.6, 0.25, 0.15])).collect();
        assert_eq!(categories, [0, 1, 0, 1, 1]);
        for _ in 0..2000 {
            r.unit();
        }
        assert_eq!(r.unit(), 0.696_308_407_309_089_8, "after the state was renewed");
        assert_eq!(r.between(0, u32::MAX), 1_753_459_822, "33 bits of width");
        assert_eq!(Mersenne::new(0).unit(), 0.844_421_851_525_048_1);
        assert_eq!(Mersenne::new(u32::MAX).unit(), 0.635_357_444_134_117_3);
    }
}
