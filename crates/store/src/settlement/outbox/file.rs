//! An outbox as a file: written beside, synced, and put in its place, so that a crash leaves the old one or the new one.

use super::{HookConfig, Kept, Outbox, damaged};
use crate::journal::JournalError;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

fn io<T>(doing: &'static str, path: &Path, done: std::io::Result<T>) -> Result<T, JournalError> {
    done.map_err(|source| JournalError::Io { doing, file: path.display().to_string(), source })
}

/// The outbox of a receiver; `None` when there is none yet.
pub(in crate::settlement) fn read(
    folder: &Path,
    config: &HookConfig,
) -> Result<Option<Outbox>, JournalError> {
    let path = path(folder, &config.name);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => io("read", &path, read)?,
    };
    let kept: Kept = serde_json::from_slice(&text).map_err(|error| {
        damaged(&path, format!("{error}: remove the file to tell this receiver what happens from now on"))
    })?;
    Ok(Some(Outbox::from_kept(config.clone(), kept)))
}

/// Keeps an outbox.
pub(in crate::settlement) fn write(folder: &Path, outbox: &Outbox) -> Result<(), JournalError> {
    io("make", folder, fs::create_dir_all(folder))?;
    let path = path(folder, &outbox.config.name);
    let beside = path.with_extension("new");
    let text = serde_json::to_vec(&outbox.kept()).map_err(|error| damaged(&path, error.to_string()))?;
    let mut file = io("make", &beside, File::create(&beside))?;
    io("write", &beside, file.write_all(&text).and_then(|()| file.sync_all()))?;
    io("rename", &path, fs::rename(&beside, &path))?;
    io("sync", folder, File::open(folder).and_then(|folder| folder.sync_all()))
}
