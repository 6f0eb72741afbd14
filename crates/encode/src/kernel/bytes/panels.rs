//! Bytes of weights in the order in which products read them.

use super::super::math::ROUND;
use super::super::{GROUP, HEAD_MAX, Simd, Step, WIDTH};
use super::rows::{ByteRows, inverse};

/// Weights as panels of [`WIDTH`] outputs; within a panel, group by group of [`GROUP`] inputs, each output's group side by
/// side. Each output has a scale, and the sum of its bytes.
#[derive(Debug, Default)]
pub(crate) struct BytePanels {
    steps: Vec<Step<u32>>,
    pub(super) scales: Vec<f32>,
    pub(super) sums: Vec<i32>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

impl BytePanels {
    /// Quantises and packs `weights`: `outputs` rows of `inputs` numbers. Inputs will come multiplied by `factors`.
    pub(crate) fn pack(weights: &[f32], outputs: usize, factors: &[f32]) -> Self {
        let inputs = factors.len();
        let mut panels = Self::default();
        panels.reset(outputs, inputs);
        let groups = inputs.div_ceil(GROUP);
        for (output, row) in weights.chunks_exact(inputs.max(1)).take(outputs).enumerate() {
            let row: Vec<f32> = row.iter().zip(factors).map(|(x, factor)| x / factor).collect();
            let most = row.iter().fold(0f32, |most, x| most.max(x.abs()));
            panels.scales[output] = most / 127.0;
            let bytes: Vec<u8> =
                row.iter().map(|x| (x * inverse(most)).round_ties_even() as i8 as u8).collect();
            panels.sums[output] = bytes.iter().map(|byte| i32::from(byte.cast_signed())).sum();
            for (index, group) in bytes.chunks(GROUP).enumerate() {
                let mut four = [0; GROUP];
                four[..group.len()].copy_from_slice(group);
                panels.steps[output / WIDTH * groups + index].0[output % WIDTH] = u32::from_le_bytes(four);
            }
        }
        panels
    }

    #[inline(always)]
    fn reset(&mut self, outputs: usize, inputs: usize) {
        let columns = outputs.next_multiple_of(WIDTH);
        self.steps.resize(columns / WIDTH * inputs.div_ceil(GROUP), Step([0; WIDTH]));
        self.scales.resize(columns, 0.0);
        self.sums.resize(columns, 0);
        (self.inputs, self.outputs) = (inputs, outputs);
    }

    /// The weights of outputs `index · WIDTH` and following.
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &[Step<u32>] {
        let groups = self.inputs.div_ceil(GROUP);
        &self.steps[index * groups..(index + 1) * groups]
    }

    /// The sums and scales of the outputs of panel `index`.
    #[inline(always)]
    pub(super) fn columns(&self, index: usize) -> (&[i32; WIDTH], &[f32; WIDTH]) {
        (&self.sums.as_chunks().0[index], &self.scales.as_chunks().0[index])
    }

    /// Becomes the panels of `count` keys of `width` numbers, `stride` apart; `spare` is overwritten.
    #[inline(always)]
    pub(super) fn keys<S: Simd>(
        &mut self,
        simd: S,
        rows: &[f32],
        (stride, count, width): (usize, usize, usize),
        spare: &mut ByteRows,
    ) {
        self.reset(count, width);
        spare.reset(1, width);
        let ones = [1.0; HEAD_MAX];
        let groups = width.div_ceil(GROUP);
        for (key, row) in rows.chunks(stride).take(count).enumerate() {
            spare.set(simd, 0, &row[..width], &ones[..width]);
            self.scales[key] = spare.scales[0];
            let bytes = &mut spare.bytes[..groups * GROUP];
            let mut sum = 0;
            for byte in bytes.iter_mut() {
                // The row is in the kernel's form; a weight is signed.
                *byte = byte.wrapping_sub(S::OFFSET);
                sum += i32::from(byte.cast_signed());
            }
            for (index, group) in bytes.as_chunks::<GROUP>().0.iter().enumerate() {
                self.steps[key / WIDTH * groups + index].0[key % WIDTH] = u32::from_le_bytes(*group);
            }
            self.sums[key] = sum;
        }
        // Columns beyond the last key keep what was there: they are masked.
    }

    /// Becomes the panels of the transpose of `count` values of `width` numbers, `stride` apart.
    #[inline(always)]
    pub(super) fn values<S: Simd>(
        &mut self,
        _: S,
        rows: &[f32],
        (stride, count, width): (usize, usize, usize),
    ) {
        self.reset(width, count);
        let groups = count.div_ceil(GROUP);
        let row = |index: usize, first: usize, length: usize| &rows[index * stride + first..][..length];
        for first in (0..width).step_by(WIDTH) {
            let length = WIDTH.min(width - first);
            let mut most = [0f32; WIDTH];
            for index in 0..count {
                for (most, x) in most.iter_mut().zip(row(index, first, length)) {
                    *most = most.max(x.abs());
                }
            }
            let factors = most.map(inverse);
            for (scale, most) in self.scales[first..first + length].iter_mut().zip(most) {
                *scale = most / 127.0;
            }
            for group in 0..groups {
                let mut four = [0; WIDTH];
                for part in 0..GROUP.min(count - group * GROUP) {
                    let values = row(group * GROUP + part, first, length);
                    for ((slot, x), factor) in four.iter_mut().zip(values).zip(&factors) {
                        *slot |= ((x * factor + ROUND).to_bits() & 0xff) << (8 * part);
                    }
                }
                self.steps[first / WIDTH * groups + group].0 = four;
            }
        }
    }
}
