//! `tollgate policy catalogue`: what a policy can ask about a request.

use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use tollgate_core::signal::{Info, Kind, ParamType};

/// List the signals that a policy can ask for
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy catalogue             every kind of signal
  tollgate policy catalogue keyword     one kind with its parameters")]
pub(crate) struct CatalogueArgs {
    /// One kind, with its parameters
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CatalogueArgs) -> Result<Ending> {
    let chosen = match &args.kind {
        None => Kind::ALL.to_vec(),
        Some(word) => match Kind::parse(word) {
            Some(kind) => vec![kind],
            None => bail!("there is no signal kind {word:?}; `tollgate policy catalogue` lists them"),
        },
    };
    if args.json {
        say::json(&chosen.iter().map(|kind| kind.info()).collect::<Vec<_>>())?;
        return Ok(Ending::Good);
    }
    let row = |kind: &Kind| {
        let info = kind.info();
        let form = if kind.is_fact() { "fact" } else { "declared" };
        vec![
            info.word.to_owned(),
            form.into(),
            word(&json!(info.value)),
            word(&json!(info.family)),
            info.help.into(),
        ]
    };
    let rows: Vec<_> = chosen.iter().map(row).collect();
    say::table(&["signal", "form", "value", "family", "what it says"], &rows)?;
    if let (Some(_), [kind]) = (&args.kind, chosen.as_slice()) {
        parameters(&kind.info())?;
    }
    Ok(Ending::Good)
}

fn parameters(info: &Info) -> Result<()> {
    if info.params.is_empty() {
        return say::line("\nNo parameters: use the word itself in a condition.");
    }
    say::line("")?;
    for param in info.params {
        let kind = match param.param_type {
            ParamType::Word(words) => words.join(" | "),
            other => word(&json!(other)),
        };
        let need = if param.required { ", required" } else { "" };
        say::line(&format!("  {} ({kind}{need})\n      {}", param.name, param.help))?;
    }
    Ok(())
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
