//! The claim on a data folder: one gateway at a time runs on it.
//!
//! Budgets are counted in memory, so two gateways on one folder would each grant the whole of every budget. The claim
//! is the system's exclusive lock on a file of its own; it ends with the process, however that ends, so no stale one
//! is ever left. Commands that read or write the database beside a running gateway do not need it.

use crate::serve::ServeError;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// Holds the claim until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    file: File,
}

/// Given back here and not by closing the file: a process that was forked beside, and has not yet become another program, has
/// the file open too.
impl Drop for Claim {
    fn drop(&mut self) {
        // A lock that cannot be given back ends with the last who has the file open.
        let _ = self.file.unlock();
    }
}

impl Claim {
    /// Claims the folder of a database, which is made where it is missing.
    ///
    /// # Errors
    /// [`ServeError::Claimed`] when another gateway runs on it, [`ServeError::System`] when the folder or the file of
    /// the lock cannot be made or locked.
    pub(crate) fn of(database: &Path) -> Result<Self, ServeError> {
        let folder = database.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |what: String| move |source| ServeError::System { what, source };
        std::fs::create_dir_all(folder).map_err(failed(format!("making {}", folder.display())))?;
        let path = database.with_extension("lock");
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(failed(format!("opening {}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(ServeError::Claimed { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(format!("locking {}", path.display()))(source)),
        }
    }
}
