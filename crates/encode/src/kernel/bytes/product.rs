//! A linear layer over quantised rows: `out = activation(rows · weightsᵀ + bias)`.

use super::super::{Activation, Simd, Step, TILE, Task, WIDTH};
use super::{BytePanels, ByteRows};

/// One product. `out` has as many rows as `rows`, of `weights.outputs` numbers.
pub(crate) struct ByteProduct<'a> {
    pub(crate) rows: &'a ByteRows,
    pub(crate) weights: &'a BytePanels,
    /// One number an output, or none.
    pub(crate) bias: &'a [f32],
    pub(crate) activation: Activation,
    pub(crate) out: &'a mut [f32],
}

impl Task for ByteProduct<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let count = self.rows.scales.len();
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

impl ByteProduct<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        &mut self,
        simd: S,
        index: usize,
        panel: &[Step<u32>],
        row: usize,
    ) -> usize {
        let outputs = self.weights.outputs;
        let mut sums = [[0; WIDTH]; R];
        simd.byte_tile(&self.rows.bytes[row * self.rows.stride..], self.rows.stride, panel, &mut sums);
        let first = index * WIDTH;
        let width = WIDTH.min(outputs - first);
        let columns = first..first + WIDTH;
        let (scales, offsets) = (&self.weights.scales[columns.clone()], &self.weights.sums[columns]);
        let mut bias = [0.0; WIDTH];
        if let Some(given) = self.bias.get(first..first + width) {
            bias[..width].copy_from_slice(given);
        }
        for (r, sums) in sums.iter().enumerate() {
            let mut values = scaled::<S>(sums, offsets, scales, self.rows.scales[row + r]);
            for (value, bias) in values.iter_mut().zip(&bias) {
                *value += bias;
            }
            self.activation.apply(simd, &mut values);
            let at = (row + r) * outputs + first;
            if let Some(out) = self.out[at..].first_chunk_mut().filter(|_| width == WIDTH) {
                *out = values;
            } else {
                self.out[at..at + width].copy_from_slice(&values[..width]);
            }
        }
        R
    }
}

/// What sums of bytes stand for.
#[inline(always)]
pub(super) fn scaled<S: Simd>(
    sums: &[i32; WIDTH],
    offsets: &[i32],
    scales: &[f32],
    factor: f32,
) -> [f32; WIDTH] {
    let mut values = [0.0; WIDTH];
    for (((value, sum), offset), scale) in values.iter_mut().zip(sums).zip(offsets).zip(scales) {
        *value = (sum - i32::from(S::OFFSET) * offset) as f32 * (scale * factor);
    }
    values
}
