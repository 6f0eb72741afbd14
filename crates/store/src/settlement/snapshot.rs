//! What a settlement knows of the log, in a file: a start reads that, and the entries behind it.
//!
//! JSON lines, with a digest in the last one: which log and how far, the desk's rows, the agents' records as they were accepted,
//! and which entries are about which escrow. Agents' signatures are checked again when it is read; escrows are believed as
//! they stand, so the file is kept like the log's key. It only shortens the way: one that is torn, of another log, or of a form
//! that is not known is passed over, and the log is read from its beginning.

use super::{Bounds, Heard, Settlement, SettlementError};
use crate::journal::audit::{LogFolder, Source};
use crate::journal::{Journal, JournalError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use tollgate_core::Digest;
use tollgate_pay::escrow::{Desk, Row, SettlementPlane};
use tollgate_pay::ledger::Book;
use tollgate_pay::log::{Checkpoint, leaf_hash};

/// The file's name.
const NAME: &str = "settlement.snapshot";
/// Entries after which a server writes another.
pub(super) const EVERY: u64 = 50_000;

/// The version of the form: it is raised whenever a row changes, as an old file then says too little.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Form {
    #[serde(rename = "tollgate/settlement-snapshot/v1")]
    V1,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// It stands first.
    Head {
        form: Form,
        /// Leaf hash of the last entry that is in it.
        leaf: Digest,
        /// The log's public key.
        log: String,
        /// The first entry that is not.
        next: u64,
    },
    /// A row of the desk.
    Desk(Row),
    /// An agent's record as the log has it.
    Agent(Box<RawValue>),
    /// The entries about an escrow.
    About { entries: Vec<u64>, escrow: Digest },
    /// BLAKE3 of all lines before, newlines included.
    Digest(Digest),
}

/// What a settlement goes on from.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) desk: Option<Desk>,
    pub(super) heard: Heard,
    /// The first entry that is not in it.
    pub(super) next: u64,
}

impl Kept {
    /// What the file of a folder says of the log in `source`; nothing when there is none that can be used.
    pub(super) fn read(
        data: &Path,
        source: &Source,
        plane: &SettlementPlane,
        bounds: &Bounds,
    ) -> Result<Self, JournalError> {
        let nothing = || Self { heard: Heard::new(bounds.agents), ..Self::default() };
        let found = fs::read(data.join(NAME)).ok().and_then(|bytes| Self::parse(&bytes, plane, bounds));
        let Some((standing, leaf)) = found else { return Ok(nothing()) };
        let is = last_leaf(source, standing.next)?;
        Ok(if is == Some(leaf) { standing } else { nothing() })
    }

    fn parse(bytes: &[u8], plane: &SettlementPlane, bounds: &Bounds) -> Option<(Self, Digest)> {
        let body = bytes.strip_suffix(b"\n")?;
        let (body, last) = body.split_at_checked(body.iter().rposition(|b| *b == b'\n')? + 1)?;
        let Ok(Line::Digest(digest)) = serde_json::from_slice(last) else { return None };
        if Digest::of(body) != digest {
            return None;
        }
        let mut lines = body.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let Line::Head { form: Form::V1, leaf, log, next } = serde_json::from_slice(lines.next()?).ok()?
        else {
            return None;
        };
        if log != plane.log().to_string() {
            return None;
        }
        let (mut heard, mut rows) = (Heard::new(bounds.agents), Vec::new());
        for line in lines {
            match serde_json::from_slice(line).ok()? {
                Line::Desk(row) => rows.push(row),
                Line::Agent(record) => heard.register(&serde_json::from_str(record.get()).ok()?).ok()?,
                Line::About { entries, escrow } => drop(heard.entries.insert(escrow, entries)),
                Line::Head { .. } | Line::Digest(_) => return None,
            }
        }
        let desk = Desk::restore(plane.clone(), bounds.escrows, rows).ok()?;
        Some((Self { desk: Some(desk), heard, next }, leaf))
    }

