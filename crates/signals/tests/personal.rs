//! Personal data is found whatever stands beside it and however it is typed, by the signal and by the mask.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use support::{read, spec, user};
use tollgate_core::signal::{Kind, Value};
use tollgate_signals::content::personal_data_of;

fn signal(kind: &str, text: &str) -> bool {
    let found = read(spec("s", Kind::Pii, json!({"types": [kind], "scope": "sent"})), &user(text));
    found.value == Value::Flag(true)
}

/// What is left of a text where masks of these types were put.
fn left(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let (mut left, mut from) = (String::new(), 0);
    for found in personal_data_of(text, wanted) {
        assert!(found.start >= from && found.start < found.end, "{text:?}");
        left += &text[from..found.start];
        left.push('#');
        from = found.end;
    }
    left + &text[from..]
}

/// Found by the signal, and by the mask of its type to these letters.
fn check(kind: &str, text: &str, rest: &str) {
    assert!(signal(kind, text), "{kind} in {text:?}");
    assert_eq!(left(text, |wanted| wanted == kind), rest, "{kind} in {text:?}");
}

#[test]
fn digits_and_words_beside_a_number_do_not_hide_it() {
    for (kind, text, rest) in [
        ("credit_card", "Visa 4111 1111 1111 1111 12/27", "Visa # 12/27"),
        ("credit_card", "4111 1111 1111 1111 123", "# 123"),
        ("credit_card", "4111111111111111 12/27", "# 12/27"),
        ("credit_card", "order 12 4111 1111 1111 1111", "order 12 #"),
        ("credit_card", "7 3782 822463 10005 9", "7 # 9"),
        ("iban", "pay BE68 5390 0754 7034 5000 EUR", "pay # 5000 EUR"),
        ("iban", "pay BE68 5390 0754 7034 KRED BANK", "pay # KRED BANK"),
        ("iban", "AC12 BE68-5390-0754-7034 ok", "AC12 # ok"),
        ("phone", "415-555-0132 12:30", "# 12:30"),
        ("phone", "415-555-0132 2026-11-28", "# 2026-11-28"),
        ("phone", "12345 415-555-0132 415-555-0133", "12345 # #"),
        ("phone", "20261128 13800138000", "20261128 #"),
        ("ip_address", "999.192.168.0.1", "999.#"),
        ("ip_address", "at 2001:db8:0:0:0:0:0:1:8080", "at #"),
    ] {
        check(kind, text, rest);
    }
    // Two types in one run of digits.
    let all = |text: &str| left(text, |kind| kind != "url");
    assert_eq!(all("call 12 4111 1111 1111 1111"), "call #", "a short rest goes with it");
    assert_eq!(all("4111 1111 1111 1111 415-555-0132"), "# #");
    assert_eq!(all("tel 079 123 45 67 4111 1111 1111 1111"), "tel # #");
}

#[test]
fn numbers_of_other_keyboards_and_of_web_pages_are_found() {
    for (kind, text, rest) in [
        ("credit_card", "4111\u{a0}1111\u{a0}1111\u{a0}1111", "#"),
        (
            "credit_card",
            "\u{5361}\u{ff14}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}です",
            "卡#です",
        ),
        ("iban", "DE89\u{a0}3704\u{a0}0044\u{a0}0532\u{a0}0130\u{a0}00 danke", "# danke"),
        ("phone", "+33\u{202f}6\u{202f}12\u{202f}34\u{202f}56\u{202f}78!", "#!"),
        ("phone", "ü +49\u{a0}170 1234567", "ü #"),
        ("phone", "+\u{664}\u{669} \u{661}\u{667}\u{660} 1234567", "#"),
        ("ssn", "219\u{2011}09\u{2011}9999", "#"),
        ("email", "to bob\u{ad}@x.org, \u{200b}please", "to #, \u{200b}please"),
        ("email", "иван@пример.рф, привет", "#, привет"),
        // What shows nothing does not join a number to its neighbour either.
        ("credit_card", "4111111111111111\u{200b}9", "#\u{200b}9"),
    ] {
        check(kind, text, rest);
    }
}

