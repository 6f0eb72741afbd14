//! A snapshot: the ledger's rows and the log's edge as JSON lines, with a digest in the last line.
//!
//! Snapshots only shorten the way back: one that is damaged is passed over, and the journal is read from further back.

use super::{Disk, JournalError};
use serde::{Deserialize, Serialize};
use std::io;
use tollgate_core::Digest;
use tollgate_pay::ledger::{Book, Limits, Row};
use tollgate_pay::log::Frontier;

/// Snapshots that are kept.
pub(super) const KEPT: usize = 2;

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The log's edge: peaks, largest first.
    Tree { peaks: Vec<Digest>, size: u64 },
    /// A row of the ledger.
    Row(Row),
    /// BLAKE3 of all lines before, newlines included.
    Digest(Digest),
}

fn name(seq: u64) -> String {
    format!("{seq:020}.snapshot")
}

fn seq(name: &str) -> Option<u64> {
    name.strip_suffix(".snapshot").filter(|digits| digits.len() == 20)?.parse().ok()
}

/// Names of snapshots, newest first.
fn names(disk: &impl Disk) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = disk.list()?.into_iter().filter(|name| seq(name).is_some()).collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// The bytes of a snapshot.
pub(super) fn bytes(book: &Book, tree: &Frontier) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut put = |line: &Line| -> io::Result<()> {
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
        Ok(())
    };
    let peaks = tree.peaks().iter().copied().map(Digest).collect();
    put(&Line::Tree { peaks, size: tree.size() })?;
    for row in book.rows() {
        put(&Line::Row(row))?;
    }
    let digest = Digest::of(&bytes);
    serde_json::to_writer(&mut bytes, &Line::Digest(digest))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a snapshot, and removes those that are no longer wanted.
pub(super) fn write(disk: &mut impl Disk, book: &Book, tree: &Frontier) -> Result<(), JournalError> {
    let name = name(book.next_seq());
    let failed = JournalError::io("write the snapshot", &name);
    let bytes = bytes(book, tree).map_err(&failed)?;
    disk.replace(&name, &bytes).map_err(&failed)?;
    for old in names(disk).map_err(&failed)?.iter().skip(KEPT) {
        disk.remove(old).map_err(JournalError::io("remove the snapshot", old))?;
    }
    Ok(())
}

/// The newest snapshot that is whole, or the beginning of all.
pub(super) fn newest(disk: &impl Disk, limits: &Limits) -> Result<(Book, Frontier), JournalError> {
    for name in names(disk).map_err(JournalError::io("list", "the journal"))? {
        let bytes = disk.read(&name).map_err(JournalError::io("read the snapshot", &name))?;
        if let Some(state) = read(&bytes, limits) {
            return Ok(state);
        }
    }
    Ok((Book::new(limits.clone()), Frontier::default()))
}

/// Reads a snapshot; `None` when it is not whole.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Option<(Book, Frontier)> {
    let body = bytes.strip_suffix(b"\n")?;
    let start = body.iter().rposition(|b| *b == b'\n')? + 1;
    let (body, last) = body.split_at_checked(start)?;
    let Ok(Line::Digest(digest)) = serde_json::from_slice(last) else { return None };
    if Digest::of(body) != digest {
        return None;
    }
    let (mut book, mut tree) = (Book::new(limits.clone()), None);
    for line in body.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line).ok()? {
            Line::Tree { peaks, size } => {
                tree = Frontier::from_peaks(size, peaks.into_iter().map(|peak| peak.0).collect());
            }
            Line::Row(row) => book.restore(row).ok()?,
            Line::Digest(_) => return None,
        }
    }
    let tree = tree.filter(|tree| tree.size() == book.next_seq())?;
    book.audit().ok()?;
    Some((book, tree))
}
