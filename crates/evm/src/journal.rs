//! What was asked for and sent, on disk before it is sent.
//!
//! A record has the key of a deed, the digest of what was asked under it, every transaction that was signed for it, and its
//! outcome once that is known for good. A file of lines keeps them: the last line of a key counts, and a line that a
//! crash cut off at the end was not written.

use crate::{EvmError, Word};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use tollgate_core::Digest;
use tollgate_pay::rail::Outcome;

/// Most records of a journal.
pub const RECORDS_MAX: usize = 1_000_000;

/// A transaction that was signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The sender's count that it has.
    pub nonce: u64,
    /// Its hash.
    pub hash: Word,
    /// Its bytes, as `0x` and digits.
    pub raw: String,
    /// The newest block when it was signed.
    pub block: u64,
    /// Its tip, in wei per gas.
    pub tip: u128,
    /// Most that it pays, in wei per gas.
    pub max_fee: u128,
}

/// What is known of a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The key.
    pub key: String,
    /// Digest of what was asked under it.
    pub asked: Digest,
    /// What was signed for it, in order.
    pub attempts: Vec<Attempt>,
    /// What became of it, once that is known.
    pub outcome: Option<Outcome>,
}

/// Where records are kept.
pub trait Journal {
    /// The record of a key.
    fn get(&self, key: &str) -> Option<&Record>;
    /// All records, by their keys.
    fn records(&self) -> Box<dyn Iterator<Item = &Record> + '_>;
    /// Keeps a record in place of the key's former one: it is on disk when this returns.
    ///
    /// # Errors
    /// [`EvmError::File`] and [`EvmError::Full`].
    fn put(&mut self, record: Record) -> Result<(), EvmError>;
}

/// A journal in memory, for tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal(BTreeMap<String, Record>);

impl Journal for MemoryJournal {
    fn get(&self, key: &str) -> Option<&Record> {
        self.0.get(key)
    }

    fn records(&self) -> Box<dyn Iterator<Item = &Record> + '_> {
        Box::new(self.0.values())
    }

    fn put(&mut self, record: Record) -> Result<(), EvmError> {
        if self.0.len() >= RECORDS_MAX && !self.0.contains_key(&record.key) {
            return Err(EvmError::Full { what: "records in the journal", limit: RECORDS_MAX });
        }
        self.0.insert(record.key.clone(), record);
        Ok(())
    }
}

/// A journal in a file, which one process has.
#[derive(Debug)]
pub struct FolderJournal {
    path: PathBuf,
    file: File,
    /// Where the last whole line ends.
    end: u64,
    records: MemoryJournal,
}

impl FolderJournal {
    /// Opens the journal of a folder, which is made when it is missing.
    ///
    /// # Errors
    /// [`EvmError::File`], also when another process has it or a line is not a record.
    pub fn open(folder: &Path) -> Result<Self, EvmError> {
        let path = folder.join("journal.jsonl");
        let failed = |source| EvmError::File { path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options.map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => failed(std::io::Error::other("another process has this journal")),
            TryLockError::Error(source) => failed(source),
        })?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let whole = text.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let mut records = MemoryJournal::default();
        for line in text.get(..whole).unwrap_or_default().lines() {
            records.put(serde_json::from_str(line).map_err(|error| failed(error.into()))?)?;
        }
        let end = u64::try_from(whole).unwrap_or(u64::MAX);
        // The folder's entry is durable too before anything rests on the file.
        file.set_len(end).and_then(|()| file.sync_all()).map_err(failed)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Self { path, file, end, records })
    }
}

impl Journal for FolderJournal {
    fn get(&self, key: &str) -> Option<&Record> {
        self.records.get(key)
    }

    fn records(&self) -> Box<dyn Iterator<Item = &Record> + '_> {
        self.records.records()
    }

    fn put(&mut self, record: Record) -> Result<(), EvmError> {
        let failed = |source| EvmError::File { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(&record).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.records.put(record)?;
        // A write that failed leaves a part behind, which the next one overwrites.
        let at = std::io::SeekFrom::Start(self.end);
        let written = self.file.seek(at).and_then(|_| self.file.write_all(&line));
        written.and_then(|()| self.file.sync_data()).map_err(failed)?;
        self.end = self.end.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}
