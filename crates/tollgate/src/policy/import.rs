//! `tollgate policy import`: another router's configuration in this language, and what has no equivalent.

use crate::ending::Ending;
use crate::place;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_policy::import::{Gap, GapKind, Import, Source, import};
use tollgate_policy::{Known, Policy};
use tollgate_signals::SignalSet;

/// What the file is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    /// The vLLM Semantic Router's `version: v0.3` configuration
    VllmSr,
    /// The LiteLLM proxy's config.yaml
    Litellm,
    /// A request, or several, with provider preferences as OpenRouter takes them
    Openrouter,
}

/// Turn another router's configuration into a policy, and list what has no equivalent
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy import vllm-sr config.yaml --out router.tollgate
  tollgate policy import litellm config.yaml --out router.tollgate --config gateway.yaml
  tollgate policy import openrouter request.json --json

Where the file has models, a configuration is written beside the policy (router.yaml for
router.tollgate). Exits with 2 when the file cannot be read as what it is said to be.")]
pub(crate) struct ImportArgs {
    /// What the file is
    #[arg(value_enum)]
    from: From,
    /// The file; `-` reads standard input
    #[arg(value_name = "CONFIG")]
    file: PathBuf,
    /// Where the policy is written [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the configuration is written [default: beside the policy, ending in .yaml]
    #[arg(long, value_name = "FILE", requires = "out")]
    config: Option<PathBuf>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ImportArgs) -> Result<Ending> {
    let source = match args.from {
        From::VllmSr => Source::VllmSr,
        From::Litellm => Source::LiteLlm,
        From::Openrouter => Source::OpenRouter,
    };
    let shown = args.file.display().to_string();
    let found = import(source, &place::read_text(&args.file)?).with_context(|| shown.clone())?;
    compiles(&found.policy)?;
    let mut config = None;
    if let Some(out) = &args.out {
        write(out, &found.policy)?;
        if let Some(text) = &found.config {
            let path = args.config.clone().unwrap_or_else(|| out.with_extension("yaml"));
            if path == *out {
                bail!("{} is the policy; name another file with --config FILE", path.display());
            }
            let name = policy_from(out, &path);
            write(&path, &format!("# Imported from {shown}.\npolicy: {}\n{text}", json!(name)))?;
            config = Some(path);
        }
    }
    if args.json {
        let written = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        say::json(&json!({
            "file": shown, "policy": written(&args.out), "config": written(&config), "gaps": found.gaps,
            "more_gaps": found.more_gaps,
            "text": if args.out.is_none() { Some(&found.policy) } else { None },
        }))?;
        return Ok(Ending::Good);
    }
    if args.out.is_none() {
        say::text(&found.policy)?;
    }
    tell(&found, &shown);
    for path in args.out.iter().chain(&config) {
        say::remark(&format!("wrote {}", path.display()));
    }
    Ok(Ending::Good)
}

/// An imported policy that does not compile is a fault of the importer; better said here than by `serve`.
fn compiles(text: &str) -> Result<()> {
    let policy = Policy::load("imported", text, &Known::any()).context("the imported policy is wrong")?;
    SignalSet::compile(policy.specs()).map_err(|errors| {
        let all: Vec<_> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the imported policy's signals are wrong: {}", all.join("; "))
    })?;
    Ok(())
}

/// The policy's path as the configuration beside it names it.
fn policy_from(policy: &Path, config: &Path) -> String {
    let same = policy.parent() == config.parent();
    let name = policy.file_name().filter(|_| same).map_or_else(
        || std::path::absolute(policy).unwrap_or_else(|_| policy.to_owned()).into_os_string(),
        ToOwned::to_owned,
    );
    name.to_string_lossy().into_owned()
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The list for people, on standard error.
fn tell(found: &Import, file: &str) {
    for Gap { line, path, value, kind, consequence } in &found.gaps {
        say::remark(&format!("{file}:{line}: {path}: {} ({value}): {consequence}", kind.word()));
    }
    let count = |kind: GapKind| found.gaps.iter().filter(|gap| gap.kind == kind).count();
    let counts: Vec<String> = [GapKind::StandsIn, GapKind::Dropped, GapKind::Wrong, GapKind::Unknown]
        .into_iter()
        .map(|kind| format!("{} {}", count(kind), kind.word()))
        .collect();
    let more = if found.more_gaps > 0 { format!(", {} more", found.more_gaps) } else { String::new() };
    say::remark(&format!("without an equivalent: {}{more}", counts.join(", ")));
}
