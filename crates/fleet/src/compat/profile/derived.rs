//! The reference's derivation of a profile from hardware and model, faults included.
//!
//! Formulas: weights over 0.8 of the bandwidth and 3 µs a layer; KV reads of 2,048 tokens a sequence; blocks from
//! 0.9 of one GPU's memory over the bytes of a token on *all* GPUs, which is too few by the tensor-parallel degree.
//! Hardware and model figures are the reference's own, not those of [`crate::catalogue`].

use super::Profile;

/// Share of peak bandwidth that is reached.
const BANDWIDTH_SHARE: f64 = 0.80;
/// Overhead of a layer, seconds.
const LAYER_S: f64 = 3e-6;
/// Share of memory that is used at all.
const MEMORY_SHARE: f64 = 0.90;
/// Tokens of a sequence whose KV cache an iteration reads.
const CONTEXT: u32 = 2048;
/// Prompt tokens of an iteration.
const CHUNK: u32 = 512;
/// Tokens of a KV block.
const BLOCK: u32 = 16;

/// Figures of a GPU as the reference keeps them.
#[derive(Clone, Copy, Debug)]
struct Hardware {
    key: &'static str,
    name: &'static str,
    bandwidth: f64,
    memory: u64,
    flops: [f64; 2],
    price: f64,
}

/// Figures of a model as the reference keeps them.
#[derive(Clone, Copy, Debug)]
struct Shape {
    name: &'static str,
    layers: u32,
    heads: u32,
    kv_heads: u32,
    hidden: u32,
    intermediate: u32,
    vocabulary: u32,
    experts: Option<Experts>,
}

/// The expert layers of a model, with their time at eight tokens on an H100 in 16 and 8 bits (milliseconds a layer).
#[derive(Clone, Copy, Debug)]
struct Experts {
    intermediate: u32,
    count: u32,
    layer_ms: [f64; 2],
}

const HARDWARE: &[Hardware] = &[
    gpu("l40s", "L40S", 0.864e12, 48, [362e12, 733e12], 1.80),
    gpu("b60", "B60", 0.456e12, 24, [98e12, 0.0], 1.00),
    gpu("a100_sxm", "A100-SXM", 2.039e12, 80, [312e12, 0.0], 2.21),
    gpu("h100_sxm", "H100-SXM", 3.35e12, 80, [989e12, 1978e12], 4.02),
    gpu("h200", "H200-SXM", 4.8e12, 141, [989e12, 1978e12], 6.00),
    gpu("b200", "B200-SXM", 8.0e12, 180, [2250e12, 4500e12], 8.00),
    gpu("gb200", "GB200", 8.0e12, 200, [2500e12, 5000e12], 10.00),
    gpu("gb300", "GB300", 8.0e12, 299, [2500e12, 5000e12], 12.00),
];

const fn gpu(
    key: &'static str,
    name: &'static str,
    bandwidth: f64,
    gib: u64,
    flops: [f64; 2],
    price: f64,
) -> Hardware {
    // One figure of the reference is not a whole number of GiB.
    let memory = if gib == 299 { 321_122_547_712 } else { gib << 30 };
    Hardware { key, name, bandwidth, memory, flops, price }
}

/// Llama 3.1 70B as the reference keeps it: the model behind every derived profile that it serves.
const LLAMA_70B: Shape = Shape {
    name: "Llama-3.1-70B",
    layers: 80,
    heads: 64,
    kv_heads: 8,
    hidden: 8192,
    intermediate: 28_672,
    vocabulary: 128_256,
    experts: None,
};

/// The arithmetic of a prefill iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prefill {
    projections: f64,
    attention: f64,
    feed_forward: f64,
    flops: f64,
}

impl Prefill {
    /// Compute time of one chunk whose sequences have `history` tokens in the cache.
    pub(crate) fn chunk_s(&self, chunk: f64, history: f64) -> f64 {
        let linear = (self.projections + self.feed_forward) * chunk;
        (linear + self.attention * chunk * (chunk / 2.0 + history)) / self.flops
    }
}

/// The derived profile of a hardware name (lower case, `_` for `-`), for Llama 3.1 70B in 16 bits on eight GPUs.
pub(super) fn of_hardware(key: &str) -> Option<Profile> {
    let stripped = key.strip_suffix("_sxm").unwrap_or(key);
    let hardware = HARDWARE.iter().find(|h| h.key == key || h.key == stripped)?;
    Some(profile(hardware, &LLAMA_70B, 8, 2.0))
}

