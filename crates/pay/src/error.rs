//! The one error of this crate.

/// Why something could not be read, checked or applied. A command that was understood and refused is no error: see
/// [`crate::ledger::Refusal`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PayError {
    /// A value is not what it must be.
    #[error("{field} {value:?} is not {wanted}")]
    Bad {
        /// Which value.
        field: &'static str,
        /// As given, cut at 80 characters.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// The idempotency key was used with other operations.
    #[error("key {key:?} was used for another command (entry {seq}): use a new key for a new command")]
    KeyConflict {
        /// The key.
        key: String,
        /// The entry that has it.
        seq: u64,
    },
    /// A bound of the ledger is reached. The command was not decided, so its key is free.
    #[error("there are already {limit} {what}: retry later, or raise the limit")]
    Full {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Debits and credits of a command differ: a fault of this program. The command had no effect.
    #[error("debits and credits of {asset} differ: the command was undone, please report this")]
    NotConserved {
        /// The asset's code.
        asset: String,
    },
    /// Replaying an entry does not give what it says.
    #[error("entry {seq} does not follow from what came before: {what}")]
    Diverged {
        /// The entry.
        seq: u64,
        /// What differs.
        what: &'static str,
    },
    /// A proof, a signature or a checkpoint does not hold.
    #[error("the {what} does not hold: {reason}")]
    NotProven {
        /// What was checked.
        what: &'static str,
        /// Why it does not hold.
        reason: String,
    },
}

impl PayError {
    /// A value that is not what it must be.
    pub(crate) fn bad(field: &'static str, value: &str, wanted: &'static str) -> Self {
        Self::Bad { field, value: value.chars().take(80).collect(), wanted }
    }
}
