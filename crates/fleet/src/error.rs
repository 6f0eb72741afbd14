//! Why there is no answer: what was given, where, and what would be accepted.

use tollgate_core::OutOfRange;
pub(crate) use tollgate_core::range::{positive, within};

/// The one error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value is out of its range.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
    /// A name is not known.
    #[error("{what} `{name}` is not known: use one of {known}")]
    Unknown {
        /// What kind of thing was asked for.
        what: &'static str,
        /// The name as given.
        name: String,
        /// The names that there are, in one line.
        known: String,
    },
    /// Bytes could not be read.
    #[error("{place} cannot be read")]
    Read {
        /// The file, row or member.
        place: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// Something was read that is not what it should be.
    #[error("{place}: {problem}: {fix}")]
    Format {
        /// The file, and where in it.
        place: String,
        /// What is wrong.
        problem: String,
        /// What would be accepted.
        fix: String,
    },
    /// There is nothing to work on.
    #[error("{what} is empty: {fix}")]
    Empty {
        /// What holds nothing.
        what: &'static str,
        /// What to give.
        fix: &'static str,
    },
    /// A bound was reached.
    #[error("{what} exceeds its bound of {limit}: {fix}")]
    TooMany {
        /// What grew.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// How to stay below it.
        fix: &'static str,
    },
    /// A rule of the router is not one.
    #[error("the router refuses its rules")]
    Router(#[from] tollgate_select::Error),
    /// No fleet can do what was asked.
    #[error("no fleet meets the objective: {why}")]
    Infeasible {
        /// What stands in the way, with numbers.
        why: String,
    },
}
