//! Days and periods: when a recurring payment may come again, and when a day begins and ends. All in UTC.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// How often a payment may recur.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Frequency {
    /// Whenever it is wanted.
    OnDemand,
    /// Once a calendar day.
    Daily,
    /// Once a week, which begins on Monday.
    Weekly,
    /// Once in two weeks, counted from Monday, 1970-01-05.
    Biweekly,
    /// Once a calendar month.
    Monthly,
    /// Once a quarter of the year.
    Quarterly,
    /// Once a calendar year.
    Annually,
}

impl Frequency {
    /// By AP2's name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ON_DEMAND" => Self::OnDemand,
            "DAILY" => Self::Daily,
            "WEEKLY" => Self::Weekly,
            "BIWEEKLY" => Self::Biweekly,
            "MONTHLY" => Self::Monthly,
            "QUARTERLY" => Self::Quarterly,
            "ANNUALLY" => Self::Annually,
            _ => return None,
        })
    }

    /// Whether a payment at `now` falls into another period than the one at `last`; `None` outside the calendar.
    #[must_use]
    pub fn allows(self, last: Timestamp, now: Timestamp) -> Option<bool> {
        if self == Self::OnDemand {
            return Some(true);
        }
        Some(self.period(date(last)?)? < self.period(date(now)?)?)
    }

    /// Number of the period that holds a day, ascending in time.
    fn period(self, day: Date) -> Option<(i32, i32)> {
        let year = i32::from(day.year());
        let month = i32::from(day.month());
        let weeks = |of: i32| {
            let monday = Date::new(1970, 1, 5).ok()?;
            let days = day.since(monday).ok()?.get_days();
            days.checked_div_euclid(of.checked_mul(7)?).map(|n| (n, 0))
        };
        match self {
            Self::OnDemand => None,
            Self::Daily => Some((year, i32::from(day.day_of_year()))),
            Self::Weekly => weeks(1),
            Self::Biweekly => weeks(2),
            Self::Monthly => Some((year, month)),
            Self::Quarterly => Some((year, month.checked_sub(1)?.checked_div(3)?)),
            Self::Annually => Some((year, 0)),
        }
    }
}

fn date(time: Timestamp) -> Option<Date> {
    Some(jiff::Timestamp::from_microsecond(time.0).ok()?.to_zoned(TimeZone::UTC).date())
}

/// First and last moment that a text means: a moment with its offset (RFC 3339) is one, a day (`2030-01-01`) is all of it.
#[must_use]
pub(super) fn moments(text: &str) -> Option<(Timestamp, Timestamp)> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        let at = Timestamp(moment.as_microsecond());
        return Some((at, at));
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == "2030-01-01".len())?;
    let start = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().as_microsecond());
    let last = start(day.tomorrow().ok()?)?.checked_sub(1)?;
    Some((Timestamp(start(day)?), Timestamp(last)))
}
