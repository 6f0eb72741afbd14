//! What a journal is written to: a folder of segments, or a database that several replicas share.

use super::JournalError;
use std::time::Duration;
use tollgate_pay::ledger::{Book, Entry, Limits};
use tollgate_pay::log::{Frontier, leaf_hash};

/// All that has been decided: the ledger and the right edge of the log's tree.
#[derive(Debug)]
pub(super) struct State {
    pub(super) book: Book,
    pub(super) tree: Frontier,
}

#[cfg(feature = "postgres")]
impl State {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { book: Book::new(limits.clone()), tree: Frontier::default() }
    }
}

/// Takes the next entry as it was written; it must follow from the state by the ledger's rules.
pub(super) fn replay(book: &mut Book, tree: &mut Frontier, bytes: &[u8]) -> Result<(), String> {
    let entry: Entry = serde_json::from_slice(bytes).map_err(|error| format!("it is no entry: {error}"))?;
    book.replay(&entry).map_err(|error| error.to_string())?;
    tree.push(leaf_hash(bytes));
    Ok(())
}

/// What the thread needs of the place where entries are kept. After a failed call only [`Medium::reread`] is called.
pub(super) trait Medium: Send + 'static {
    /// How long the thread waits for more commands before it lets others write; for ever where there are no others.
    const LINGER: Option<Duration> = None;

    /// Before a batch: brings the state up to what is written, and keeps others from writing for a while.
    fn enter(&mut self, _state: &mut State) -> Result<(), JournalError> {
        Ok(())
    }

    /// Takes an entry of the batch.
    fn stage(&mut self, seq: u64, entry: Vec<u8>);

    /// Bytes that the staged entries will have.
    fn staged(&self) -> usize;

    /// Makes the staged entries durable, all or none, behind what `before` is the edge of.
    fn commit(&mut self, before: &Frontier, after: &Frontier) -> Result<(), JournalError>;

    /// Writes a snapshot, which shortens the next opening.
    fn snapshot(&mut self, state: &State) -> Result<(), JournalError>;

    /// The queue is closed and empty.
    fn close(&mut self, state: &State);

    /// Lets others write.
    fn leave(&mut self) {}

    /// After a failure: the state as it is written, or why only opening anew can tell.
    fn reread(&mut self, cause: JournalError, _limits: &Limits) -> Result<State, JournalError> {
        Err(cause)
    }
}