/// Columns, cells and lines that wrap; any case; short forms; and the words of other languages.
#[test]
fn numbers_are_found_as_people_write_them() {
    for (kind, text, rest) in [
        ("credit_card", "4111  1111  1111  1111", "#"),
        ("credit_card", "4111  1111 1111 1111 12/27", "# 12/27"),
        ("credit_card", "a\t4111\t1111\t1111\t1111\tb", "a\t#\tb"),
        ("credit_card", "4111\n1111\n1111\n1111", "#"),
        ("credit_card", "Visa: 4111 1111\r\n   1111 1111", "Visa: #"),
        ("credit_card", "Visa4111 1111\n1111 1111", "Visa#"),
        ("iban", "be68 5390 0754 7034", "#"),
        ("iban", "De89370400440532013000", "#"),
        ("iban", "DE89 3704 0044\n0532 0130 00, danke", "#, danke"),
        ("iban", "DE89  3704  0044  0532  0130  00", "#"),
        ("iban", "de89 3704 0044 0532 0130 00 heute", "# heute"),
        ("ssn", "My SSN is 219 09 9999.", "My SSN is #."),
        ("ssn", "ssn: 219099999", "ssn: #"),
        ("ssn", "social security number 219 09 9999", "social security number #"),
        ("ssn", "SSN219099999", "SSN#"),
        ("ip_address", "2001:db8::1", "#"),
        ("ip_address", "at [fe80::1]:443", "at [#]:443"),
        ("ip_address", "fe80::1ff:fe23:4567:890a", "#"),
        ("ip_address", "2001:db8::8a2e:370:7334/64", "#/64"),
        ("phone", "тел. 8 495 123 45 67", "тел. #"),
        ("phone", "Handynummer 0170 1234567", "Handynummer #"),
        ("phone", "Ruf mich an: 0170 1234567", "Ruf mich an: #"),
        ("phone", "my number is 4155550132", "my number is #"),
    ] {
        check(kind, text, rest);
    }
    let all = |text: &str| left(text, |kind| kind != "url");
    assert_eq!(all("de89 3704 0044 0532 0130 00"), "#", "no half of it stays");
}

/// The same forms of what is nobody's.
#[test]
fn columns_slices_and_names_stay() {
    for text in [
        "4111\n1111\n1111\n1111\n1111",
        "5120\t4111\t1111\t1111\t1111",
        "x[1::2], y[10::20], a::b, face::add and std::fe80::of",
        "be68 5390 0754 7035, de88 3704 1044 1532 1130 10, de89 3704\n1044",
        "219 09 9999 and 219099999",
        "lessn 219099999, ssn 000 12 3456",
        "my number is 1234567, ruf mich 20 32 85",
        "de 12 times 34, in 2024\n2025 2026",
    ] {
        assert_eq!(left(text, |_| true), text);
    }
}

/// Lists of numbers, sums and dates stay nobody's.
#[test]
fn numbers_of_nobody_stay() {
    for text in [
        "2024-01-01 2024-01-02 2024-01-03",
        "1 000 000 000 000 of 2 001 234 567",
        "10.00 20.00 30.00 1234567.89",
        "10:00 12:30 2024-11-27 17:00",
        "1:2:3:4:5:6:7:8:9:10",
        "call costs 1234567.89",
        "call costs 12 1234567.89",
        "1990 1991 1992 1993 1994 1995 1996 1997 1998 1999 2000 2001 2002 2003 2004 2005",
        "1700000000001 1700000000002 1700000000003",
        "order 20 32 85 26, 1–2 and 3−4",
    ] {
        assert_eq!(left(text, |_| true), text);
    }
}

fn luhn(digits: &[u8]) -> u8 {
    let weigh = |(at, digit): (usize, &u8)| match at % 2 {
        0 => digit * 2 / 10 + digit * 2 % 10,
        _ => *digit,
    };
    (10 - digits.iter().rev().enumerate().map(weigh).sum::<u8>() % 10) % 10
}

/// Digits in groups of these sizes.
fn grouped(digits: &str, sizes: &[usize], sign: &str) -> String {
    let mut rest = digits;
    let mut groups = Vec::new();
    for size in sizes {
        let (group, next) = rest.split_at((*size).min(rest.len()));
        groups.push(group);
        rest = next;
    }
    groups.push(rest);
    groups.retain(|group| !group.is_empty());
    groups.join(sign)
}

