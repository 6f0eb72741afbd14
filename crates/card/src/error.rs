//! The one error of this crate.

use tollgate_rail::{KeepError, Silent};

/// Why something could not be read, made or sent.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
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
    /// Nobody knows whether the API heard the request.
    #[error(transparent)]
    Silent(#[from] Silent),
    /// The API refused the request.
    #[error("the API refused with status {status}: {message}")]
    Refused {
        /// HTTP's.
        status: u16,
        /// Why, cut at 400 bytes.
        message: String,
    },
    /// Something could not be kept or read.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

impl CardError {
    /// A value that is not what it must be.
    pub(crate) fn bad(field: &'static str, value: &str, wanted: &'static str) -> Self {
        Self::Bad { field, value: value.chars().take(80).collect(), wanted }
    }
}
