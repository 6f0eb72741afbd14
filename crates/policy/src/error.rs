//! What can go wrong outside the text itself; what is wrong *in* the text is a [`crate::Report`].

use crate::Report;
use tollgate_core::Digest;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text has errors; the rendered report names each place and its fix.
    #[error("the policy {file} has {count} error(s); correct them and load it again\n{rendered}")]
    Invalid {
        /// The name the text was loaded under.
        file: String,
        /// How many errors.
        count: usize,
        /// The report as text.
        rendered: String,
        /// The report.
        report: Box<Report>,
    },
    /// A recorded decision belongs to another policy.
    #[error(
        "the decision was recorded under policy {recorded}, not {ours}; replay it with that policy's text"
    )]
    OtherPolicy {
        /// Digest in the record.
        recorded: Digest,
        /// Digest of the policy asked to replay.
        ours: Digest,
    },
    /// A recorded decision lacks a signal that the policy reads.
    #[error("the record lacks the signal {signal:?} that the policy reads; record the decision again")]
    Incomplete {
        /// The missing signal.
        signal: String,
    },
}
