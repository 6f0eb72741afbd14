//! Finds figures that contradict each other, a publication, or what is possible.

use super::{Attention, Catalogue, Dtype, Gpu, Model};
use std::fmt;

/// How far a parameter count may be from the publisher's (norms and biases are left out of ours).
const PARAMETER_TOLERANCE: f64 = 0.005;
/// Operations per byte that real GPUs balance between; outside, a figure has the wrong unit or the wrong kind.
const RIDGE: std::ops::RangeInclusive<f64> = 60.0..=600.0;

/// A contradiction.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// The GPU or model.
    pub subject: String,
    /// The figure.
    pub figure: &'static str,
    /// What stands there.
    pub found: String,
    /// What it contradicts.
    pub against: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} is {}, but {}", self.subject, self.figure, self.found, self.against)
    }
}

fn finding(
    subject: &str,
    figure: &'static str,
    found: impl fmt::Display,
    against: impl Into<String>,
) -> Finding {
    Finding { subject: subject.into(), figure, found: found.to_string(), against: against.into() }
}

/// Everything that is wrong within one catalogue.
#[must_use]
pub fn catalogue(catalogue: &Catalogue) -> Vec<Finding> {
    let mut findings: Vec<Finding> = catalogue.models().flat_map(model).collect();
    let gpus: Vec<&Gpu> = catalogue.gpus().collect();
    findings.extend(gpus.iter().flat_map(|g| gpu(g)));
    for (index, a) in gpus.iter().enumerate() {
        for b in gpus.iter().skip(index + 1) {
            if (a.memory_bytes, a.bandwidth_bytes_per_s, a.flops_fp16_per_s)
                == (b.memory_bytes, b.bandwidth_bytes_per_s, b.flops_fp16_per_s)
            {
                let against = format!(
                    "`{}` has the same memory, bandwidth and rate: one is a copy of the other",
                    b.name
                );
                findings.push(finding(&a.name, "memory_bytes", a.memory_bytes, against));
            }
        }
    }
    findings
}

/// What is wrong within one model.
#[must_use]
pub fn model(model: &Model) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add =
        |figure, found: String, against: String| findings.push(finding(&model.name, figure, found, against));
    if let Attention::Grouped { kv_heads } = model.attention {
        if kv_heads == 0 || !model.heads.is_multiple_of(kv_heads) {
            add("kv_heads", kv_heads.to_string(), format!("{} heads cannot share it", model.heads));
        }
        if kv_heads >= 64 {
            let kib = model.kv_bytes_per_token(Dtype::Fp16) / 1024.0;
            let against = format!("that is {kib:.0} KiB of KV for each token: is its attention latent?");
            add("kv_heads", kv_heads.to_string(), against);
        }
    }
    match model.experts {
        Some(e) if e.active > e.count => {
            add("experts.active", e.active.to_string(), format!("there are {}", e.count));
        }
        Some(e) if e.dense_layers > 0 && model.intermediate == 0 => {
            add("intermediate", "0".into(), format!("{} layers are dense", e.dense_layers));
        }
        Some(e) if e.dense_layers == 0 && model.intermediate > 0 => {
            add("intermediate", model.intermediate.to_string(), "every layer has experts instead".into());
        }
        None if model.intermediate == 0 => {
            add("intermediate", "0".into(), "there are no experts either".into());
        }
        _ => {}
    }
    if let Some(sliding) = model.sliding.filter(|s| s.layers > model.layers) {
        add("sliding.layers", sliding.layers.to_string(), format!("there are {} layers", model.layers));
    }
    if let Some(stated) = model.stated_parameters {
        let shape = model.parameters();
        if (shape as f64 / stated as f64 - 1.0).abs() > PARAMETER_TOLERANCE {
            let billions = |n: u64| format!("{:.2} billion", n as f64 / 1e9);
            let against = format!("its shape has {} parameters", billions(shape));
            add("stated_parameters", billions(stated), against);
        }
    }
    findings
}

/// What is wrong within one GPU.
#[must_use]
pub fn gpu(gpu: &Gpu) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add =
        |figure, found: f64, against: String| findings.push(finding(&gpu.name, figure, found, against));
    let ridge = gpu.flops_fp16_per_s / gpu.bandwidth_bytes_per_s;
    if !RIDGE.contains(&ridge) {
        let against = format!(
            "that is {ridge:.0} operations for each byte read: is it a tensor rate, dense, in operations?"
        );
        add("flops_fp16_per_s", gpu.flops_fp16_per_s, against);
    }
    if let Some(fp8) = gpu.flops_fp8_per_s.filter(|&fp8| fp8 < gpu.flops_fp16_per_s) {
        add("flops_fp8_per_s", fp8, format!("16 bits run at {}", gpu.flops_fp16_per_s));
    }
    if gpu.idle_power_w >= gpu.tdp_power_w {
        add("idle_power_w", gpu.idle_power_w, format!("its limit is {} W", gpu.tdp_power_w));
    }
    if gpu.price_micro_per_hour <= 0 {
        add(
            "price_micro_per_hour",
            gpu.price_micro_per_hour as f64,
            "no GPU is free: its fleets would cost nothing".into(),
        );
    }
    if gpu.memory_bytes < 1 << 30 {
        add("memory_bytes", gpu.memory_bytes as f64, "that is less than a gibibyte: is it in bytes?".into());
    }
    findings
}

