//! DER (ITU-T X.690): tags of one byte, definite lengths in their shortest form.

use super::Cursor;
use crate::Refusal;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;

/// A context-specific, constructed tag.
pub(crate) const fn explicit(number: u8) -> u8 {
    0xa0 | number
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) body: &'a [u8],
    /// Tag and length too.
    pub(crate) whole: &'a [u8],
}

/// Elements one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Der<'a>(Cursor<'a>);

impl<'a> Der<'a> {
    /// At the front.
    pub(crate) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self(Cursor::new(what, bytes))
    }

    /// A refusal at this place.
    pub(crate) const fn bad(&self, reason: &'static str) -> Refusal {
        self.0.bad(reason)
    }

    /// Whether all was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.rest().is_empty()
    }

    /// What was not read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }

    /// The tag of the next element.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.rest().first().copied()
    }

    /// The next element.
    pub(crate) fn next(&mut self) -> Result<Element<'a>, Refusal> {
        let from = self.0.at();
        let tag = self.0.byte()?;
        if tag & 0x1f == 0x1f {
            return Err(self.0.bad("a tag has several bytes"));
        }
        let length = self.length()?;
        let body = self.0.take(length)?;
        Ok(Element { tag, body, whole: self.0.since(from) })
    }

    fn length(&mut self) -> Result<usize, Refusal> {
        let first = self.0.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let count = usize::from(first & 0x7f);
        if !(1..=3).contains(&count) {
            return Err(self.0.bad("a length is indefinite or too large"));
        }
        let bytes = self.0.take(count)?;
        let length = bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
        if length < 0x80 || bytes.first() == Some(&0) {
            return Err(self.0.bad("a length is not in its shortest form"));
        }
        Ok(length)
    }

    /// The body of the next element, which has this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Refusal> {
        let here = self.0.bad("another element is expected");
        let element = self.next()?;
        if element.tag == tag { Ok(element.body) } else { Err(here) }
    }

    /// The body of the next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Refusal> {
        if self.peek() == Some(tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// The elements inside the next, which is a sequence.
    pub(crate) fn sequence(&mut self, what: &'static str) -> Result<Self, Refusal> {
        self.expect(SEQUENCE).map(|body| Der::new(what, body))
    }

    /// A whole number that is not negative and has up to eight bytes.
    pub(crate) fn small(&mut self) -> Result<u64, Refusal> {
        let body = self.expect(INTEGER)?;
        unsigned(body).ok_or_else(|| self.bad("a number is negative or too large"))
    }

    /// A bit string of whole bytes.
    pub(crate) fn bits(&mut self) -> Result<&'a [u8], Refusal> {
        match self.expect(BIT_STRING)?.split_first() {
            Some((0, bits)) => Ok(bits),
            _ => Err(self.bad("a bit string is not of whole bytes")),
        }
    }

    /// Seconds since 1970 of a time (RFC 5280, section 4.1.2.5).
    pub(crate) fn time(&mut self) -> Result<i64, Refusal> {
        let here = self.0.bad("a time is not one of RFC 5280");
        let element = self.next()?;
        time(element.tag, element.body).ok_or(here)
    }

    /// Refuses elements that nobody read.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        self.0.end()
    }
}

/// An element of this tag and body.
pub(crate) fn wrapped(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match (u8::try_from(body.len()), u16::try_from(body.len())) {
        (Ok(short @ 0..0x80), _) => element.push(short),
        (Ok(length), _) => element.extend([0x81, length]),
        (_, Ok(length)) => {
            element.push(0x82);
            element.extend(length.to_be_bytes());
        }
        // Nothing that large is written.
        _ => element.push(0x80),
    }
    element.extend(body);
    element
}

/// The value of an integer's body in its shortest form.
pub(crate) fn unsigned(body: &[u8]) -> Option<u64> {
    let digits = match body {
        [] => return None,
        [0] => return Some(0),
        [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => rest,
        [first, ..] if (1..0x80).contains(first) => body,
        _ => return None,
    };
    let fits = digits.len() <= 8;
    fits.then(|| digits.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}

/// Seconds since 1970 of a time such as `2025-06-19T10:16:03Z`.
pub(crate) fn iso_time(text: &str) -> Option<i64> {
    let form = "0000-00-00T00:00:00Z";
    let fits = text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(is, form)| if form == b'0' { is.is_ascii_digit() } else { is == form });
    let digits: String = text.chars().filter(char::is_ascii_digit).chain(['Z']).collect();
    if fits { time(GENERALIZED_TIME, digits.as_bytes()) } else { None }
}

fn time(tag: u8, body: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(body).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = text.split_at(2);
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000_i64 } else { 1900 }.checked_add(year)?, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = text.split_at(4);
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let mut fields = [0_i64; 5];
    for (field, digits) in fields.iter_mut().zip(rest.as_bytes().chunks(2)) {
        *field = std::str::from_utf8(digits).ok()?.parse().ok()?;
    }
    let [month, day, hour, minute, second] = fields;
    let legal = (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if !legal || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    let seconds = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    days(year, month, day)?.checked_mul(86_400)?.checked_add(seconds)
}

/// Days of a month.
fn days_of(year: i64, month: i64) -> i64 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        2 => 28_i64.saturating_add(i64::from(leap)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, counted in years that begin in March, so that the leap day is
/// the last of its year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = year.checked_sub(i64::from(month <= 2))?;
    let month = month.checked_add(9)?.rem_euclid(12);
    let before = month.checked_mul(153)?.checked_add(2)?.div_euclid(5).checked_add(day)?.checked_sub(1)?;
    let leaps = year.div_euclid(4).checked_sub(year.div_euclid(100))?.checked_add(year.div_euclid(400))?;
    year.checked_mul(365)?.checked_add(leaps)?.checked_add(before)?.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds() {
        let time = |tag, text: &str| time(tag, text.as_bytes());
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "221013085802Z"), Some(1_665_651_482));
        assert_eq!(time(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
        assert_eq!(time(GENERALIZED_TIME, "20240229000000Z"), Some(1_709_164_800));
        assert_eq!(iso_time("2022-10-13T08:58:02Z"), Some(1_665_651_482));
        assert_eq!([iso_time("2022-10-13 08:58:02Z"), iso_time("2022-10-13T08:58:02+00")], [None; 2]);
        for wrong in ["230229000000Z", "221313085802Z", "2210130858Z", "221013085802", "22101308580+Z"] {
            assert_eq!(time(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_shortest_form_is_read() {
        let next = |bytes: &[u8]| Der::new("test", bytes).next().map(|element| element.body.to_vec());
        assert_eq!(next(&[4, 1, 7]).unwrap(), [7]);
        assert!(next(&[4, 0x81, 1, 7]).is_err());
        assert!(next(&[4, 0x80, 0, 0]).is_err());
        assert!(next(&[4, 0x84, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(next(&[0x1f, 1, 7]).is_err());
        assert!(next(&[4, 2, 7]).is_err());
        assert_eq!(unsigned(&[0, 0x80]), Some(128));
        assert_eq!([unsigned(&[0, 1]), unsigned(&[0x80]), unsigned(&[])], [None; 3]);
    }
}
