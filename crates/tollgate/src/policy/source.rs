//! Which policy is meant, and which models and pools it may name.

use crate::{place, say};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use tollgate_gateway::config::{self, Settings};
use tollgate_gateway::snapshot::known;
use tollgate_policy::{Known, Policy};
use tollgate_signals::SignalSet;

/// A policy file, or the one that a configuration names.
#[derive(Args, Clone, Debug)]
pub(crate) struct Source {
    /// The policy; `-` reads standard input [default: the configuration's, else the shipped policy]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The configuration whose models and pools the policy may name; without it a FILE's names are not checked
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A policy's text with what it is checked against.
pub(crate) struct Text {
    /// What errors call it.
    pub(crate) name: String,
    /// The text.
    pub(crate) text: String,
    /// What it may name.
    pub(crate) known: Known,
}

impl Source {
    /// Reads the text.
    pub(crate) fn read(&self) -> Result<Text> {
        let settings = match (&self.config, &self.file) {
            (Some(path), _) => Some(settings(path)?),
            (None, None) => Some(shipped_settings()?),
            (None, Some(_)) => None,
        };
        let known = settings.as_ref().map_or_else(Known::any, known);
        let file = self.file.clone().or_else(|| settings.and_then(|s| s.policy));
        match file {
            Some(path) => {
                Ok(Text { name: path.display().to_string(), text: place::read_text(&path)?, known })
            }
            None => Ok(Text { name: "shipped policy".into(), text: tollgate_policy::SHIPPED.into(), known }),
        }
    }
}

impl Text {
    /// The compiled policy and its signals.
    pub(crate) fn compile(&self) -> Result<(Policy, SignalSet)> {
        let policy = Policy::load(&self.name, &self.text, &self.known)?;
        let signals = SignalSet::compile(policy.specs()).map_err(|errors| {
            let all: Vec<_> = errors.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}: {}", self.name, all.join("; "))
        })?;
        Ok((policy, signals))
    }
}

/// The settings of a configuration. What a policy comes to needs no secrets: one that is not here is remarked on.
fn settings(path: &std::path::Path) -> Result<Settings> {
    let (settings, lacking) = config::load_without_secrets(path)?;
    for lack in lacking {
        say::remark(&format!(
            "warning: {}:{}:{}: {}: {}; {}",
            path.display(),
            lack.line,
            lack.column,
            lack.field,
            lack.message,
            lack.fix
        ));
    }
    Ok(settings)
}

/// The models of a configuration.
pub(super) fn models(path: &std::path::Path) -> Result<super::models::Models> {
    Ok(super::models::Models::of(&config::load_without_secrets(path)?.0))
}

/// The settings of the embedded default; its addresses do not matter here.
pub(crate) fn shipped_settings() -> Result<Settings> {
    let addresses: Vec<_> =
        (1..).zip(config::DEFAULT_INSTANCES).map(|(n, _)| ([127, 0, 0, 1], 8100 + n).into()).collect();
    config::default_settings(&addresses, "tollgate.yaml".as_ref()).context("the embedded default is wrong")
}
