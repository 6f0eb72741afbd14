//! The audit log as a folder of static files (C2SP tlog-tiles) that anybody may copy, serve and check.
//!
//! The journal's records are the entries; the folder is made from them and can be made again. Only full files and, with
//! each checkpoint, the partial ones at the edge are written; the checkpoint comes last, so that every file that it speaks
//! of is there.

mod cosign;
mod nodes;
mod source;
mod verify;
mod watch;

pub use cosign::{Known, Unasked, Witnesses};
pub use source::Source;
pub use verify::{Verified, Verify};
pub use watch::Watch;

use super::{JournalError, segment};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tollgate_pay::PayError;
use tollgate_pay::log::{
    Checkpoint, Hash, LogFile, Note, Policy, Receipt, SigningKey, TILE_WIDTH, Tile, Tiler, inclusion,
};

/// Name of the checkpoint's file.
const CHECKPOINT: &str = "checkpoint";
/// Name of the file that says which witnesses a data folder's log wants.
const POLICY: &str = "witness.policy";
/// Partial files of one tile that are kept.
const PARTIALS_KEPT: usize = 8;
/// Longest file of a log that is read, in bytes: a bundle of 256 entries with their lengths.
const FILE_MAX: u64 = 256 * (65_535 + 2);

/// Entries of a journal's folder from number `from` on, read without opening the ledger. Only a write that is torn or under
/// way ends them early, by the rule that recovery has: what others were built upon is damage.
fn folder_entries(
    folder: &Path,
    from: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), JournalError>,
) -> Result<u64, JournalError> {
    let shown = folder.display().to_string();
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let listed = listed.map_err(JournalError::io("list", &shown))?;
    let names = listed.into_iter().filter_map(|entry| entry.file_name().into_string().ok());
    let mut firsts: Vec<u64> = names.filter_map(|name| segment::first(&name)).collect();
    firsts.sort_unstable();
    let skipped = firsts.iter().take_while(|first| **first <= from).count().saturating_sub(1);
    let (mut next, newest) = (None, firsts.last().copied());
    for first in firsts.into_iter().skip(skipped) {
        let is_last = newest == Some(first);
        let name = segment::name(first);
        let bytes = fs::read(folder.join(&name)).map_err(JournalError::io("read", &name))?;
        let Some(header) = segment::Header::read(&bytes) else {
            // The newest segment has no header while it is being begun.
            if is_last && bytes.len() <= segment::HEADER {
                break;
            }
            return Err(JournalError::damaged(&name, 0, "its header is not that of a segment"));
        };
        if next.is_some_and(|next| next != header.first) {
            let what = format!("it begins at entry {}, expected {next:?}", header.first);
            return Err(JournalError::damaged(&name, 8, what));
        }
        let mut failed = None;
        let end = segment::walk(&name, &bytes, &header, |seq, entry| {
            if seq < from || failed.is_some() {
                return Ok(());
            }
            failed = each(seq, entry).err();
            Ok(())
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(what) = segment::damage(&bytes, &end, is_last) {
            return Err(JournalError::damaged(&name, end.at, what));
        }
        next = Some(end.seq);
    }
    Ok(next.unwrap_or(0))
}

/// How many entries of a journal's folder are on the disk for certain: all that can be read, once they are synced. Another process
/// may have written them and not have synced them yet.
fn folder_durable(folder: &Path) -> Result<u64, JournalError> {
    let size = folder_entries(folder, u64::MAX, |_, _| Ok(()))?;
    let shown = folder.display().to_string();
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let listed = listed.map_err(JournalError::io("list", &shown))?;
    let names = listed.into_iter().filter_map(|entry| entry.file_name().into_string().ok());
    if let Some(newest) = names.filter(|name| segment::first(name).is_some()).max() {
        let synced = fs::File::open(folder.join(&newest)).and_then(|file| file.sync_data());
        synced.map_err(JournalError::io("sync", &newest))?;
    }
    Ok(size)
}

/// The policy of a data folder's witnesses: its file `witness.policy` (C2SP tlog-policy), when there is one.
///
/// # Errors
/// [`JournalError::Io`], [`JournalError::Ledger`] for a file that is no policy.
pub fn policy(data: &Path) -> Result<Option<Policy>, JournalError> {
    match fs::read_to_string(data.join(POLICY)) {
        Ok(text) => Ok(Some(Policy::parse(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(JournalError::io("read", POLICY)(source)),
    }
}

/// The folder of one log.
#[derive(Clone, Debug)]
pub struct LogFolder {
    path: PathBuf,
}

impl LogFolder {
    /// The log in this folder; there need not be one yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, JournalError> {
        let path = self.path.join(name);
        let shown = path.display().to_string();
        let failed = JournalError::io("read", &shown);
        let size = fs::metadata(&path).map_err(&failed)?.len();
        if size > FILE_MAX {
            return Err(JournalError::damaged(
                name,
                0,
                format!("it has {size} bytes, more than any file of a log"),
            ));
        }
        fs::read(&path).map_err(&failed)
    }

    /// The signed checkpoint, when there is one.
    ///
    /// # Errors
    /// [`JournalError::Io`], [`JournalError::Ledger`] for a file that is no signed note.
    pub fn checkpoint(&self) -> Result<Option<Note>, JournalError> {
        match self.read(CHECKPOINT) {
            Ok(bytes) => Ok(Some(Note::parse(&String::from_utf8_lossy(&bytes))?)),
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds the journal's entries that are not in the log yet, up to number `durable`, and signs where it stands. What is signed
    /// must never be lost: `durable` is what the journal's own process has synced. Without one, what can be read is synced first.
    ///
    /// # Errors
    /// [`JournalError::Ledger`] when the log there is not this key's or has more than the journal, besides what reading and
    /// writing say. The old checkpoint stays valid then.
    pub fn extend(
        &self,
        journal: &Source,
        durable: Option<u64>,
        key: &SigningKey,
        origin: &str,
    ) -> Result<Checkpoint, JournalError> {
        let durable = durable.map_or_else(|| journal.durable(), Ok)?;
        let before = self.checkpoint()?;
        let before = before.map(|note| Checkpoint::verified(&note, key.public(), origin)).transpose()?;
        let size = before.as_ref().map_or(0, |checkpoint| checkpoint.size);
        let mut tiler = Tiler::resume(size, |path| self.read(path))?;
        // The journal must be the one that the log was made from: it has the log's last entry at its place.
        let last = size.checked_sub(1).map(|last| self.entry(last, size)).transpose()?;
        let mut written = Vec::new();
        let next = journal.entries(size.saturating_sub(1), |seq, entry| {
            if seq >= durable {
                return Ok(());
            }
            if seq < size {
                let same = last.as_deref() == Some(entry);
                let reason =
                    || format!("its entry {seq} is not that of the journal: they are of two ledgers");
                return if same {
                    Ok(())
                } else {
                    Err(PayError::NotProven { what: "log", reason: reason() }.into())
                };
            }
            let mut files = Vec::new();
            tiler.push(entry.to_vec(), &mut |file| files.push(file))?;
            written.extend(files.iter().map(|file| file.path.clone()));
            files.iter().try_for_each(|file| self.write(file))
        })?;
        let next = next.min(durable);
        if next != tiler.size() {
            let what = PayError::NotProven {
                what: "log",
                reason: format!("it has {size} entries, the journal only {next}"),
            };
            return Err(what.into());
        }
        if let Some(same) = before.filter(|before| before.size == tiler.size()) {
            // The note there may have cosignatures by now.
            return Ok(same);
        }
        let partial = tiler.partial()?;
        partial.iter().try_for_each(|file| self.write(file))?;
        let checkpoint = Checkpoint { origin: origin.into(), size: tiler.size(), root: tiler.root() };
        let note = checkpoint.sign(key)?;
        self.write(&LogFile { path: CHECKPOINT.into(), bytes: note.to_string().into_bytes() })?;
        self.tidy(&written, &partial);
        Ok(checkpoint)
    }

    /// Removes partial files that the checkpoint no longer speaks of: all of a tile that is full now, and of one that is not all
    /// but the last few, for those who still read by the checkpoint before. What cannot be removed only takes up room.
    fn tidy(&self, full: &[String], partial: &[LogFile]) {
        for path in full {
            let _ = fs::remove_dir_all(self.path.join(format!("{path}.p")));
        }
        for file in partial {
            let path = self.path.join(&file.path);
            let Some(folder) = path.parent() else { continue };
            let listed = fs::read_dir(folder).into_iter().flatten().flatten();
            let widths = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<u16>().ok());
            let mut widths: Vec<u16> = widths.collect();
            widths.sort_unstable();
            for old in widths.iter().rev().skip(PARTIALS_KEPT) {
                let _ = fs::remove_file(folder.join(old.to_string()));
            }
        }
    }

    /// Puts a file in place whole and durably.
    fn write(&self, file: &LogFile) -> Result<(), JournalError> {
        let path = self.path.join(&file.path);
        let put = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(&self.path);
            fs::create_dir_all(folder)?;
            let aside = path.with_extension("new");
            let mut out = fs::File::create(&aside)?;
            out.write_all(&file.bytes)?;
            out.sync_all()?;
            fs::rename(&aside, &path)?;
            fs::File::open(folder)?.sync_all()
        };
        put().map_err(JournalError::io("write", &file.path))
    }

    /// The proof that entry `index` is in the log, with the entry itself, to be checked by whoever knows the log's key.
    ///
    /// # Errors
    /// [`JournalError::Ledger`] when there is no such entry, besides what reading says.
    pub fn receipt(&self, index: u64) -> Result<Receipt, JournalError> {
        let missing = |reason: String| PayError::NotProven { what: "receipt", reason };
        let note = self.checkpoint()?.ok_or_else(|| missing("the folder has no checkpoint".into()))?;
        self.receipt_by(note, index)
    }

    /// As [`LogFolder::receipt`], by a checkpoint of this log that may not be its newest any more.
    ///
    /// # Errors
    /// As [`LogFolder::receipt`].
    pub(crate) fn receipt_by(&self, note: Note, index: u64) -> Result<Receipt, JournalError> {
        let missing = |reason: String| PayError::NotProven { what: "receipt", reason };
        let size = Checkpoint::parse(note.text())?.size;
        let path: Vec<Hash> = inclusion(&nodes::Files::new(self, size), index, size)
            .ok_or_else(|| missing(format!("entry {index} of a log of {size} entries cannot be proven")))?;
        let entry = self.entry(index, size)?;
        Ok(Receipt { extra: Some(entry), index, path, checkpoint: note })
    }

    /// An entry of the log as it is published, without its proof.
    ///
    /// # Errors
    /// As [`LogFolder::receipt`].
    pub fn published(&self, index: u64) -> Result<Vec<u8>, JournalError> {
        let missing = || PayError::NotProven { what: "log", reason: "it has no checkpoint yet".into() };
        let note = self.checkpoint()?.ok_or_else(missing)?;
        self.entry(index, Checkpoint::parse(note.text())?.size)
    }

    /// A tile's file, or where it is gone because the log has grown since, that of the same tile as it is now: it begins with the same.
    fn held(&self, tile: Tile, path: fn(&Tile) -> String) -> Result<(Tile, Vec<u8>), JournalError> {
        let gone = match self.read(&path(&tile)) {
            Err(JournalError::Io { source, doing, file }) if source.kind() == io::ErrorKind::NotFound => {
                JournalError::Io { doing, file, source }
            }
            read => return read.map(|bytes| (tile, bytes)),
        };
        let size = self.checkpoint()?.map(|note| Checkpoint::parse(note.text())).transpose()?;
        let first = tile.index.saturating_mul(TILE_WIDTH);
        let wider = size.and_then(|now| {
            let hashes = now.size.checked_shr(tile.level.saturating_mul(8))?.checked_sub(first)?;
            Some(Tile { width: hashes.min(TILE_WIDTH), ..tile })
        });
        let wider = wider.filter(|wider| wider.width > tile.width).ok_or(gone)?;
        Ok((wider, self.read(&path(&wider))?))
    }

    fn entry(&self, index: u64, size: u64) -> Result<Vec<u8>, JournalError> {
        let missing =
            || PayError::NotProven { what: "receipt", reason: format!("entry {index} is not in its bundle") };
        let (tile, place) = Tile::holding(0, index, size).ok_or_else(missing)?;
        let (_, bytes) = self.held(tile, Tile::bundle_path)?;
        let entries = tollgate_pay::log::unbundle(&bytes)?;
        Ok(entries.get(place).ok_or_else(missing)?.to_vec())
    }
}
