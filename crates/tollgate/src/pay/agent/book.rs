//! A registry in a file: one accepted record a line, appended, synced, and verified anew at each opening.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use tollgate_core::Timestamp;
use tollgate_pay::json::Json;
use tollgate_pay::registry::{AgentRecord, Directory, Document, Sealed};

/// Longest file that is read, in bytes.
const FILE_MAX: u64 = 1 << 30;

/// See the module. The file is locked while this lives.
pub(super) struct Registry {
    path: PathBuf,
    file: File,
    pub(super) agents: Directory,
}

impl Registry {
    /// Opens the file, made when there is none, and verifies every record in it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let options = OpenOptions::new().create(true).read(true).append(true).open(path);
        let mut file = options.with_context(|| format!("cannot open {shown}"))?;
        file.lock().with_context(|| format!("cannot lock {shown}"))?;
        ensure!(file.metadata()?.len() <= FILE_MAX, "{shown} is larger than a registry may be");
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(|| format!("cannot read {shown}"))?;
        // A line without its end was never accepted: its writing was interrupted.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).with_context(|| format!("cannot repair {shown}"))?;
        }
        let mut agents = Directory::default();
        for (n, line) in text.get(..whole).unwrap_or_default().lines().enumerate() {
            accept(&mut agents, line).with_context(|| format!("{shown}:{}: no accepted record", n + 1))?;
        }
        Ok(Self { path: path.into(), file, agents })
    }

    /// Verifies a record and keeps it; whether it was new.
    pub(super) fn take(&mut self, sealed: &Sealed, document: Option<&str>, now: Timestamp) -> Result<bool> {
        let shown = self.path.display().to_string();
        let id = AgentRecord::read(sealed.payload())?.id;
        let read = document.map(|text| Document::read(text.as_bytes(), &id)).transpose()?;
        let good = self.agents.check_new(sealed, now);
        if !self.agents.take(sealed, read.as_ref(), now)? {
            return Ok(false);
        }
        good?;
        let line = json!({"at": now.0, "document": document, "sealed": sealed.text()});
        let written = self.file.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.file.sync_all());
        written.with_context(|| format!("cannot write to {shown}"))?;
        Ok(true)
    }
}

/// Takes a line as it was taken when it was written: at that time, with the document of that time.
fn accept(agents: &mut Directory, line: &str) -> Result<()> {
    let line: Value = serde_json::from_str(line)?;
    let sealed = Sealed::read(line["sealed"].as_str().context("it has no record")?)?;
    let at = Timestamp(line["at"].as_i64().context("it has no time")?);
    let id = sealed.payload().get("id").and_then(Json::text).unwrap_or_default().to_owned();
    let document = line["document"].as_str().map(|text| Document::read(text.as_bytes(), &id)).transpose()?;
    ensure!(agents.take(&sealed, document.as_ref(), at)?, "the same record stands there twice");
    Ok(())
}