/// How a model differs from its published shape.
#[must_use]
pub fn against(model: &Model, published: &Model) -> Vec<Finding> {
    let kv = |model: &Model| model.kv_bytes_per_token(Dtype::Fp16);
    let experts = |model: &Model| format!("{:?}", model.experts);
    let rows = [
        ("layers", model.layers.to_string(), published.layers.to_string()),
        ("hidden", model.hidden.to_string(), published.hidden.to_string()),
        ("heads", model.heads.to_string(), published.heads.to_string()),
        ("head_dim", model.head_dim.to_string(), published.head_dim.to_string()),
        ("attention", format!("{:?}", model.attention), format!("{:?}", published.attention)),
        ("intermediate", model.intermediate.to_string(), published.intermediate.to_string()),
        ("experts", experts(model), experts(published)),
        ("vocab", model.vocab.to_string(), published.vocab.to_string()),
        ("KV bytes of a token", kv(model).to_string(), kv(published).to_string()),
    ];
    let differs = |(_, found, wanted): &(&str, String, String)| found != wanted;
    let told = |(figure, found, wanted)| {
        finding(&model.name, figure, found, format!("the published shape has {wanted}"))
    };
    rows.into_iter().filter(differs).map(told).collect()
}

/// Whether an instance of `gpus` GPUs can hold the weights and the KV cache that is claimed for it.
#[must_use]
pub fn instance(
    model: &Model,
    gpu: &Gpu,
    gpus: u32,
    weights: Dtype,
    kv: Dtype,
    kv_tokens: u64,
) -> Option<Finding> {
    let needed = model.weight_bytes(weights) + kv_tokens as f64 * model.kv_bytes_per_token(kv);
    let held = f64::from(gpus) * gpu.memory_bytes as f64;
    (needed > held).then(|| {
        let at_least = (needed / gpu.memory_bytes as f64).ceil();
        let against = format!("weights and {kv_tokens} tokens of KV need {at_least} of {}", gpu.name);
        finding(&model.name, "GPUs of an instance", gpus, against)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Experts;

    fn shipped() -> Catalogue {
        Catalogue::shipped().unwrap()
    }

    fn named(name: &str) -> Model {
        shipped().model(name).unwrap().clone()
    }

    fn figures(findings: &[Finding]) -> Vec<&'static str> {
        findings.iter().map(|f| f.figure).collect()
    }

    #[test]
    fn the_shipped_catalogue_has_no_contradiction() {
        let findings = catalogue(&shipped());
        assert!(findings.is_empty(), "{findings:?}");
    }

    /// The reference simulator's rows: four of its ten models contradict their published configuration.
    #[test]
    fn contradictions_of_the_reference_models_are_found() {
        let published = named("qwen3-32b");
        let row = Model { heads: 40, intermediate: 27_648, ..published.clone() };
        assert_eq!(figures(&against(&row, &published)), ["heads", "intermediate"]);

        let published = named("qwen3-235b-a22b");
        let row = Model { head_dim: 64, ..published.clone() };
        assert_eq!(figures(&model(&row)), ["stated_parameters"]);
        assert_eq!(figures(&against(&row, &published)), ["head_dim", "KV bytes of a token"]);

        let row = Model { heads: 16, ..named("qwen3-30b-a3b") };
        assert_eq!(figures(&model(&row)), ["stated_parameters"]);

        let published = named("deepseek-v3");
        let experts = published.experts.map(|e| Experts { dense_layers: 0, ..e });
        let attention = Attention::Grouped { kv_heads: 128 };
        let row = Model { attention, head_dim: 56, intermediate: 0, experts, ..published };
        assert_eq!(figures(&model(&row)), ["kv_heads", "stated_parameters"]);

        let row = Model { intermediate: 14_336, ..named("mixtral-8x7b") };
        assert_eq!(figures(&model(&row)), ["intermediate"]);
    }

    /// Its GPUs: an A10G that is an L40S, a rate without tensor cores, a price of nothing.
    #[test]
    fn contradictions_of_the_reference_gpus_are_found() {
        let a10g = shipped().gpu("a10g").unwrap().clone();
        assert_eq!(figures(&gpu(&Gpu { flops_fp16_per_s: 31.2e12, ..a10g.clone() })), ["flops_fp16_per_s"]);
        assert_eq!(figures(&gpu(&Gpu { price_micro_per_hour: 0, ..a10g.clone() })), ["price_micro_per_hour"]);
        assert_eq!(figures(&gpu(&Gpu { idle_power_w: 150.0, ..a10g.clone() })), ["idle_power_w"]);
        assert_eq!(figures(&gpu(&Gpu { memory_bytes: 24, ..a10g })), ["memory_bytes"]);
        let mut twice = shipped();
        let yaml = include_str!("gpus.yaml");
        let start = yaml.find("  l40s:").unwrap();
        let end = yaml.find("  rtx-4090:").unwrap();
        let head = &yaml[..yaml.find("rows:").unwrap()];
        let copy = format!("{head}rows:\n{}", yaml[start..end].replace("  l40s:", "  a10g:"));
        twice.add_gpus("copy.yaml", &copy).unwrap();
        let findings = catalogue(&twice);
        assert!(findings.len() == 1 && findings[0].to_string().contains("`l40s`"), "{findings:?}");
    }

    /// Its hand profile: a 70B model with 1,048,576 tokens of KV, billed and powered as one GPU.
    #[test]
    fn an_instance_that_cannot_hold_what_it_claims_is_found() {
        let (model, catalogue) = (named("llama-3-70b"), shipped());
        let gpu = catalogue.gpu("h100").unwrap();
        let claim = |gpus| instance(&model, gpu, gpus, Dtype::Fp16, Dtype::Fp16, 1 << 20);
        assert!(claim(1).unwrap().to_string().contains("need 6 of h100-sxm"), "{:?}", claim(1));
        assert_eq!(claim(8), None);
    }
}
