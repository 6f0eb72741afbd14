//! A linear layer over rows: `out = activation(rows · weightsᵀ + bias)`.

use super::super::{Activation, Simd, Step, TILE, Task, WIDTH};
use super::Panels;

/// One product. `out` has as many rows as `rows`, of `weights.outputs` numbers.
pub(crate) struct Product<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) weights: &'a Panels,
    /// One number an output, or none.
    pub(crate) bias: &'a [f32],
    pub(crate) activation: Activation,
    pub(crate) out: &'a mut [f32],
}

impl Task for Product<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let count = self.rows.len() / self.weights.inputs.max(1);
        for (index, panel) in self.weights.iter().enumerate() {
            let mut row = 0;
            while row < count {
                row += match count - row {
                    TILE.. => self.tile::<S, TILE>(simd, index, panel, row),
                    4.. => self.tile::<S, 4>(simd, index, panel, row),
                    _ => self.tile::<S, 1>(simd, index, panel, row),
                };
            }
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        &mut self,
        simd: S,
        index: usize,
        panel: &[Step<f32>],
        row: usize,
    ) -> usize {
        let (inputs, outputs) = (self.weights.inputs, self.weights.outputs);
        let mut sums = [[0.0; WIDTH]; R];
        simd.tile(&self.rows[row * inputs..(row + R) * inputs], inputs, panel, &mut sums);
        let first = index * WIDTH;
        let width = WIDTH.min(outputs - first);
        for (r, sums) in sums.iter_mut().enumerate() {
            for (sum, bias) in sums.iter_mut().zip(self.bias.get(first..first + width).unwrap_or_default()) {
                *sum += bias;
            }
            self.activation.apply(simd, sums);
            let at = (row + r) * outputs + first;
            if let Some(out) = self.out[at..].first_chunk_mut().filter(|_| width == WIDTH) {
                *out = *sums;
            } else {
                self.out[at..at + width].copy_from_slice(&sums[..width]);
            }
        }
        R
    }
}
