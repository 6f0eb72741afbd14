//! `tollgate fleet catalogue`: the GPUs and models that are known, where their figures come from, and what contradicts.

use super::hardware::catalogue;
use super::usd;
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tollgate_fleet::catalogue::{Catalogue, Dtype, Gpu, Model};

/// List GPUs and models with their sources, and check files of your own for contradictions
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet catalogue
  tollgate fleet catalogue --gpus mine.yaml --json

Exits with 1 when figures contradict each other or what is published.")]
pub(crate) struct CatalogueArgs {
    /// A file of GPUs to add to the catalogue
    #[arg(long, value_name = "FILE")]
    gpus: Option<PathBuf>,
    /// A file of models to add to the catalogue
    #[arg(long, value_name = "FILE")]
    models: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const GPUS: [&str; 8] = ["GPU", "GiB", "TB/s", "TFLOP/s", "idle W", "limit W", "USD/h", "figures from"];
const MODELS: [&str; 6] = ["model", "billion", "layers", "KV KiB/token", "context", "figures from"];

/// Lists and checks.
pub(super) fn run(args: &CatalogueArgs) -> Result<Ending> {
    let (all, findings) = catalogue(args.gpus.as_deref(), args.models.as_deref())?;
    if args.json {
        let gpu = |gpu: &Gpu| {
            json!({"name": gpu.name, "memory_bytes": gpu.memory_bytes,
                "bandwidth_bytes_per_s": gpu.bandwidth_bytes_per_s, "flops_fp16_per_s": gpu.flops_fp16_per_s,
                "flops_fp8_per_s": gpu.flops_fp8_per_s, "link_bytes_per_s": gpu.link_bytes_per_s,
                "network_bytes_per_s": gpu.network_bytes_per_s, "idle_power_w": gpu.idle_power_w,
                "tdp_power_w": gpu.tdp_power_w, "host_power_w": gpu.host_power_w, "per_host": gpu.per_host,
                "price_micro_per_hour": gpu.price_micro_per_hour, "source": gpu_source(&all, gpu)})
        };
        let model = |model: &Model| {
            json!({"name": model.name, "parameters": model.parameters(), "shape": model,
                "kv_bytes_per_token_fp16": model.kv_bytes_per_token(Dtype::Fp16), "source": model_source(&all, model)})
        };
        say::json(&json!({
            "gpus": all.gpus().map(gpu).collect::<Vec<_>>(), "models": all.models().map(model).collect::<Vec<_>>(),
            "findings": findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
        return Ok(Ending::of(findings.is_empty()));
    }
    say::table(&GPUS, &all.gpus().map(|gpu| gpu_row(&all, gpu)).collect::<Vec<_>>())?;
    say::line("")?;
    say::table(&MODELS, &all.models().map(|model| model_row(&all, model)).collect::<Vec<_>>())?;
    if !findings.is_empty() {
        say::line("\ncontradictions:")?;
        findings.iter().try_for_each(|finding| say::line(&format!("  {finding}")))?;
    }
    Ok(Ending::of(findings.is_empty()))
}

fn gpu_source(all: &Catalogue, gpu: &Gpu) -> String {
    all.gpu_source(&gpu.name, "memory_bytes").map_or_else(String::new, |source| source.0.clone())
}

fn model_source(all: &Catalogue, model: &Model) -> String {
    all.model_source(&model.name, "layers").map_or_else(String::new, |source| source.0.clone())
}

fn gpu_row(all: &Catalogue, gpu: &Gpu) -> Vec<String> {
    vec![
        gpu.name.clone(),
        format!("{:.0}", gpu.memory_bytes as f64 / f64::from(1 << 30)),
        format!("{:.2}", gpu.bandwidth_bytes_per_s / 1e12),
        format!("{:.0}", gpu.flops_fp16_per_s / 1e12),
        format!("{:.0}", gpu.idle_power_w),
        format!("{:.0}", gpu.tdp_power_w),
        usd(gpu.price_micro_per_hour),
        gpu_source(all, gpu),
    ]
}

fn model_row(all: &Catalogue, model: &Model) -> Vec<String> {
    vec![
        model.name.clone(),
        format!("{:.1}", model.parameters() as f64 / 1e9),
        model.layers.to_string(),
        format!("{:.0}", model.kv_bytes_per_token(Dtype::Fp16) / 1024.0),
        model.max_context_tokens.to_string(),
        model_source(all, model),
    ]
}
