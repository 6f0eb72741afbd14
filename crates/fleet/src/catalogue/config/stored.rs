//! How the weights are stored: the bits that each way of quantizing writes down, under its own name.

use super::{Config, Dtype, wrong};
use crate::Error;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `quantization_config`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Quantization {
    quant_method: String,
    bits: Option<u32>,
    load_in_4bit: bool,
    load_in_8bit: bool,
    /// compressed-tensors and ModelOpt: by group of layers.
    config_groups: BTreeMap<String, Group>,
    /// ModelOpt: activations and weights in one name.
    quant_algo: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Group {
    weights: Option<Values>,
}

#[derive(Deserialize)]
struct Values {
    num_bits: u32,
}

/// The type of the weights.
///
/// # Errors
/// [`Error::Format`] where the bits are not said, differ by layer, or are not those of a [`Dtype`].
pub(super) fn weights(name: &str, config: &Config) -> Result<Dtype, Error> {
    let Some(quantization) = &config.quantization_config else {
        return Ok(match config.torch_dtype.as_deref().or(config.dtype.as_deref()) {
            Some(named) if named.starts_with("float8") => Dtype::Fp8,
            _ => Dtype::Fp16,
        });
    };
    let method = quantization.quant_method.as_str();
    let refused = |problem: String| {
        Err(wrong(
            name,
            problem,
            "state `bits` (4 or 8) in quantization_config, or describe it with --models",
        ))
    };
    match quantization.bits() {
        Some(4) => Ok(Dtype::Int4),
        Some(8) => Ok(Dtype::Fp8),
        Some(bits) => refused(format!("weights of {bits} bits (`{method}`) are not known")),
        None => refused(format!("`quantization_config` does not say the bits of `{method}` in all layers")),
    }
}

impl Quantization {
    fn bits(&self) -> Option<u32> {
        if self.bits.is_some() {
            return self.bits;
        }
        if !self.config_groups.is_empty() {
            let mut each =
                self.config_groups.values().map(|group| group.weights.as_ref().map(|w| w.num_bits));
            let first = each.next()??;
            return each.all(|bits| bits == Some(first)).then_some(first);
        }
        match (self.quant_method.as_str(), self.quant_algo.as_deref()) {
            (_, Some(algorithm)) => of_algorithm(algorithm),
            ("bitsandbytes", _) if self.load_in_4bit => Some(4),
            ("bitsandbytes", _) if self.load_in_8bit => Some(8),
            ("awq" | "gptq" | "mxfp4", _) => Some(4),
            ("fp8" | "fbgemm_fp8", _) => Some(8),
            _ => None,
        }
    }
}

/// Bits of the weights in ModelOpt's names, as `NVFP4`, `W4A8_AWQ`, `FP8_PB_WO`, `INT8_SQ`.
fn of_algorithm(algorithm: &str) -> Option<u32> {
    let algorithm = algorithm.to_ascii_uppercase();
    let starts = |with: &str| algorithm.starts_with(with);
    if algorithm.contains("FP4") || starts("W4") || starts("INT4") {
        return Some(4);
    }
    (starts("FP8") || starts("W8") || starts("INT8")).then_some(8)
}
