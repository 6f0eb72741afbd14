//! A profile from data sheets and a model's shape.

use super::{Basis, Profile, Roofline, StepTime};
use crate::Error;
use crate::catalogue::{Dtype, Gpu, Model};
use crate::error::within;
use crate::power::PowerCurve;

/// How a model is served. The defaults are an engine's usual settings and the shares that AIConfigurator 0.12 states
/// for bandwidth; [`crate::service`] profiles fitted to measurements replace them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Serving {
    /// GPUs of an instance.
    pub tensor_parallel: u32,
    /// How weights are stored.
    pub weights: Dtype,
    /// How the KV cache is stored.
    pub kv: Dtype,
    /// Prompt tokens of an iteration.
    pub chunk: u32,
    /// Most sequences at once.
    pub sequences: u32,
    /// Share of memory that the engine takes.
    pub memory_share: f64,
    /// Bytes of a GPU kept for activations and buffers.
    pub reserve_bytes: f64,
    /// Share of peak bandwidth that is reached.
    pub bandwidth_share: f64,
    /// Share of peak arithmetic that is reached.
    pub flops_share: f64,
    /// Overhead of a layer, seconds.
    pub layer_s: f64,
    /// Latency of an exchange between GPUs, seconds.
    pub exchange_s: f64,
    /// Overhead of an iteration (scheduling, sampling), seconds.
    pub iteration_s: f64,
    /// Batch around which the roofline is made linear.
    pub batch: u32,
    /// Context of a sequence around which it is.
    pub context: u32,
    /// Length of a prompt around which it is: the mean over prompt tokens, as longer prompts have more of them.
    pub prompt: u32,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            tensor_parallel: 1,
            weights: Dtype::Fp16,
            kv: Dtype::Fp16,
            chunk: 2048,
            sequences: 256,
            memory_share: 0.90,
            reserve_bytes: 2.0 * 1024.0 * 1024.0 * 1024.0,
            bandwidth_share: 0.80,
            flops_share: 0.60,
            layer_s: 3e-6,
            exchange_s: 10e-6,
            iteration_s: 1e-3,
            batch: 64,
            context: 2048,
            prompt: 2048,
        }
    }
}

impl Serving {
    fn check(&self) -> Result<(), Error> {
        within("tensor_parallel", f64::from(self.tensor_parallel), 1.0, 64.0, "give 1 to 64 GPUs")?;
        within("chunk", f64::from(self.chunk), 1.0, 1e6, "give 1 to 1,000,000 tokens")?;
        within("sequences", f64::from(self.sequences), 1.0, 1e6, "give 1 to 1,000,000")?;
        within("memory_share", self.memory_share, 0.01, 1.0, "give a share up to 1")?;
        within("bandwidth_share", self.bandwidth_share, 0.01, 1.0, "give a share up to 1")?;
        within("flops_share", self.flops_share, 0.01, 1.0, "give a share up to 1")?;
        within("batch", f64::from(self.batch), 1.0, 1e6, "give the batch that you expect")?;
        within("prompt", f64::from(self.prompt), 1.0, 1e8, "give the prompt that you expect")?;
        Ok(within("context", f64::from(self.context), 1.0, 1e8, "give the context that you expect")?)
    }
}

impl Profile {
    /// The profile that data sheets imply: each coefficient is the roofline's slope at the batch and context of
    /// `serving`, so that an iteration there takes what the roofline says (the larger of memory and arithmetic); where memory
    /// holds no such batch, at the largest that it does hold.
    ///
    /// Memory of the cache: what all GPUs have, less weights and reserve, over the bytes of a token on all of them (a
    /// latent, or fewer KV heads than GPUs, is held more than once).
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range; [`Error::Infeasible`] when the weights leave no room, with the
    /// smallest degree that does.
    pub fn derive(gpu: &Gpu, model: &Model, serving: &Serving) -> Result<Self, Error> {
        serving.check()?;
        let room = room_bytes(gpu, model, serving);
        let copies = f64::from(serving.tensor_parallel) / f64::from(model.kv_shards(serving.tensor_parallel));
        let roofline = Roofline::new(gpu, model, serving);
        let token = roofline.kv_token * f64::from(serving.tensor_parallel);
        let kv_tokens = (room / token).floor();
        if kv_tokens < f64::from(serving.context) {
            return Err(too_large(gpu, model, serving));
        }
        let fits = (kv_tokens / f64::from(serving.context)).min(1e6) as u32;
        let step = linear(&roofline, &Serving { batch: serving.batch.min(fits), ..*serving });
        let degree = serving.tensor_parallel;
        Ok(Self {
            name: format!("{}x{degree} {}", gpu.name, model.name),
            gpu: gpu.name.clone(),
            gpus: degree,
            step,
            kv_tokens: kv_tokens as u64,
            sequences: serving.sequences,
            chunk: serving.chunk,
            kv_token_bytes: token / copies,
            price_micro_per_hour: gpu.price_micro_per_hour.saturating_mul(i64::from(degree)),
            power: PowerCurve::of_roofline(gpu, &model.name, &roofline, serving),
            host_power_w: gpu.host_power_w * f64::from(degree),
            basis: Basis::FirstPrinciples,
        })
    }
}

