//! `tollgate fleet catalogue`: the GPUs and models that are known, where their figures come from, and what contradicts.

use super::hardware::catalogue;
use super::usd;
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use tollgate_fleet::catalogue::{Catalogue, Dtype, Gpu, Model, Source};

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
                "network_bytes_per_s": gpu.network_bytes_per_s, "pcie_bytes_per_s": gpu.pcie_bytes_per_s, "idle_power_w": gpu.idle_power_w,
                "tdp_power_w": gpu.tdp_power_w, "host_power_w": gpu.host_power_w, "per_host": gpu.per_host,
                "price_micro_per_hour": gpu.price_micro_per_hour, "sources": sources(&Gpu::FIGURES, |figure| all.gpu_source(&gpu.name, figure))})
        };
        let model = |model: &Model| {
            json!({"name": model.name, "parameters": model.parameters(), "shape": model,
                "kv_bytes_per_token_fp16": model.kv_bytes_per_token(Dtype::Fp16), 
                "sources": sources(&Model::FIGURES, |figure| all.model_source(&model.name, figure))})
        };
        say::json(&json!({
            "gpus": all.gpus().map(gpu).collect::<Vec<_>>(), "models": all.models().map(model).collect::<Vec<_>>(),
            "findings": findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
        return Ok(Ending::of(findings.is_empty()));
    }
    say::table(&GPUS, &all.gpus().map(|gpu| gpu_row(&all, gpu)).collect::<Vec<_>>())?;
    say::line("~ is an estimate, without a publication behind it; --json has the source of each figure")?;
    say::line("")?;
    say::table(&MODELS, &all.models().map(|model| model_row(&all, model)).collect::<Vec<_>>())?;
    if !findings.is_empty() {
        say::line("\ncontradictions:")?;
        findings.iter().try_for_each(|finding| say::line(&format!("  {finding}")))?;
    }
    Ok(Ending::of(findings.is_empty()))
}

/// The source of each figure, with those that are estimates.
fn sources<'a>(figures: &[&'static str], of: impl Fn(&str) -> Option<&'a Source>) -> Value {
    let each = figures.iter().filter_map(|figure| Some((*figure, of(figure)?)));
    let one = |(figure, source): (&str, &Source)| {
        (figure.to_owned(), json!({"source": source.text, "estimate": source.estimate}))
    };
    Value::Object(each.map(one).collect())
}

fn text(source: Option<&Source>) -> String {
    source.map_or_else(String::new, |source| source.text.clone())
}

fn gpu_row(all: &Catalogue, gpu: &Gpu) -> Vec<String> {
    let marked = |figure: &str, shown: String| match all.gpu_source(&gpu.name, figure) {
        Some(source) if source.estimate => format!("~{shown}"),
        _ => shown,
    };
    vec![
        gpu.name.clone(),
        marked("memory_bytes", format!("{:.0}", gpu.memory_bytes as f64 / f64::from(1 << 30))),
        marked("bandwidth_bytes_per_s", format!("{:.2}", gpu.bandwidth_bytes_per_s / 1e12)),
        marked("flops_fp16_per_s", format!("{:.0}", gpu.flops_fp16_per_s / 1e12)),
        marked("idle_power_w", format!("{:.0}", gpu.idle_power_w)),
        marked("tdp_power_w", format!("{:.0}", gpu.tdp_power_w)),
        marked("price_micro_per_hour", usd(gpu.price_micro_per_hour)),
        text(all.gpu_source(&gpu.name, "memory_bytes")),
    ]
}

fn model_row(all: &Catalogue, model: &Model) -> Vec<String> {
    vec![
        model.name.clone(),
        format!("{:.1}", model.parameters() as f64 / 1e9),
        model.layers.to_string(),
        format!("{:.0}", model.kv_bytes_per_token(Dtype::Fp16) / 1024.0),
        model.max_context_tokens.to_string(),
        text(all.model_source(&model.name, "layers")),
    ]
}
