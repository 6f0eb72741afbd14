//! A replica's view of the shared ledger as the journal's medium.

use super::link::{Head, Link, broken, failed, signed};
use crate::journal::medium::{Medium, State, replay};
use crate::journal::{JournalError, snapshot};
use std::time::Duration;
use tollgate_pay::ledger::Limits;
use tollgate_pay::log::Frontier;

/// Batches written before another replica gets its turn.
const LEASE_BATCHES: u32 = 16;
/// Attempts to reach the database again before this replica gives up.
const RECONNECTS_MAX: u32 = 60;
/// Pause between them.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Bytes of a snapshot in one row.
const PART_BYTES: usize = 1 << 20;

/// See the module.
pub(super) struct Shared {
    url: String,
    link: Link,
    /// Batches that may still be written under the lease; 0 when it is not held.
    lease: u32,
    entries: Vec<Vec<u8>>,
    bytes: usize,
    /// Where the log stood when it was read or written last. What others were told rests on it: a database that has another history
    /// was set back, however far it has come since.
    confirmed: Head,
}

impl Head {
    fn of(state: &State) -> Self {
        Self { size: state.tree.size(), root: state.tree.root() }
    }
}

impl Shared {
    /// Connects and reads the state; answers also how many entries no snapshot covers.
    pub(super) fn open(url: &str, limits: &Limits) -> Result<(Self, State, u64), JournalError> {
        let mut link = Link::open(url)?;
        let mut state = newest(&mut link, limits, u64::MAX)?;
        let covered = state.book.next_seq();
        catch_up(&mut link, &mut state, None)?;
        state.book.audit()?;
        let replayed = state.book.next_seq().saturating_sub(covered);
        let confirmed = Head::of(&state);
        let shared = Self { url: url.into(), link, lease: 0, entries: Vec::new(), bytes: 0, confirmed };
        Ok((shared, state, replayed))
    }

    fn connect_again(&mut self) -> Result<(), JournalError> {
        let mut last = Ok(());
        for _ in 0..RECONNECTS_MAX {
            match Link::open(&self.url) {
                Ok(link) => {
                    self.link = link;
                    return Ok(());
                }
                Err(error @ JournalError::Database { .. }) => last = Err(error),
                Err(error) => return Err(error),
            }
            std::thread::park_timeout(RECONNECT_PAUSE);
        }
        last
    }
}

impl Medium for Shared {
    const LINGER: Option<Duration> = Some(Duration::from_millis(2));

    fn enter(&mut self, state: &mut State) -> Result<(), JournalError> {
        if self.lease > 0 {
            return Ok(());
        }
        self.link.lock()?;
        catch_up(&mut self.link, state, None)?;
        self.confirmed = Head::of(state);
        self.lease = LEASE_BATCHES;
        Ok(())
    }

    fn stage(&mut self, _seq: u64, entry: Vec<u8>) {
        self.bytes = self.bytes.saturating_add(entry.len());
        self.entries.push(entry);
    }

    fn staged(&self) -> usize {
        self.bytes
    }

    fn commit(&mut self, before: &Frontier, after: &Frontier) -> Result<(), JournalError> {
        if !self.link.commit(before, after, &self.entries)? {
            return Err(JournalError::Unknown);
        }
        self.confirmed = Head { size: after.size(), root: after.root() };
        self.entries.clear();
        self.bytes = 0;
        match self.lease {
            0 | 1 => self.leave(),
            left => self.lease = left - 1,
        }
        Ok(())
    }

