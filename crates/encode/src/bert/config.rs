//! The fields of `config.json` that decide how a BERT is computed.

use crate::EncodeError;
use crate::kernel::{Activation, HEAD_MAX};
use serde::Deserialize;

/// Bounds of what is computed, so that a hostile configuration cannot ask for more memory than a large model has.
const WIDTH_MAX: usize = 1 << 13;
const LAYERS_MAX: usize = 128;
const POSITIONS_MAX: usize = 1 << 16;

/// A checked configuration.
#[derive(Debug)]
pub(crate) struct BertConfig {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) max_position_embeddings: usize,
    pub(crate) type_vocab_size: usize,
    pub(crate) layer_norm_eps: f32,
    pub(crate) activation: Activation,
}

#[derive(Deserialize)]
struct Written {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "epsilon")]
    layer_norm_eps: f32,
    #[serde(default = "gelu")]
    hidden_act: String,
    position_embedding_type: Option<String>,
}

fn two() -> usize {
    2
}

fn epsilon() -> f32 {
    1e-12
}

fn gelu() -> String {
    "gelu".into()
}

impl BertConfig {
    /// Reads `config.json`.
    pub(crate) fn read(place: &str, json: &serde_json::Value) -> Result<Self, EncodeError> {
        let written: Written =
            Deserialize::deserialize(json).map_err(|e| EncodeError::format(place, e.to_string()))?;
        let activation = activation(&written.hidden_act).ok_or_else(|| {
            let problem =
                format!("hidden_act {:?}; gelu, gelu_new and relu are computed", written.hidden_act);
            EncodeError::unsupported(place, problem)
        })?;
        if let Some(other) = written.position_embedding_type.filter(|kind| kind != "absolute") {
            let problem = format!("position_embedding_type {other:?}; absolute is computed");
            return Err(EncodeError::unsupported(place, problem));
        }
        let within = |name: &str, value: usize, most: usize| match value {
            0 => Err(EncodeError::format(place, format!("{name} is 0"))),
            _ if value > most => {
                Err(EncodeError::unsupported(place, format!("{name} is {value}, {most} is the most")))
            }
            _ => Ok(()),
        };
        within("hidden_size", written.hidden_size, WIDTH_MAX)?;
        within("intermediate_size", written.intermediate_size, 8 * WIDTH_MAX)?;
        within("num_hidden_layers", written.num_hidden_layers, LAYERS_MAX)?;
        within("num_attention_heads", written.num_attention_heads, written.hidden_size)?;
        within("max_position_embeddings", written.max_position_embeddings, POSITIONS_MAX)?;
        within("type_vocab_size", written.type_vocab_size, POSITIONS_MAX)?;
        if !written.hidden_size.is_multiple_of(written.num_attention_heads) {
            return Err(EncodeError::format(place, "hidden_size is no multiple of num_attention_heads"));
        }
        if written.hidden_size / written.num_attention_heads > HEAD_MAX {
            let problem = format!("heads of more than {HEAD_MAX} numbers");
            return Err(EncodeError::unsupported(place, problem));
        }
        Ok(Self {
            vocab_size: written.vocab_size,
            hidden_size: written.hidden_size,
            intermediate_size: written.intermediate_size,
            num_hidden_layers: written.num_hidden_layers,
            num_attention_heads: written.num_attention_heads,
            max_position_embeddings: written.max_position_embeddings,
            type_vocab_size: written.type_vocab_size,
            layer_norm_eps: written.layer_norm_eps,
            activation,
        })
    }
}

fn activation(name: &str) -> Option<Activation> {
    match name {
        "gelu" => Some(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Some(Activation::GeluTanh),
        "relu" => Some(Activation::Relu),
        _ => None,
    }
}