    /// The bytes of the file; `leaf` is the leaf hash of the last entry that is in it.
    fn bytes(desk: &Desk, heard: &Heard, next: u64, leaf: Digest) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut put = |line: &Line| -> io::Result<()> {
            serde_json::to_writer(&mut bytes, line)?;
            bytes.push(b'\n');
            Ok(())
        };
        put(&Line::Head { form: Form::V1, leaf, log: desk.plane().log().to_string(), next })?;
        desk.rows().try_for_each(|row| put(&Line::Desk(row)))?;
        for record in &heard.records {
            put(&Line::Agent(RawValue::from_string(record.clone())?))?;
        }
        for (escrow, entries) in &heard.entries {
            put(&Line::About { entries: entries.clone(), escrow: *escrow })?;
        }
        let digest = Digest::of(&bytes);
        serde_json::to_writer(&mut bytes, &Line::Digest(digest))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl Settlement {
    /// Entries that the last snapshot has, the one that it was opened from or written since.
    #[must_use]
    pub fn snapshot_size(&self) -> u64 {
        *self.snapshot.lock()
    }

    /// Writes a snapshot, when so many entries came since the last.
    ///
    /// # Errors
    /// [`JournalError::Io`]: the next start takes longer, and nothing else.
    pub(super) fn keep_snapshot(&self, every: u64) -> Result<(), JournalError> {
        let mut last = self.snapshot.lock();
        let (desk, heard, next) = {
            let inner = self.inner.lock();
            let next = inner.ledger.seen();
            if next == 0 || next < last.saturating_add(every) {
                return Ok(());
            }
            // Others go on while it is written.
            (inner.office.desk().clone(), inner.heard.clone(), next)
        };
        let Some(leaf) = last_leaf(&self.source, next)? else { return Ok(()) };
        let put = || -> io::Result<()> {
            let (path, aside) = (self.data.join(NAME), self.data.join(format!("{NAME}.new")));
            let mut file = File::create(&aside)?;
            file.write_all(&Kept::bytes(&desk, &heard, next, leaf)?)?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            File::open(&self.data)?.sync_all()
        };
        put().map_err(JournalError::io("write", NAME))?;
        *last = next;
        Ok(())
    }
}

/// The leaf hash of the entry before this one.
fn last_leaf(source: &Source, next: u64) -> Result<Option<Digest>, JournalError> {
    let Some(last) = next.checked_sub(1) else { return Ok(None) };
    let mut leaf = None;
    source.entries(last, |seq, bytes| {
        if seq == last {
            leaf = Some(Digest(leaf_hash(bytes)));
        }
        Ok(())
    })?;
    Ok(leaf)
}

/// Checks that the ledger is the one that was published: it has at least as many entries as the log's checkpoint was signed for, and
/// the last of those. One that was set back would be answered from as if nothing had happened.
pub(super) fn not_set_back(data: &Path, source: &Source, journal: &Journal) -> Result<(), SettlementError> {
    let folder = LogFolder::new(&data.join("log"));
    let Some(note) = folder.checkpoint()? else { return Ok(()) };
    let published = Checkpoint::parse(note.text())?.size;
    let damaged = |what: String| JournalError::Damaged { file: "the ledger".into(), at: published, what };
    let size = journal.look(Book::next_seq)?;
    if size < published {
        let what = format!(
            "it has {size} entries, and the checkpoint in {} was signed for {published}: the ledger was set back. Bring the newer one back, or move the old log away if you know what was lost",
            data.join("log").display()
        );
        return Err(damaged(what).into());
    }
    let Some(last) = published.checked_sub(1) else { return Ok(()) };
    let is = last_leaf(source, published)?;
    if is != Some(Digest(leaf_hash(&folder.published(last)?))) {
        let what = format!("its entry {last} is not that of the published log: they are of two ledgers");
        return Err(damaged(what).into());
    }
    Ok(())
}
