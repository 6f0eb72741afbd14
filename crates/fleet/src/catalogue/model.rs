//! One model: its shape, and what follows from it (parameters, KV bytes).

use serde::{Deserialize, Serialize};

/// How weights or KV entries are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 16 bits (half or bfloat).
    Fp16,
    /// 8 bits, floating or integer.
    Fp8,
    /// 4 bits, with a 16-bit scale for every 32 weights.
    Int4,
}

impl Dtype {
    /// Bytes of one value, scales included.
    #[must_use]
    pub const fn bytes(self) -> f64 {
        match self {
            Self::Fp16 => 2.0,
            Self::Fp8 => 1.0,
            Self::Int4 => 0.5 + 2.0 / 32.0,
        }
    }
}

/// What the KV cache of a layer holds for each token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Attention {
    /// Keys and values for each KV head (multi-head, grouped-query, multi-query).
    Grouped {
        /// Heads of keys and values.
        kv_heads: u32,
    },
    /// One compressed latent for all heads (multi-head latent attention, DeepSeek-V2).
    Latent {
        /// Width of the latent (`kv_lora_rank`).
        kv_rank: u32,
        /// Width of the rotary key beside it (`qk_rope_head_dim`).
        rope_dim: u32,
        /// Width of a query's low-rank projection (`q_lora_rank`); 0 where queries are projected directly.
        query_rank: u32,
        /// Width of a head's values (`v_head_dim`).
        value_dim: u32,
    },
}

/// A mixture of experts in the feed-forward layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experts {
    /// Routed experts in a layer.
    pub count: u32,
    /// Routed experts that see a token.
    pub active: u32,
    /// Experts that see every token.
    pub shared: u32,
    /// Width of an expert.
    pub intermediate: u32,
    /// Width of all shared experts of a layer together (0 where there are none).
    pub shared_intermediate: u32,
    /// Layers that are dense instead.
    pub dense_layers: u32,
}

/// Layers that only look back a little.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sliding {
    /// How many of the layers.
    pub layers: u32,
    /// How many tokens they look back.
    pub window_tokens: u32,
}

/// A decoder, as its published configuration describes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// As commands and reports name it.
    #[serde(skip)]
    pub name: String,
    /// Decoder layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Query heads.
    pub heads: u32,
    /// Width of a head's keys (without position: `qk_nope_head_dim` plus rotary part under latent attention).
    pub head_dim: u32,
    /// What the KV cache holds.
    pub attention: Attention,
    /// Width of a dense feed-forward layer; 0 where every layer has experts.
    pub intermediate: u32,
    /// Experts, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
    /// Layers with a window, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding: Option<Sliding>,
    /// Tokens of the vocabulary.
    pub vocab: u32,
    /// Whether the output projection is the embedding itself.
    pub tied_embeddings: bool,
    /// The longest context.
    pub max_context_tokens: u32,
    /// Parameters as the publisher states them; `None` where only the shape is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_parameters: Option<u64>,
}

impl Model {
    /// Its figures, each of which has a source.
    pub const FIGURES: [&str; 12] = [
        "layers",
        "hidden",
        "heads",
        "head_dim",
        "attention",
        "intermediate",
        "experts",
        "sliding",
        "vocab",
        "tied_embeddings",
        "max_context_tokens",
        "stated_parameters",
    ];

    /// Parameters that follow from the shape (norms and biases, below 0.1 %, are left out).
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let experts = |e: Experts| u64::from(e.count);
        self.embeddings() + self.attention_parameters() + self.feed_forward(experts)
    }

    /// Parameters that one token passes through: with experts, only those that see it; without the input embedding,
    /// which is looked up, not multiplied.
    #[must_use]
    pub fn active_parameters(&self) -> u64 {
        let experts = |e: Experts| u64::from(e.active);
        u64::from(self.vocab) * u64::from(self.hidden)
            + self.attention_parameters()
            + self.feed_forward(experts)
    }

    /// Bytes of all weights.
    #[must_use]
    pub fn weight_bytes(&self, dtype: Dtype) -> f64 {
        self.parameters() as f64 * dtype.bytes()
    }

    /// Values that the KV cache holds for a token in one layer.
    #[must_use]
    pub fn kv_values_per_layer(&self) -> u64 {
        match self.attention {
            Attention::Grouped { kv_heads } => 2 * u64::from(kv_heads) * u64::from(self.head_dim),
            Attention::Latent { kv_rank, rope_dim, .. } => u64::from(kv_rank) + u64::from(rope_dim),
        }
    }

    /// KV bytes of one more token, all layers (windows not yet full).
    #[must_use]
    pub fn kv_bytes_per_token(&self, dtype: Dtype) -> f64 {
        u64::from(self.layers) as f64 * self.kv_values_per_layer() as f64 * dtype.bytes()
    }

    /// KV bytes of a sequence of `tokens`: layers with a window stop growing at it.
    #[must_use]
    pub fn kv_bytes(&self, tokens: u64, dtype: Dtype) -> f64 {
        let (windowed, window) = self.sliding.map_or((0, 0), |s| (s.layers, u64::from(s.window_tokens)));
        let full = u64::from(self.layers.saturating_sub(windowed)) * tokens;
        let entries = full + u64::from(windowed) * tokens.min(window);
        entries as f64 * self.kv_values_per_layer() as f64 * dtype.bytes()
    }

    /// Into how many GPUs the KV cache of a token can be cut: a latent is kept whole on each.
    #[must_use]
    pub fn kv_shards(&self, tensor_parallel: u32) -> u32 {
        match self.attention {
            Attention::Grouped { kv_heads } => tensor_parallel.min(kv_heads).max(1),
            Attention::Latent { .. } => 1,
        }
    }

    fn embeddings(&self) -> u64 {
        let once = u64::from(self.vocab) * u64::from(self.hidden);
        if self.tied_embeddings { once } else { 2 * once }
    }

    fn attention_parameters(&self) -> u64 {
        let (h, heads, dim) = (u64::from(self.hidden), u64::from(self.heads), u64::from(self.head_dim));
        let per_layer = match self.attention {
            Attention::Grouped { kv_heads } => h * dim * (2 * heads + 2 * u64::from(kv_heads)),
            Attention::Latent { kv_rank, rope_dim, query_rank, value_dim } => {
                let (rank, rope, value) = (u64::from(kv_rank), u64::from(rope_dim), u64::from(value_dim));
                let queries = match u64::from(query_rank) {
                    0 => h * heads * dim,
                    q => q * (h + heads * dim),
                };
                let nope = dim.saturating_sub(rope);
                queries + h * (rank + rope) + rank * heads * (nope + value) + heads * value * h
            }
        };
        u64::from(self.layers) * per_layer
    }

    /// Parameters of the feed-forward layers, of each routed mixture counting `experts` many.
    fn feed_forward(&self, experts: impl Fn(Experts) -> u64) -> u64 {
        let h = u64::from(self.hidden);
        let dense = 3 * h * u64::from(self.intermediate);
        let Some(e) = self.experts else { return u64::from(self.layers) * dense };
        let routed = experts(e) * 3 * h * u64::from(e.intermediate);
        let shared = 3 * h * u64::from(e.shared_intermediate);
        let router = h * u64::from(e.count);
        let mixed = u64::from(self.layers.saturating_sub(e.dense_layers));
        mixed * (routed + shared + router) + u64::from(e.dense_layers) * dense
    }
}
