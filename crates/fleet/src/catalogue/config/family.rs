//! What a family of models does where its `config.json` says nothing: the defaults of its configuration class in
//! Transformers. A family that is not listed is refused where a figure would hang on the guess.

use super::{Config, Sliding, wrong};
use crate::Error;

/// Families whose output projection is one of its own unless they say otherwise.
const UNTIED: [&str; 16] = [
    "deepseek_v2",
    "deepseek_v3",
    "glm4",
    "glm4_moe",
    "granite",
    "llama",
    "llama4",
    "llama4_text",
    "mistral",
    "mixtral",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
];
/// Families whose output projection is the embedding unless they say otherwise.
const TIED: [&str; 7] = ["cohere", "cohere2", "gemma", "gemma2", "gemma3", "gemma3_text", "starcoder2"];

/// Whether the output projection is the embedding.
pub(super) fn tied(name: &str, config: &Config) -> Result<bool, Error> {
    let family = config.model_type.as_str();
    match config.tie_word_embeddings {
        Some(stated) => Ok(stated),
        None if UNTIED.contains(&family) => Ok(false),
        None if TIED.contains(&family) => Ok(true),
        None => Err(unknown(name, family, "`tie_word_embeddings` is missing", "state it")),
    }
}

/// The head width that a family has whatever its `hidden_size`.
pub(super) fn head_dim(config: &Config) -> Option<u32> {
    match config.model_type.as_str() {
        "gemma" | "gemma2" | "gemma3" | "gemma3_text" => Some(256),
        "qwen3" => Some(128),
        _ => None,
    }
}

/// KV heads; only families that read a missing field as one for each query head may leave it out.
pub(super) fn kv_heads(name: &str, config: &Config, heads: u32) -> Result<u32, Error> {
    let family = config.model_type.as_str();
    let fixed = ["gemma", "glm4", "mistral", "mixtral", "qwen", "gpt_oss", "starcoder2"];
    match config.num_key_value_heads {
        None if fixed.iter().any(|own| family.starts_with(own)) => {
            Err(unknown(name, family, "`num_key_value_heads` is missing", "state it"))
        }
        stated => Ok(stated.unwrap_or(heads)),
    }
}

/// Refuses models whose layers do not all keep keys and values. Chunked attention counts as full, which is an upper bound.
pub(super) fn every_layer_attends(name: &str, config: &Config, layers: u32) -> Result<(), Error> {
    let fix = "describe the model in a file for --models";
    let known = ["full_attention", "sliding_attention", "chunked_attention"];
    if let Some(kind) = config.layer_types.iter().find(|kind| !known.contains(&kind.as_str())) {
        let problem =
            format!("`layer_types` has `{kind}`, whose cache does not grow as that of attention does");
        return Err(wrong(name, problem, fix));
    }
    if !config.layer_types.is_empty() && config.layer_types.len() != layers as usize {
        let problem = format!("`layer_types` is of {} layers, not of {layers}", config.layer_types.len());
        return Err(wrong(name, problem, "give one type for each of num_hidden_layers"));
    }
    let marks = [
        ("full_attention_interval", &config.full_attention_interval),
        ("hybrid_override_pattern", &config.hybrid_override_pattern),
        ("attn_layer_period", &config.attn_layer_period),
        ("attn_type_list", &config.attn_type_list),
        ("linear_attn_config", &config.linear_attn_config),
    ];
    match marks.into_iter().find(|(_, value)| value.is_some()) {
        Some((field, _)) if config.layer_types.is_empty() => {
            Err(wrong(name, format!("`{field}` says that not every layer keeps keys and values"), fix))
        }
        _ => Ok(()),
    }
}

/// The layers that look back a little. A window of the whole context is none.
pub(super) fn sliding(name: &str, config: &Config, layers: u32) -> Result<Option<Sliding>, Error> {
    let marked = config.layer_types.iter().filter(|kind| kind.as_str() == "sliding_attention").count() as u32;
    let family = config.model_type.as_str();
    // Qwen states a window that it does not use.
    let used = config.use_sliding_window.unwrap_or(!family.starts_with("qwen"));
    let Some(window_tokens) = config.sliding_window.filter(|_| used || marked > 0) else {
        return match (marked, config.use_sliding_window) {
            (0, _) | (_, Some(false)) => Ok(None),
            _ => {
                Err(wrong(name, "`sliding_window` is missing".into(), "state it, as `layer_types` needs it"))
            }
        };
    };
    if config.use_sliding_window == Some(false) || Some(window_tokens) >= config.max_position_embeddings {
        return Ok(None);
    }
    let all_but_every = |every: u32| layers - layers / every;
    let windowed = match (config.sliding_window_pattern, family) {
        _ if !config.layer_types.is_empty() => marked,
        (Some(every), _) if every > 0 => all_but_every(every),
        (_, "gemma2" | "gpt_oss") => all_but_every(2),
        (_, "cohere2") => all_but_every(4),
        (_, "gemma3" | "gemma3_text") => all_but_every(6),
        (_, "qwen2" | "qwen3") => layers.saturating_sub(config.max_window_layers.unwrap_or(28)),
        (_, "mistral" | "mixtral" | "phi3" | "starcoder2") => layers,
        _ => {
            let problem = "which layers `sliding_window` is of is not said";
            return Err(unknown(name, family, problem, "state `layer_types`"));
        }
    };
    Ok((windowed > 0).then_some(Sliding { layers: windowed, window_tokens }))
}

fn unknown(name: &str, family: &str, problem: &str, fix: &str) -> Error {
    let of = if family.is_empty() { "an unnamed `model_type`".into() } else { format!("`{family}`") };
    wrong(name, format!("{problem}, and what {of} does then is not known"), fix)
}
