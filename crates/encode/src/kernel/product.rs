//! A linear layer over rows: `out = activation(rows · weightsᵀ + bias)`, whatever the rows and weights are kept in.
//!
//! The loop is the same for every arithmetic: panel by panel of weights, so that a panel stays in the nearest cache while all
//! rows pass it, and tile by tile of rows. What differs is how a tile's sums come about: an [`Operands`].

use super::tiles::{Tiled, each_tile};
use super::{Activation, Simd, Task, WIDTH};

/// Rows and weights that can be multiplied.
pub(crate) trait Operands {
    /// Rows of the product.
    fn rows(&self) -> usize;
    /// Numbers of a row of the product.
    fn outputs(&self) -> usize;
    /// Sums of products as the arithmetic keeps them.
    type Sum: Copy;

    /// `R` rows from `row` on, times the weights of panel `panel`.
    fn sums<S: Simd, const R: usize>(&self, simd: S, row: usize, panel: usize) -> [[Self::Sum; WIDTH]; R];

    /// What the sums of a row and a panel, both in `at`, stand for, plus `bias`.
    fn values<S: Simd>(
        &self,
        simd: S,
        at: (usize, usize),
        sums: &[Self::Sum; WIDTH],
        bias: &[f32; WIDTH],
        values: &mut [f32; WIDTH],
    );
}

/// One product. `out` has as many rows as `operands`, of as many outputs.
pub(crate) struct Product<'a, O> {
    pub(crate) operands: O,
    /// One number an output, or none.
    pub(crate) bias: &'a [f32],
    pub(crate) activation: Activation,
    pub(crate) out: &'a mut [f32],
}

impl<O: Operands> Task for Product<'_, O> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (rows, outputs) = (self.operands.rows(), self.operands.outputs());
        for panel in 0..outputs.div_ceil(WIDTH) {
            let first = panel * WIDTH;
            let width = WIDTH.min(outputs - first);
            let mut bias = [0.0; WIDTH];
            if let Some(given) = self.bias.get(first..first + width) {
                bias[..width].copy_from_slice(given);
            }
            let (operands, activation) = (&self.operands, self.activation);
            let out = &mut *self.out;
            let mut column = Column { operands, activation, panel, bias, width, outputs, out };
            each_tile(simd, rows, &mut column);
        }
    }
}

/// The outputs of one panel.
struct Column<'a, O> {
    operands: &'a O,
    activation: Activation,
    panel: usize,
    bias: [f32; WIDTH],
    width: usize,
    outputs: usize,
    out: &'a mut [f32],
}

impl<O: Operands> Tiled for Column<'_, O> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        let sums: [_; R] = self.operands.sums(simd, row, self.panel);
        for (r, sums) in sums.iter().enumerate() {
            let row = row + r;
            let at = row * self.outputs + self.panel * WIDTH;
            let out = &mut self.out[at..at + self.width];
            let mut spare = [0.0; WIDTH];
            let whole = out.len() == WIDTH;
            let values = out.first_chunk_mut().unwrap_or(&mut spare);
            self.operands.values(simd, (row, self.panel), sums, &self.bias, values);
            self.activation.apply(simd, values);
            if !whole {
                out.copy_from_slice(&spare[..self.width]);
            }
        }
    }
}