fn card() -> impl Strategy<Value = String> {
    let issuer = select(vec![
        ("4", 16),
        ("51", 16),
        ("2221", 16),
        ("37", 15),
        ("6011", 16),
        ("3530", 16),
        ("36", 14),
        ("4", 13),
    ]);
    (issuer, prop::collection::vec(0_u8..10, 20), select(vec!["", " ", "-"])).prop_map(
        |((first, len), random, sign)| {
            let mut digits: Vec<u8> = first.bytes().map(|b| b & 15).chain(random).take(len - 1).collect();
            digits.push(luhn(&digits));
            let digits: String = digits.iter().map(ToString::to_string).collect();
            let sizes: &[usize] = if len < 16 && len != 13 { &[4, 6] } else { &[4, 4, 4] };
            grouped(&digits, sizes, sign)
        },
    )
}

fn iban() -> impl Strategy<Value = String> {
    let bank =
        select(vec![("DE", 18), ("BE", 12), ("NL", 14), ("FR", 23), ("NO", 11), ("GB", 18), ("MT", 27)]);
    (bank, "[0-9A-Z]{27}", select(vec!["", " "])).prop_map(|((country, len), random, sign)| {
        let account = &random[..len];
        let rest = format!("{account}{country}00").chars().fold(0, |rest, c| match c.to_digit(36).unwrap() {
            digit @ 0..=9 => (rest * 10 + digit) % 97,
            letter => (rest * 100 + letter) % 97,
        });
        grouped(&format!("{country}{:02}{account}", 98 - rest), &[4; 8], sign)
    })
}

/// A value of a type, as it is written.
fn value() -> impl Strategy<Value = (&'static str, String)> {
    prop_oneof![
        card().prop_map(|text| ("credit_card", text)),
        iban().prop_map(|text| ("iban", text)),
        prop_oneof![
            "\\+[1-9][0-9] [1-9][0-9]{2} [0-9]{3} [0-9]{2,4}",
            "\\+[1-9][0-9]{9,11}",
            "0049 [1-9][0-9]{2} [0-9]{6,7}",
            "[2-9][0-9]{2}[-. ][2-9][0-9]{2}-[0-9]{4}",
            "\\([2-9][0-9]{2}\\) [2-9][0-9]{2}-[0-9]{4}",
            "1[3-9][0-9]{9}",
        ]
        .prop_map(|text| ("phone", text)),
        "[1-5][1-9][1-9]-[0-9]{2}-[0-9]{4}".prop_map(|text| ("ssn", text)),
        "[a-z]{1,9}[.+_-]?[a-z0-9]{1,9}@[a-z]{2,9}\\.(org|com|de)".prop_map(|text| ("email", text)),
        "(1[0-9]{2}|[1-9][0-9]?)(\\.(1[0-9]{2}|[1-9][0-9]?)){3}".prop_map(|text| ("ip_address", text)),
        "fe80(:[0-9a-f]{1,4}){7}".prop_map(|text| ("ip_address", text)),
    ]
}

/// What stands beside it.
fn neighbour() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[0-9]{1,6}",
        "[0-9]{4} [0-9]{4}",
        "[a-z]{1,8}",
        "[A-Z]{2,4}",
        "[01][0-9]/2[0-9]",
        "[0-2][0-9]:[0-5][0-9]",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]",
        "[A-Z]{2}[0-9]{2} [A-Z0-9]{4}",
        Just("tel".to_owned()),
    ]
}

