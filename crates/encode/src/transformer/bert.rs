//! BERT: the fields of `config.json` that decide how one is computed, and the names of its tensors.

use super::bounds::{Figures, POSITIONS_MAX, activation, within};
use super::layer::{Layer, Norms};
use super::{Embeddings, Family, norm};
use crate::EncodeError;
use crate::kernel::{Activation, Norm};
use crate::linear::Linear;
use crate::safetensors::Safetensors;
use serde::Deserialize;
use std::io::{Read, Seek};

/// A checked configuration.
pub(crate) struct BertConfig {
    figures: Figures,
    type_vocab_size: usize,
    layer_norm_eps: f32,
    activation: Activation,
    tokens: usize,
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
    /// Reads `config.json`, for texts of at most `tokens` tokens.
    pub(crate) fn read(
        place: &str,
        json: &serde_json::Value,
        tokens: Option<usize>,
    ) -> Result<Self, EncodeError> {
        let written: Written =
            Deserialize::deserialize(json).map_err(|e| EncodeError::format(place, e.to_string()))?;
        let activation = activation(place, "hidden_act", &written.hidden_act)?;
        if let Some(other) = written.position_embedding_type.filter(|kind| kind != "absolute") {
            let problem = format!("position_embedding_type {other:?}; absolute is computed");
            return Err(EncodeError::unsupported(place, problem));
        }
        let figures = Figures {
            vocab_size: written.vocab_size,
            hidden_size: written.hidden_size,
            intermediate_size: written.intermediate_size,
            num_hidden_layers: written.num_hidden_layers,
            num_attention_heads: written.num_attention_heads,
            max_position_embeddings: written.max_position_embeddings,
        };
        figures.check(place)?;
        within(place, "type_vocab_size", written.type_vocab_size, POSITIONS_MAX)?;
        Ok(Self {
            type_vocab_size: written.type_vocab_size,
            layer_norm_eps: written.layer_norm_eps,
            activation,
            tokens: figures.tokens(tokens),
            figures,
        })
    }

    /// Names stand below `bert.` in models with a head.
    fn prefix<R: Read + Seek>(file: &Safetensors<R>) -> &'static str {
        if file.has("bert.embeddings.word_embeddings.weight") { "bert." } else { "" }
    }
}

impl Family for BertConfig {
    fn vocabulary(&self) -> usize {
        self.figures.vocab_size
    }

    fn width(&self) -> usize {
        self.figures.hidden_size
    }

    fn tokens(&self) -> usize {
        self.tokens
    }

    fn layers(&self) -> usize {
        self.figures.num_hidden_layers
    }

    fn embeddings<R: Read + Seek>(&self, file: &mut Safetensors<R>) -> Result<Embeddings, EncodeError> {
        let at = format!("{}embeddings", Self::prefix(file));
        let width = self.width();
        let mut positions = file.shaped(
            &format!("{at}.position_embeddings.weight"),
            &[self.figures.max_position_embeddings, width],
        )?;
        let segments =
            file.shaped(&format!("{at}.token_type_embeddings.weight"), &[self.type_vocab_size, width])?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&segments).for_each(|(x, segment)| *x += segment);
        }
        let (first, other) = segments.split_at(width);
        let second = other.iter().zip(first).map(|(other, first)| other - first).take(width).collect();
        let norm = norm(file, &format!("{at}.LayerNorm"), width, (self.layer_norm_eps, true))?;
        Ok(Embeddings { table: format!("{at}.word_embeddings.weight"), positions, second, norm })
    }

    fn layer<R: Read + Seek>(&self, file: &mut Safetensors<R>, index: usize) -> Result<Layer, EncodeError> {
        let at = format!("{}encoder.layer.{index}", Self::prefix(file));
        let (width, wide) = (self.width(), self.figures.intermediate_size);
        let mix = ["query", "key", "value"].map(|part| format!("{at}.attention.self.{part}"));
        let mut linear = |name: &str, shape| Linear::read(file, &[format!("{at}.{name}")], shape, true);
        let join = linear("attention.output.dense", (width, width))?;
        let widen = linear("intermediate.dense", (wide, width))?;
        let narrow = linear("output.dense", (width, wide))?;
        let mix = Linear::read(file, &mix, (width, width), true)?;
        let mut norm = |name: &str| norm(file, &format!("{at}.{name}"), width, (self.layer_norm_eps, true));
        Ok(Layer {
            mix,
            join,
            widen,
            narrow,
            norms: Norms::After {
                attended: norm("attention.output.LayerNorm")?,
                fed: norm("output.LayerNorm")?,
            },
            heads: self.figures.heads(None),
            turns: None,
            activation: self.activation,
            gated: false,
            bytes: false,
        })
    }

    fn last<R: Read + Seek>(&self, _: &mut Safetensors<R>) -> Result<Option<Norm>, EncodeError> {
        Ok(None)
    }
}
