//! The few things that the journal asks of a disk, so that tests can put one in its place that crashes.

use super::JournalError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Name of the file that says who uses the folder.
const LOCK: &str = "lock";

/// A folder of files with names of our own making.
pub trait Disk: Send + 'static {
    /// Names of all files, in any order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A whole file.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// A new empty file that is there after a crash.
    ///
    /// # Errors
    /// The system's; also when the file exists.
    fn create(&mut self, name: &str) -> io::Result<()>;
    /// Writes into a file or at its end; a crash before the next [`Disk::sync`] may leave any part of it.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file, durably.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()>;
    /// Makes all that was written to the file durable, its length included.
    ///
    /// # Errors
    /// The system's. What was written since the last sync is then in an unknown state for good.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Puts a whole file in place, durably: after a crash there is the old one or the new one.
    ///
    /// # Errors
    /// The system's.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A real folder, locked against other processes while it is open.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The file written last stays open: it is the one that is written next.
    open: Option<(String, File)>,
    lock: File,
}

/// The lock is given back here and not by closing the file: a process that was forked beside, and has not yet become another
/// program, has the file open too.
impl Drop for Folder {
    fn drop(&mut self) {
        // A lock that cannot be given back ends with the last who has the file open.
        let _ = self.lock.unlock();
    }
}

impl Folder {
    /// Opens a folder, made when there is none.
    ///
    /// # Errors
    /// [`JournalError::Io`], or [`JournalError::InUse`] when another process has it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let name = path.display().to_string();
        std::fs::create_dir_all(path).map_err(JournalError::io("make the folder", &name))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(JournalError::io("open the lock of", &name))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.into(), open: None, lock }),
            Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::InUse { folder: name }),
            Err(std::fs::TryLockError::Error(source)) => Err(JournalError::io("lock", &name)(source)),
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&File> {
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            let file = OpenOptions::new().write(true).open(self.path.join(name))?;
            self.open = Some((name.into(), file));
        }
        self.open.as_ref().map(|(_, file)| file).ok_or_else(|| io::Error::other("no open file"))
    }

    /// Makes the folder's list of names durable.
    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| name != LOCK));
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).open(self.path.join(name))?;
        file.sync_all()?;
        self.sync_names()?;
        self.open = Some((name.into(), file));
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        let file = self.file(name)?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn write_at(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(name)?.write_all_at(bytes, at)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let aside = self.path.join(format!("{name}.new"));
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&aside, self.path.join(name))?;
        self.sync_names()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open = None;
        std::fs::remove_file(self.path.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_folder_is_free_though_a_child_still_has_its_files() {
        let path = std::env::temp_dir().join(format!("tollgate-lock-{}", std::process::id()));
        let folder = Folder::open(&path).unwrap();
        assert!(matches!(Folder::open(&path), Err(JournalError::InUse { .. })));
        // As a child has it between fork and exec.
        let inherited = folder.lock.try_clone().unwrap();
        drop(folder);
        let again = Folder::open(&path).unwrap();
        drop(inherited);
        assert!(
            matches!(Folder::open(&path), Err(JournalError::InUse { .. })),
            "still locked by the new one"
        );
        drop(again);
        std::fs::remove_dir_all(&path).unwrap();
    }
}
