//! Check digits, and the ranges in which numbers are issued.

use super::numbers::step;

/// A number of 13 to 19 digits with its check digit, or one of 12 as Maestro issues them.
pub(super) fn card(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let maestro = || ["50", "56", "57", "58", "6"].iter().any(|first| text.starts_with(first));
    (digits > 12 || maestro()) && luhn(text)
}

/// A card's number as it is printed, with the first digits and the length of one that is issued (ISO/IEC 7812-1; the ranges are
/// those that the networks publish): one group of digits, or groups of four and more and a last one.
pub(super) fn issued(text: &str) -> bool {
    step(2 * text.len());
    let groups = || text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|len| *len > 0);
    let (count, digits) = (groups().count(), groups().sum::<usize>());
    if !(12..=19).contains(&digits) || groups().take(count - 1).any(|group| group < 4) {
        return false;
    }
    let first =
        text.bytes().filter(u8::is_ascii_digit).take(4).fold(0, |all, b| all * 10 + u32::from(b & 15));
    let known = match first {
        4000..=4999 => matches!(digits, 13 | 16 | 19),
        5100..=5599 | 2221..=2720 => digits == 16,
        3400..=3499 | 3700..=3799 | 1800 | 2131 => digits == 15,
        3528..=3589 => digits >= 16,
        3000..=3059 | 3090..=3099 | 3600..=3699 | 3800..=3999 => digits >= 14,
        5000..=5099 | 5600..=5899 | 6000..=6999 => digits >= 16 || count == 1,
        _ => false,
    };
    known && luhn(text)
}

/// Whether a card's number as it is printed may begin here: four digits at least, of a first one that is issued.
pub(super) fn may_be_issued(bytes: &[u8], start: usize) -> bool {
    matches!(bytes.get(start..), Some([b'1'..=b'6', b, c, d, ..]) if [b, c, d].iter().all(|b| b.is_ascii_digit()))
}

/// The check digit of ISO/IEC 7812-1.
pub(super) fn luhn(text: &str) -> bool {
    step(text.len());
    let digits = text.bytes().rev().filter(u8::is_ascii_digit).map(|b| u32::from(b & 15));
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10) && text.bytes().any(|b| b.is_ascii_digit() && b != b'0')
}

/// Letters and digits of an account's number by its country, as they are registered (ISO 13616, the IBAN registry).
const IBANS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];

/// How many letters and digits an account's number of a country has.
pub(super) fn iban_len(country: &str) -> Option<usize> {
    let named = |list: &str| list.split(' ').any(|known| known.eq_ignore_ascii_case(country));
    IBANS.iter().find(|(_, list)| named(list)).map(|(len, _)| *len)
}
