//! What the scanner found wrong: small while scanning, explained only when somebody is told.

use super::place::{locate, preview};
use crate::WireError;

/// What is wrong at one offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// A grammar error; the text names the fix.
    Grammar(&'static str),
    /// More nested levels than this.
    Depth(u8),
    /// The value here should be this.
    Want(&'static str),
    /// The object that starts here lacks a field, which should be this.
    Missing(&'static str, &'static str),
    /// The key here was given before.
    Duplicate,
    /// More than so many of these.
    TooMany(&'static str, u32),
}

/// A problem and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// Byte offset.
    pub offset: u32,
    /// What is wrong there.
    pub problem: Problem,
}

impl Flaw {
    /// The error to show, with line, column and path looked up in the scanned `bytes`.
    #[must_use]
    pub fn explain(self, bytes: &[u8]) -> WireError {
        let offset = self.offset as usize;
        match self.problem {
            Problem::Grammar(problem) => {
                WireError::Syntax { place: locate(bytes, offset), problem: problem.into() }
            }
            Problem::Depth(limit) => WireError::TooLarge {
                what: "the number of nested JSON levels".into(),
                size: u64::from(limit) + 1,
                limit: u64::from(limit),
            },
            Problem::Want(allowed) => WireError::Value {
                place: locate(bytes, offset),
                found: preview(bytes, offset),
                allowed: allowed.into(),
            },
            Problem::Missing(field, allowed) => {
                let parent = locate(bytes, offset).path;
                let dot = if parent.is_empty() { "" } else { "." };
                WireError::Missing { path: format!("{parent}{dot}{field}"), allowed: allowed.into() }
            }
            Problem::Duplicate => {
                let key = preview(bytes, offset);
                WireError::Duplicate { place: locate(bytes, offset), key: key.trim_matches('"').to_owned() }
            }
            Problem::TooMany(what, limit) => WireError::TooLarge {
                what: format!("the number of {what}").into(),
                size: u64::from(limit) + 1,
                limit: u64::from(limit),
            },
        }
    }
}
