//! What was read, and what was not and why.

use std::fmt;

/// How many bad rows are kept with their reason.
pub const MAX_SAMPLES: usize = 16;
/// How much of a bad value is shown.
const MAX_SHOWN: usize = 40;

/// Why a row could not be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The row has another number of columns than the header.
    #[error("{found} columns where the header has {wanted}")]
    Columns {
        /// In the row.
        found: usize,
        /// In the header.
        wanted: usize,
    },
    /// A field that is needed is absent.
    #[error("{field}: it is missing")]
    Missing {
        /// The field.
        field: String,
    },
    /// A field should be a number of tokens.
    #[error("{field}: `{value}` is not a number of tokens")]
    Tokens {
        /// The field.
        field: String,
        /// As found, shortened.
        value: String,
    },
    /// A field should be a number.
    #[error("{field}: `{value}` is not a number")]
    Number {
        /// The field.
        field: String,
        /// As found, shortened.
        value: String,
    },
    /// A field should be a time.
    #[error("{field}: `{value}` is not a time")]
    Time {
        /// The field.
        field: String,
        /// As found, shortened.
        value: String,
    },
    /// The times of a recorded request do not follow each other.
    #[error(
        "queued_ts, scheduled_ts, first_token_ts and last_token_ts do not follow each other: one clock in seconds has to give all four"
    )]
    Order,
    /// The row needs no tokens at all: nothing was served.
    #[error("no tokens in it")]
    NoTokens,
    /// The line is not a JSON object.
    #[error("it is not a JSON object")]
    Json,
    /// The line is not text.
    #[error("it is not UTF-8")]
    Encoding,
    /// The line exceeds [`super::MAX_LINE_BYTES`].
    #[error("the line is longer than {} bytes", super::MAX_LINE_BYTES)]
    TooLong,
}

/// A value as it is shown: short.
pub(super) fn shown(value: &str) -> String {
    match value.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.into(),
    }
}

/// A row that could not be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadRow {
    /// Its number, from 1, the header not counted.
    pub row: u64,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: {}", self.row, self.reason)
    }
}

/// How reading went so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Rows read, good and bad.
    pub rows: u64,
    /// Rows that could not be used.
    pub bad: u64,
    /// The first of them.
    pub samples: Vec<BadRow>,
    /// Good rows whose time lies before the row above; their time is kept.
    pub out_of_order: u64,
    /// Good rows before the first row's time; they count as arriving with it.
    pub before_first: u64,
}

impl Report {
    /// Rows that became requests.
    #[must_use]
    pub fn good(&self) -> u64 {
        self.rows - self.bad
    }

    pub(super) fn refuse(&mut self, reason: Reason) {
        self.bad += 1;
        if self.samples.len() < MAX_SAMPLES {
            self.samples.push(BadRow { row: self.rows, reason });
        }
    }
}
