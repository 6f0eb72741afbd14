//! A witness with a file: what it saw is on the disk before its word leaves.
//!
//! The file has a line for each log: its origin, the size and the root in hexadecimal that were cosigned last, between tabs.

use super::{JournalError, LogFile, LogFolder};
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
}

impl Watch {
    /// A witness of these logs, each known by its key's name, that goes on where its file ends.
    ///
    /// # Errors
    /// [`JournalError::Io`], [`JournalError::Damaged`] for a file that is not a witness's, [`JournalError::Ledger`] for a key that
    /// is none of a witness.
    pub fn open(path: &Path, key: SigningKey, logs: &[VerifyingKey]) -> Result<Self, JournalError> {
        let shown = path.display().to_string();
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
        Ok(Self { witness, logs: logs.iter().map(|log| log.name().to_owned()).collect(), path: path.into() })
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
