//! A folder of segments and snapshots as the journal's medium.

use super::medium::{Medium, State};
use super::segment::{self, HEADER, Header};
use super::{Disk, JournalError, Recovered, frame, snapshot};
use tollgate_pay::log::Frontier;

/// See the module.
pub(super) struct Files<D> {
    pub(super) disk: D,
    batch: u32,
    /// The segment that is written, and where its records end.
    segment: Option<(String, usize)>,
    segment_bytes: usize,
    /// Records of the batch under decision.
    records: Vec<u8>,
}

impl<D: Disk> Files<D> {
    /// Goes on where [`super::recover`] ended.
    pub(super) fn new(disk: D, found: Recovered, segment_bytes: usize) -> (Self, State) {
        let Recovered { book, tree, last, .. } = found;
        let batch = last.as_ref().map_or(0, |(_, _, batch)| *batch);
        let segment = last.map(|(name, at, _)| (name, at));
        (Self { disk, batch, segment, segment_bytes, records: Vec::new() }, State { book, tree })
    }

    /// Begins a segment. Its header is durable before any record in it.
    fn begin(&mut self, before: &Frontier) -> Result<(String, usize), JournalError> {
        let name = segment::name(before.size());
        let batch = self.batch.saturating_sub(1);
        let header = Header { first: before.size(), batch, root: before.root() }.bytes();
        let made = self.disk.create(&name).and_then(|()| self.disk.write_at(&name, 0, &header));
        made.and_then(|()| self.disk.sync(&name)).map_err(JournalError::io("begin", &name))?;
        Ok((name, header.len()))
    }
}

impl<D: Disk> Medium for Files<D> {
    fn stage(&mut self, seq: u64, entry: Vec<u8>) {
        debug_assert!(entry.len() <= frame::ENTRY_MAX, "the ledger takes no command whose entry is longer");
        frame::put(&mut self.records, self.batch.saturating_add(1), seq, &entry);
    }

    fn staged(&self) -> usize {
        self.records.len()
    }

    fn commit(&mut self, before: &Frontier, _after: &Frontier) -> Result<(), JournalError> {
        self.batch = self.batch.saturating_add(1);
        let room = |at: usize| at + self.records.len() <= self.segment_bytes || at == HEADER;
        let (name, at) = match self.segment.take().filter(|(_, at)| room(*at)) {
            Some(open) => open,
            None => self.begin(before)?,
        };
        let written =
            self.disk.write_at(&name, at as u64, &self.records).and_then(|()| self.disk.sync(&name));
        written.map_err(JournalError::io("write to", &name))?;
        self.segment = Some((name, at + self.records.len()));
        self.records.clear();
        Ok(())
    }

    fn snapshot(&mut self, state: &State) -> Result<(), JournalError> {
        snapshot::write(&mut self.disk, &state.book, &state.tree)
    }

    fn close(&mut self, state: &State) {
        // A snapshot that cannot be written costs time at the next opening, and nothing else.
        let _ = self.snapshot(state);
    }
}
