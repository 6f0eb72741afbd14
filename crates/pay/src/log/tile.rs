//! C2SP tlog-tiles: a log as static files. A tile has the 256 hashes of one level below it; a bundle has 256 entries.

use super::Hash;
use crate::PayError;

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree in one tile.
const HEIGHT: u32 = 8;

/// Which tile: `level` counts in tiles (tile level 1 has hashes of tree level 8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tile {
    /// Level in tiles.
    pub level: u32,
    /// Place in its level.
    pub index: u64,
    /// Hashes in it, 1 to 256; fewer than 256 only at the right edge.
    pub width: u64,
}

impl Tile {
    /// The tile that holds the hash (`level`, `index`) of the tree, as wide as a tree of `size` leaves has it, and the
    /// hash's place in it. `None` when the tree has no such full subtree at a level that tiles store.
    #[must_use]
    pub fn holding(level: u32, index: u64, size: u64) -> Option<(Self, usize)> {
        let stored = level.is_multiple_of(HEIGHT).then(|| level.checked_div(HEIGHT)).flatten()?;
        let known = size.checked_shr(level)?;
        let tile = index.checked_div(TILE_WIDTH)?;
        let width = known.checked_sub(tile.checked_mul(TILE_WIDTH)?)?.min(TILE_WIDTH);
        let place = index.checked_rem(TILE_WIDTH)?;
        let tile = Self { level: stored, index: tile, width };
        (place < width).then(|| Some((tile, usize::try_from(place).ok()?)))?
    }

    /// Path below the log's folder: `tile/1/x001/067` or, for one that is not full, `tile/1/x001/067.p/12`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, place(self.index, self.width))
    }

    /// Path of the bundle of entries below this tile of level 0.
    #[must_use]
    pub fn bundle_path(&self) -> String {
        format!("tile/entries/{}", place(self.index, self.width))
    }

    /// Reads the hashes of a tile.
    ///
    /// # Errors
    /// [`PayError::Bad`] when the file does not have the tile's width of hashes.
    pub fn hashes(&self, bytes: &[u8]) -> Result<Vec<Hash>, PayError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() && u64::try_from(hashes.len()) == Ok(self.width) {
            return Ok(hashes.to_vec());
        }
        let size = format!("{} of {} bytes", self.path(), bytes.len());
        Err(PayError::bad("tile", &size, "32 bytes for each hash of its width"))
    }
}

/// The number in groups of three digits, all but the last marked by `x`, and the width where it is not full.
fn place(index: u64, width: u64) -> String {
    let digits = index.to_string();
    let missing = digits.len().next_multiple_of(3).saturating_sub(digits.len());
    let padded: String = "0".repeat(missing) + &digits;
    let groups: Vec<&str> =
        (0..padded.len()).step_by(3).filter_map(|at| padded.get(at..at.saturating_add(3))).collect();
    let path = groups.join("/x");
    let path = if groups.len() > 1 { format!("x{path}") } else { path };
    // The last group has no mark.
    let path = match path.rsplit_once("/x") {
        Some((front, last)) => format!("{front}/{last}"),
        None => path,
    };
    if width < TILE_WIDTH { format!("{path}.p/{width}") } else { path }
}

/// Entries as a bundle: each with its length in two bytes, big-endian, before it.
///
/// # Errors
/// [`PayError::Bad`] for an entry of 64 KiB or more.
pub fn bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, PayError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len())
            .map_err(|_| PayError::bad("entry", &entry.len().to_string(), "shorter than 65,536 bytes"))?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// Reads a bundle of at most 256 entries.
///
/// # Errors
/// [`PayError::Bad`] when the lengths do not fit the bytes or there are too many entries.
pub fn unbundle(mut bytes: &[u8]) -> Result<Vec<&[u8]>, PayError> {
    let bad = |left: usize| {
        PayError::bad("bundle", &format!("{left} bytes at its end"), "entries with their lengths")
    };
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or_else(|| bad(bytes.len()))?;
        entries.push(entry);
        bytes = rest;
        if u64::try_from(entries.len()).is_ok_and(|count| count > TILE_WIDTH) {
            return Err(bad(bytes.len()));
        }
    }
    if bytes.is_empty() { Ok(entries) } else { Err(bad(bytes.len())) }
}
