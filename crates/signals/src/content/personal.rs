//! Personal data that has a form: addresses and numbers.
//!
//! What has check digits is checked. A telephone number is one by its form where the form leaves no doubt, and else by a word
//! beside it: digits in groups may be anything.

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
        ("email", Self::Email, r"[A-Za-zÀ-ɏ0-9._%+-]{1,64}@[A-Za-zÀ-ɏ0-9.-]{1,190}\.[A-Za-z]{2,24}"),
        ("phone", Self::Phone, r"(?:\+|\()?(?-u:\b)[0-9](?:[ ().-]{0,3}[0-9]){5,14}(?:x[0-9]{1,5})?(?-u:\b)"),
        ("credit_card", Self::CreditCard, r"(?-u:\b)(?:[0-9][ -]?){11,18}[0-9](?-u:\b)"),
        ("ssn", Self::Ssn, r"(?-u:\b)[0-9]{3}-[0-9]{2}-[0-9]{4}(?-u:\b)"),
        (
            "iban",
            Self::Iban,
            r"(?-u:\b)(?:[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?|[a-z]{2}[0-9]{2}[a-z0-9]{11,30})(?-u:\b)",
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

    /// Whether what stands at these bytes of `whole`, which has the form, is of the type: check digits, ranges, and for
    /// telephones a plain form or a word beside the number.
    pub(crate) fn holds(self, whole: &str, start: usize, end: usize) -> bool {
        let text = whole.get(start..end).unwrap_or_default();
        match self {
            Self::CreditCard => card(text),
            // The form may have taken a short word that follows in capitals.
            Self::Iban => iban(text) || text.rsplit_once(' ').is_some_and(|(number, _)| iban(number)),
            Self::IpAddress if text.contains(':') => text.parse::<std::net::Ipv6Addr>().is_ok(),
            Self::IpAddress => text.split('.').all(|part| part.parse::<u8>().is_ok()),
            // No number of this kind begins with 000, 666 or 9 (20 CFR 422.110).
            Self::Ssn => !["000", "666", "9"].iter().any(|never| text.starts_with(never)),
            Self::Phone => phone(text) && (dialled(text) || cued(whole, start, end)),
            Self::Email | Self::Url => true,
        }
    }
}

/// A number of 13 to 19 digits with its check digit, or one of 12 as Maestro issues them.
fn card(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let maestro = || ["50", "56", "57", "58", "6"].iter().any(|first| text.starts_with(first));
    luhn(text) && (digits > 12 || maestro())
}

/// Whether digits may be a telephone's: not a card's, a date, an address of a machine or a number with a decimal point.
fn phone(text: &str) -> bool {
    let digits = text.bytes().take_while(|b| *b != b'x').filter(u8::is_ascii_digit).count();
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<usize> = text.split(['-', '.']).map(str::len).collect();
    let date = matches!(parts[..], [4, 2, 2] | [2, 2, 4] | [3, 2, 4]);
    let machine = text.split('.').count() == 4 && text.split('.').all(|part| part.parse::<u8>().is_ok());
    let decimal = matches!(parts[..], [_, _]) && text.contains('.') && !text.contains('(');
    let card = plain && digits > 12 && luhn(text);
    (6..=15).contains(&digits) && ![card, date, machine, decimal].contains(&true)
}

/// Whether a number is written as nothing but a telephone's is.
fn dialled(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let groups: Vec<usize> = text
        .split('x')
        .next()
        .unwrap_or_default()
        .split([' ', '-', '.', '(', ')'])
        .map(str::len)
        .filter(|len| *len > 0)
        .collect();
    let abroad = (text.starts_with('+') || text.starts_with("00")) && digits >= 9;
    let mobile =
        digits == 11 && groups.len() == 1 && text.starts_with('1') && text.as_bytes().get(1) > Some(&b'2');
    abroad
        || mobile
        || groups.ends_with(&[3, 3, 4]) && groups.len() <= 4
        || text.starts_with('(') && text.contains(')') && digits >= 8
}

fn cued(whole: &str, start: usize, end: usize) -> bool {
    let before = crate::text::cut_front(whole.get(..start).unwrap_or_default(), CUE_BEFORE).to_lowercase();
    let after = crate::text::cut(whole.get(end..).unwrap_or_default(), CUE_AFTER).to_lowercase();
    let beside = |text: &str| CUES.iter().any(|cue| text.contains(cue));
    beside(&before) || beside(&after)
}

/// The check digit of ISO/IEC 7812-1.
fn luhn(text: &str) -> bool {
    let digits = text.chars().rev().filter_map(|c| c.to_digit(10));
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10) && text.chars().any(|c| c.is_ascii_digit() && c != '0')
}

/// The check digits of ISO 13616: the rearranged number modulo 97 is 1.
fn iban(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if !(15..=34).contains(&plain.len()) || !plain.is_ascii() {
        return false;
    }
    let (head, tail) = plain.split_at(4);
    let rest = tail.chars().chain(head.chars()).filter_map(|c| c.to_digit(36)).fold(0_u32, |rest, value| {
        if value > 9 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 }
    });
    rest == 1
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
            let hit = Regex::new(form).unwrap().find_iter(text).any(|m| kind.holds(text, m.start(), m.end()));
            assert_eq!(hit, found, "{kind:?} in {text}");
        }
    }
}
