//! Short words for the errors of readers that know paths but no offsets.

use super::json::Json;
use crate::error::{Place, WireError};

/// Longest piece of a found value shown in a message, in characters.
const SHOWN: usize = 60;

/// A value of the wrong kind.
pub(crate) fn wrong(path: &str, found: &Json, allowed: &'static str) -> WireError {
    let found = match found {
        Json::Array(_) | Json::Object(_) | Json::Null => found.kind().to_owned(),
        Json::String(text) => format!("{:?}", text.chars().take(SHOWN).collect::<String>()),
        other => other.to_text(),
    };
    WireError::Value { place: Place::path(path), found, allowed: allowed.into() }
}

/// An absent value.
pub(crate) fn missing(path: &str, allowed: &'static str) -> WireError {
    WireError::Missing { path: path.to_owned(), allowed: allowed.into() }
}

/// Bytes that are not JSON, or nest too deep.
pub(crate) fn syntax(error: &serde_json::Error) -> WireError {
    WireError::Syntax { place: Place::default(), problem: error.to_string().into() }
}

/// A stream that its dialect does not allow.
pub(crate) fn broken(problem: impl Into<std::borrow::Cow<'static, str>>) -> WireError {
    WireError::Stream { at: 0, problem: problem.into() }
}
