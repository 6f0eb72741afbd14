//! A model from its published `config.json` (the file that Hugging Face repositories carry).
//!
//! Only fields that say the shape are read. A shape that these fields cannot express is an error, never a guess. What a
//! file leaves out is what Transformers takes for its family; where that is not known here, the file is refused.

mod family;
mod stored;

use super::{Attention, Dtype, Experts, Model, Sliding};
use crate::Error;
use serde::Deserialize;

/// A model with the type that its weights are published in.
#[derive(Clone, PartialEq, Debug)]
pub struct Imported {
    /// The shape.
    pub model: Model,
    /// How the weights are stored.
    pub weights: Dtype,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    text_config: Option<serde_json::Value>,
    model_type: String,
    hidden_size: Option<u32>,
    num_hidden_layers: Option<u32>,
    num_attention_heads: Option<u32>,
    num_key_value_heads: Option<u32>,
    head_dim: Option<u32>,
    intermediate_size: Option<u32>,
    intermediate_size_mlp: Option<u32>,
    vocab_size: Option<u32>,
    max_position_embeddings: Option<u32>,
    tie_word_embeddings: Option<bool>,
    torch_dtype: Option<String>,
    dtype: Option<String>,
    quantization_config: Option<stored::Quantization>,
    // Latent attention.
    kv_lora_rank: Option<u32>,
    q_lora_rank: Option<u32>,
    qk_nope_head_dim: Option<u32>,
    qk_rope_head_dim: Option<u32>,
    v_head_dim: Option<u32>,
    // Experts, under the names of the families.
    num_local_experts: Option<u32>,
    num_experts: Option<u32>,
    n_routed_experts: Option<u32>,
    num_experts_per_tok: Option<u32>,
    experts_per_token: Option<u32>,
    moe_intermediate_size: Option<u32>,
    n_shared_experts: Option<u32>,
    shared_expert_intermediate_size: Option<u32>,
    first_k_dense_replace: Option<u32>,
    mlp_only_layers: Vec<u32>,
    decoder_sparse_step: Option<u32>,
    interleave_moe_layer_step: Option<u32>,
    // Windows.
    sliding_window: Option<u32>,
    use_sliding_window: Option<bool>,
    sliding_window_pattern: Option<u32>,
    max_window_layers: Option<u32>,
    layer_types: Vec<String>,
    // Layers without a KV cache, under the names of the families.
    full_attention_interval: Option<serde_json::Value>,
    hybrid_override_pattern: Option<serde_json::Value>,
    attn_layer_period: Option<serde_json::Value>,
    attn_type_list: Option<serde_json::Value>,
    linear_attn_config: Option<serde_json::Value>,
}

/// Reads a `config.json`; `name` is what the model is to be called.
///
/// # Errors
/// [`Error::Format`] that names the field that is missing or contradicts another.
pub fn from_config(name: &str, json: &[u8]) -> Result<Imported, Error> {
    let broken =
        |error: serde_json::Error| wrong(name, error.to_string(), "give the config.json of a decoder");
    let mut config: Config = serde_json::from_slice(json).map_err(broken)?;
    if let Some(inner) = config.text_config.take() {
        let (outer_tie, outer_type) = (config.tie_word_embeddings, config.quantization_config.take());
        config = serde_json::from_value(inner).map_err(broken)?;
        config.tie_word_embeddings = config.tie_word_embeddings.or(outer_tie);
        config.quantization_config = config.quantization_config.or(outer_type);
    }
    let need = |field: &str, value: Option<u32>| {
        let value = value.filter(|&v| v > 0);
        value.ok_or_else(|| wrong(name, format!("`{field}` is missing"), "give the config.json of a decoder"))
    };
    let hidden = need("hidden_size", config.hidden_size)?;
    let layers = need("num_hidden_layers", config.num_hidden_layers)?;
    let heads = need("num_attention_heads", config.num_attention_heads)?;
    family::every_layer_attends(name, &config, layers)?;
    let (attention, head_dim) = attention(name, &config, hidden, heads)?;
    let experts = experts(&config, layers, &need)?;
    let dense = config.intermediate_size_mlp.or(config.intermediate_size);
    let intermediate = match experts {
        Some(e) if e.dense_layers == 0 => 0,
        _ => need("intermediate_size", dense)?,
    };
    let model = Model {
        name: name.to_lowercase(),
        layers,
        hidden,
        heads,
        head_dim,
        attention,
        intermediate,
        experts,
        sliding: family::sliding(name, &config, layers)?,
        vocab: need("vocab_size", config.vocab_size)?,
        tied_embeddings: family::tied(name, &config)?,
        max_context_tokens: need("max_position_embeddings", config.max_position_embeddings)?,
        stated_parameters: None,
    };
    let weights = stored::weights(name, &config)?;
    Ok(Imported { model, weights })
}

