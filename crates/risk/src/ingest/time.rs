//! Times of files as seconds.

use crate::table::{Column, Data, NO_TEXT};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// A time that is not there or cannot be read.
pub(super) const NO_TIME: i64 = i64::MIN;

/// A column's rows as seconds; [`NO_TIME`] where a row has no time that can be read. Integers are seconds as they are.
pub(super) fn seconds(column: &Column) -> Cow<'_, [i64]> {
    let there = |row: usize, time: i64| if column.is_absent(row) { NO_TIME } else { time };
    match &column.data {
        Data::Int(values) if column.absent.is_none() => Cow::Borrowed(values),
        Data::Int(values) => values.iter().enumerate().map(|(row, t)| there(row, *t)).collect(),
        Data::Real(values) => values
            .iter()
            .enumerate()
            .map(|(row, t)| there(row, if t.abs() < 9e15 { t.floor() as i64 } else { NO_TIME }))
            .collect(),
        Data::Text(codes, words) => {
            let read: Vec<i64> = words.words().iter().map(|word| parse(word).unwrap_or(NO_TIME)).collect();
            let time = |code: u32| if code == NO_TEXT { NO_TIME } else { read[code as usize] };
            codes.iter().enumerate().map(|(row, code)| there(row, time(*code))).collect()
        }
    }
}

/// A date, a date with a time (UTC), or RFC 3339 with an offset, as seconds since 1970.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(stamp.as_second());
    }
    let civil = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(Date::into))?;
    civil.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        assert_eq!(parse("1970-01-02"), Some(86_400));
        assert_eq!(parse("1970-01-01 00:01:00"), Some(60));
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse("yesterday"), None);
    }
}
