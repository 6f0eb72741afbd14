//! The tidy test: budgets, bans and directions that no lint can hold.
//!
//! Each finding names file, line and rule. `exceptions.txt` lists what may exceed its budget and by how much; an
//! exception that is looser than needed is itself a finding, so the list can only shrink.

mod bans;
mod budgets;
mod functions;
mod layers;

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold code of ours.
const FOLDERS: &[&str] = &["crates", "clients", "xtask", "fuzz", "tests", "docs", "bench", ".ci"];
/// Folders that are never looked into.
const SKIPPED: &[&str] =
    &["target", "node_modules", ".venv", "corpus", "artifacts", "__pycache__", "snapshots"];

/// One text file of the repository.
pub(crate) struct Source {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Runs every rule.
pub(crate) fn run(root: &Path) -> Result<String> {
    let sources = collect(root)?;
    let mut findings =
        budgets::check(&sources, &fs::read_to_string(root.join("xtask/exceptions.txt")).unwrap_or_default());
    findings.extend(functions::check(&sources));
    findings.extend(bans::check(&sources));
    findings.extend(layers::check(&sources));
    if findings.is_empty() {
        return Ok(format!("tidy: {} files, no findings", sources.len()));
    }
    bail!("{}\ntidy: {} findings", findings.join("\n"), findings.len())
}

fn collect(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|f| root.join(f)).filter(|f| f.is_dir()).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                sources.push(Source { path, text });
            }
        }
    }
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.toml",
        "deny.toml",
        "clippy.toml",
    ] {
        if let Ok(text) = fs::read_to_string(root.join(name)) {
            sources.push(Source { path: name.into(), text });
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}
