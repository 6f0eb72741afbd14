//! Byte ranges of the policy text and their lines and columns.
//!
//! ```
//! use tollgate_policy::{Lines, Span};
//! let lines = Lines::new("a\nbé c");
//! let place = lines.position(5);
//! assert_eq!((place.line, place.column), (2, 3));
//! ```

use serde::{Deserialize, Serialize};

/// A half-open range of byte offsets in the policy text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range from `start` to `end`; texts are bounded, so offsets fit 32 bits.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let cut = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: cut(start), end: cut(end) }
    }

    /// The smallest range that holds both.
    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The text at this range, empty when it does not lie in `text`.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A place in a text, both counted from 1; the column counts characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Character in the line.
    pub column: u32,
}

/// Where the lines of a text start.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<u32>,
}

impl<'a> Lines<'a> {
    /// Finds the lines of `text`, in linear time.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| Span::new(0, at + 1).end)).collect();
        Self { text, starts }
    }

    /// Line and column of a byte offset; an offset past the end is taken as the end.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0) as usize;
        let end = (offset as usize).min(self.text.len());
        let before = self.text.as_bytes().get(start..end).unwrap_or_default();
        // Continuation bytes (10xxxxxx) do not start a character.
        let column = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
        Position { line: Span::new(0, line).end, column: Span::new(0, column).end }
    }

    /// The text of a line (from 1), without its line break.
    #[must_use]
    pub fn line(&self, line: u32) -> &'a str {
        let start = self.starts.get(line.saturating_sub(1) as usize).copied().unwrap_or(0) as usize;
        let rest = self.text.get(start..).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default().trim_end_matches('\r')
    }
}
