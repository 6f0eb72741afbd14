//! A model from its published `config.json` (the file that Hugging Face repositories carry).
//!
//! Only fields that say the shape are read. A shape that these fields cannot express is an error, never a guess; the
//! one default is theirs: `head_dim` is `hidden_size / num_attention_heads` where it is not stated.

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
    quantization_config: Option<Quantization>,
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
    layer_types: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Quantization {
    quant_method: String,
    bits: Option<u32>,
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
        sliding: sliding(&config, layers),
        vocab: need("vocab_size", config.vocab_size)?,
        tied_embeddings: config.tie_word_embeddings.unwrap_or(false),
        max_context_tokens: need("max_position_embeddings", config.max_position_embeddings)?,
        stated_parameters: None,
    };
    Ok(Imported { model, weights: weights(&config) })
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
    let kv_heads = config.num_key_value_heads.unwrap_or(heads).max(1);
    if !heads.is_multiple_of(kv_heads) {
        let problem = format!("{heads} heads cannot share {kv_heads} KV heads");
        return Err(wrong(name, problem, "num_attention_heads is a multiple of num_key_value_heads"));
    }
    if config.head_dim.is_none() && !hidden.is_multiple_of(heads) {
        let problem = format!("hidden_size {hidden} is no multiple of {heads} heads");
        return Err(wrong(name, problem, "state head_dim"));
    }
    Ok((Attention::Grouped { kv_heads }, config.head_dim.unwrap_or(hidden / heads)))
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

fn sliding(config: &Config, layers: u32) -> Option<Sliding> {
    let window_tokens = config.sliding_window.filter(|_| config.use_sliding_window != Some(false))?;
    let marked = config.layer_types.iter().filter(|kind| kind.as_str() == "sliding_attention").count() as u32;
    let windowed = match config.sliding_window_pattern {
        _ if !config.layer_types.is_empty() => marked,
        Some(every) if every > 0 => layers - layers / every,
        _ => layers,
    };
    (windowed > 0).then_some(Sliding { layers: windowed, window_tokens })
}

fn weights(config: &Config) -> Dtype {
    if let Some(quantization) = &config.quantization_config {
        let method = quantization.quant_method.as_str();
        return match quantization.bits {
            Some(4) => Dtype::Int4,
            _ if ["awq", "gptq", "mxfp4", "bitsandbytes"].contains(&method)
                && quantization.bits != Some(8) =>
            {
                Dtype::Int4
            }
            _ => Dtype::Fp8,
        };
    }
    match config.torch_dtype.as_deref().or(config.dtype.as_deref()) {
        Some(named) if named.starts_with("float8") => Dtype::Fp8,
        _ => Dtype::Fp16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    /// The shape-saying fields of published configurations, written down by hand: each must give the shipped row.
    #[test]
    fn published_configurations_give_the_shipped_rows() {
        let grouped = |layers: u32,
                       hidden: u32,
                       heads: u32,
                       kv: u32,
                       vocab: u32,
                       context: u32,
                       rest: &str| {
            format!(
                r#"{{"num_hidden_layers": {layers}, "hidden_size": {hidden}, "num_attention_heads": {heads}, "num_key_value_heads": {kv},
                "vocab_size": {vocab}, "max_position_embeddings": {context}, "tie_word_embeddings": false, {rest}}}"#
            )
        };
        let moe = r#""head_dim": 128, "intermediate_size": 6144, "moe_intermediate_size": 768, "num_experts": 128,
            "num_experts_per_tok": 8, "decoder_sparse_step": 1, "mlp_only_layers": [], "sliding_window": null, "torch_dtype": "bfloat16""#;
        let latent = r#""intermediate_size": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1,
            "num_experts_per_tok": 8, "first_k_dense_replace": 3, "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64, "v_head_dim": 128, "quantization_config": {"quant_method": "fp8"}"#;
        let kinds = r#"["sliding_attention", "full_attention"]"#;
        let oss = format!(
            r#""head_dim": 64, "intermediate_size": 2880, "num_local_experts": 32, "num_experts_per_tok": 4, "sliding_window": 128,
            "quantization_config": {{"quant_method": "mxfp4"}}, "layer_types": [{}]"#,
            [kinds.trim_matches(['[', ']']); 12].join(", ")
        );
        for (name, json, weights) in [
            (
                "llama-3.1-8b",
                grouped(
                    32,
                    4096,
                    32,
                    8,
                    128_256,
                    131_072,
                    r#""intermediate_size": 14336, "torch_dtype": "bfloat16""#,
                ),
                Dtype::Fp16,
            ),
            (
                "qwen3-32b",
                grouped(
                    64,
                    5120,
                    64,
                    8,
                    151_936,
                    40_960,
                    r#""head_dim": 128, "intermediate_size": 25600, "use_sliding_window": false, "sliding_window": 4096"#,
                ),
                Dtype::Fp16,
            ),
            ("qwen3-30b-a3b", grouped(48, 2048, 32, 4, 151_936, 40_960, moe), Dtype::Fp16),
            ("deepseek-v3", grouped(61, 7168, 128, 128, 129_280, 163_840, latent), Dtype::Fp8),
            ("gpt-oss-20b", grouped(24, 2880, 64, 8, 201_088, 131_072, &oss), Dtype::Int4),
        ] {
            let imported = from_config(name, json.as_bytes()).unwrap();
            let shipped = Catalogue::shipped().unwrap().model(name).unwrap().clone();
            assert_eq!(imported.model, Model { stated_parameters: None, ..shipped }, "{name}");
            assert_eq!(imported.weights, weights, "{name}");
        }
    }

    #[test]
    fn what_is_missing_or_contradicts_is_named() {
        let error = |json: &str| from_config("m", json.as_bytes()).unwrap_err().to_string();
        assert!(error("{}").contains("`hidden_size`"));
        assert!(error("[").contains("config of m"));
        let shape = r#""hidden_size": 4096, "num_hidden_layers": 2, "vocab_size": 10, "max_position_embeddings": 10, "intermediate_size": 5"#;
        assert!(error(&format!(r#"{{{shape}, "num_attention_heads": 30}}"#)).contains("head_dim"));
        assert!(
            error(&format!(r#"{{{shape}, "num_attention_heads": 32, "num_key_value_heads": 5}}"#))
                .contains("5 KV heads")
        );
        assert!(
            error(&format!(r#"{{{shape}, "num_attention_heads": 32, "kv_lora_rank": 5}}"#))
                .contains("qk_rope_head_dim")
        );
        assert!(
            error(&format!(r#"{{{shape}, "num_attention_heads": 32, "num_experts": 8}}"#))
                .contains("num_experts_per_tok")
        );
    }

    #[test]
    fn a_nested_text_model_is_found() {
        let json = r#"{"text_config": {"hidden_size": 64, "num_hidden_layers": 6, "vocab_size": 10, "max_position_embeddings": 10,
            "intermediate_size": 5, "num_attention_heads": 4, "sliding_window": 16, "sliding_window_pattern": 6}, "tie_word_embeddings": true}"#;
        let model = from_config("Nested", json.as_bytes()).unwrap().model;
        assert!(model.tied_embeddings && model.name == "nested");
        assert_eq!(model.sliding, Some(Sliding { layers: 5, window_tokens: 16 }));
    }
}
