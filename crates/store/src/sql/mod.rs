//! Small conversions between Rust values and SQLite's signed 64-bit integers and text.

pub(crate) mod schema;

use crate::StoreError;
use rusqlite::types::FromSqlError;
use tollgate_core::Timestamp;

/// A count as SQLite keeps it; counts beyond 2^63 - 1 are kept as that.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A bound or length as SQLite keeps it.
pub(crate) fn len(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A stored count; a negative one (which no code here writes) reads as 0 and is found by fsck.
pub(crate) fn nat(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The instant `seconds` before `now`.
pub(crate) fn before(now: Timestamp, seconds: u64) -> i64 {
    now.0.saturating_sub(int(seconds.saturating_mul(1_000_000)))
}

/// A list of words as a JSON array.
pub(crate) fn words(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}

/// Turns an error of our own into one that a row mapper may return.
pub(crate) fn row_error(error: StoreError) -> rusqlite::Error {
    rusqlite::Error::from(FromSqlError::Other(Box::new(error)))
}
