//! Everything that can be wrong with bytes from outside, and how faults are spelled on the wire.
//!
//! [`WireError`] is this crate's one error: it names the place, the value found and the fix. [`status`] is the one
//! table from fault to HTTP status; [`body`] and [`sse`] write a fault in a dialect's own shape; [`classify`] reads
//! an upstream's error back into a fault.
//!
//! ```
//! use tollgate_wire::{json, Dialect, error};
//! let wrong = json::validate(b"{\"model\": nil}", json::DEPTH_MAX).unwrap_err();
//! assert!(wrong.to_string().contains("line 1, column 11"), "{wrong}");
//! let fault = wrong.fault();
//! assert_eq!(error::status(fault.kind), 400);
//! let body = String::from_utf8(error::body(Dialect::Anthropic, &fault, None)).unwrap();
//! assert!(body.contains(r#""type":"invalid_request_error""#), "{body}");
//! ```

use crate::Dialect;
use std::borrow::Cow;
use std::fmt;
use tollgate_core::{Fault, FaultKind};

mod classify;
mod status;
mod write;

pub use classify::{Classified, classify};
pub use status::{STATUSES, retry_after_fits, status};
pub use write::{body, sse};

/// Where in a JSON text something is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// A path such as `messages[2].content`; empty for the whole text.
    pub path: String,
    /// Byte offset from the start.
    pub offset: u64,
    /// Line, from 1; 0 when only the path is known.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// A place known only by its path (for readers that keep no offsets).
    #[must_use]
    pub fn path(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the top level" } else { &self.path };
        if self.line == 0 {
            return f.write_str(path);
        }
        write!(f, "{path} (line {}, column {}, byte {})", self.line, self.column, self.offset)
    }
}

/// Why bytes could not be read, edited or translated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WireError {
    /// The bytes are not JSON.
    #[error("invalid JSON at {place}: {problem}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong and how to mend it.
        problem: Cow<'static, str>,
    },
    /// A field has a value that its dialect does not allow.
    #[error("{place}: found {found}, allowed is {allowed}")]
    Value {
        /// Where.
        place: Place,
        /// The value, cut to a readable length.
        found: String,
        /// What may stand there.
        allowed: Cow<'static, str>,
    },
    /// A required field is not there.
    #[error("{path} is missing: give {allowed}")]
    Missing {
        /// The path that the field should have.
        path: String,
        /// What should stand there.
        allowed: Cow<'static, str>,
    },
    /// A key that two readers could understand differently.
    #[error(
        "{place}: the key {key:?} is given twice or in another case; two readers could disagree, give it once"
    )]
    Duplicate {
        /// Where the second one stands.
        place: Place,
        /// The key.
        key: String,
    },
    /// A bound was reached.
    #[error("{what} is {size}, the limit is {limit}")]
    TooLarge {
        /// What was counted, with its unit.
        what: Cow<'static, str>,
        /// How much it is (or how much was seen before reading stopped).
        size: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// An edit cannot be made, or two edits touch the same bytes.
    #[error("cannot edit {what}: {problem}")]
    Edit {
        /// What was to be edited.
        what: String,
        /// Why not and what to do instead.
        problem: Cow<'static, str>,
    },
    /// A stream is not what its framing or its dialect allows.
    #[error("stream broken at byte {at}: {problem}")]
    Stream {
        /// Bytes of the stream before the place.
        at: u64,
        /// What is wrong.
        problem: Cow<'static, str>,
    },
    /// Something cannot cross from one dialect into another.
    #[error("{path} cannot cross from {} to {}: {why}", .from.word(), .to.word())]
    Crossing {
        /// The dialect it is in.
        from: Dialect,
        /// The dialect it should go to.
        to: Dialect,
        /// The field.
        path: String,
        /// Why not and what to do instead.
        why: Cow<'static, str>,
    },
}

impl WireError {
    /// The request field at fault, when one is known.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        let path = match self {
            Self::Syntax { place, .. } | Self::Value { place, .. } | Self::Duplicate { place, .. } => {
                &place.path
            }
            Self::Missing { path, .. } | Self::Crossing { path, .. } => path,
            Self::TooLarge { .. } | Self::Edit { .. } | Self::Stream { .. } => return None,
        };
        (!path.is_empty()).then_some(path)
    }

    /// What went wrong without the piece of the bytes that the message shows; none where it shows none.
    #[must_use]
    pub fn unquoted(&self) -> Option<String> {
        match self {
            Self::Syntax { place, .. } => Some(format!("invalid JSON at {place}")),
            Self::Value { .. } => Some("a value that is not allowed".to_owned()),
            Self::Duplicate { .. } => Some("a key that is given twice".to_owned()),
            Self::Edit { .. } => Some("an edit that cannot be made".to_owned()),
            Self::Stream { at, .. } => Some(format!("stream broken at byte {at}")),
            Self::Missing { .. } | Self::TooLarge { .. } | Self::Crossing { .. } => None,
        }
    }

    /// The caller's fault that this error means when the bytes are a request.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let kind = match self {
            Self::TooLarge { .. } => FaultKind::TooLarge,
            _ => FaultKind::BadRequest,
        };
        let mut fault = Fault::caller(kind, self.to_string());
        fault.unquoted = self.unquoted();
        match self.path() {
            Some(path) => fault.at(path),
            None => fault,
        }
    }
}

#[cfg(test)]
mod tests;
