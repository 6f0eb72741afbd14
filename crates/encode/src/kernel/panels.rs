//! Numbers in the order in which products read them.

/// Columns of a panel: two registers of sixteen.
pub(crate) const WIDTH: usize = 32;

/// The weights of a linear layer, as panels of [`WIDTH`] outputs. Within a panel, input by input: all its outputs' weights
/// for the first input, then for the second. The last panel is filled up with zeros.
#[derive(Debug, Default)]
pub(crate) struct Panels {
    data: Vec<[f32; WIDTH]>,
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

    /// Becomes the panels of `outputs` rows of `inputs` numbers, `stride` apart.
    #[inline(always)]
    pub(super) fn transpose(&mut self, rows: &[f32], stride: usize, outputs: usize, inputs: usize) {
        self.reset(outputs, inputs);
        for (output, row) in rows.chunks(stride.max(1)).take(outputs).enumerate() {
            let panel = output / WIDTH * inputs;
            for (slot, weight) in self.data[panel..panel + inputs].iter_mut().zip(row) {
                slot[output % WIDTH] = *weight;
            }
        }
    }

    /// Becomes the panels of the transpose of that: `inputs` rows of `outputs` numbers, `stride` apart.
    #[inline(always)]
    pub(super) fn copy(&mut self, rows: &[f32], stride: usize, outputs: usize, inputs: usize) {
        self.reset(outputs, inputs);
        for (input, row) in rows.chunks(stride.max(1)).take(inputs).enumerate() {
            for (index, part) in row[..outputs].chunks(WIDTH).enumerate() {
                self.data[index * inputs + input][..part.len()].copy_from_slice(part);
            }
        }
    }

    fn reset(&mut self, outputs: usize, inputs: usize) {
        self.data.clear();
        self.data.resize(outputs.div_ceil(WIDTH) * inputs, [0.0; WIDTH]);
        (self.inputs, self.outputs) = (inputs, outputs);
    }

    /// The panels, in order of outputs.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &[[f32; WIDTH]]> {
        self.data.chunks_exact(self.inputs.max(1))
    }
}
