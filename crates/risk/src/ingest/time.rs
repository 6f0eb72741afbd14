//! Times of files as seconds.

use super::csv::{padded, whole};
use crate::table::{Column, Data, NO_TEXT};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// A time that is not there or cannot be read.
pub(super) const NO_TIME: i64 = i64::MIN;
/// Furthest time from the start of counting, in seconds: 3,168 years. Beyond it lie milliseconds and mistakes, one of which
/// would move everybody's window.
pub(crate) const TIME_MAX: i64 = 100_000_000_000;

/// A time in seconds, if it is one.
pub(crate) fn plausible(time: i64) -> Option<i64> {
    (-TIME_MAX..=TIME_MAX).contains(&time).then_some(time)
}

fn floored(time: f64) -> Option<i64> {
    (time.abs() <= TIME_MAX as f64).then(|| time.floor() as i64)
}

/// A column's rows as seconds; [`NO_TIME`] where a row has no time that can be read. Integers are seconds as they are.
///
/// What a row is read as does not depend on the rows beside it: digits are seconds in a column of text too.
pub(super) fn seconds(column: &Column) -> Cow<'_, [i64]> {
    let there = |row: usize, time: i64| if column.is_absent(row) { NO_TIME } else { time };
    let bounded = |time: &i64| plausible(*time).unwrap_or(NO_TIME);
    match &column.data {
        Data::Int(values)
            if column.absent.is_none() && values.iter().all(|t| (-TIME_MAX..=TIME_MAX).contains(t)) =>
        {
            Cow::Borrowed(values)
        }
        Data::Int(values) => values.iter().enumerate().map(|(row, t)| there(row, bounded(t))).collect(),
        Data::Real(values) => {
            values.iter().enumerate().map(|(row, t)| there(row, floored(*t).unwrap_or(NO_TIME))).collect()
        }
        Data::Text(codes, words) => {
            let read: Vec<i64> = words.words().iter().map(|word| parse(word).unwrap_or(NO_TIME)).collect();
            let time = |code: u32| if code == NO_TEXT { NO_TIME } else { read[code as usize] };
            codes.iter().enumerate().map(|(row, code)| there(row, time(*code))).collect()
        }
    }
}

/// Seconds, a date, a date with a time (UTC), or RFC 3339 with an offset, as seconds (of dates since 1970).
///
/// Digits are seconds, also where they could be a date without hyphens.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    if let Some(time) = whole(text.as_bytes()) {
        return plausible(time);
    }
    if let Some(time) = text.parse::<f64>().ok().filter(|_| !padded(text.as_bytes())) {
        return floored(time);
    }
    dated(text).and_then(plausible)
}

fn dated(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
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
        for text in ["yesterday", "", "007", "1.7e", "9999-12-31", "1700000000000", "inf", "NaN"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(
            [parse("1700000000"), parse("-5"), parse("7.5")],
            [Some(1_700_000_000), Some(-5), Some(7)]
        );
        assert_eq!(parse("20240301"), Some(20_240_301), "digits are seconds whatever stands beside them");
    }
}
