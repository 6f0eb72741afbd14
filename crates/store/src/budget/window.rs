//! Budget windows by the UTC calendar.

use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// How long a budget counts before it starts again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// A minute of the clock.
    Minute,
    /// An hour of the clock.
    Hour,
    /// A UTC day.
    Day,
    /// A UTC calendar month.
    Month,
    /// For ever.
    Total,
}

impl Window {
    /// Every window.
    pub const ALL: &'static [Self] = &[Self::Minute, Self::Hour, Self::Day, Self::Month, Self::Total];

    /// The word that names it in configuration and storage.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// The window that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|w| w.word() == word)
    }

    /// Start (included) and end (excluded) of the window that holds `now`. An instant outside the calendar
    /// (years -9999 to 9999) counts as one endless month.
    #[must_use]
    pub fn bounds(self, now: Timestamp) -> (Timestamp, Timestamp) {
        let endless = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        let seconds: i64 = match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Month => return month(now).unwrap_or(endless),
            Self::Total => return endless,
        };
        let bounds = || {
            let length = seconds.checked_mul(1_000_000)?;
            let start = now.0.checked_sub(now.0.checked_rem_euclid(length)?)?;
            Some((Timestamp(start), Timestamp(start.checked_add(length)?)))
        };
        bounds().unwrap_or(endless)
    }
}

fn month(now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let utc = jiff::tz::TimeZone::UTC;
    let date = jiff::Timestamp::from_microsecond(now.0).ok()?.to_zoned(utc.clone()).date();
    let at = |date: jiff::civil::Date| {
        Some(Timestamp(date.to_zoned(utc.clone()).ok()?.timestamp().as_microsecond()))
    };
    Some((at(date.first_of_month())?, at(date.last_of_month().tomorrow().ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn follows_the_calendar() {
        let leap = Timestamp(1_709_209_800_000_000); // 2024-02-29T12:30:00Z
        let table = [
            (Window::Minute, "2024-02-29T12:30:00.000000Z", "2024-02-29T12:31:00.000000Z"),
            (Window::Hour, "2024-02-29T12:00:00.000000Z", "2024-02-29T13:00:00.000000Z"),
            (Window::Day, "2024-02-29T00:00:00.000000Z", "2024-03-01T00:00:00.000000Z"),
            (Window::Month, "2024-02-01T00:00:00.000000Z", "2024-03-01T00:00:00.000000Z"),
        ];
        for (window, start, end) in table {
            let (from, to) = window.bounds(leap);
            assert_eq!((from.to_string(), to.to_string()), (start.into(), end.into()), "{window:?}");
        }
        assert_eq!(Window::Total.bounds(leap), (Timestamp(i64::MIN), Timestamp(i64::MAX)));
    }

    #[test]
    fn words_round_trip() {
        for window in Window::ALL {
            assert_eq!(Window::parse(window.word()), Some(*window));
        }
        assert_eq!(Window::parse("week"), None);
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_its_window(us: i64) {
            for window in Window::ALL {
                let (start, end) = window.bounds(Timestamp(us));
                prop_assert!(start.0 <= us && us <= end.0);
                if us < end.0 && start.0 > i64::MIN {
                    prop_assert_eq!(window.bounds(start), (start, end));
                }
            }
        }
    }
}
