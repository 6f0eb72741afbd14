//! Entries into tiles: the one piece that writes a log's files and checks them.

use super::tree::{Frontier, Hash, leaf_hash};
use super::{TILE_WIDTH, Tile, bundle};
use crate::PayError;

/// Tile levels of a tree of 2^64 leaves.
const LEVELS: usize = 8;
/// Tree levels in one tile level.
const HEIGHT: u32 = 8;

/// A file of the log: its path below the log's folder, and what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogFile {
    /// Path with `/` between its parts.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// The right edge of a log in files: at most 255 hashes of each level and 255 entries.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tiler {
    tree: Frontier,
    hashes: [Vec<Hash>; LEVELS],
    entries: Vec<Vec<u8>>,
}

impl Tiler {
    /// The edge of a log of `size` entries whose files are there: `read` gives the content at a path.
    ///
    /// # Errors
    /// What `read` says, and [`PayError::Bad`] for a file that is not what its path says.
    pub fn resume<E: From<PayError>>(
        size: u64,
        mut read: impl FnMut(&str) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let mut tiler = Self::default();
        for (level, hashes) in (0u32..).zip(&mut tiler.hashes) {
            let Some(tile) = edge(size, level) else { continue };
            *hashes = tile.hashes(&read(&tile.path())?)?;
            if level == 0 {
                let bytes = read(&tile.bundle_path())?;
                tiler.entries = super::unbundle(&bytes)?.into_iter().map(<[u8]>::to_vec).collect();
            }
        }
        if tiler.entries.len() != tiler.hashes.first().map_or(0, Vec::len) {
            let count = tiler.entries.len().to_string();
            return Err(
                PayError::bad("entries at the edge", &count, "as many as the tile above has hashes").into()
            );
        }
        tiler.tree = tiler.frontier(size)?;
        Ok(tiler)
    }

    /// The tree's edge from the hashes at the edge of each level.
    fn frontier(&self, size: u64) -> Result<Frontier, PayError> {
        // Each level's hashes stand for its digit of the size in base 256: peaks of the whole are theirs, largest first.
        let mut peaks = Vec::new();
        for hashes in self.hashes.iter().rev() {
            let mut part = Frontier::default();
            hashes.iter().for_each(|hash| part.push(*hash));
            peaks.extend_from_slice(part.peaks());
        }
        Frontier::from_peaks(size, peaks).ok_or_else(|| {
            PayError::bad("log size", &size.to_string(), "the size of the log whose tiles these are")
        })
    }

    /// Entries so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Hash of the tree so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Adds an entry, and names the files that it completes.
    ///
    /// # Errors
    /// [`PayError::Bad`] for an entry of 64 KiB or more; nothing is added then.
    pub fn push(&mut self, entry: Vec<u8>, full: &mut impl FnMut(LogFile)) -> Result<(), PayError> {
        if u16::try_from(entry.len()).is_err() {
            return Err(PayError::bad("entry", &entry.len().to_string(), "shorter than 65,536 bytes"));
        }
        let (hash, hashes) = (leaf_hash(&entry), &mut self.hashes);
        self.entries.push(entry);
        self.tree.push_into(hash, &mut |level, _, hash| {
            let stored = level.is_multiple_of(HEIGHT).then(|| level.checked_div(HEIGHT)).flatten();
            let stored = stored.and_then(|level| usize::try_from(level).ok());
            if let Some(place) = stored.and_then(|level| hashes.get_mut(level)) {
                place.push(hash);
            }
        });
        for level in 0u32.. {
            let Some(hashes) = usize::try_from(level).ok().and_then(|l| self.hashes.get_mut(l)) else {
                break;
            };
            if u64::try_from(hashes.len()) != Ok(TILE_WIDTH) {
                break;
            }
            let (known, width) = (self.tree.size().checked_shr(level.saturating_mul(HEIGHT)), TILE_WIDTH);
            let index = known.and_then(|known| known.checked_sub(1)).and_then(|at| at.checked_div(width));
            let tile = Tile { level, index: index.unwrap_or(0), width };
            full(LogFile { path: tile.path(), bytes: std::mem::take(hashes).concat() });
            if level == 0 {
                let entries = std::mem::take(&mut self.entries);
                full(LogFile { path: tile.bundle_path(), bytes: bundle(entries.iter().map(Vec::as_slice))? });
            }
        }
        Ok(())
    }

    /// The files of the right edge, which are not full.
    ///
    /// # Errors
    /// None in practice: entries are checked when they come.
    pub fn partial(&self) -> Result<Vec<LogFile>, PayError> {
        let mut files = Vec::new();
        for (level, hashes) in (0u32..).zip(&self.hashes) {
            let Some(tile) = edge(self.size(), level) else { continue };
            files.push(LogFile { path: tile.path(), bytes: hashes.concat() });
            if level == 0 {
                let bytes = bundle(self.entries.iter().map(Vec::as_slice))?;
                files.push(LogFile { path: tile.bundle_path(), bytes });
            }
        }
        Ok(files)
    }
}

/// The tile at the right edge of a level, when it is not full.
fn edge(size: u64, level: u32) -> Option<Tile> {
    let known = size.checked_shr(level.saturating_mul(HEIGHT))?;
    let width = known.checked_rem(TILE_WIDTH).filter(|width| *width > 0)?;
    Some(Tile { level, index: known.checked_div(TILE_WIDTH)?, width })
}
