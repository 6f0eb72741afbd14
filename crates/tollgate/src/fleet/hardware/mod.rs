//! What a fleet may run on: GPUs, a model, and how it is served, to the profiles that a planner chooses from.

mod checked;
mod fitted;

pub(super) use checked::{catalogue, tell};
use fitted::Asked;
pub(super) use fitted::{Errors, Fitted, RunMachine};

use crate::place;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use tollgate_fleet::catalogue::{Catalogue, Dtype, Model, from_config};
use tollgate_fleet::plan::Expected;
use tollgate_fleet::service::{Profile, Serving};

/// Degrees that are tried where none is said.
const DEGREES: [u32; 4] = [1, 2, 4, 8];

/// What it may run on
#[derive(Args, Debug, Clone)]
pub(super) struct HardwareArgs {
    /// A type of GPU; several are a choice
    #[arg(long, value_name = "NAME", required = true)]
    pub(super) gpu: Vec<String>,
    /// The model, by its name in the catalogue
    #[arg(long, value_name = "NAME", default_value = "llama-3.1-8b")]
    pub(super) model: String,
    /// The model's published config.json instead
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    model_config: Option<PathBuf>,
    /// GPUs of an instance; several are a choice [default: the choice of 1, 2, 4 and 8 that fit]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    tensor_parallel: Vec<u32>,
    /// How weights are stored
    #[arg(long, value_enum)]
    weights: Option<Stored>,
    /// How the KV cache is stored
    #[arg(long, value_enum, default_value_t = Stored::Fp16)]
    kv: Stored,
    /// Most sequences of an instance at once
    #[arg(long, value_name = "N", default_value_t = 256)]
    sequences: u32,
    /// Prompt tokens of an iteration
    #[arg(long, value_name = "N", default_value_t = 2048)]
    chunk: u32,
    /// What `fleet calibrate --out` fitted: times to a recorded run (for one GPU and one --tensor-parallel) or to
    /// measured points (for the machines in it), watts to batches
    #[arg(long, value_name = "FILE")]
    fitted: Option<PathBuf>,
    /// A file of GPUs to add to the catalogue
    #[arg(long, value_name = "FILE")]
    gpus: Option<PathBuf>,
    /// A file of models to add to the catalogue
    #[arg(long, value_name = "FILE")]
    models: Option<PathBuf>,
}

/// A type of values.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Stored {
    /// 16 bits
    Fp16,
    /// 8 bits
    Fp8,
    /// 4 bits with scales
    Int4,
}

impl Stored {
    pub(super) const fn dtype(self) -> Dtype {
        match self {
            Self::Fp16 => Dtype::Fp16,
            Self::Fp8 => Dtype::Fp8,
            Self::Int4 => Dtype::Int4,
        }
    }
}

impl HardwareArgs {
    /// The profiles to choose from: each GPU at each degree that holds the model and `context` tokens, with times at the lengths
    /// that are expected.
    pub(super) fn profiles(&self, context: u32, expected: &Expected) -> Result<Vec<Profile>> {
        let catalogue = self.catalogue()?;
        let (model, published) = self.model(&catalogue)?;
        if self.model_config.is_some() {
            tell(&checked::imported(&model)?);
        }
        let weights = self.weights.map_or(published, Stored::dtype);
        let mut profiles = Vec::new();
        let mut last = None;
        for name in &self.gpu {
            let gpu = catalogue.gpu(name)?;
            let degrees = if self.tensor_parallel.is_empty() { &DEGREES[..] } else { &self.tensor_parallel };
            for &tensor_parallel in degrees {
                let serving = Serving {
                    tensor_parallel,
                    weights,
                    kv: self.kv.dtype(),
                    chunk: self.chunk,
                    sequences: self.sequences,
                    prompt: expected.prompt,
                    context: expected.held,
                    ..Serving::default()
                };
                match Profile::derive(gpu, &model, &serving) {
                    Ok(profile) if profile.kv_tokens >= u64::from(context) => profiles.push(profile),
                    Ok(profile) => {
                        let held = profile.kv_tokens;
                        last = Some(anyhow::anyhow!(
                            "{} holds {held} tokens of KV, less than {context}",
                            profile.name
                        ));
                    }
                    Err(error) => last = Some(error.into()),
                }
            }
        }
        if let Some(path) = &self.fitted {
            profiles = Fitted::read(path)?.onto(
                profiles,
                &Asked {
                    model: &model.name,
                    weights,
                    degrees: self.tensor_parallel.len(),
                    prompt: expected.prompt,
                },
            )?;
        }
        match (profiles.is_empty(), last) {
            (false, _) => Ok(profiles),
            (true, Some(error)) => Err(error.context("none of these GPUs can hold the model")),
            (true, None) => bail!("give at least one --gpu"),
        }
    }

    fn catalogue(&self) -> Result<Catalogue> {
        let (all, findings) = catalogue(self.gpus.as_deref(), self.models.as_deref())?;
        tell(&findings);
        Ok(all)
    }

    fn model(&self, catalogue: &Catalogue) -> Result<(Model, Dtype)> {
        let Some(path) = &self.model_config else {
            return Ok((catalogue.model(&self.model)?.clone(), Dtype::Fp16));
        };
        let name =
            path.parent().and_then(|p| p.file_name()).map_or_else(|| "model".into(), |n| n.to_string_lossy());
        let imported = from_config(&name, &place::read(path)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        Ok((imported.model, imported.weights))
    }

    /// Bytes per second from one host to another, of one GPU of the slowest of the types.
    pub(super) fn network_bytes_per_s(&self) -> Result<f64> {
        let (all, _) = catalogue(self.gpus.as_deref(), self.models.as_deref())?;
        let each = self.gpu.iter().map(|name| Ok(all.gpu(name)?.network_bytes_per_s));
        Ok(each.collect::<Result<Vec<f64>>>()?.into_iter().fold(f64::INFINITY, f64::min))
    }

    /// The model's name, for reports and configurations.
    pub(super) fn model_name(&self) -> Result<String> {
        let (all, _) = catalogue(self.gpus.as_deref(), self.models.as_deref())?;
        Ok(self.model(&all)?.0.name)
    }
}
