//! What was asked for and sent, on disk before it is sent.
//!
//! Each record has a key. A file of lines keeps them: the last line of a key counts, and a line that a crash cut off at the end was
//! not written. The file is written anew, with one line a record, when it is pruned.

use crate::{KeepError, whole};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Most records of a journal.
pub const RECORDS_MAX: usize = 1_000_000;

/// A record of a journal.
pub trait Keyed: Clone + Serialize + DeserializeOwned {
    /// Its key.
    fn key(&self) -> &str;
}

/// Where records are kept.
pub trait Journal {
    /// What is kept.
    type Record: Keyed;

    /// The record of a key.
    fn get(&self, key: &str) -> Option<&Self::Record>;
    /// All records, by their keys.
    fn records(&self) -> Box<dyn Iterator<Item = &Self::Record> + '_>;
    /// Keeps a record in place of the key's former one: it is on disk when this returns.
    ///
    /// # Errors
    /// [`KeepError`].
    fn put(&mut self, record: Self::Record) -> Result<(), KeepError>;
    /// Forgets all records but those of which `keep` says yes, and answers how many. What is forgotten is done again when it is
    /// asked for again.
    ///
    /// # Errors
    /// [`KeepError::File`]; then nothing is forgotten.
    fn prune(&mut self, keep: &mut dyn FnMut(&Self::Record) -> bool) -> Result<usize, KeepError>;
}

/// A journal in memory, for tests.
#[derive(Clone, Debug)]
pub struct MemoryJournal<R>(BTreeMap<String, R>);

impl<R> Default for MemoryJournal<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R: Keyed> Journal for MemoryJournal<R> {
    type Record = R;

    fn get(&self, key: &str) -> Option<&R> {
        self.0.get(key)
    }

    fn records(&self) -> Box<dyn Iterator<Item = &R> + '_> {
        Box::new(self.0.values())
    }

    fn put(&mut self, record: R) -> Result<(), KeepError> {
        if self.0.len() >= RECORDS_MAX && !self.0.contains_key(record.key()) {
            return Err(KeepError::Full { limit: RECORDS_MAX });
        }
        self.0.insert(record.key().into(), record);
        Ok(())
    }

    fn prune(&mut self, keep: &mut dyn FnMut(&R) -> bool) -> Result<usize, KeepError> {
        let before = self.0.len();
        self.0.retain(|_, record| keep(record));
        Ok(before.saturating_sub(self.0.len()))
    }
}

/// A journal in a file, which one process has.
#[derive(Debug)]
pub struct FolderJournal<R> {
    path: PathBuf,
    /// Held by whoever has the journal: the file itself is replaced when it is pruned.
    _lock: File,
    file: File,
    /// Where the last whole line ends.
    end: u64,
    records: MemoryJournal<R>,
}

impl<R: Keyed> FolderJournal<R> {
    /// Opens the journal of a folder, which is made when it is missing.
    ///
    /// # Errors
    /// [`KeepError::File`], also when another process has it or a line is not a record.
    pub fn open(folder: &Path) -> Result<Self, KeepError> {
        let path = folder.join("journal.jsonl");
        let failed = |source| KeepError::File { path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let open =
            |path: &Path| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let lock = open(&folder.join("journal.lock")).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => failed(std::io::Error::other("another process has this journal")),
            TryLockError::Error(source) => failed(source),
        })?;
        let mut file = open(&path).map_err(failed)?;
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
        Ok(Self { path, _lock: lock, file, end, records })
    }

    fn failed(&self, source: std::io::Error) -> KeepError {
        KeepError::File { path: self.path.clone(), source }
    }
}

fn line<R: Keyed>(record: &R) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

impl<R: Keyed> Journal for FolderJournal<R> {
    type Record = R;

    fn get(&self, key: &str) -> Option<&R> {
        self.records.get(key)
    }

    fn records(&self) -> Box<dyn Iterator<Item = &R> + '_> {
        self.records.records()
    }

    fn put(&mut self, record: R) -> Result<(), KeepError> {
        let line = line(&record).map_err(|error| self.failed(error))?;
        self.records.put(record)?;
        // A write that failed leaves a part behind, which the next one overwrites.
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(&line));
        written.and_then(|()| self.file.sync_data()).map_err(|error| self.failed(error))?;
        self.end = self.end.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn prune(&mut self, keep: &mut dyn FnMut(&R) -> bool) -> Result<usize, KeepError> {
        let mut left = self.records.clone();
        let gone = left.prune(keep)?;
        let lines: std::io::Result<Vec<Vec<u8>>> = left.records().map(line).collect();
        let bytes = lines.map_err(|error| self.failed(error))?.concat();
        whole::replace(&self.path, &bytes)?;
        let opened = OpenOptions::new().read(true).write(true).open(&self.path);
        self.file = opened.map_err(|error| self.failed(error))?;
        self.end = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.records = left;
        Ok(gone)
    }
}
