//! Personal data that has a form: addresses and numbers.
//!
//! What has check digits is checked. A telephone number is one by its form where the form leaves no doubt, and else by a word
//! beside it: digits in groups may be anything. Whatever stands beside a true number, it is found: [`Personal::end`].

use super::checks;
use smallvec::SmallVec;
use std::ops::Range;

/// A type of personal data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Personal {
    Email,
    Phone,
    CreditCard,
    Ssn,
    Iban,
    IpAddress,
    Url,
}

/// Bytes before and after a number in which a word may say that it is a telephone's.
const CUE_BEFORE: usize = 28;
const CUE_AFTER: usize = 14;
/// Such words, in small letters.
const CUES: &[&str] = &[
    "phone",
    "tel",
    "mobile",
    "mobi",
    "fax",
    "call",
    "cell",
    "desk",
    "office",
    "offi",
    "answering",
    "messages to",
    "whatsapp",
    "sms",
    "reach me",
    "contact",
    "hotline",
    "téléphone",
    "teléfono",
    "appelez",
    "llama",
    "anrufen",
    "电话",
    "手机",
    "電話",
    "携帯",
];

impl Personal {
    /// The words of the catalogue, with the form of each. Where two begin at one place the longer one counts.
    ///
    /// Edges are those of ASCII, so that data is found between letters of scripts that write no spaces.
    pub(crate) const ALL: [(&'static str, Self, &'static str); 7] = [
        (
            "email",
            Self::Email,
            r"[A-Za-zÀ-ɏͰ-ӿ0-9._%+-]{1,64}@[A-Za-zÀ-ɏͰ-ӿ0-9.-]{1,190}\.(?:[A-Za-z]{2,24}|[Ͱ-ӿ]{2,24})",
        ),
        ("phone", Self::Phone, r"(?:\+|\()?(?-u:\b)[0-9](?:[ ().-]{0,3}[0-9]){5,14}(?:x[0-9]{1,5})?(?-u:\b)"),
        ("credit_card", Self::CreditCard, r"(?-u:\b)(?:[0-9][ -]?){11,18}[0-9](?-u:\b)"),
        ("ssn", Self::Ssn, r"(?-u:\b)[0-9]{3}-[0-9]{2}-[0-9]{4}(?-u:\b)"),
        (
            "iban",
            Self::Iban,
            r"(?-u:\b)(?:[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?|[a-z]{2}[0-9]{2}[a-z0-9]{11,30})(?-u:\b)",
        ),
        (
            "ip_address",
            Self::IpAddress,
            r"(?-u:\b)(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|(?:[0-9A-Fa-f]{1,4}:){3,7}(?::?[0-9A-Fa-f]{1,4}){1,4})(?-u:\b)",
        ),
        (
            "url",
            Self::Url,
            r"(?-u:\b)(?:https?://|www\.)[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}(?:[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]{0,300})?",
        ),
    ];

    /// The end of the longest piece of the type that begins where a hit of its form does: all of the hit, or what is left of it
    /// at an edge of its groups, where no digits beside it may hide it. A piece that is only a part of what has the form, and one
    /// that begins inside of such, must be [`Self::certain`].
    pub(super) fn end(self, whole: &str, hit: Range<usize>) -> Option<usize> {
        if !self.is_inside(whole, hit.start) && self.holds(whole, hit.clone()) {
            return Some(hit.end);
        }
        let told = |at: Range<usize>| self == Self::Phone && told(whole, at, hit.clone());
        self.longest(whole, &hit, |at| self.certain(whole, at.clone()) || told(at))
    }

    /// The same, of pieces that leave no doubt.
    pub(super) fn certain_end(self, whole: &str, hit: Range<usize>) -> Option<usize> {
        self.longest(whole, &hit, |at| self.certain(whole, at))
    }

    /// The end of the longest piece that does, of all that begin with a hit and end at an edge of its groups.
    pub(super) fn longest(
        self,
        whole: &str,
        hit: &Range<usize>,
        does: impl Fn(Range<usize>) -> bool,
    ) -> Option<usize> {
        let bytes = whole.as_bytes().get(hit.clone()).unwrap_or_default();
        let edge = |at: &usize| matches!(bytes.get(at - 1..=*at), Some([last, next]) if last.is_ascii_alphanumeric() && !next.is_ascii_alphanumeric());
        let ends = (1..bytes.len()).rev().filter(edge).map(|at| hit.start + at);
        std::iter::once(hit.end).chain(ends).find(|end| does(hit.start..*end))
    }

