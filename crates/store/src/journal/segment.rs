//! A segment: a file with a header and records behind it, growing up to a bound.

use super::JournalError;
use super::frame::{self, Found};
use tollgate_pay::log::{Frontier, Hash};

/// First bytes of each segment: what it is, and the version of its form.
const MAGIC: [u8; 8] = *b"TOLLJNL1";
/// Bytes of a header: magic, first number, batch, root before, checksum.
pub(super) const HEADER: usize = 8 + 8 + 4 + 32 + 4;

/// What a segment begins with: the number of its first entry, the batch it begins in, and the root of all before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) first: u64,
    pub(super) batch: u32,
    pub(super) root: Hash,
}

impl Header {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.first.to_le_bytes());
        bytes.extend(self.batch.to_le_bytes());
        bytes.extend(self.root);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a header; `None` when it is not one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let first = u64::from_le_bytes(*header.get(8..)?.first_chunk()?);
        let batch = u32::from_le_bytes(*header.get(16..)?.first_chunk()?);
        let root = *header.get(20..)?.first_chunk()?;
        let read = Self { first, batch, root };
        (read.bytes() == header).then_some(read)
    }
}

/// Name of the segment that begins with this entry.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}.journal")
}

/// The first entry's number, if this is a segment's name.
pub(super) fn first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".journal").filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Where reading a segment ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// Number of the entry that would come next.
    pub(super) seq: u64,
    /// Batch of the last record, or of the header.
    pub(super) batch: u32,
    /// Byte behind the last record.
    pub(super) at: usize,
    /// What stands there is neither a record nor nothing.
    pub(super) broken: Option<&'static str>,
}

/// Gives every record's entry to `each`, up to the first place that is none.
pub(super) fn walk(
    name: &str,
    bytes: &[u8],
    header: &Header,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<End, JournalError> {
    let mut end = End { seq: header.first, batch: header.batch, at: HEADER, broken: None };
    loop {
        match frame::look(bytes.get(end.at..).unwrap_or_default(), end.seq) {
            Found::Record { batch, entry } => {
                each(end.seq, entry).map_err(|what| JournalError::damaged(name, end.at, what))?;
                end = End { seq: end.seq + 1, batch, at: end.at + frame::HEAD + entry.len(), broken: None };
            }
            Found::End => {
                let rest = bytes.get(end.at..).unwrap_or_default();
                let broken = rest.iter().any(|b| *b != 0).then_some("it begins with zeros and goes on");
                return Ok(End { broken, ..end });
            }
            Found::Broken(what) => return Ok(End { broken: Some(what), ..end }),
        }
    }
}

/// Whether what is broken at `end` cannot be the torn end of a write, because records of later batches follow it: a batch
/// is written only after the one before it was synced.
fn built_upon(bytes: &[u8], end: &End) -> bool {
    // A record's head and checksum stand at some later byte, with a number not far from the one expected here.
    let tail = bytes.get(end.at..).unwrap_or_default();
    let far = end.batch.saturating_add(1);
    (1..tail.len().saturating_sub(frame::HEAD)).any(|at| {
        let rest = tail.get(at..).unwrap_or_default();
        let batch = rest.get(4..).and_then(|b| b.first_chunk::<4>()).map(|b| u32::from_le_bytes(*b));
        let near = batch.is_some_and(|b| b > far && b - far < 1 << 20);
        near && (end.seq + 1..=end.seq + 4_096)
            .any(|seq| matches!(frame::look(rest, seq), Found::Record { .. }))
    })
}

/// What is damaged at the end of a segment, if it is more than a write that was torn or is under way: such a write can only
/// be at the end of the last segment, and nothing was written behind it.
pub(super) fn damage(bytes: &[u8], end: &End, is_last: bool) -> Option<&'static str> {
    end.broken.filter(|_| !is_last || built_upon(bytes, end))
}

/// The tree of all entries before a segment must have the root that its header says.
pub(super) fn check_root(name: &str, header: &Header, tree: &Frontier) -> Result<(), JournalError> {
    if header.first == tree.size() && header.root == tree.root() {
        return Ok(());
    }
    let what = format!(
        "it begins at entry {} with another root than entries 0 to {} have",
        header.first,
        tree.size()
    );
    Err(JournalError::damaged(name, 8, what))
}
