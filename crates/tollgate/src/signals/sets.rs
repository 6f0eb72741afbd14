//! A folder of labelled sets: one folder a set, JSON Lines in gzip, as its notes describe.

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Most bytes of one file after unpacking.
const FILE_MAX: u64 = 1 << 30;

/// The folder.
#[derive(Debug)]
pub(crate) struct Sets(PathBuf);

/// One row of a set.
#[derive(Debug)]
pub(crate) struct Row(Value);

impl Row {
    /// A member that is text; empty where it is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A member.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

impl Sets {
    /// The sets in this folder.
    pub(crate) fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// The rows of a file; none where it is absent.
    pub(crate) fn rows(&self, file: &str) -> Result<Vec<Row>> {
        let path = self.0.join(file);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        rows(&path)
    }

    /// The members of a JSON list; none where the file is absent.
    pub(crate) fn list(&self, file: &str) -> Result<Vec<Row>> {
        let path = self.0.join(file);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let rows: Vec<Value> = serde_json::from_reader(BufReader::new(open(&path)?))
            .with_context(|| format!("{}: no JSON list", path.display()))?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// The cells of a file of comma-separated numbers under a head, by row; none where it is absent.
    pub(crate) fn numbers(&self, file: &str) -> Result<Vec<(String, Vec<Option<f64>>)>> {
        let path = self.0.join(file);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for line in BufReader::new(open(&path)?).lines().skip(1) {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let mut cells = line.split(',');
            let id = cells.next().unwrap_or_default().to_owned();
            found.push((id, cells.map(|cell| cell.parse().ok()).collect()));
        }
        Ok(found)
    }
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(if path.extension().is_some_and(|end| end == "gz") {
        Box::new(GzDecoder::new(file).take(FILE_MAX))
    } else {
        Box::new(file.take(FILE_MAX))
    })
}

/// The rows of a file of JSON Lines, packed or not.
pub(crate) fn rows(path: &Path) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    for (at, line) in BufReader::new(open(path)?).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let row = serde_json::from_str(&line)
            .with_context(|| format!("{}, line {}: no JSON object", path.display(), at + 1))?;
        found.push(Row(row));
    }
    Ok(found)
}
