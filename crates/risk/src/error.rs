//! What can go wrong: where, what was found, and what to do.

use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum RiskError {
    /// A file could not be read or written.
    #[error("cannot use {path}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Bytes that are not what their format says.
    #[error("{place}: {problem}")]
    Format {
        /// File, and the row, page or field in it.
        place: String,
        /// What was found and what was wanted.
        problem: String,
    },
    /// A column that a mapping names and the file does not have.
    #[error("{file} has no column {column:?}; it has {known}: name one of them in the mapping")]
    Column {
        /// The file.
        file: String,
        /// The name asked for.
        column: String,
        /// The names there are.
        known: String,
    },
    /// A mapping that does not say what is needed.
    #[error("{place}: {problem}")]
    Mapping {
        /// The mapping's file or the folder that has none.
        place: String,
        /// What is missing or wrong, and the fix.
        problem: String,
    },
    /// Data that no model can be trained or judged on.
    #[error("{0}")]
    Data(String),
    /// A model file that does not fit: shapes, vocabulary or version.
    #[error("{place}: {problem}")]
    Model {
        /// The file and the field.
        place: String,
        /// What was found and what was wanted.
        problem: String,
    },
}

impl RiskError {
    /// A file's error with its path.
    #[must_use]
    pub fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    pub(crate) fn format(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Format { place: place.into(), problem: problem.into() }
    }

    pub(crate) fn model(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Model { place: place.into(), problem: problem.into() }
    }

    pub(crate) fn mapping(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Mapping { place: place.into(), problem: problem.into() }
    }
}

/// What functions of this crate return.
pub type Result<T, E = RiskError> = std::result::Result<T, E>;
