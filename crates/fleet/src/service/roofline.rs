//! Memory traffic and arithmetic of an iteration, and which of them it waits for.

use super::Serving;
use crate::catalogue::{Attention, Gpu, Model};

/// What one GPU of an instance moves and computes. Bytes and operations are per GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofline {
    /// Bytes of weights that every iteration reads.
    pub weights: f64,
    /// Bytes of all routed experts, of which an iteration reads those that its tokens choose.
    pub experts: f64,
    /// Share of the routed experts that one token chooses.
    pub chosen: f64,
    /// Bytes of KV cache for a token of context.
    pub kv_token: f64,
    /// Operations for a token, without attention to its context.
    pub token_flops: f64,
    /// Operations for a token and a token of its context.
    pub attention_flops: f64,
    /// Bytes that a token sends to the other GPUs.
    pub exchange_token: f64,
    /// Bytes per second of memory that are reached.
    pub bandwidth: f64,
    /// Operations per second that are reached.
    pub flops: f64,
    /// Bytes per second between GPUs.
    pub link: f64,
    /// Launches and waits of an iteration that nothing hides, seconds.
    pub overhead_s: f64,
}

impl Roofline {
    /// The roofline of one GPU among those that share an instance.
    ///
    /// A token passes `active_parameters`, two operations each; attention adds 4·heads·width for every token of
    /// context (QKᵀ and AV). Two all-reduces a layer move 2(t−1)/t of the hidden state each (ring).
    #[must_use]
    pub fn new(gpu: &Gpu, model: &Model, serving: &Serving) -> Self {
        let t = f64::from(serving.tensor_parallel);
        let (bytes, layers) = (serving.weights.bytes(), f64::from(model.layers));
        let (routed, chosen) = routed(model);
        let embedding = f64::from(model.vocab) * f64::from(model.hidden);
        let looked_up = if model.tied_embeddings { 0.0 } else { embedding };
        let always = model.parameters() as f64 - looked_up - routed;
        let crosses = serving.tensor_parallel > gpu.per_host;
        let hops = if serving.tensor_parallel > 1 { 2.0 * layers } else { 0.0 };
        let shards = f64::from(model.kv_shards(serving.tensor_parallel));
        let kv_token =
            model.kv_bytes(u64::from(serving.context), serving.kv) / f64::from(serving.context.max(1));
        let width = match model.attention {
            Attention::Grouped { .. } => f64::from(model.head_dim),
            Attention::Latent { kv_rank, rope_dim, .. } => f64::from(kv_rank) + f64::from(rope_dim) / 2.0,
        };
        Self {
            weights: always * bytes / t,
            experts: routed * bytes / t,
            chosen,
            kv_token: kv_token / shards,
            token_flops: 2.0 * model.active_parameters() as f64 / t,
            attention_flops: 4.0 * f64::from(model.heads) * width * layers / t,
            exchange_token: hops * f64::from(model.hidden) * 2.0 * 2.0 * (t - 1.0) / t,
            bandwidth: gpu.bandwidth_bytes_per_s * serving.bandwidth_share,
            flops: gpu.flops_per_s(serving.weights) * serving.flops_share,
            link: if crosses { gpu.network_bytes_per_s } else { gpu.link_bytes_per_s },
            overhead_s: layers * serving.layer_s + hops * serving.exchange_s + serving.iteration_s,
        }
    }

    /// One iteration: `tokens` computed (decoding sequences and prompt tokens), `context` tokens of KV cache read, and
    /// `pairs` of a computed prompt token with a token before it.
    #[must_use]
    pub fn seconds(&self, tokens: f64, context: f64, pairs: f64) -> f64 {
        // An expert is read when any of the tokens chooses it, each independently.
        let touched = if self.experts > 0.0 { 1.0 - (1.0 - self.chosen).powf(tokens) } else { 0.0 };
        let memory = (self.weights + self.experts * touched + self.kv_token * context) / self.bandwidth;
        let arithmetic = (self.token_flops * tokens + self.attention_flops * (context + pairs)) / self.flops;
        self.overhead_s + memory.max(arithmetic) + self.exchange_token * tokens / self.link
    }

    /// Share of the reachable arithmetic that an iteration of `tokens` uses.
    #[must_use]
    pub fn busy(&self, tokens: f64, context: f64) -> f64 {
        let arithmetic = (self.token_flops * tokens + self.attention_flops * context) / self.flops;
        arithmetic / self.seconds(tokens, context, 0.0)
    }
}

/// Parameters of routed experts, and the share of them that a token passes.
fn routed(model: &Model) -> (f64, f64) {
    let Some(e) = model.experts else { return (0.0, 0.0) };
    let layers = f64::from(model.layers.saturating_sub(e.dense_layers));
    let each = 3.0 * f64::from(model.hidden) * f64::from(e.intermediate);
    (layers * each * f64::from(e.count), f64::from(e.active) / f64::from(e.count.max(1)))
}
