//! Functions of one number, written so that a loop over them becomes vector instructions: no branches, no tables, no calls.

use super::{LANES, Simd};

/// `a · b + c`.
#[inline(always)]
pub(super) fn fma<S: Simd>(_: S, a: f32, b: f32, c: f32) -> f32 {
    // Without the instruction, `mul_add` is a call of a library.
    if S::FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// 1.5 · 2²³: added to a small number, it leaves the nearest integer in the low bits.
pub(super) const ROUND: f32 = 12_582_912.0;

/// eˣ within 2 units in the last place for -87 ≤ x ≤ 88; beyond that it stays at the ends.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2 (ln 2 in two parts, after Cody and Waite); eʳ by its series to r⁶.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let shifted = fma(simd, x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma(simd, n, -0.693_359_4, x);
    let r = fma(simd, n, 2.121_944_4e-4, r);
    let mut sum = 1.0 / 720.0;
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = fma(simd, sum, r, c);
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    sum * f32::from_bits(exponent)
}

/// Φ(x)·x with Φ the normal distribution: the exact GELU. The error function is Abramowitz and Stegun 7.1.26, within 1.5e-7.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / fma(simd, 0.327_591_1, z, 1.0);
    let mut sum = 1.061_405_4;
    for c in [-1.453_152, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        sum = fma(simd, sum, t, c);
    }
    // erfc(|x|/√2) / 2 is the lighter tail.
    let tail = 0.5 * sum * t * exp(simd, -z * z);
    x * if x < 0.0 { tail } else { 1.0 - tail }
}

/// [`gelu`] within 5e-5 of it or of x, whichever is more: a hundredth of what is lost where it becomes a byte, at a third of the
/// work. Φ(x) - ½ is x times a polynomial of x² (minimax, degree 7), and beyond ±4 what it is there.
#[inline(always)]
pub(super) fn gelu_near<S: Simd>(simd: S, x: f32) -> f32 {
    let near = x.clamp(-4.0, 4.0);
    let square = near * near;
    let mut sum = -1.301_293e-9;
    for c in [
        1.041_959_6e-7,
        -3.657_131e-6,
        7.485_502e-5,
        -1.006_490_2e-3,
        9.505_398e-3,
        -0.065_887_84,
        0.398_673_4,
    ] {
        sum = fma(simd, sum, square, c);
    }
    x * fma(simd, near, sum, 0.5)
}

/// The approximation of GELU by a hyperbolic tangent.
#[inline(always)]
pub(super) fn gelu_tanh<S: Simd>(simd: S, x: f32) -> f32 {
    let inner = 0.797_884_6 * fma(simd, 0.044_715 * x * x, x, x);
    // (1 + tanh y) / 2 = 1 / (1 + e^-2y)
    x / (1.0 + exp(simd, -2.0 * inner))
}

/// The largest `|x · y|` of two rows.
#[inline(always)]
pub(super) fn highest_product<S: Simd>(simd: S, row: &[f32], other: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let ((chunks, rest), (others, other_rest)) = (row.as_chunks::<LANES>(), other.as_chunks::<LANES>());
    let mut parts = [0.0; LANES];
    for (chunk, other) in chunks.iter().zip(others) {
        for ((part, x), y) in parts.iter_mut().zip(chunk).zip(other) {
            *part = larger((x * y).abs(), *part);
        }
    }
    let rest = rest.iter().zip(other_rest).map(|(x, y)| (x * y).abs());
    rest.fold(simd.highest(parts), larger)
}

#[inline(always)]
fn fold(
    row: &[f32],
    start: f32,
    f: impl Fn(f32) -> f32,
    (join, all): (impl Fn(f32, f32) -> f32, impl Fn([f32; LANES]) -> f32),
) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut parts = [start; LANES];
    for chunk in chunks {
        for (part, x) in parts.iter_mut().zip(chunk) {
            *part = join(*part, f(*x));
        }
    }
    rest.iter().fold(all(parts), |a, x| join(a, f(*x)))
}

/// `Σ f(x)` over a row.
#[inline(always)]
pub(super) fn sum<S: Simd>(simd: S, row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    fold(row, 0.0, f, (|a, b| a + b, |parts| simd.total(parts)))
}

/// The largest number of a row; of an empty one, the lowest number.
#[inline(always)]
pub(super) fn highest<S: Simd>(simd: S, row: &[f32]) -> f32 {
    // Not `f32::max`: it asks for NaN, which costs instructions.
    fold(row, f32::MIN, |x| x, (|a, b| if a > b { a } else { b }, |parts| simd.highest(parts)))
}

/// What is done to each output of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// Nothing.
    None,
    /// The exact GELU.
    Gelu,
    /// GELU as near as what becomes bytes next needs it.
    GeluNear,
    /// GELU by a hyperbolic tangent.
    GeluTanh,
    /// Negative numbers become 0.
    Relu,
}

impl Activation {
    /// The same for outputs that become bytes.
    pub(crate) const fn for_bytes(self) -> Self {
        match self {
            Self::Gelu => Self::GeluNear,
            other => other,
        }
    }

    /// Applies it to `values`.
    #[inline(always)]
    pub(super) fn apply<S: Simd>(self, simd: S, values: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Gelu => values.iter_mut().for_each(|v| *v = gelu(simd, *v)),
            Self::GeluNear => values.iter_mut().for_each(|v| *v = gelu_near(simd, *v)),
            Self::GeluTanh => values.iter_mut().for_each(|v| *v = gelu_tanh(simd, *v)),
            Self::Relu => values.iter_mut().for_each(|v| *v = v.max(0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::Plain;
    use super::*;

    #[test]
    fn exp_is_within_two_units() {
        for i in -870..880 {
            let x = i as f32 / 10.0;
            let (found, wanted) = (exp(Plain, x), x.exp());
            assert!((found / wanted - 1.0).abs() < 3e-7, "{x}: {found} {wanted}");
        }
        assert!(exp(Plain, f32::NEG_INFINITY) < 1e-37 && exp(Plain, 1000.0).is_finite());
    }

    /// Values of x·Φ(x) to nine digits from tables of the normal distribution.
    #[test]
    fn gelu_matches_tabled_values() {
        for (x, wanted) in [
            (0.0, 0.0),
            (1.0, 0.841_344_8),
            (-1.0, -0.158_655_25),
            (2.0, 1.954_499_7),
            (-3.0, -0.004_049_694),
            (8.0, 8.0),
        ] {
            assert!((gelu(Plain, x) - wanted).abs() < 3e-7, "{x} {}", gelu(Plain, x));
            assert!((gelu_tanh(Plain, x) - wanted).abs() < 1e-3);
        }
    }

    #[test]
    fn the_near_gelu_is_near_everywhere() {
        for i in -1000..=1000 {
            let x = i as f32 / 100.0;
            let off = (gelu_near(Plain, x) - gelu(Plain, x)).abs();
            assert!(off < 5e-5 * x.abs().max(1.0), "{x}: {off}");
        }
        assert!(gelu_near(Plain, 1e9) > 9.9e8 && gelu_near(Plain, 0.0) == 0.0);
    }
}