fn profile(hardware: &Hardware, model: &Shape, tp: u32, bytes: f64) -> Profile {
    let bandwidth = hardware.bandwidth * BANDWIDTH_SHARE;
    let head = model.hidden / model.heads;
    let layers = f64::from(model.layers);
    let kv_token = 2.0 * layers * f64::from(model.kv_heads) * f64::from(head) * bytes;
    let weights = parameters(model) as f64 * bytes / f64::from(tp);
    let base_s = match model.experts {
        None => weights / bandwidth + LAYER_S * layers,
        Some(experts) => {
            let heads = u64::from(model.heads + 2 * model.kv_heads) * u64::from(head);
            let attention = heads * u64::from(model.hidden) + u64::from(model.hidden).pow(2);
            let attention = attention as f64 * bytes * layers / f64::from(tp) / bandwidth;
            let at_h100 = experts.layer_ms[usize::from(bytes <= 1.0)];
            let layer = at_h100 * (3.35e12 / hardware.bandwidth).powf(0.7) / 1000.0;
            layer * layers + attention + LAYER_S * layers
        }
    };
    let reserve = if tp > 2 { 411_041_792.0 } else { f64::from(tp - 1) * 358_612_992.0 };
    let usable = (hardware.memory as f64 * MEMORY_SHARE).floor() - weights - reserve;
    let fp8 = bytes <= 1.0 && hardware.flops[1] > 0.0;
    let per_gpu = layers / f64::from(tp);
    let width = f64::from(2 * model.heads + 2 * model.kv_heads) * f64::from(head);
    Profile {
        name: format!(
            "{}/{}/TP{tp}/{}",
            hardware.name,
            model.name,
            if bytes <= 1.0 { "fp8" } else { "fp16" }
        ),
        base_s,
        per_sequence_s: f64::from(CONTEXT) * kv_token / bandwidth / f64::from(tp),
        context: CONTEXT,
        chunk: CHUNK,
        block: BLOCK,
        blocks: (usable / (kv_token * f64::from(BLOCK))).floor().max(0.0) as u64,
        sequences: None,
        price: hardware.price * f64::from(tp),
        gpus: tp,
        billed_gpus: tp,
        power: None,
        prefill: Some(Prefill {
            projections: 2.0 * f64::from(model.hidden) * width * per_gpu,
            attention: 4.0 * f64::from(model.heads) * f64::from(head) * per_gpu,
            feed_forward: 6.0 * f64::from(model.hidden) * f64::from(model.intermediate) * per_gpu,
            flops: hardware.flops[usize::from(fp8)],
        }),
    }
}

/// The reference's parameter count: one embedding, attention, and the feed-forward layers.
fn parameters(model: &Shape) -> u64 {
    let [layers, hidden] = [model.layers, model.hidden].map(u64::from);
    let kv_width = u64::from(model.kv_heads) * u64::from(model.hidden / model.heads);
    let attention = 2 * hidden * hidden + 2 * hidden * kv_width;
    let feed_forward = match model.experts {
        None => 3 * hidden * u64::from(model.intermediate),
        Some(experts) => u64::from(experts.count) * 3 * hidden * u64::from(experts.intermediate),
    };
    u64::from(model.vocabulary) * hidden + layers * (attention + feed_forward)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA_8B: Shape =
        Shape { name: "8B", layers: 32, heads: 32, hidden: 4096, intermediate: 14_336, ..LLAMA_70B };
    const QWEN_235B: Shape = Shape {
        name: "235B",
        layers: 94,
        kv_heads: 4,
        hidden: 4096,
        intermediate: 0,
        vocabulary: 151_936,
        experts: Some(Experts { intermediate: 1536, count: 128, layer_ms: [0.480, 0.280] }),
        ..LLAMA_70B
    };
    const DEEPSEEK_V3: Shape = Shape {
        name: "V3",
        layers: 61,
        heads: 128,
        kv_heads: 128,
        hidden: 7168,
        intermediate: 0,
        vocabulary: 129_280,
        experts: Some(Experts { intermediate: 2048, count: 256, layer_ms: [1.340, 0.700] }),
    };

    /// Measured with the reference: W and H in milliseconds, and blocks.
    #[test]
    fn derived_constants_are_the_reference_s() {
        let find = |key| HARDWARE.iter().find(|h| h.key == key).unwrap();
        for (key, model, tp, bytes, w, h, blocks) in [
            ("h100_sxm", LLAMA_70B, 8, 2.0, "6.723", "0.03130", 11_353),
            ("a100_sxm", LLAMA_70B, 8, 2.0, "10.892", "0.05143", 11_353),
            ("h200", LLAMA_70B, 8, 2.0, "4.765", "0.02185", 22_596),
            ("b200", LLAMA_70B, 8, 2.0, "2.955", "0.01311", 29_785),
            ("h100_sxm", LLAMA_8B, 1, 2.0, "5.696", "0.10016", 29_707),
            ("l40s", LLAMA_8B, 1, 2.0, "21.811", "0.38836", 14_961),
            ("h100_sxm", QWEN_235B, 8, 1.0, "26.758", "0.00460", 62_352),
            ("h100_sxm", DEEPSEEK_V3, 8, 1.0, "43.468", "0.08353", 0),
        ] {
            let p = profile(find(key), &model, tp, bytes);
            let got = (format!("{:.3}", p.base_s * 1e3), format!("{:.5}", p.per_sequence_s * 1e3), p.blocks);
            assert_eq!(got, (w.to_owned(), h.to_owned(), blocks), "{key} {}", model.name);
        }
    }

    #[test]
    fn a_short_chunk_is_bound_by_memory_and_a_long_history_by_arithmetic() {
        let p = of_hardware("h200_sxm").unwrap();
        let prefill = p.prefill.unwrap();
        assert!(prefill.chunk_s(1.0, 0.0) < p.base_s);
        assert!(prefill.chunk_s(512.0, 60_000.0) > p.iteration_s(1, None));
    }
}