/// The tangent of the roofline at the batch and context of `serving`; prefill is the chord of a whole chunk.
fn linear(roofline: &Roofline, serving: &Serving) -> StepTime {
    let (n, each) = (f64::from(serving.batch), f64::from(serving.context));
    let held = n * each;
    let here = roofline.seconds(n, held, 0.0);
    let slope = |higher: f64, step: f64| ((higher - here) / step).max(0.0);
    let per_sequence_s = slope(roofline.seconds(n * 1.01, held, 0.0), n * 0.01);
    let per_context_token_s = slope(roofline.seconds(n, held * 1.01, 0.0), held * 0.01);
    let prompt = f64::from(serving.prompt);
    let chunk = f64::from(serving.chunk).min(prompt);
    // On average half of the prompt stands before a token of it.
    let with_chunk = roofline.seconds(n + chunk, held, chunk * prompt / 2.0);
    StepTime {
        base_s: (here - per_sequence_s * n - per_context_token_s * held).max(1e-6),
        per_sequence_s,
        per_context_token_s,
        per_prefill_token_s: slope(with_chunk, chunk),
    }
}

/// Bytes that weights and reserve leave on all GPUs together; negative when they do not fit.
fn room_bytes(gpu: &Gpu, model: &Model, serving: &Serving) -> f64 {
    let each = gpu.memory_bytes as f64 * serving.memory_share - serving.reserve_bytes;
    each * f64::from(serving.tensor_parallel) - model.weight_bytes(serving.weights)
}

