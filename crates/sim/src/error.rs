//! The errors of this crate.

use std::net::SocketAddr;

/// Why a simulator could not be made, started or told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// A configured value is out of range.
    #[error("{field} is {value:?}; it must be {allowed}")]
    Config {
        /// Which field.
        field: &'static str,
        /// Its value as given, cut at 80 characters.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A fault directive could not be read.
    #[error("fault {text:?}: {reason}; write {expected}")]
    Fault {
        /// The directive as given, cut at 80 characters.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// The address could not be bound.
    #[error("cannot listen on {addr}: choose a free port, or port 0 for any")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The runtime or a socket failed.
    #[error("{doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// A model file could not be loaded or run.
    #[cfg(feature = "gguf")]
    #[error("model file {path:?}: {reason}")]
    Model {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl SimError {
    pub(crate) fn config(
        field: &'static str,
        value: &(impl ToString + ?Sized),
        allowed: &'static str,
    ) -> Self {
        Self::Config { field, value: value.to_string().chars().take(80).collect(), allowed }
    }

    #[cfg(feature = "gguf")]
    pub(crate) fn model(path: &std::path::Path, reason: &(impl std::fmt::Display + ?Sized)) -> Self {
        Self::Model { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn fault(text: &str, reason: &'static str, expected: &'static str) -> Self {
        Self::Fault { text: text.chars().take(80).collect(), reason, expected }
    }
}
