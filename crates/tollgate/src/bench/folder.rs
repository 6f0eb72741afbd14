//! A folder for the files of a measurement, removed at its end.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use tollgate_core::Clock;

/// See the module.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// Makes a folder with a name of its own below `parent`.
    pub(super) fn make(parent: &Path, clock: &dyn Clock) -> Result<Self> {
        let name = format!("tollgate-bench-{}-{}", std::process::id(), clock.now().0);
        let path = parent.join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that only this measurement knows; nobody misses it, nobody minds it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
