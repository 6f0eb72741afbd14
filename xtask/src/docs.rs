//! The user guide: built to HTML, links checked, commands run.
//!
//! A fenced block marked `console` holds lines that start with `$ `. Each is run by `sh` in one scratch folder per
//! page, with `tollgate` on the path; it must succeed, or exit with the number in `# exit N` at its end. Before a
//! page that mentions `http://127.0.0.1:8080`, `tollgate serve` is started on a free port that takes its place. A
//! block under `<!-- not run: REASON -->` or `<!-- test command -->` is left alone; lines that start with `> ` go on
//! with the command before them, as a shell shows it.

mod commands;
mod pages;

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// One page of the guide.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Builds and checks the guide.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<String> {
    let bin = match args {
        [] => None,
        [flag, bin] if flag == "--bin" => Some(PathBuf::from(bin)),
        _ => bail!("usage: docs [--bin PATH]"),
    };
    let pages = read(root)?;
    let findings = pages::check_links(root, &pages);
    if !findings.is_empty() {
        bail!("{}\ndocs: {} broken links", findings.join("\n"), findings.len());
    }
    pages::build(root, &pages, &root.join("target/guide"))?;
    let ran = match bin {
        Some(bin) => commands::run_all(&pages, &bin.canonicalize().context("no such binary")?)?,
        None => 0,
    };
    Ok(format!("docs: {} pages built, links good, {ran} commands run", pages.len()))
}

fn read(root: &Path) -> Result<Vec<Page>> {
    let mut paths: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let page = |path: PathBuf| {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Page { path, text })
    };
    paths.into_iter().map(page).collect()
}
