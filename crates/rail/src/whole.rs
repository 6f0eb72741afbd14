//! Files that are whole or not there.

use crate::KeepError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// Reads a file of JSON; `None` where there is none.
///
/// # Errors
/// [`KeepError::File`], also when it is not what it must be.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, KeepError> {
    let failed = |source| KeepError::File { path: path.into(), source };
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Writes a file of JSON, and the folder that it lies in.
///
/// # Errors
/// [`KeepError::File`].
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), KeepError> {
    let failed = |source: std::io::Error| KeepError::File { path: path.into(), source };
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| failed(error.into()))?;
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
    replace(path, &bytes)
}

/// Writes beside a file, then puts that in its place: durable when this returns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeepError> {
    let beside = path.with_extension("new");
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    });
    written.map_err(|source| KeepError::File { path: path.into(), source })
}