fn wrong(name: &str, problem: String, fix: &str) -> Error {
    Error::Format { place: format!("config of {name}"), problem, fix: fix.into() }
}

fn attention(name: &str, config: &Config, hidden: u32, heads: u32) -> Result<(Attention, u32), Error> {
    let need = |field: &str, value: Option<u32>| {
        value.ok_or_else(|| {
            wrong(name, format!("`{field}` is missing"), "state it, as latent attention needs it")
        })
    };
    if let Some(kv_rank) = config.kv_lora_rank {
        let rope_dim = need("qk_rope_head_dim", config.qk_rope_head_dim)?;
        let head_dim = need("qk_nope_head_dim", config.qk_nope_head_dim)? + rope_dim;
        let value_dim = need("v_head_dim", config.v_head_dim)?;
        let query_rank = config.q_lora_rank.unwrap_or(0);
        return Ok((Attention::Latent { kv_rank, rope_dim, query_rank, value_dim }, head_dim));
    }
    let kv_heads = family::kv_heads(name, config, heads)?.max(1);
    if !heads.is_multiple_of(kv_heads) {
        let problem = format!("{heads} heads cannot share {kv_heads} KV heads");
        return Err(wrong(name, problem, "num_attention_heads is a multiple of num_key_value_heads"));
    }
    let stated = config.head_dim.or_else(|| family::head_dim(config));
    if stated.is_none() && !hidden.is_multiple_of(heads) {
        let problem = format!("hidden_size {hidden} is no multiple of {heads} heads");
        return Err(wrong(name, problem, "state head_dim"));
    }
    Ok((Attention::Grouped { kv_heads }, stated.unwrap_or(hidden / heads)))
}

fn experts(
    config: &Config,
    layers: u32,
    need: &impl Fn(&str, Option<u32>) -> Result<u32, Error>,
) -> Result<Option<Experts>, Error> {
    let count =
        config.n_routed_experts.or(config.num_local_experts).or(config.num_experts).filter(|&n| n > 1);
    let Some(count) = count else { return Ok(None) };
    let active = need("num_experts_per_tok", config.num_experts_per_tok.or(config.experts_per_token))?;
    let intermediate =
        need("moe_intermediate_size", config.moe_intermediate_size.or(config.intermediate_size))?;
    // Llama 4 has one shared expert in every mixture and no field for it.
    let llama4 = config.model_type.starts_with("llama4");
    let shared = config
        .n_shared_experts
        .unwrap_or(u32::from(llama4 || config.shared_expert_intermediate_size.is_some()));
    let shared_intermediate = config.shared_expert_intermediate_size.unwrap_or(shared * intermediate);
    let step = config.interleave_moe_layer_step.or(config.decoder_sparse_step).unwrap_or(1).max(1);
    let first = config.first_k_dense_replace.unwrap_or(0).min(layers);
    let only = config.mlp_only_layers.len() as u32;
    let mixed = ((layers - first) / step).saturating_sub(only);
    Ok(Some(Experts {
        count,
        active,
        shared,
        intermediate,
        shared_intermediate,
        dense_layers: layers - mixed,
    }))
}

#[cfg(test)]
mod tests;
