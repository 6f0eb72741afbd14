//! Rows and weights in 32 bits.

use super::super::product::Operands;
use super::super::{Simd, WIDTH};
use super::Panels;

/// `rows`, each of `weights.inputs` numbers.
pub(crate) struct Floats<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) weights: &'a Panels,
}

impl Operands for Floats<'_> {
    #[inline(always)]
    fn rows(&self) -> usize {
        self.rows.len() / self.weights.inputs.max(1)
    }

    #[inline(always)]
    fn outputs(&self) -> usize {
        self.weights.outputs
    }

    type Sum = f32;

    #[inline(always)]
    fn sums<S: Simd, const R: usize>(&self, simd: S, row: usize, panel: usize) -> [[f32; WIDTH]; R] {
        let inputs = self.weights.inputs;
        let mut sums = [[0.0; WIDTH]; R];
        let rows = &self.rows[row * inputs..(row + R) * inputs];
        simd.tile(rows, inputs, self.weights.panel(panel), &mut sums);
        sums
    }

    #[inline(always)]
    fn values<S: Simd>(
        &self,
        _: S,
        _: (usize, usize),
        sums: &[f32; WIDTH],
        bias: &[f32; WIDTH],
        values: &mut [f32; WIDTH],
    ) {
        for ((value, sum), bias) in values.iter_mut().zip(sums).zip(bias) {
            *value = sum + bias;
        }
    }
}
