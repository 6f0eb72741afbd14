//! Checking a whole log offline: signatures, every entry against every tile, and that the ledger's history follows.

use super::{JournalError, LogFolder};
use tollgate_pay::PayError;
use tollgate_pay::ledger::{Book, Entry, Limits};
use tollgate_pay::log::{
    Checkpoint, Hash, LogFile, Note, Policy, TILE_WIDTH, Tile, Tiler, VerifyingKey, leaf_hash, unbundle,
};

/// What a log must satisfy.
#[derive(Clone, Debug)]
pub struct Verify {
    /// The log's key.
    pub key: VerifyingKey,
    /// Its name.
    pub origin: String,
    /// Which witnesses must have cosigned.
    pub witnesses: Policy,
    /// A checkpoint seen before, which the log must continue.
    pub older: Option<Note>,
    /// Whether the entries are replayed by the ledger's rules.
    pub replay: bool,
}

/// What was found to hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Where the log stands.
    pub checkpoint: Checkpoint,
    /// Entries that were read and hashed.
    pub entries: u64,
    /// The ledger's accounts and open holds, when the entries were replayed.
    pub ledger: Option<(usize, usize)>,
}

impl LogFolder {
    /// Checks the whole log. It reads every file once and keeps 256 entries in memory, and the ledger when it replays.
    ///
    /// # Errors
    /// [`JournalError::Ledger`] with what does not hold, [`JournalError::Io`] or [`JournalError::Damaged`] for a file that
    /// is missing or cannot be one of a log.
    pub fn verify(&self, wanted: &Verify) -> Result<Verified, JournalError> {
        let refused = |reason: String| PayError::NotProven { what: "log", reason };
        let note = self.checkpoint()?.ok_or_else(|| refused("the folder has no checkpoint".into()))?;
        let checkpoint = Checkpoint::verified(&note, &wanted.key, &wanted.origin)?;
        wanted.witnesses.met(&note)?;
        let older = wanted.older.as_ref();
        let older = older.map(|note| Checkpoint::verified(note, &wanted.key, &wanted.origin)).transpose()?;
        if let Some(older) = older.as_ref().filter(|older| older.size > checkpoint.size) {
            let reason = format!(
                "it was rolled back: {} entries were signed, now there are {}",
                older.size, checkpoint.size
            );
            return Err(refused(reason).into());
        }
        let mut book = wanted.replay.then(|| Book::new(generous()));
        let mut tiler = Tiler::default();
        self.same_root(&tiler, older.as_ref())?;
        while tiler.size() < checkpoint.size {
            let first = tiler.size();
            let width = TILE_WIDTH.min(checkpoint.size - first);
            let tile = Tile { level: 0, index: first / TILE_WIDTH, width };
            let bytes = self.read(&tile.bundle_path())?;
            let entries = unbundle(&bytes)?;
            if entries.len() as u64 != width {
                let reason =
                    format!("{} has {} entries, expected {width}", tile.bundle_path(), entries.len());
                return Err(refused(reason).into());
            }
            let hashes = tile.hashes(&self.read(&tile.path())?)?;
            for (entry, hash) in entries.into_iter().zip(hashes) {
                check_leaf(entry, hash, tiler.size())?;
                if let Some(book) = &mut book {
                    replay(book, entry)?;
                }
                let mut files = Vec::new();
                tiler.push(entry.to_vec(), &mut |file| files.push(file))?;
                files.iter().try_for_each(|file| self.same(file))?;
                self.same_root(&tiler, older.as_ref())?;
            }
        }
        tiler.partial()?.iter().try_for_each(|file| self.same(file))?;
        if tiler.root() != checkpoint.root {
            return Err(refused("its entries have another root than the one that was signed".into()).into());
        }
        let ledger = book.map(|book| (book.accounts().count(), book.open_holds()));
        Ok(Verified { entries: tiler.size(), checkpoint, ledger })
    }

    /// The file in the folder must be the one that follows from the entries.
    fn same(&self, file: &LogFile) -> Result<(), JournalError> {
        if self.read(&file.path)? == file.bytes {
            return Ok(());
        }
        let reason = format!("{} does not follow from the entries below it", file.path);
        Err(PayError::NotProven { what: "log", reason }.into())
    }

    /// Where the older checkpoint stood, the log must have had its root.
    fn same_root(&self, tiler: &Tiler, older: Option<&Checkpoint>) -> Result<(), JournalError> {
        match older.filter(|older| older.size == tiler.size() && older.root != tiler.root()) {
            Some(older) => {
                let reason =
                    format!("it forked: at {} entries it had another root when that was signed", older.size);
                Err(PayError::NotProven { what: "log", reason }.into())
            }
            None => Ok(()),
        }
    }
}

fn check_leaf(entry: &[u8], hash: Hash, index: u64) -> Result<(), PayError> {
    if leaf_hash(entry) == hash {
        return Ok(());
    }
    Err(PayError::NotProven {
        what: "log",
        reason: format!("entry {index} is not the one whose hash is in the tree"),
    })
}

fn replay(book: &mut Book, entry: &[u8]) -> Result<(), PayError> {
    let entry: Entry = serde_json::from_slice(entry).map_err(|error| PayError::NotProven {
        what: "entry",
        reason: format!("entry {} is none of a ledger: {error}", book.next_seq()),
    })?;
    book.replay(&entry)
}

/// The ledger's own bounds are not in the log, so a replay has none but the machine's.
fn generous() -> Limits {
    Limits { accounts_max: usize::MAX, holds_max: usize::MAX, keys_max: usize::MAX, ..Limits::default() }
}
