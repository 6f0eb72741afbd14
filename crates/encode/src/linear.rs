//! A linear layer, packed for its kernel when a model is loaded.

use crate::EncodeError;
use crate::kernel::{Activation, BytePanels, ByteRows, Bytes, Floats, Kernel, Panels, Product, Quantise};
use crate::safetensors::Safetensors;
use std::io::{Read, Seek};

/// Weights and inputs below this are as good as 0.
const SMALLEST: f32 = 1e-5;

/// `activation(rows · weightsᵀ + bias)`.
#[derive(Debug)]
pub(crate) struct Linear {
    weights: Weights,
    bias: Vec<f32>,
}

#[derive(Debug)]
enum Weights {
    F32(Panels),
    /// With what each input is multiplied by before it is quantised.
    Int8(BytePanels, Vec<f32>),
}

impl Linear {
    /// Reads `NAME.weight` and `NAME.bias` of each of `names`, whose outputs stand side by side.
    pub(crate) fn read<R: Read + Seek>(
        file: &mut Safetensors<R>,
        names: &[String],
        (outputs, inputs): (usize, usize),
        biased: bool,
    ) -> Result<Self, EncodeError> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weights.extend(file.shaped(&format!("{name}.weight"), &[outputs, inputs])?);
            if biased {
                bias.extend(file.shaped(&format!("{name}.bias"), &[outputs])?);
            }
        }
        let outputs = outputs * names.len();
        let weights = Weights::F32(Panels::pack(&weights, outputs, inputs));
        Ok(Self { weights, bias })
    }

    /// The same in bytes. `peaks` are how large each input was seen to become.
    ///
    /// A few inputs are much larger than the others, and a scale that fits them leaves the others few steps. So each input is
    /// divided and its weights are multiplied by √(its peak / its largest weight) (SmoothQuant, Xiao et al. 2023, α = ½).
    pub(crate) fn quantise(&mut self, peaks: &[f32]) {
        let Weights::F32(panels) = &self.weights else { return };
        let weights = panels.unpack();
        let mut most = vec![0f32; panels.inputs];
        for row in weights.chunks_exact(panels.inputs.max(1)) {
            most.iter_mut().zip(row).for_each(|(most, x)| *most = most.max(x.abs()));
        }
        let factors: Vec<f32> =
            most.iter().zip(peaks).map(|(w, x)| (w.max(SMALLEST) / x.max(SMALLEST)).sqrt()).collect();
        self.weights = Weights::Int8(BytePanels::pack(&weights, panels.outputs, &factors), factors);
    }

    /// Numbers of a row that it is applied to.
    pub(crate) fn inputs(&self) -> usize {
        match &self.weights {
            Weights::F32(panels) => panels.inputs,
            Weights::Int8(panels, _) => panels.inputs,
        }
    }

    /// Applies it to `rows`; `out` becomes as many rows of outputs. `bytes` is overwritten.
    pub(crate) fn apply(
        &self,
        kernel: Kernel,
        rows: &[f32],
        activation: Activation,
        (bytes, out): (&mut ByteRows, &mut Vec<f32>),
    ) {
        let outputs = match &self.weights {
            Weights::F32(panels) => panels.outputs,
            Weights::Int8(panels, _) => panels.outputs,
        };
        out.resize(rows.len() / self.inputs().max(1) * outputs, 0.0);
        let bias = &self.bias;
        match &self.weights {
            Weights::F32(weights) => {
                kernel.run(Product { operands: Floats { rows, weights }, bias, activation, out });
            }
            Weights::Int8(weights, factors) => {
                kernel.run(Quantise { rows, factors, into: bytes });
                kernel.run(Product { operands: Bytes { rows: bytes, weights }, bias, activation, out });
            }
        }
    }
}
