//! The files that a folder was folded from, so that a finished fold is not taken for that of other data.

use crate::error::{Result, RiskError};
use crate::ingest::Mapping;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// A file by what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its path in the folder of data.
    pub file: PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// The files of a mapping: events, users and merchants.
pub(super) fn sources(data: &Path, mapping: &Mapping) -> Result<Vec<SourceFile>> {
    let events = mapping.events.iter().map(|map| &map.file);
    let beside =
        mapping.users.iter().map(|map| &map.file).chain(mapping.merchants.iter().map(|map| &map.file));
    events
        .chain(beside)
        .map(|file| Ok(SourceFile { file: file.clone(), sha256: digest(&data.join(file))? }))
        .collect()
}

/// Refuses files that are not those of a folder. Events that are no longer there are not asked for: their histories are.
pub(crate) fn same(folder: &Path, data: &Path, sources: &[SourceFile], mapping: &Mapping) -> Result<()> {
    let events = mapping.events.as_ref().map(|map| &map.file);
    for source in sources {
        let path = data.join(&source.file);
        if events == Some(&source.file) && !path.exists() {
            continue;
        }
        if digest(&path)? != source.sha256 {
            return Err(RiskError::format(
                folder.display().to_string(),
                format!(
                    "was folded from another {}; remove the folder and fold again, or name another",
                    source.file.display()
                ),
            ));
        }
    }
    Ok(())
}

fn digest(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut read = || -> std::io::Result<()> {
        let (mut file, mut bytes) = (File::open(path)?, vec![0; CHUNK]);
        loop {
            match file.read(&mut bytes)? {
                0 => return Ok(()),
                n => hasher.update(bytes.get(..n).unwrap_or_default()),
            }
        }
    };
    read().map_err(|e| RiskError::file(path, e))?;
    Ok(hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
