//! A witness with a file: what it saw is on the disk before its word leaves.
//!
//! The file has a line for each log: its origin, the size and the root in hexadecimal that were cosigned last, between tabs.

use super::{JournalError, LogFile, LogFolder};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::log::{Answered, SigningKey, VerifyingKey, Witness};

/// See the module.
#[derive(Debug)]
pub struct Watch {
    witness: Witness,
    logs: Vec<String>,
    path: PathBuf,
    /// Held against another witness on the same file: two that go on from one state would cosign two trees.
    lock: File,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // As for the journal's folder: whoever was forked beside may have the file open too.
        let _ = self.lock.unlock();
    }
}

impl Watch {
    /// A witness of these logs, each known by its key's name, that goes on where its file ends.
    ///
    /// # Errors
    /// [`JournalError::Io`], [`JournalError::Damaged`] for a file that is not a witness's, [`JournalError::Ledger`] for a key that
    /// is none of a witness.
    pub fn open(path: &Path, key: SigningKey, logs: &[VerifyingKey]) -> Result<Self, JournalError> {
        let shown = path.display().to_string();
        // Beside the file, which is replaced whenever something is cosigned.
        let beside = path.with_extension("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&beside);
        let lock = lock.map_err(JournalError::io("open the lock of", &shown))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse { folder: shown }),
            Err(TryLockError::Error(source)) => return Err(JournalError::io("lock", &shown)(source)),
        }
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(JournalError::io("read", &shown))?,
        };
        let mut witness = Witness::new(key)?;
        for log in logs {
            witness.watch(log.name(), log.clone(), 0, [0; 32])?;
        }
        for (n, line) in text.lines().enumerate() {
            let damaged = || JournalError::damaged(&shown, n, "it is not a log's origin, size and root");
            let mut parts = line.split('\t');
            let (Some(origin), Some(size), Some(root), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(damaged());
            };
            let (size, root) = (size.parse(), root.parse::<Digest>());
            let (Ok(size), Ok(root)) = (size, root) else { return Err(damaged()) };
            let log = logs.iter().find(|log| log.name() == origin);
            let lost = || {
                let reason = format!("{shown} has seen log {origin:?}: name its key too");
                PayError::NotProven { what: "witness", reason }
            };
            witness.watch(origin, log.ok_or_else(lost)?.clone(), size, root.0)?;
        }
        Ok(Self {
            witness,
            logs: logs.iter().map(|log| log.name().to_owned()).collect(),
            path: path.into(),
            lock,
        })
    }

    /// Answers a request's body (C2SP tlog-witness). What is cosigned is durable then.
    ///
    /// # Errors
    /// [`JournalError::Io`] when it cannot be kept: the answer is not to leave.
    pub fn answer(&mut self, body: &str, now: Timestamp) -> Result<Answered, JournalError> {
        let answered = self.witness.answer(body, now);
        if matches!(answered, Answered::Cosigned(_)) {
            self.keep()?;
        }
        Ok(answered)
    }

    fn keep(&self) -> Result<(), JournalError> {
        let line = |origin: &String| {
            let (size, root) = self.witness.seen(origin)?;
            Some(format!("{origin}\t{size}\t{}\n", Digest(root)))
        };
        let bytes = self.logs.iter().filter_map(line).collect::<String>().into_bytes();
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = self.path.parent().filter(|path| !path.as_os_str().is_empty());
        LogFolder::new(folder.unwrap_or(Path::new("."))).write(&LogFile { path: name, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_pay::log::Role;

    #[test]
    fn one_file_has_one_witness() {
        let path = std::env::temp_dir().join(format!("tollgate-watch-{}", std::process::id()));
        let key = || SigningKey::from_seed("w", Role::Witness, &[1; 32]).unwrap();
        let log = SigningKey::from_seed("l", Role::Log, &[2; 32]).unwrap().public().clone();
        let open = || Watch::open(&path, key(), std::slice::from_ref(&log));
        let first = open().unwrap();
        assert!(matches!(open(), Err(JournalError::InUse { .. })));
        drop(first);
        drop(open().unwrap());
        std::fs::remove_file(path.with_extension("lock")).unwrap();
    }
}
