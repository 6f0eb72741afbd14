//! Times of files as seconds.

use crate::table::{Column, Data, NO_TEXT};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A column's rows as seconds; `None` where a row has no time that can be read.
pub(super) fn seconds(column: &Column) -> Vec<Option<i64>> {
    let there = |row: usize| !column.is_absent(row);
    match &column.data {
        Data::Int(values) => values.iter().enumerate().map(|(row, t)| there(row).then_some(*t)).collect(),
        Data::Real(values) => values
            .iter()
            .enumerate()
            .map(|(row, t)| (there(row) && t.abs() < 9e15).then_some(t.floor() as i64))
            .collect(),
        Data::Text(codes, words) => {
            let read: Vec<Option<i64>> = words.words().iter().map(|word| parse(word)).collect();
            codes
                .iter()
                .enumerate()
                .map(|(row, code)| if *code == NO_TEXT || !there(row) { None } else { read[*code as usize] })
                .collect()
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