    fn snapshot(&mut self, state: &State) -> Result<(), JournalError> {
        let bytes = snapshot::bytes(&state.book, &state.tree)
            .map_err(JournalError::io("write the snapshot to", "the database"))?;
        let writing = failed("write the snapshot");
        let seq = signed(state.book.next_seq())?;
        let mut work = self.link.client.transaction().map_err(&writing)?;
        work.execute("DELETE FROM tollgate_ledger_snapshot WHERE seq = $1", &[&seq]).map_err(&writing)?;
        for (part, bytes) in (0i32..).zip(bytes.chunks(PART_BYTES)) {
            let insert = "INSERT INTO tollgate_ledger_snapshot (seq, part, bytes) VALUES ($1, $2, $3)";
            work.execute(insert, &[&seq, &part, &bytes]).map_err(&writing)?;
        }
        let tidy = "DELETE FROM tollgate_ledger_snapshot WHERE seq < (
            SELECT min(seq) FROM (SELECT DISTINCT seq FROM tollgate_ledger_snapshot ORDER BY seq DESC LIMIT $1) AS kept)";
        work.execute(tidy, &[&signed(snapshot::KEPT as u64)?]).map_err(&writing)?;
        work.commit().map_err(&writing)
    }

    fn close(&mut self, _state: &State) {
        self.leave();
    }

    fn leave(&mut self) {
        // A lease that cannot be given back ends with the session; the next call says what is wrong.
        if std::mem::take(&mut self.lease) > 0 {
            let _ = self.link.unlock();
        }
    }

    /// Whether the failed batch was written shows in the database. What this replica had decided beyond it is forgotten; what it had
    /// confirmed must be there.
    fn reread(&mut self, _cause: JournalError, limits: &Limits) -> Result<State, JournalError> {
        self.entries.clear();
        (self.bytes, self.lease) = (0, 0);
        let mut attempts = 0;
        loop {
            self.connect_again()?;
            let passes = self.confirmed;
            let read = newest(&mut self.link, limits, passes.size).and_then(|mut state| {
                catch_up(&mut self.link, &mut state, Some(passes))?;
                Ok(state)
            });
            if let Ok(state) = &read {
                self.confirmed = Head::of(state);
            }
            match read {
                Err(JournalError::Database { .. }) if attempts < RECONNECTS_MAX => attempts += 1,
                read => return read,
            }
        }
    }
}

/// The newest snapshot that is whole and has at most so many entries, or the beginning of all.
fn newest(link: &mut Link, limits: &Limits, at_most: u64) -> Result<State, JournalError> {
    let reading = failed("read a snapshot");
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    let seqs = "SELECT DISTINCT seq FROM tollgate_ledger_snapshot WHERE seq <= $1 ORDER BY seq DESC";
    let seqs = link.client.query(seqs, &[&at_most]).map_err(&reading)?;
    for seq in seqs.iter().map(|row| row.get::<_, i64>(0)) {
        let parts = "SELECT bytes FROM tollgate_ledger_snapshot WHERE seq = $1 ORDER BY part";
        let parts = link.client.query(parts, &[&seq]).map_err(&reading)?;
        let bytes: Vec<u8> = parts.iter().flat_map(|row| row.get::<_, &[u8]>(0)).copied().collect();
        if let Some((book, tree)) = snapshot::read(&bytes, limits) {
            return Ok(State { book, tree });
        }
    }
    Ok(State::new(limits))
}

/// Takes the entries that other replicas have written, and checks that the head is theirs. On the way from a snapshot the log must
/// stand where it stood before (`passes`).
fn catch_up(link: &mut Link, state: &mut State, passes: Option<Head>) -> Result<(), JournalError> {
    let head = link.head()?;
    let seen = passes.map_or(0, |passes| passes.size).max(state.tree.size());
    if head.size < seen {
        return Err(broken(&format!(
            "it has {} entries, {seen} were there before: it was set back",
            head.size
        )));
    }
    let same = |state: &State| match passes.filter(|passes| passes.size == state.tree.size()) {
        Some(passes) if passes != Head::of(state) => Err(broken(&format!(
            "its first {} entries are not those that were there before: it was set back and written anew",
            passes.size
        ))),
        _ => Ok(()),
    };
    same(state)?;
    while state.tree.size() < head.size {
        let next = state.tree.size();
        link.entries(next, |seq, bytes| {
            if seq >= head.size {
                return Ok(());
            }
            replay(&mut state.book, &mut state.tree, bytes)
                .map_err(|what| broken(&format!("entry {seq} does not follow: {what}")))?;
            same(state)
        })?;
    }
    if Head::of(state) == head {
        return Ok(());
    }
    Err(broken(&format!("the tree of its {} entries has another root than its head says", head.size)))
}
