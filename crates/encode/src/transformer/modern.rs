//! ModernBERT (Warner et al. 2024; mmBERT is one too): the fields of `config.json` that decide how one is computed, and the
//! names of its tensors.

use super::bounds::{Figures, POSITIONS_MAX, activation, within};
use super::layer::{Layer, Norms};
use super::{Embeddings, Family, norm};
use crate::EncodeError;
use crate::kernel::{Activation, Norm, Turns};
use crate::linear::Linear;
use crate::safetensors::Safetensors;
use serde::Deserialize;
use serde_json::Value;
use std::io::{Read, Seek};
use std::sync::Arc;

/// A checked configuration.
pub(crate) struct ModernConfig {
    figures: Figures,
    epsilon: f32,
    norm_bias: bool,
    attention_bias: bool,
    mlp_bias: bool,
    activation: Activation,
    /// For each layer the tokens that it sees on each side, and how far its positions turn.
    layers: Vec<(Option<usize>, Arc<Turns>)>,
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
    #[serde(default = "epsilon")]
    norm_eps: f32,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "gelu")]
    hidden_activation: String,
    #[serde(default = "near")]
    local_attention: usize,
    #[serde(default = "every")]
    global_attn_every_n_layers: usize,
    #[serde(default = "far_base")]
    global_rope_theta: f32,
    local_rope_theta: Option<f32>,
    layer_types: Option<Vec<String>>,
    rope_parameters: Option<Value>,
    rope_scaling: Option<Value>,
}

fn epsilon() -> f32 {
    1e-5
}

fn gelu() -> String {
    "gelu".into()
}

fn near() -> usize {
    128
}

fn every() -> usize {
    3
}

fn far_base() -> f32 {
    160_000.0
}

impl ModernConfig {
    /// Reads `config.json`, of old and of new versions, for texts of at most `tokens` tokens.
    pub(crate) fn read(place: &str, json: &Value, tokens: Option<usize>) -> Result<Self, EncodeError> {
        let written: Written =
            Deserialize::deserialize(json).map_err(|e| EncodeError::format(place, e.to_string()))?;
        let figures = Figures {
            vocab_size: written.vocab_size,
            hidden_size: written.hidden_size,
            intermediate_size: written.intermediate_size,
            num_hidden_layers: written.num_hidden_layers,
            num_attention_heads: written.num_attention_heads,
            max_position_embeddings: written.max_position_embeddings,
        };
        figures.check(place)?;
        if !(figures.hidden_size / figures.num_attention_heads).is_multiple_of(2) {
            return Err(EncodeError::format(place, "heads of an odd number of numbers cannot be turned"));
        }
        within(place, "global_attn_every_n_layers", written.global_attn_every_n_layers, usize::MAX)?;
        let (far, near) = bases(place, &written)?;
        let tokens = figures.tokens(tokens);
        let width = figures.hidden_size / figures.num_attention_heads;
        let turns = [far, near].map(|base| Arc::new(Turns::new(width, tokens, base)));
        let reach = (written.local_attention / 2).min(POSITIONS_MAX);
        let global = global(place, &written, figures.num_hidden_layers)?.into_iter();
        let [far, near] = turns;
        let layers = global.map(|all| if all { (None, far.clone()) } else { (Some(reach), near.clone()) });
        Ok(Self {
            figures,
            epsilon: written.norm_eps,
            norm_bias: written.norm_bias,
            attention_bias: written.attention_bias,
            mlp_bias: written.mlp_bias,
            activation: activation(place, "hidden_activation", &written.hidden_activation)?,
            layers: layers.collect(),
            tokens,
        })
    }

    /// Names stand below `model.` in models with a head.
    fn prefix<R: Read + Seek>(file: &Safetensors<R>) -> &'static str {
        if file.has("model.embeddings.tok_embeddings.weight") { "model." } else { "" }
    }
}

