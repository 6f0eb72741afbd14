//! Rows of activations as bytes.

use super::super::math::{ROUND, highest_product};
use super::super::{GROUP, Simd, Task};

/// Rows of bytes, each with its scale. How a byte stands for a number is the kernel's: signed, or 128 higher.
#[derive(Debug, Default)]
pub(crate) struct ByteRows {
    pub(super) bytes: Vec<u8>,
    pub(super) scales: Vec<f32>,
    /// Bytes of a row: its numbers, filled up to whole groups.
    pub(super) stride: usize,
}

impl ByteRows {
    /// Makes room for `count` rows of `width` numbers.
    #[inline(always)]
    pub(super) fn reset(&mut self, count: usize, width: usize) {
        self.stride = width.next_multiple_of(GROUP);
        self.bytes.resize(count * self.stride, 0);
        self.scales.resize(count, 0.0);
    }

    /// Sets row `index` to `row`, of which each number is multiplied by that of `factors`.
    #[inline(always)]
    pub(super) fn set<S: Simd>(&mut self, simd: S, index: usize, row: &[f32], factors: &[f32]) {
        let slot = &mut self.bytes[index * self.stride..(index + 1) * self.stride];
        slot[row.len()..].fill(0);
        let most = highest_product(simd, row, factors);
        self.scales[index] = most / 127.0;
        let (inverse, shift) = (inverse(most), ROUND + f32::from(S::OFFSET));
        for ((byte, x), factor) in slot.iter_mut().zip(row).zip(factors) {
            *byte = (x * factor * inverse + shift).to_bits() as u8;
        }
    }
}

/// What a number is multiplied by to become ±127 at `most`.
#[inline(always)]
pub(super) fn inverse(most: f32) -> f32 {
    // Below this the inverse is infinite; such a row is zero.
    if most > 1e-30 { 127.0 / most } else { 0.0 }
}

/// Quantises `rows`, of which each number is first multiplied by its column's factor.
pub(crate) struct Quantise<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) factors: &'a [f32],
    pub(crate) into: &'a mut ByteRows,
}

impl Task for Quantise<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.factors.len().max(1);
        self.into.reset(self.rows.len() / width, width);
        for (index, row) in self.rows.chunks_exact(width).enumerate() {
            self.into.set(simd, index, row, self.factors);
        }
    }
}
