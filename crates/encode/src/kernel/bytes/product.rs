//! Rows and weights in bytes.

use super::super::product::Operands;
use super::super::{Simd, WIDTH};
use super::{BytePanels, ByteRows};

/// Quantised rows, each of `weights.inputs` numbers.
pub(crate) struct Bytes<'a> {
    pub(crate) rows: &'a ByteRows,
    pub(crate) weights: &'a BytePanels,
}

impl Operands for Bytes<'_> {
    #[inline(always)]
    fn rows(&self) -> usize {
        self.rows.scales.len()
    }

    #[inline(always)]
    fn outputs(&self) -> usize {
        self.weights.outputs
    }

    type Sum = i32;

    #[inline(always)]
    fn sums<S: Simd, const R: usize>(&self, simd: S, row: usize, panel: usize) -> [[i32; WIDTH]; R] {
        let mut sums = [[0; WIDTH]; R];
        let rows = &self.rows.bytes[row * self.rows.stride..];
        simd.byte_tile(rows, self.rows.stride, self.weights.panel(panel), &mut sums);
        sums
    }

    #[inline(always)]
    fn values<S: Simd>(
        &self,
        simd: S,
        (row, panel): (usize, usize),
        sums: &[i32; WIDTH],
        bias: &[f32; WIDTH],
        values: &mut [f32; WIDTH],
    ) {
        let (offsets, scales) = self.weights.columns(panel);
        simd.scaled((sums, offsets), (scales, self.rows.scales[row]), bias, values);
    }
}
