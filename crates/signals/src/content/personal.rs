//! Personal data that has a form: addresses and numbers.
//!
//! What has check digits is checked. A telephone number is one by its form where the form leaves no doubt, and else by a word
//! beside it: digits in groups may be anything. Whatever stands beside a true number, it is found: `Personal::end`.

use super::checks;
use super::numbers::{self, PHONE_SIGNS, SPACE, Source, is_end, step};
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

impl Personal {
    /// The words of the catalogue.
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("email", Self::Email),
        ("phone", Self::Phone),
        ("credit_card", Self::CreditCard),
        ("ssn", Self::Ssn),
        ("iban", Self::Iban),
        ("ip_address", Self::IpAddress),
        ("url", Self::Url),
    ];

    /// An expression that any text with a piece of the type has; of what is no number all pieces have it, and nothing else.
    pub(crate) const fn form(self) -> &'static str {
        match self {
            Self::Email => {
                r"[A-Za-zÀ-ɏͰ-ӿ0-9._%+-]{1,64}@[A-Za-zÀ-ɏͰ-ӿ0-9.-]{1,190}\.(?:[A-Za-z]{2,24}|[Ͱ-ӿ]{2,24})"
            }
            Self::Url => {
                r"(?-u:\b)(?:https?://|www\.)[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}(?:[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]{0,300})?"
            }
            _ => "[0-9]",
        }
    }

    /// Where numbers of the type may begin, in order. Edges are those of ASCII, so that data is found between letters of scripts that
    /// write no spaces.
    pub(super) fn starts(self, bytes: &[u8]) -> Box<dyn Iterator<Item = usize> + '_> {
        let digits = numbers::groups(bytes, u8::is_ascii_digit);
        match self {
            Self::IpAddress => Box::new(numbers::groups(bytes, u8::is_ascii_hexdigit)),
            Self::Iban => Box::new(digits.filter_map(|at| at.checked_sub(2))),
            Self::Phone => Box::new(digits.flat_map(|at| {
                let signed = at.checked_sub(1).filter(|sign| matches!(bytes.get(*sign), Some(b'+' | b'(')));
                signed.into_iter().chain([at])
            })),
            _ => Box::new(digits),
        }
    }

    /// The end of the longest piece of the type that begins here: all of what has its form, or what is left of it at an edge of its
    /// groups, where no digits beside it may hide it. A piece that is only a part of what has the form, and one that begins inside of
    /// such, must be certain.
    pub(super) fn end(self, source: &Source<'_>, start: usize) -> Option<usize> {
        let bytes = source.bytes();
        let inside = self.is_inside(bytes, start);
        match self {
            Self::CreditCard => {
                if !inside
                    && let Some(end) = numbers::card(bytes, start, true, false)
                        .last()
                        .filter(|end| checks::card(source.get(start..**end)))
                {
                    return Some(*end);
                }
                self.certain_end(source, start)
            }
            Self::Phone => {
                let (certain, cued) = (may_be_dialled(bytes, start), source.may_be_cued(start));
                if !certain && !cued {
                    return None;
                }
                let ends = numbers::phone(bytes, first_digit(bytes, start), true);
                let form = start..*ends.last()?;
                if !cued && is_left_open(source.get(form.clone())) {
                    return None;
                }
                if !inside && self.holds(source, form.clone()) {
                    return Some(form.end);
                }
                let does = |end: &&usize| {
                    certain && self.is_certain(source, start..**end)
                        || told(source, start..**end, form.clone())
                };
                ends.iter().rev().find(does).copied()
            }
            Self::IpAddress => numbers::ipv4(bytes, start)
                .filter(|end| is_end(bytes, *end))
                .or_else(|| numbers::ipv6(source.text, start, inside)),
            _ => self.certain_end(source, start),
        }
    }

    /// The same, of pieces that leave no doubt though digits that are none of them stand beside them, as in a list of numbers.
    pub(super) fn certain_end(self, source: &Source<'_>, start: usize) -> Option<usize> {
        let bytes = source.bytes();
        match self {
            Self::CreditCard if checks::may_be_issued(bytes, start) => {
                let ends = numbers::card(bytes, start, true, true);
                ends.iter()
                    .rev()
                    .find(|end| checks::issued(source.get(start..**end)) && !is_column(bytes, start..**end))
                    .copied()
            }
            Self::Phone if may_be_dialled(bytes, start) => {
                let ends = numbers::phone(bytes, first_digit(bytes, start), true);
                if is_left_open(source.get(start..*ends.last()?)) {
                    return None;
                }
                ends.iter().rev().find(|end| self.is_certain(source, start..**end)).copied()
            }
            Self::Ssn => numbers::ssn(bytes, start)
                .filter(|(end, hyphens)| {
                    is_end(bytes, *end) && (*hyphens || source.is_of_social_security(start))
                })
                .map(|(end, _)| end)
                .filter(|end| self.holds(source, start..*end)),
            Self::Iban => numbers::account(bytes, start, |number| {
                let long =
                    if number.plain { number.len >= 15 } else { is_of_country(source, start, number.len) };
                long && is_end(bytes, number.end)
            }),
            Self::IpAddress => numbers::ipv4(bytes, start)
                .filter(|end| is_end(bytes, *end))
                .or_else(|| numbers::ipv6(source.text, start, true)),
            _ => None,
        }
    }

    /// Whether a piece that begins here would go on what stands before it, by the form.
    fn is_inside(self, bytes: &[u8], start: usize) -> bool {
        let before = bytes.get(..start).unwrap_or_default();
        match self {
            Self::CreditCard => matches!(before, [.., b'0'..=b'9', b' ' | b'-']),
            Self::IpAddress => matches!(before, [.., b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F', b':']),
            Self::Phone => between(before).is_some(),
            Self::Ssn | Self::Iban | Self::Email | Self::Url => false,
        }
    }

    /// Whether what has the form of a telephone's number or one of social security is of the type: ranges, and for telephones a plain
    /// form or a word beside the number.
    pub(super) fn holds(self, source: &Source<'_>, at: Range<usize>) -> bool {
        let text = source.get(at.clone());
        match self {
            // No number of this kind begins with 000, 666 or 9 (20 CFR 422.110).
            Self::Ssn => !["000", "666", "9"].iter().any(|never| text.starts_with(never)),
            Self::Phone => phone(text) && (dialled(text) || source.is_cued(at)),
            _ => false,
        }
    }

    fn is_certain(self, source: &Source<'_>, at: Range<usize>) -> bool {
        phone(source.get(at.clone())) && among(source.text, at)
    }
}

/// Whether an account's number has the length of its country's.
pub(super) fn is_of_country(source: &Source<'_>, start: usize, len: usize) -> bool {
    checks::iban_len(source.get(start..start + 2)) == Some(len)
}

/// Whether cells and lines that look like a card's number are some of a longer row or column of four digits each.
fn is_column(bytes: &[u8], at: Range<usize>) -> bool {
    let is_cell = |text: &[u8]| text.iter().any(|b| matches!(b, b'\t' | b'\r' | b'\n'));
    let wide = SPACE.1 + 5;
    let before = bytes.get(at.start.saturating_sub(wide)..at.start).unwrap_or_default();
    let after = bytes.get(at.end..bytes.len().min(at.end + wide)).unwrap_or_default();
    let is_four = |digits: usize, text: &[u8]| digits == 4 && is_cell(text);
    let ends = before.trim_ascii_end().iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let begins = after.trim_ascii_start().iter().take_while(|b| b.is_ascii_digit()).count();
    bytes.get(at).is_some_and(is_cell) && (is_four(ends, before) || is_four(begins, after))
}

/// What stands between a telephone's first digit and a digit before it, where the form would let the number run through.
fn between(before: &[u8]) -> Option<&[u8]> {
    let signs = before.iter().rev().take(4).take_while(|b| PHONE_SIGNS.0.contains(b)).count();
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
fn told(source: &Source<'_>, at: Range<usize>, form: Range<usize>) -> bool {
    let whole = source.text;
    let spaced = || {
        between(whole.as_bytes().get(..at.start).unwrap_or_default())
            .is_none_or(|signs| signs.iter().any(|b| matches!(b, b' ' | b'(' | b')')))
    };
    let is_phone = |at: &Range<usize>| phone(source.get(at.clone()));
    source.is_cued(at.clone())
        && spaced()
        && (at == form || !is_phone(&form))
        && is_phone(&at)
        && !is_whole_part(whole, at.clone())
}

/// Whether digits are what stands before a decimal point.
fn is_whole_part(whole: &str, at: Range<usize>) -> bool {
    let plain = whole.get(at.clone()).unwrap_or_default().bytes().all(|b| b.is_ascii_digit() || b == b' ');
    plain && matches!(whole.as_bytes().get(at.end..), Some([b'.', b'0'..=b'9', ..]))
}

/// Whether digits may be a telephone's: not a card's, a date, an address of a machine or a number with a decimal point.
pub(super) fn phone(text: &str) -> bool {
    step(3 * text.len());
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
fn machine(text: &str) -> bool {
    text.split('.').count() == 4 && text.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// Whether a number is written as nothing but a telephone's is.
fn dialled(text: &str) -> bool {
    step(2 * text.len());
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

/// The first digit of a telephone's number, behind its sign.
pub(super) fn first_digit(bytes: &[u8], start: usize) -> usize {
    start + usize::from(matches!(bytes.get(start), Some(b'+' | b'(')))
}

/// Whether a bracket is opened at the start of a number and never closed.
fn is_left_open(text: &str) -> bool {
    text.starts_with('(') && !text.contains(')')
}

/// Whether a number that begins here may be written as nothing but a telephone's is, by its first four groups.
fn may_be_dialled(bytes: &[u8], start: usize) -> bool {
    match bytes.get(start..).unwrap_or_default() {
        [b'+' | b'(', ..] => true,
        // Groups of thousands are written so too.
        [b'0', b'0', third, ..] => {
            *third != b'0'
                && (numbers::lengths(bytes, start)[0] > 3
                    || between(bytes.get(..start).unwrap_or_default()).is_none())
        }
        rest => {
            let lengths = numbers::lengths(bytes, start);
            let mobile = matches!(rest, [b'1', b'3'..=b'9', ..]) && lengths[0] >= 6;
            mobile || lengths[..3] == [3, 3, 4] || lengths[0] <= 3 && lengths[1..] == [3, 3, 4]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(kind.is_in(text), found, "{kind:?} in {text}");
        }
    }
}
