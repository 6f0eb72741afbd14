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

/// How an imported file begins.
const HEAD: &str = "# Imported from ";

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
router.tollgate). The file that is read is never written over, one that no import wrote only
with --force. Exits with 0 whatever was lost (--strict: with 1 when something was dropped, is
wrong or unknown), and with 2 when the file cannot be read as what it is said to be.")]
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
    /// Write over files that no import wrote
    #[arg(long)]
    force: bool,
    /// Exit with 1 when something was lost: dropped, wrong or unknown
    #[arg(long)]
    strict: bool,
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
    let targets = targets(args, &found)?;
    if let Some((out, config)) = &targets {
        let head = format!("{HEAD}{shown}.\n");
        if let (Some(path), Some(text)) = (config, &found.config) {
            write(path, &format!("{head}policy: {}\n{text}", json!(policy_from(out, path))))?;
        }
        write(out, &found.policy)?;
    }
    let config = targets.and_then(|(_, config)| config);
    let lost = found.more_gaps > 0 || found.gaps.iter().any(|gap| gap.kind != GapKind::StandsIn);
    let ending = Ending::of(!(args.strict && lost));
    if args.json {
        let written = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        say::json(&json!({
            "file": shown, "policy": written(&args.out), "config": written(&config), "gaps": found.gaps,
            "more_gaps": found.more_gaps,
            "text": if args.out.is_none() { Some(&found.policy) } else { None },
        }))?;
        return Ok(ending);
    }
    if args.out.is_none() {
        say::text(&found.policy)?;
    }
    tell(&found, &shown);
    for path in args.out.iter().chain(&config) {
        say::remark(&format!("wrote {}", path.display()));
    }
    Ok(ending)
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

/// The policy's path and, where the file has models, that of its configuration. Nothing is written before both are known
/// to be neither the file that is read nor somebody's own.
fn targets(args: &ImportArgs, found: &Import) -> Result<Option<(PathBuf, Option<PathBuf>)>> {
    let Some(out) = args.out.clone() else { return Ok(None) };
    let beside = || args.config.clone().unwrap_or_else(|| out.with_extension("yaml"));
    let config = found.config.as_ref().map(|_| beside());
    for (path, flag) in [(Some(&out), "--out"), (config.as_ref(), "--config")] {
        let Some(path) = path else { continue };
        if same(path, &args.file) {
            bail!(
                "{} is the file that is read and would be written over; name another with {flag} FILE",
                path.display()
            );
        }
        if !args.force && !replaceable(path)? {
            bail!(
                "{} exists and was not imported; name another file with {flag} FILE, or give --force",
                path.display()
            );
        }
    }
    if let Some(path) = config.as_ref().filter(|path| same(path, &out)) {
        bail!("{} is the policy; name another file with --config FILE", path.display());
    }
    Ok(Some((out, config)))
}

/// Whether two paths name one file. One that does not exist yet is found by its folder.
fn same(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?.join(path.file_name()?))
        })
    };
    a == b || place(a).is_some_and(|at| place(b).is_some_and(|other| at == other))
}

/// Whether nobody's work is lost when a file is written: it is absent, empty, no file (a pipe), or an earlier import.
fn replaceable(path: &Path) -> Result<bool> {
    let at = || format!("cannot read {}", path.display());
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Ok(true),
        Ok(_) => {
            let held = std::fs::read(path).with_context(at)?;
            Ok(held.is_empty() || held.starts_with(HEAD.as_bytes()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(at),
    }
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