fn too_large(gpu: &Gpu, model: &Model, serving: &Serving) -> Error {
    let gb = |bytes: f64| bytes / 1e9;
    let fits = [1, 2, 4, 8, 16, 32, 64].into_iter().find(|&tensor_parallel| {
        let wider = Serving { tensor_parallel, ..*serving };
        let token = Roofline::new(gpu, model, &wider).kv_token * f64::from(tensor_parallel);
        room_bytes(gpu, model, &wider) >= token * f64::from(serving.context)
    });
    let fix = fits.map_or_else(
        || "no degree up to 64 leaves room: take smaller weights or more memory".to_owned(),
        |degree| format!("{degree} GPUs leave room"),
    );
    Error::Infeasible {
        why: format!(
            "{} in {:?} has {:.1} GB of weights, and {} x {} has {:.1} GB for them and the cache: {fix}",
            model.name,
            serving.weights,
            gb(model.weight_bytes(serving.weights)),
            serving.tensor_parallel,
            gpu.name,
            gb(room_bytes(gpu, model, serving) + model.weight_bytes(serving.weights)).max(0.0),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn derive(gpu: &str, model: &str, serving: Serving) -> Result<Profile, Error> {
        let shipped = Catalogue::shipped()?;
        Profile::derive(shipped.gpu(gpu)?, shipped.model(model)?, &serving)
    }

    fn at(tensor_parallel: u32) -> Serving {
        Serving { tensor_parallel, ..Serving::default() }
    }

    /// 70.6 GB·2 over 8 GPUs at 0.8 of 3.35 TB/s: 6.6 ms of weights, and what the reference leaves out on top.
    #[test]
    fn weights_bound_the_iteration_from_below() {
        let p = derive("h100-sxm", "llama-3.1-70b", at(8)).unwrap();
        let alone = p.step.seconds(1.0, 1.0, 0.0);
        assert!(alone > 0.0066 && alone < 0.013, "{alone}");
        assert!(p.step.per_prefill_token_s > 2.0 * 70e9 / 8.0 / 989e12, "not faster than the peak");
    }

    /// The reference divides one GPU's memory by the bytes of all: eight times too few tokens.
    #[test]
    fn all_gpus_hold_the_cache() {
        let [four, eight] = [4, 8].map(|t| derive("h100-sxm", "llama-3.1-70b", at(t)).unwrap().kv_tokens);
        // (0.9·80 GiB − 2 GiB)·8 − 141 GB over 320 KiB a token.
        assert!((1_370_000..1_440_000).contains(&eight), "{eight}");
        assert!(four * 2 < eight);
    }

    #[test]
    fn a_cache_of_half_the_bytes_holds_twice_the_tokens() {
        let [wide, narrow] = [Dtype::Fp16, Dtype::Fp8]
            .map(|kv| derive("h100-sxm", "llama-3.1-8b", Serving { kv, ..at(1) }).unwrap());
        assert!(narrow.kv_tokens - wide.kv_tokens * 2 <= 1, "{} {}", wide.kv_tokens, narrow.kv_tokens);
        assert_eq!(narrow.kv_token_bytes * 2.0, wide.kv_token_bytes);
        assert!(narrow.step.per_context_token_s < wide.step.per_context_token_s, "and is read in less time");
    }

    #[test]
    fn a_latent_is_held_on_every_gpu_and_is_small() {
        let serving = Serving { weights: Dtype::Fp8, ..at(8) };
        let p = derive("h200-sxm", "deepseek-v3", serving).unwrap();
        assert!((p.kv_token_bytes - 61.0 * 576.0 * 2.0).abs() < 1.0, "{}", p.kv_token_bytes);
        assert!(p.kv_tokens > 400_000, "{}", p.kv_tokens);
    }

    #[test]
    fn more_gpus_serve_an_iteration_faster_and_8_bits_faster_than_16() {
        let time = |p: &Profile| p.step.seconds(64.0, 64.0 * 2048.0, 0.0);
        let [two, four, eight] = [2, 4, 8].map(|t| derive("h200-sxm", "llama-3.1-70b", at(t)).unwrap());
        assert!(time(&two) > time(&four) && time(&four) > time(&eight));
        let fp8 = derive("h200-sxm", "llama-3.1-70b", Serving { weights: Dtype::Fp8, ..at(4) }).unwrap();
        assert!(time(&fp8) < time(&four));
    }

    /// A sparse model reads few experts for one token and nearly all for a large batch.
    #[test]
    fn experts_are_read_as_they_are_chosen() {
        let shipped = Catalogue::shipped().unwrap();
        let model = shipped.model("qwen3-30b-a3b").unwrap();
        let roofline = Roofline::new(shipped.gpu("h100-sxm").unwrap(), model, &at(1));
        let [one, many] = [1.0, 512.0].map(|n| roofline.seconds(n, n, 0.0) - roofline.overhead_s);
        let weights = model.weight_bytes(Dtype::Fp16) / roofline.bandwidth;
        assert!(one < 0.2 * weights && many > 0.9 * weights, "{one} {many} {weights}");
    }

    #[test]
    fn weights_that_do_not_fit_name_the_degree_that_does() {
        let error = derive("h100-sxm", "llama-3.1-70b", at(1)).unwrap_err().to_string();
        assert!(error.contains("2 GPUs leave room"), "{error}");
        let error = derive("l4", "deepseek-v3", at(1)).unwrap_err().to_string();
        assert!(error.contains("GPUs leave room") || error.contains("no degree"), "{error}");
    }

    /// A prompt of 64K tokens, chunk by chunk on the roofline, takes what the line of such prompts says, and nearly twice what that
    /// of prompts of 2K does.
    #[test]
    fn long_prompts_are_read_at_their_own_pace() {
        let shipped = Catalogue::shipped().unwrap();
        let (gpu, model) = (shipped.gpu("h100-sxm").unwrap(), shipped.model("llama-3.1-8b").unwrap());
        let long = Serving { prompt: 65_536, context: 65_536, ..at(1) };
        let (roofline, p) = (Roofline::new(gpu, model, &long), Profile::derive(gpu, model, &long).unwrap());
        // Memory holds some six of them, not 64: the line is taken there.
        let batch = f64::from(p.reserved_slots(65_536).min(64));
        assert!((2.0..20.0).contains(&batch), "{batch}");
        let held = batch * 65_536.0;
        let step = |tokens: f64, pairs: f64| roofline.seconds(batch + tokens, held, pairs);
        let chunk = f64::from(long.chunk);
        let roof: f64 =
            (0..32).map(|at| step(chunk, chunk * chunk * (f64::from(at) + 0.5)) - step(0.0, 0.0)).sum();
        let line = |p: &Profile| p.step.per_prefill_token_s * 65_536.0;
        assert!((line(&p) / roof - 1.0).abs() < 0.1, "{} {roof}", line(&p));
        let usual = Profile::derive(gpu, model, &at(1)).unwrap();
        assert!(line(&p) > 1.4 * line(&usual), "{} {}", line(&p), line(&usual));
    }

    #[test]
    fn the_line_touches_the_roofline_where_it_was_taken() {
        let shipped = Catalogue::shipped().unwrap();
        let (gpu, model) = (shipped.gpu("h100-sxm").unwrap(), shipped.model("llama-3.1-8b").unwrap());
        let roofline = Roofline::new(gpu, model, &at(1));
        let p = Profile::derive(gpu, model, &at(1)).unwrap();
        let (line, roof) =
            (p.step.seconds(64.0, 64.0 * 2048.0, 0.0), roofline.seconds(64.0, 64.0 * 2048.0, 0.0));
        assert!((line / roof - 1.0).abs() < 1e-9, "{line} {roof}");
    }
}
