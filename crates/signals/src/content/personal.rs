//! Personal data that has a form: addresses and numbers.

/// A type of personal data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Personal {
    Email,
    Phone,
    CreditCard,
    Ssn,
    Iban,
    IpAddress,
}

impl Personal {
    /// The words of the catalogue, with the form of each.
    pub(crate) const ALL: [(&'static str, Self, &'static str); 6] = [
        ("email", Self::Email, r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}\b"),
        (
            "phone",
            Self::Phone,
            r"(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,4}\d{2,4}\b)|(?:\(\d{3}\) ?\d{3}[ .-]\d{4}\b)|(?:\b\d{3}[ .-]\d{3}[ .-]\d{4}\b)|(?:\b1[3-9]\d{9}\b)",
        ),
        ("credit_card", Self::CreditCard, r"\b(?:\d[ -]?){12,18}\d\b"),
        ("ssn", Self::Ssn, r"\b\d{3}-\d{2}-\d{4}\b"),
        ("iban", Self::Iban, r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        ("ip_address", Self::IpAddress, r"\b(?:\d{1,3}\.){3}\d{1,3}\b"),
    ];

    /// Whether `text`, which has the form, is of the type: check digits and ranges.
    pub(crate) fn holds(self, text: &str) -> bool {
        match self {
            Self::CreditCard => luhn(text),
            Self::Iban => iban(text),
            Self::IpAddress => text.split('.').all(|part| part.parse::<u8>().is_ok()),
            // No number of this kind begins with 000, 666 or 9 (20 CFR 422.110).
            Self::Ssn => !["000", "666", "9"].iter().any(|never| text.starts_with(never)),
            Self::Email | Self::Phone => true,
        }
    }
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
            (Personal::CreditCard, "4111 1111 1111 1111", true),
            (Personal::CreditCard, "4111 1111 1111 1112", false),
            (Personal::Ssn, "219-09-9999", true),
            (Personal::Ssn, "000-12-3456", false),
            (Personal::Iban, "GB82 WEST 1234 5698 7654 32", true),
            (Personal::Iban, "GB82 WEST 1234 5698 7654 33", false),
            (Personal::IpAddress, "192.168.0.1", true),
            (Personal::IpAddress, "999.1.1.1", false),
        ] {
            let form = Personal::ALL.iter().find(|(_, known, _)| *known == kind).unwrap().2;
            let hit = Regex::new(form).unwrap().find_iter(text).any(|m| kind.holds(m.as_str()));
            assert_eq!(hit, found, "{kind:?} in {text}");
        }
    }
}