fn sign() -> impl Strategy<Value = &'static str> {
    select(vec![" ", ", ", ": ", "; ", "/", " - ", "  ", "\n", "\t", "|", "\"", ". ", ")", " ("])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Every letter of it goes, whether the mask is of its type or of all, and typed with spaces that do not break too.
    #[test]
    fn whatever_stands_beside_data_it_is_found(
        (kind, value) in value(), before in neighbour(), left_sign in sign(), right_sign in sign(), after in neighbour(), wide in any::<bool>(),
    ) {
        let (value, left_sign) = if wide { (value.replace(' ', "\u{a0}").replace('-', "\u{2011}"), left_sign.replace(' ', "\u{a0}")) } else { (value, left_sign.to_owned()) };
        let text = format!("{before}{left_sign}{value}{right_sign}{after}");
        let start = before.len() + left_sign.len();
        for wanted in [Some(kind), None] {
            let found = personal_data_of(&text, |of| wanted.is_none_or(|wanted| wanted == of) && of != "url");
            for (at, c) in value.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
                let at = start + at;
                prop_assert!(found.iter().any(|f| f.start <= at && at < f.end), "{c} of {kind} {value:?} in {text:?}: {found:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The signal reads as the mask does.
    #[test]
    fn the_signal_finds_it_too(
        (kind, value) in value(), before in neighbour(), left in sign(), right in sign(), after in neighbour(),
    ) {
        let text = format!("{before}{left}{value}{right}{after}");
        prop_assert!(signal(kind, &text), "{kind} in {text:?}");
    }
}

/// A value, and whether a word directly before and after it may be any.
fn glued() -> impl Strategy<Value = (&'static str, String, String)> {
    let any = || prop_oneof![Just(String::new()), "[A-Za-z]{2,8}", Just("_".to_owned())];
    prop_oneof![
        (any(), card(), any()).prop_map(|(before, text, after)| (
            "credit_card",
            text.clone(),
            before + &text + &after
        )),
        (any(), iban(), any()).prop_map(|(before, text, after)| (
            "iban",
            text.clone(),
            before + &text + &after
        )),
        ("\\+[1-9][0-9]{9,11}", any()).prop_map(|(text, after)| ("phone", text.clone(), text + &after)),
        (select(vec!["Tel", "phone", "FAX"]), "[2-9][0-9]{2}-?[2-9][0-9]{2}-?[0-9]{4}")
            .prop_map(|(before, text)| ("phone", text.clone(), before.to_owned() + &text)),
        "[1-5][1-9][1-9]-[0-9]{2}-[0-9]{4}".prop_map(|text| ("ssn", text.clone(), format!("SSN{text}"))),
        "(1[0-9]{2}|[1-9][0-9]?)(\\.(1[0-9]{2}|[1-9][0-9]?)){3}".prop_map(|text| (
            "ip_address",
            text.clone(),
            format!("ip{text}")
        )),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A word directly beside it does not hide it, from the mask or the signal.
    #[test]
    fn letters_directly_beside_data_do_not_hide_it(
        (kind, value, written) in glued(), lead in select(vec!["", "my ", "1. "]), rest in select(vec!["", ", ok", " 12/27", "."]),
    ) {
        let text = format!("{lead}{written}{rest}");
        let start = lead.len() + written.find(&value).unwrap();
        let found = personal_data_of(&text, |of| of == kind);
        for (at, c) in value.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
            let at = start + at;
            prop_assert!(found.iter().any(|f| f.start <= at && at < f.end), "{c} of {kind} {value:?} in {text:?}: {found:?}");
        }
        prop_assert!(signal(kind, &text), "{kind} in {text:?}");
    }
}

#[test]
fn letters_are_told_from_the_number_beside_them() {
    for (kind, text, rest) in [
        ("credit_card", "Visa4111111111111111", "Visa#"),
        ("credit_card", "4111 1111 1111 1111Visa 12/27", "#Visa 12/27"),
        ("credit_card", "card_4111111111111111_old", "card_#_old"),
        ("iban", "IBANDE89370400440532013000BIC", "IBAN#BIC"),
        ("iban", "ibande89370400440532013000", "iban#"),
        ("iban", "KontoDE89 3704 0044 0532 0130 00und", "Konto#und"),
        ("phone", "Tel4155550132!", "Tel#!"),
        ("phone", "+491701234567abc", "#abc"),
        ("ssn", "SSN219-09-9999", "SSN#"),
        ("ip_address", "IP192.168.0.1", "IP#"),
    ] {
        check(kind, text, rest);
    }
}

/// Codes, versions and digests are letters and digits too.
#[test]
fn codes_of_letters_and_digits_stay() {
    for text in [
        "v1.2.3.4 and part415-555-0132, order4155550132, lot123-45-6789",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "a1b4111111111111111, 4111111111111111f0, x4111111111111111y2",
        "id1700000000001 sha256 x86_64 ISO20022 2024-11-27T10:00:00Z",
        "KEYAB12CDEF345678901234 IBANXX89370400440532013000 IBANDE88370400440532013000",
        "U4111111111111111 4111111111111111x 4111111111111112Visa ip300.1.1.1 SSN000-12-3456",
    ] {
        assert_eq!(left(text, |_| true), text);
    }
}
