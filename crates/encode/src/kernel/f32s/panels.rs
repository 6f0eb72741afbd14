//! Numbers in the order in which products read them.

use super::super::{Step, WIDTH};

/// The weights of a linear layer, as panels of [`WIDTH`] outputs. Within a panel, input by input: all its outputs' weights
/// for the first input, then for the second. The last panel is filled up with zeros.
#[derive(Debug, Default)]
pub(crate) struct Panels {
    steps: Vec<Step<f32>>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

impl Panels {
    /// Packs `weights`: `outputs` rows of `inputs` numbers.
    pub(crate) fn pack(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        let mut panels = Self::default();
        panels.transpose(weights, inputs, outputs, inputs);
        panels
    }

    /// What was packed.
    pub(crate) fn unpack(&self) -> Vec<f32> {
        let weight =
            |output: usize, input: usize| self.steps[output / WIDTH * self.inputs + input].0[output % WIDTH];
        (0..self.outputs)
            .flat_map(|output| (0..self.inputs).map(move |input| weight(output, input)))
            .collect()
    }

    /// Becomes the panels of `outputs` rows of `inputs` numbers, `stride` apart.
    #[inline(always)]
    pub(super) fn transpose(&mut self, rows: &[f32], stride: usize, outputs: usize, inputs: usize) {
        self.reset(outputs, inputs);
        for (output, row) in rows.chunks(stride.max(1)).take(outputs).enumerate() {
            let panel = output / WIDTH * inputs;
            for (slot, weight) in self.steps[panel..panel + inputs].iter_mut().zip(row) {
                slot.0[output % WIDTH] = *weight;
            }
        }
    }

    /// Becomes the panels of the transpose of that: `inputs` rows of `outputs` numbers, `stride` apart.
    #[inline(always)]
    pub(super) fn copy(&mut self, rows: &[f32], stride: usize, outputs: usize, inputs: usize) {
        self.reset(outputs, inputs);
        for (input, row) in rows.chunks(stride.max(1)).take(inputs).enumerate() {
            for (index, part) in row[..outputs].chunks(WIDTH).enumerate() {
                self.steps[index * inputs + input].0[..part.len()].copy_from_slice(part);
            }
        }
    }

    fn reset(&mut self, outputs: usize, inputs: usize) {
        self.steps.clear();
        self.steps.resize(outputs.div_ceil(WIDTH) * inputs, Step([0.0; WIDTH]));
        (self.inputs, self.outputs) = (inputs, outputs);
    }

    /// The weights of outputs `index · WIDTH` and following.
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &[Step<f32>] {
        &self.steps[index * self.inputs..(index + 1) * self.inputs]
    }
}