    /// Whether a piece that begins here would go on what stands before it, by the form.
    fn is_inside(self, whole: &str, start: usize) -> bool {
        let before = whole.as_bytes().get(..start).unwrap_or_default();
        match self {
            Self::CreditCard => matches!(before, [.., b'0'..=b'9', b' ' | b'-']),
            Self::IpAddress => matches!(before, [.., b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F', b':']),
            Self::Phone => between(before).is_some(),
            Self::Ssn | Self::Iban | Self::Email | Self::Url => false,
        }
    }

    /// Whether what stands at these bytes of `whole`, which has the form, is of the type: check digits, ranges, and for
    /// telephones a plain form or a word beside the number.
    pub(super) fn holds(self, whole: &str, at: Range<usize>) -> bool {
        let text = whole.get(at.clone()).unwrap_or_default();
        match self {
            Self::CreditCard => checks::card(text),
            Self::Iban => checks::iban(text),
            Self::IpAddress if text.contains(':') => text.parse::<std::net::Ipv6Addr>().is_ok(),
            Self::IpAddress => machine(text),
            // No number of this kind begins with 000, 666 or 9 (20 CFR 422.110).
            Self::Ssn => !["000", "666", "9"].iter().any(|never| text.starts_with(never)),
            Self::Phone => phone(text) && (dialled(text) || cued(whole, at)),
            Self::Email | Self::Url => true,
        }
    }

    /// Whether a piece is of the type though digits that are none of it stand beside it, as in a list of numbers.
    fn certain(self, whole: &str, at: Range<usize>) -> bool {
        let text = whole.get(at.clone()).unwrap_or_default();
        match self {
            Self::CreditCard => checks::issued(text),
            // Ratios and times are lists with colons too.
            Self::IpAddress if text.contains(':') => {
                text.bytes().any(|b| b.is_ascii_alphabetic()) && self.holds(whole, at)
            }
            Self::Phone => phone(text) && among(whole, at),
            Self::Ssn | Self::Iban | Self::IpAddress | Self::Email | Self::Url => self.holds(whole, at),
        }
    }
}

/// What stands between a telephone's first digit and a digit before it, where the form would let the number run through.
fn between(before: &[u8]) -> Option<&[u8]> {
    let signs = before.iter().rev().take_while(|b| b" ().-".contains(b)).count();
    let (front, signs) = before.split_at(before.len() - signs);
    (matches!(signs.len(), 1..=3) && front.last().is_some_and(u8::is_ascii_digit)).then_some(signs)
}

/// Whether a number is written as a telephone's is among other digits. Groups of thousands and decimals are none.
pub(super) fn among(whole: &str, at: Range<usize>) -> bool {
    let text = whole.get(at.clone()).unwrap_or_default();
    let group = text.bytes().take_while(u8::is_ascii_digit).count();
    let signs = between(whole.as_bytes().get(..at.start).unwrap_or_default());
    let fraction = signs.is_some_and(|signs| signs.iter().all(|b| *b == b'.')) && text.len() == group;
    let thousands = signs.is_some() && text.starts_with("00") && group <= 3;
    !fraction && !thousands && !is_whole_part(whole, at) && dialled(text)
}

/// Whether a word says of a number that it is a telephone's where all of the form is none.
fn told(whole: &str, at: Range<usize>, form: Range<usize>) -> bool {
    let spaced = between(whole.as_bytes().get(..at.start).unwrap_or_default())
        .is_none_or(|signs| signs.iter().any(|b| matches!(b, b' ' | b'(' | b')')));
    let is_phone = |at: &Range<usize>| phone(whole.get(at.clone()).unwrap_or_default());
    spaced
        && (at == form || !is_phone(&form))
        && is_phone(&at)
        && !is_whole_part(whole, at.clone())
        && cued(whole, at)
}

/// Whether digits are what stands before a decimal point.
fn is_whole_part(whole: &str, at: Range<usize>) -> bool {
    let plain = whole.get(at.clone()).unwrap_or_default().bytes().all(|b| b.is_ascii_digit() || b == b' ');
    plain && matches!(whole.as_bytes().get(at.end..), Some([b'.', b'0'..=b'9', ..]))
}

/// Whether digits may be a telephone's: not a card's, a date, an address of a machine or a number with a decimal point.
pub(super) fn phone(text: &str) -> bool {
    let digits = text.bytes().take_while(|b| *b != b'x').filter(u8::is_ascii_digit).count();
    if !(6..=15).contains(&digits) {
        return false;
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let parts: SmallVec<[usize; 16]> = text.split(['-', '.']).map(str::len).collect();
    let date = matches!(parts[..], [4, 2, 2] | [2, 2, 4] | [3, 2, 4]);
    let decimal = matches!(parts[..], [_, _]) && text.contains('.') && !text.contains('(');
    let card = plain && digits > 12 && checks::luhn(text);
    ![card, date, machine(text), decimal].contains(&true)
}

/// Whether a text is an IPv4 address.
pub(super) fn machine(text: &str) -> bool {
    text.split('.').count() == 4 && text.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// Whether a number is written as nothing but a telephone's is.
fn dialled(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let groups: SmallVec<[usize; 16]> = text
        .split('x')
        .next()
        .unwrap_or_default()
        .split([' ', '-', '.', '(', ')'])
        .map(str::len)
        .filter(|len| *len > 0)
        .collect();
    let zeros = text.starts_with("00") && !text.starts_with("000");
    let abroad = (text.starts_with('+') || zeros) && digits >= 9;
    let mobile =
        digits == 11 && groups.len() == 1 && text.starts_with('1') && text.as_bytes().get(1) > Some(&b'2');
    // Codes of countries have up to three digits (ITU-T E.164).
    let national = match groups[..] {
        [3, 3, 4] => true,
        [country, 3, 3, 4] => country <= 3 + usize::from(text.starts_with('+')),
        _ => false,
    };
    abroad || mobile || national || text.starts_with('(') && text.contains(')') && digits >= 8
}

fn cued(whole: &str, at: Range<usize>) -> bool {
    let before = crate::text::cut_front(whole.get(..at.start).unwrap_or_default(), CUE_BEFORE);
    let after = crate::text::cut(whole.get(at.end..).unwrap_or_default(), CUE_AFTER);
    let beside = |text: &str| {
        // Lists of numbers have no word to look for.
        let letters = text.bytes().any(|b| b.is_ascii_alphabetic() || !b.is_ascii());
        letters && CUES.iter().any(|cue| text.to_lowercase().contains(cue))
    };
    beside(before) || beside(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn forms_and_check_digits() {
        for (kind, text, found) in [
            (Personal::Email, "write to ada.l+x@mail.example.org now", true),
            (Personal::Email, "user at example", false),
            (Personal::Phone, "call +44 20 7946 0958", true),
            (Personal::Phone, "(415) 555-0132", true),
            (Personal::Phone, "in 2024 there were 300 of 1000", false),
            (Personal::Phone, "released on 2024-11-27", false),
            (Personal::Phone, "the sum is 1234567.89", false),
            (Personal::Phone, "order 20 32 85 26", false),
            (Personal::Phone, "call me at 20 32 85 26", true),
            (Personal::Phone, "636.840.1227x22 fax", true),
            (Personal::CreditCard, "order 123456789015", false),
            (Personal::IpAddress, "d80:e4b5:79da:6cf6:71f3:51f7:9161:c319", true),
            (Personal::IpAddress, "12:30:45:10", false),
            (Personal::Url, "see https://www.example.org/a?b=1, please", true),
            (Personal::Url, "e.g. this", false),
            (Personal::CreditCard, "4111 1111 1111 1111", true),
            (Personal::CreditCard, "4111 1111 1111 1112", false),
            (Personal::Ssn, "219-09-9999", true),
            (Personal::Ssn, "000-12-3456", false),
            (Personal::Iban, "GB82 WEST 1234 5698 7654 32", true),
            (Personal::Iban, "GB82 WEST 1234 5698 7654 33", false),
            (Personal::Iban, "GB22SPSQ94714895057550 IS mine", true),
            (Personal::Iban, "gb82west12345698765432", true),
            (Personal::Iban, "gb82west12345698765433", false),
            (Personal::IpAddress, "192.168.0.1", true),
            (Personal::IpAddress, "999.1.1.1", false),
            (Personal::Email, "我的邮箱是ada@example.org谢谢", true),
            (Personal::Email, "メールはada@example.orgです", true),
            (Personal::Email, "to jürgen@müller.de, please", true),
            (Personal::Email, "ada@example.org_old", true),
            (Personal::CreditCard, "卡号4111111111111111谢谢", true),
            (Personal::Phone, "电话13800138000", true),
            (Personal::Ssn, "号219-09-9999号", true),
            (Personal::Iban, "账号GB82WEST12345698765432。", true),
            (Personal::IpAddress, "地址192.168.0.1的", true),
        ] {
            let form = Personal::ALL.iter().find(|(_, known, _)| *known == kind).unwrap().2;
            let hit = Regex::new(form).unwrap().find_iter(text).any(|m| kind.end(text, m.range()).is_some());
            assert_eq!(hit, found, "{kind:?} in {text}");
        }
    }
}
