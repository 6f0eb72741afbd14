//! What can go wrong: where, what was found, and what to do.

use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A file could not be read.
    #[error("cannot read {path}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Bytes that are not what their format says.
    #[error("{place}: {problem}")]
    Format {
        /// File, and the tensor or field in it.
        place: String,
        /// What was found and what was wanted.
        problem: String,
    },
    /// A model that is well formed and that this crate does not compute.
    #[error("{place}: {problem}")]
    Unsupported {
        /// File and field.
        place: String,
        /// What was found, and what can be read instead.
        problem: String,
    },
}

impl EncodeError {
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    pub(crate) fn format(place: impl std::fmt::Display, problem: impl Into<String>) -> Self {
        Self::Format { place: place.to_string(), problem: problem.into() }
    }

    pub(crate) fn unsupported(place: impl std::fmt::Display, problem: impl Into<String>) -> Self {
        Self::Unsupported { place: place.to_string(), problem: problem.into() }
    }
}
