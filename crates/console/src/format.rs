//! Numbers, durations and money as people read them; `assets/format.js` says the same in the browser.
//!
//! Invariant: never `NaN` or `inf` on a page (they print as `–`), and money is computed in integers.

use maud::{Markup, html};
use tollgate_core::Timestamp;

/// What stands for "no value".
pub(crate) const NONE: &str = "–";

/// `1234567` → `1,234,567`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len().saturating_mul(4) / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1234567` → `1.23M`, `1500000` → `1.5M`; up to 9,999 as it is.
pub(crate) fn compact(value: u64) -> String {
    let scaled = |unit: u64, name: &str| {
        let hundredths = u128::from(value) * 100 / u128::from(unit);
        let digits = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        format!("{}{name}", digits.trim_end_matches('0').trim_end_matches('.'))
    };
    match value {
        0..10_000 => count(value),
        10_000..1_000_000 => scaled(1000, "k"),
        1_000_000..1_000_000_000 => scaled(1_000_000, "M"),
        _ => scaled(1_000_000_000, "G"),
    }
}

/// Three digits of a value that is `thousandths / 1000` of `unit`.
fn three(thousandths: u64, unit: &str) -> String {
    let (whole, part) = (thousandths / 1000, thousandths % 1000);
    match whole {
        0..10 => format!("{whole}.{:02} {unit}", part / 10),
        10..100 => format!("{whole}.{} {unit}", part / 100),
        _ => format!("{whole} {unit}"),
    }
}

/// Nanoseconds as `850 ns`, `12.3 µs`, `1.23 ms`, `45.6 s`, `2 min 5 s`.
pub(crate) fn ns(value: u64) -> String {
    match value {
        0..1000 => format!("{value} ns"),
        1000..1_000_000 => three(value, "µs"),
        _ => us(value / 1000),
    }
}

/// Microseconds as `850 µs`, `1.23 ms`, `45.6 s`, `2 min 5 s`.
pub(crate) fn us(value: u64) -> String {
    match value {
        0..1000 => format!("{value} µs"),
        1000..1_000_000 => three(value, "ms"),
        1_000_000..120_000_000 => three(value / 1000, "s"),
        _ => format!("{} min {} s", value / 60_000_000, value / 1_000_000 % 60),
    }
}

/// Microseconds, or a dash.
pub(crate) fn us_or(value: Option<u64>) -> String {
    value.map_or_else(|| NONE.into(), us)
}

/// Milliseconds as a float, such as an average.
pub(crate) fn ms(value: Option<f64>) -> String {
    match value {
        Some(ms) if ms.is_finite() && ms >= 0.0 => us((ms * 1000.0).min(1e15) as u64),
        _ => NONE.into(),
    }
}

/// Millionths of a currency as `0.000123`, `1.20`, `1,234.56`: six places below 1, else two.
pub(crate) fn money(micro: u64) -> String {
    if micro == 0 {
        return "0".into();
    }
    if micro < 1_000_000 {
        let digits = format!("{micro:06}");
        let kept = digits.trim_end_matches('0');
        return format!("0.{}{}", kept, if kept.len() < 2 { "0" } else { "" });
    }
    let cents = micro.saturating_add(5000) / 10_000;
    format!("{}.{:02}", count(cents / 100), cents % 100)
}

/// A share in [0, 1] as a percentage, or a dash.
pub(crate) fn percent(share: Option<f64>) -> String {
    match share.filter(|s| s.is_finite()) {
        None => NONE.into(),
        Some(share) if share > 0.0 && share < 0.001 => "<0.1 %".into(),
        Some(share) if share < 1.0 && share > 0.999 => ">99.9 %".into(),
        Some(share) => format!("{:.1} %", share * 100.0).replace(".0 %", " %"),
    }
}

/// `part` of `whole`, 0 of nothing being 0.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).clamp(0.0, 1.0) }
}

/// A float with at most two places, or a dash.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    if value.abs() >= 1e15 {
        return format!("{value:e}");
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// How a time is shown once the script has put it into the local zone.
#[derive(Clone, Copy)]
pub(crate) enum TimeStyle {
    /// Hour, minute, second and thousandth.
    Clock,
    /// Hour and minute, with the day where it is not today.
    Minute,
    /// Date and time.
    Full,
}

impl TimeStyle {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Minute => "minute",
            Self::Full => "full",
        }
    }
}

/// A `<time>` element: UTC as served, the local zone once the script has run.
pub(crate) fn when(time: Timestamp, style: TimeStyle) -> Markup {
    let text = time.to_string();
    let (from, to) = match style {
        TimeStyle::Clock => (11, 23),
        TimeStyle::Minute => (11, 16),
        TimeStyle::Full => (0, 19),
    };
    // Years beyond 9999 have no RFC 3339 form; such a time is shown as it prints.
    match text.get(from..to).filter(|_| text.ends_with('Z')) {
        Some(short) => html! {
            time datetime=(text) data-time=(style.word()) { (short.replace('T', " ")) " UTC" }
        },
        None => html! { span { (text) } },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table that the browser test holds `assets/format.js` to as well.
    #[test]
    fn prints_as_the_scripts_do() {
        let table: std::collections::BTreeMap<String, Vec<(u64, String)>> =
            serde_json::from_str(include_str!("../tests/format.json")).unwrap();
        for (name, print) in [("count", count as fn(u64) -> String), ("us", us), ("money", money)] {
            for (value, text) in &table[name] {
                assert_eq!(print(*value), *text, "{name} of {value}");
            }
        }
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn prints_what_only_pages_show() {
        let table = [(9999, "9,999"), (12_345, "12.34k"), (1_500_000, "1.5M"), (u64::MAX, "18446744073.7G")];
        for (value, text) in table {
            assert_eq!(compact(value), text);
        }
        assert_eq!(
            (ns(7).as_str(), ns(1500).as_str(), ns(2_500_000).as_str()),
            ("7 ns", "1.50 µs", "2.50 ms")
        );
        assert_eq!(
            (ms(None), ms(Some(f64::NAN)), ms(Some(1.5))),
            (NONE.into(), NONE.into(), "1.50 ms".into())
        );
        assert_eq!(ms(Some(f64::MAX)), "16666666 min 40 s");
        assert_eq!(money(u64::MAX), "18,446,744,073,709.55");
    }

    #[test]
    fn prints_shares_and_floats() {
        let table = [
            (0.0, "0 %"),
            (0.5, "50 %"),
            (0.1234, "12.3 %"),
            (0.0001, "<0.1 %"),
            (0.99999, ">99.9 %"),
            (1.0, "100 %"),
        ];
        for (value, text) in table {
            assert_eq!(percent(Some(value)), text);
        }
        assert_eq!(percent(Some(f64::NAN)), NONE);
        for (value, text) in
            [(1.0, "1"), (0.25, "0.25"), (-0.001, "0"), (f64::INFINITY, NONE), (1e20, "1e20")]
        {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_time_outside_the_calendar_has_no_datetime() {
        assert!(!when(Timestamp(i64::MAX), TimeStyle::Full).into_string().contains("datetime"));
        let text = when(Timestamp(1_700_000_000_123_456), TimeStyle::Clock).into_string();
        assert!(
            text.contains(r#"datetime="2023-11-14T22:13:20.123456Z""#) && text.contains("22:13:20.123 UTC")
        );
    }
}
