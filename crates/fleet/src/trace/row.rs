//! One row as fields, whether it was CSV or JSON.

use super::{
    layout::TimeUnit,
    report::{Reason, shown},
};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The most tokens a field may state (a hundred million: beyond any context).
const MAX_TOKENS: f64 = 1e8;

/// Splits a CSV line (RFC 4180: quotes around a field, doubled inside; no line breaks in fields).
pub(super) fn split_csv(line: &str) -> Vec<Cow<'_, str>> {
    if !line.contains('"') {
        return line.split(',').map(|field| Cow::Borrowed(field.trim())).collect();
    }
    let mut fields = Vec::new();
    let (mut field, mut quoted) = (String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(Cow::Owned(std::mem::take(&mut field))),
            c => field.push(c),
        }
    }
    fields.push(Cow::Owned(field));
    fields
}

/// A row whose fields can be asked for by name.
#[derive(Debug)]
pub(super) enum Row<'a> {
    Csv { header: &'a [String], fields: Vec<Cow<'a, str>> },
    Json(Map<String, Value>),
}

impl<'a> Row<'a> {
    pub(super) fn csv(header: &'a [String], line: &'a str) -> Result<Self, Reason> {
        let fields = split_csv(line);
        if fields.len() == header.len() {
            Ok(Row::Csv { header, fields })
        } else {
            Err(Reason::Columns { found: fields.len(), wanted: header.len() })
        }
    }

    pub(super) fn json(line: &[u8]) -> Result<Self, Reason> {
        serde_json::from_slice(line).map(Row::Json).map_err(|_| Reason::Json)
    }

    /// A field as text; `None` where it is absent, null or empty.
    pub(super) fn text(&self, field: &str) -> Option<Cow<'_, str>> {
        let text = match self {
            Row::Csv { header, fields } => {
                let at = header.iter().position(|name| name == field)?;
                Cow::Borrowed(fields.get(at)?.as_ref())
            }
            Row::Json(object) => match object.get(field)? {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                Value::Null => return None,
                other => Cow::Owned(other.to_string()),
            },
        };
        (!text.is_empty()).then_some(text)
    }

    fn needed(&self, field: &str) -> Result<Cow<'_, str>, Reason> {
        self.text(field).ok_or_else(|| Reason::Missing { field: field.into() })
    }

    /// A field as a finite number.
    pub(super) fn number(&self, field: &str) -> Result<f64, Reason> {
        let text = self.needed(field)?;
        let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
        number.ok_or_else(|| Reason::Number { field: field.into(), value: shown(&text) })
    }

    /// A field as a number of tokens: whole, not negative, within [`MAX_TOKENS`].
    pub(super) fn tokens(&self, field: &str) -> Result<u32, Reason> {
        let text = self.needed(field)?;
        let number = text.parse::<f64>().ok().filter(|n| (0.0..=MAX_TOKENS).contains(n) && n.fract() == 0.0);
        let wrong = || Reason::Tokens { field: field.into(), value: shown(&text) };
        number.map(|n| n as u32).ok_or_else(wrong)
    }

    /// A field as nanoseconds since an unnamed zero.
    pub(super) fn time_ns(&self, field: &str, unit: TimeUnit) -> Result<i128, Reason> {
        let text = self.needed(field)?;
        let wrong = || Reason::Time { field: field.into(), value: shown(&text) };
        let scaled = |ns: f64| {
            let number = text.parse::<f64>().ok().filter(|n| n.is_finite() && n.abs() < 1e15);
            number.map(|n| (n * ns).round() as i128)
        };
        match unit {
            TimeUnit::Seconds => scaled(1e9),
            TimeUnit::Milliseconds => scaled(1e6),
            TimeUnit::Text => instant(&text),
        }
        .ok_or_else(wrong)
    }

    /// A field as a list of whole numbers; empty where it is absent or something else.
    pub(super) fn list(&self, field: &str) -> Vec<u64> {
        match self {
            Row::Csv { .. } => Vec::new(),
            Row::Json(object) => match object.get(field) {
                Some(Value::Array(items)) => items.iter().filter_map(Value::as_u64).collect(),
                _ => Vec::new(),
            },
        }
    }
}

/// A date and time as nanoseconds since 1970, UTC where no offset is given.
fn instant(text: &str) -> Option<i128> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(stamp.as_nanosecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(civil).ok()?.as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas_and_quotes() {
        assert_eq!(split_csv(r#"a,"b,c","d""e""#), ["a", "b,c", "d\"e"]);
        assert_eq!(split_csv("a,,b"), ["a", "", "b"]);
    }

    #[test]
    fn times_of_every_kind_agree() {
        let header = vec!["t".to_owned()];
        let at = |text: &str, unit| Row::csv(&header, text).unwrap().time_ns("t", unit);
        let start = 1_700_158_546_000_000_000_i128;
        assert_eq!(at("2023-11-16 18:15:46.6805900", TimeUnit::Text), Ok(start + 680_590_000));
        assert_eq!(at("2023-11-16T18:15:46Z", TimeUnit::Text), Ok(start));
        assert_eq!(at("2023-11-16 19:15:46.25+01:00", TimeUnit::Text), Ok(start + 250_000_000));
        assert_eq!(at("4.314579", TimeUnit::Seconds), Ok(4_314_579_000));
        assert_eq!(at("40", TimeUnit::Milliseconds), Ok(40_000_000));
        for wrong in ["2023-13-01 00:00:00", "NaN", "1e300"] {
            assert!(at(wrong, TimeUnit::Text).is_err() && at(wrong, TimeUnit::Seconds).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tokens_are_whole_and_bounded() {
        let header = vec!["n".to_owned()];
        let tokens = |text: &str| Row::csv(&header, text).unwrap().tokens("n");
        assert_eq!(tokens("12.0"), Ok(12));
        assert!(["-1", "1.5", "1e9", "inf", "x", ""].iter().all(|text| tokens(text).is_err()));
    }
}
