//! What published configurations give, and which are refused.

use super::*;
use crate::catalogue::Catalogue;

/// The shape-saying fields of published configurations, written down by hand: each must give the shipped row.
#[test]
fn published_configurations_give_the_shipped_rows() {
    let grouped = |layers: u32, hidden: u32, heads: u32, kv: u32, vocab: u32, context: u32, rest: &str| {
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
    let json = r#"{"text_config": {"hidden_size": 64, "num_hidden_layers": 6, "vocab_size": 10, "max_position_embeddings": 64,
        "intermediate_size": 5, "num_attention_heads": 4, "sliding_window": 16, "sliding_window_pattern": 6}, "tie_word_embeddings": true}"#;
    let model = from_config("Nested", json.as_bytes()).unwrap().model;
    assert!(model.tied_embeddings && model.name == "nested");
    assert_eq!(model.sliding, Some(Sliding { layers: 5, window_tokens: 16 }));
}

/// A small decoder with `rest` beside its shape.
fn decoder(rest: &str) -> Result<Imported, Error> {
    let shape = r#""hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "vocab_size": 10, "max_position_embeddings": 32768, "intermediate_size": 5"#;
    from_config("m", format!("{{{shape}, {rest}}}").as_bytes())
}

#[test]
fn a_family_ties_its_embeddings_or_is_refused() {
    let tied =
        |family: &str| decoder(&format!(r#""model_type": "{family}""#)).map(|m| m.model.tied_embeddings);
    for (family, wanted) in [
        ("gemma2", true),
        ("gemma3_text", true),
        ("cohere", true),
        ("starcoder2", true),
        ("llama", false),
        ("qwen3", false),
    ] {
        assert_eq!(tied(family).unwrap(), wanted, "{family}");
    }
    let error = tied("novel").unwrap_err().to_string();
    assert!(error.contains("`tie_word_embeddings`") && error.contains("`novel`"), "{error}");
    assert!(
        decoder(r#""model_type": "gemma2", "tie_word_embeddings": false"#)
            .is_ok_and(|m| !m.model.tied_embeddings)
    );
    assert_eq!(decoder(r#""model_type": "gemma3_text""#).unwrap().model.head_dim, 256, "not 4096 / 32");
}

#[test]
fn windows_are_of_the_layers_that_the_family_gives_them() {
    let sliding = |family: &str, rest: &str| {
        let rest = format!(
            r#""model_type": "{family}", "tie_word_embeddings": false, "sliding_window": 4096{rest}"#
        );
        decoder(&rest).map(|m| m.model.sliding.map_or(0, |s| s.layers))
    };
    for (family, rest, layers) in [
        ("gemma2", "", 16),
        ("gemma3_text", "", 27),
        ("mistral", "", 32),
        ("qwen2", "", 0),
        ("qwen2", r#", "use_sliding_window": false"#, 0),
        ("qwen2", r#", "use_sliding_window": true, "max_window_layers": 20"#, 12),
        ("novel", r#", "sliding_window_pattern": 4"#, 24),
    ] {
        assert_eq!(sliding(family, rest).unwrap(), layers, "{family}{rest}");
    }
    assert!(sliding("qwen2_moe", r#", "use_sliding_window": true"#).is_err(), "not as qwen2 does");
    let error = sliding("novel", "").unwrap_err().to_string();
    assert!(error.contains("`sliding_window`") && error.contains("`layer_types`"), "{error}");
    let whole = r#""model_type": "novel", "tie_word_embeddings": false, "sliding_window": 32768"#;
    assert_eq!(decoder(whole).unwrap().model.sliding, None, "a window of the whole context is none");
}

#[test]
fn layers_without_a_kv_cache_are_refused() {
    let error = |rest: &str| decoder(&format!(r#""model_type": "llama", {rest}"#)).unwrap_err().to_string();
    let kinds = |kind: &str, count: usize| {
        format!(r#""layer_types": [{}]"#, vec![format!("{kind:?}"); count].join(","))
    };
    assert!(error(&kinds("linear_attention", 32)).contains("`linear_attention`"));
    assert!(error(&kinds("full_attention", 31)).contains("31 layers"));
    assert!(error(&kinds("sliding_attention", 32)).contains("`sliding_window` is missing"));
    assert!(error(r#""full_attention_interval": 4"#).contains("`full_attention_interval`"));
}

#[test]
fn bits_are_read_where_each_method_writes_them() {
    let weights = |quantization: &str| {
        decoder(&format!(r#""model_type": "llama", "quantization_config": {quantization}"#))
            .map(|m| m.weights)
    };
    let groups = |method: &str, bits: &[u32]| {
        let each = bits
            .iter()
            .enumerate()
            .map(|(n, bits)| format!(r#""group_{n}": {{"weights": {{"num_bits": {bits}}}}}"#));
        format!(
            r#"{{"quant_method": "{method}", "config_groups": {{{}}}}}"#,
            each.collect::<Vec<_>>().join(",")
        )
    };
    for (quantization, wanted) in [
        (groups("compressed-tensors", &[4]), Dtype::Int4),
        (groups("compressed-tensors", &[8, 8]), Dtype::Fp8),
        (groups("modelopt", &[4]), Dtype::Int4),
        (r#"{"quant_method": "modelopt", "quant_algo": "NVFP4"}"#.into(), Dtype::Int4),
        (r#"{"quant_method": "modelopt", "quant_algo": "fp8"}"#.into(), Dtype::Fp8),
        (r#"{"quant_method": "bitsandbytes", "load_in_8bit": true}"#.into(), Dtype::Fp8),
        (r#"{"quant_method": "awq"}"#.into(), Dtype::Int4),
        (r#"{"quant_method": "gptq", "bits": 8}"#.into(), Dtype::Fp8),
        (r#"{"quant_method": "fbgemm_fp8"}"#.into(), Dtype::Fp8),
    ] {
        assert_eq!(weights(&quantization).unwrap(), wanted, "{quantization}");
    }
    for refused in [
        groups("compressed-tensors", &[4, 8]),
        r#"{"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}"#.into(),
        r#"{"quant_method": "gptq", "bits": 3}"#.into(),
        r#"{"quant_method": "novel"}"#.into(),
    ] {
        assert!(weights(&refused).unwrap_err().to_string().contains("bits"), "{refused}");
    }
}