/// The bases of turns: of layers that see everything, and of those that see what is near.
fn bases(place: &str, written: &Written) -> Result<(f32, f32), EncodeError> {
    if written.rope_scaling.as_ref().is_some_and(|value| !value.is_null()) {
        return Err(EncodeError::unsupported(place, "rope_scaling; positions are computed unscaled"));
    }
    let base = |kind: &str, old: f32| {
        let row = written.rope_parameters.as_ref().and_then(|all| all.get(kind));
        let stated = row.and_then(|row| row.get("rope_type")).and_then(Value::as_str).unwrap_or("default");
        if stated != "default" {
            let problem = format!("rope_type {stated:?} of {kind}; default is computed");
            return Err(EncodeError::unsupported(place, problem));
        }
        let base = row.and_then(|row| row.get("rope_theta")).and_then(Value::as_f64);
        let base = base.map_or(old, |base| base as f32);
        match base.is_finite() && base > 1.0 {
            true => Ok(base),
            false => {
                Err(EncodeError::format(place, format!("rope_theta of {kind} is {base}; it is above 1")))
            }
        }
    };
    let far = base("full_attention", written.global_rope_theta)?;
    Ok((far, base("sliding_attention", written.local_rope_theta.unwrap_or(far))?))
}

/// For each layer whether it sees everything.
fn global(place: &str, written: &Written, count: usize) -> Result<Vec<bool>, EncodeError> {
    let Some(types) = &written.layer_types else {
        return Ok((0..count)
            .map(|index| index.is_multiple_of(written.global_attn_every_n_layers))
            .collect());
    };
    let kind = |index: usize| match types.get(index).map(String::as_str) {
        Some("full_attention") => Ok(true),
        Some("sliding_attention") => Ok(false),
        other => {
            let known = "full_attention and sliding_attention are computed";
            Err(EncodeError::unsupported(place, format!("layer_types[{index}] is {other:?}; {known}")))
        }
    };
    (0..count).map(kind).collect()
}

impl Family for ModernConfig {
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
        let norm = norm(file, &format!("{at}.norm"), self.width(), (self.epsilon, self.norm_bias))?;
        let table = format!("{at}.tok_embeddings.weight");
        Ok(Embeddings { table, positions: Vec::new(), second: Vec::new(), norm })
    }

    fn layer<R: Read + Seek>(&self, file: &mut Safetensors<R>, index: usize) -> Result<Layer, EncodeError> {
        let at = format!("{}layers.{index}", Self::prefix(file));
        let (width, wide) = (self.width(), self.figures.intermediate_size);
        let mut linear =
            |name: &str, shape, biased| Linear::read(file, &[format!("{at}.{name}")], shape, biased);
        let mix = linear("attn.Wqkv", (3 * width, width), self.attention_bias)?;
        let join = linear("attn.Wo", (width, width), self.attention_bias)?;
        let widen = linear("mlp.Wi", (2 * wide, width), self.mlp_bias)?;
        let narrow = linear("mlp.Wo", (width, wide), self.mlp_bias)?;
        let mut norm =
            |name: &str| norm(file, &format!("{at}.{name}"), width, (self.epsilon, self.norm_bias));
        let attend = if index == 0 { None } else { Some(norm("attn_norm")?) };
        let (reach, turns) =
            self.layers.get(index).map_or((None, None), |(reach, turns)| (*reach, Some(turns.clone())));
        let heads = self.figures.heads(reach);
        Ok(Layer {
            mix,
            join,
            widen,
            narrow,
            norms: Norms::Before { attend, feed: norm("mlp_norm")? },
            heads,
            turns,
            activation: self.activation,
            gated: true,
            bytes: false,
        })
    }

    fn last<R: Read + Seek>(&self, file: &mut Safetensors<R>) -> Result<Option<Norm>, EncodeError> {
        let name = format!("{}final_norm", Self::prefix(file));
        norm(file, &name, self.width(), (self.epsilon, self.norm_bias)).map(Some)
    }
}
