//! Opening: from what a crash may have left to the state after the last answered command.

use super::medium::replay;
use super::segment::{self, End, Header};
use super::{Disk, JournalError, snapshot};
use tollgate_pay::ledger::{Book, Limits};
use tollgate_pay::log::Frontier;

/// What was found.
#[derive(Debug)]
pub struct Recovered {
    /// The ledger after the last entry.
    pub book: Book,
    /// The right edge of the audit log's tree.
    pub tree: Frontier,
    /// Entries that were read again because no snapshot covers them.
    pub replayed: u64,
    /// Bytes of unanswered writes that were cut off.
    pub cut: u64,
    /// The last segment: its name, where its records end, and its last batch.
    pub(super) last: Option<(String, usize, u32)>,
}

/// Reads the newest snapshot and all entries behind it; cuts off what was never answered.
///
/// # Errors
/// [`JournalError::Damaged`] when what was answered cannot be read again, [`JournalError::Io`]. The folder is unchanged.
pub fn recover<D: Disk>(disk: &mut D, limits: &Limits) -> Result<Recovered, JournalError> {
    let (book, tree) = snapshot::newest(disk, limits)?;
    let mut state = Recovered { book, tree, replayed: 0, cut: 0, last: None };
    let names = segments(disk)?;
    // Segments that a snapshot covers whole are not read again.
    let covered = names.iter().take_while(|name| segment::first(name) <= Some(state.book.next_seq())).count();
    let needed = names.get(covered.saturating_sub(1)..).unwrap_or_default();
    let mut expected = None;
    for (n, name) in needed.iter().enumerate() {
        let is_last = n + 1 == needed.len();
        expected = state.segment(disk, name, expected, is_last)?;
    }
    let ahead = expected.is_none_or(|seq| seq < state.book.next_seq());
    if ahead && state.book.next_seq() > 0 {
        let what = format!("a snapshot has {} entries, the journal has fewer", state.book.next_seq());
        return Err(JournalError::damaged(needed.last().map_or("the journal", String::as_str), 0, what));
    }
    state.book.audit()?;
    if let Some((name, ..)) = &state.last {
        // A process that was killed may have left records that only the system's memory has: what is built on now must be on disk.
        disk.sync(name).map_err(JournalError::io("sync", name))?;
    }
    Ok(state)
}

/// Names of segments in order of their entries.
fn segments(disk: &impl Disk) -> Result<Vec<String>, JournalError> {
    let names = disk.list().map_err(JournalError::io("list", "the journal"))?;
    let mut names: Vec<String> = names.into_iter().filter(|name| segment::first(name).is_some()).collect();
    names.sort_unstable();
    Ok(names)
}

impl Recovered {
    /// Reads one segment; answers the number of the entry that must come next.
    fn segment<D: Disk>(
        &mut self,
        disk: &mut D,
        name: &str,
        expected: Option<u64>,
        is_last: bool,
    ) -> Result<Option<u64>, JournalError> {
        let bytes = disk.read(name).map_err(JournalError::io("read the segment", name))?;
        let Some(header) = Header::read(&bytes) else {
            return self.headless(disk, name, &bytes, expected, is_last);
        };
        if segment::first(name) != Some(header.first) || expected.is_some_and(|seq| seq != header.first) {
            let what = format!("it begins at entry {}, expected {expected:?}", header.first);
            return Err(JournalError::damaged(name, 8, what));
        }
        if header.first >= self.tree.size() {
            segment::check_root(name, &header, &self.tree)?;
        }
        let end = segment::walk(name, &bytes, &header, |seq, entry| self.entry(seq, entry))?;
        if let Some(what) = segment::damage(&bytes, &end, is_last) {
            return Err(JournalError::damaged(name, end.at, what));
        }
        self.cut_off(disk, name, &bytes, &end)?;
        self.last = Some((name.into(), end.at, end.batch));
        Ok(Some(end.seq))
    }

    /// A segment without a header: its making was interrupted, as records come only after a header that is durable.
    fn headless<D: Disk>(
        &mut self,
        disk: &mut D,
        name: &str,
        bytes: &[u8],
        expected: Option<u64>,
        is_last: bool,
    ) -> Result<Option<u64>, JournalError> {
        let next = segment::first(name);
        if !is_last || bytes.len() > segment::HEADER || expected.is_some() && expected != next {
            return Err(JournalError::damaged(name, 0, "its header is not that of a segment"));
        }
        self.cut = self.cut.saturating_add(bytes.len() as u64);
        disk.remove(name).map_err(JournalError::io("remove the unfinished segment", name))?;
        Ok(next)
    }

    fn entry(&mut self, seq: u64, bytes: &[u8]) -> Result<(), String> {
        if seq < self.book.next_seq() {
            return Ok(());
        }
        replay(&mut self.book, &mut self.tree, bytes)?;
        self.replayed = self.replayed.saturating_add(1);
        Ok(())
    }

    /// Removes what stands behind the last record: an old write there must never be taken for a new one.
    fn cut_off<D: Disk>(
        &mut self,
        disk: &mut D,
        name: &str,
        bytes: &[u8],
        end: &End,
    ) -> Result<(), JournalError> {
        let extra = bytes.len().saturating_sub(end.at) as u64;
        if extra > 0 {
            self.cut = self.cut.saturating_add(extra);
            disk.truncate(name, end.at as u64).map_err(JournalError::io("cut the end of", name))?;
        }
        Ok(())
    }
}
