//! A linear layer, packed for its kernel when a model is loaded.

use crate::EncodeError;
use crate::kernel::{Activation, Kernel, Panels, Product};
use crate::safetensors::Safetensors;
use std::io::{Read, Seek};

/// `activation(rows · weightsᵀ + bias)`.
#[derive(Debug)]
pub(crate) struct Linear {
    weights: Panels,
    bias: Vec<f32>,
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
        Ok(Self { weights: Panels::pack(&weights, outputs * names.len(), inputs), bias })
    }

    /// Applies it to `rows`; `out` becomes as many rows of outputs.
    pub(crate) fn apply(&self, kernel: Kernel, rows: &[f32], activation: Activation, out: &mut Vec<f32>) {
        out.resize(rows.len() / self.weights.inputs.max(1) * self.weights.outputs, 0.0);
        kernel.run(Product { rows, weights: &self.weights, bias: &self.bias, activation, out });
    }
}
