//! The examples of RFC 8941, and that what is written is read as the same.

use super::*;
use proptest::prelude::*;

/// A field that is read is written so.
fn rewritten(field: &str) -> String {
    dictionary(field).map_or_else(|error| error.to_string(), |read| read.to_string())
}

#[test]
fn dictionaries_are_written_canonically() {
    for (field, canonical) in [
        ("", ""),
        ("en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:", "en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:"),
        ("a=?0, b, c; foo=bar", "a=?0, b, c;foo=bar"),
        ("  a=(1   2),b=3,\t c=4;aa=bb, d=(5 6);valid ", "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid"),
        ("rating=1.500, feelings=(joy sadness)", "rating=1.5, feelings=(joy sadness)"),
        ("a=-0.0, b=-0, c=007, d=10.0, e=@1659578233", "a=0.0, b=0, c=7, d=10.0, e=@1659578233"),
        ("a=\"q\\\"u\\\\o\", b=*t/k:n, c=?1;x", "a=\"q\\\"u\\\\o\", b=*t/k:n, c;x"),
        ("a=1;b=2;c=:AA==:, s=()", "a=1;b=2;c=:AA==:, s=()"),
    ] {
        assert_eq!(rewritten(field), canonical, "{field}");
    }
    assert_eq!(
        list("sugar, (a b);x, \"rum\"").map(|list| list.to_string()).as_deref(),
        Ok("sugar, (a b);x, \"rum\"")
    );
    assert_eq!(item(" 5; foo=bar ").map(|item| item.to_string()).as_deref(), Ok("5;foo=bar"));
}

#[test]
fn what_is_not_of_the_grammar_is_refused() {
    for field in [
        "a=",
        "a=1,",
        ",a=1",
        "a=1,,b=2",
        "A=1",
        "1=1",
        "a=1 b=2",
        "a=(1",
        "a=(1,2)",
        "a=(1\t2)",
        "a=?2",
        "a=?",
        "a=1234567890123456",
        "a=1234567890123.1",
        "a=1.",
        "a=1.2345",
        "a=--1",
        "a=.5",
        "a=\"x",
        "a=\"\\x\"",
        "a=\"\u{e9}\"",
        "a=\"\u{7f}\"",
        "a=:AA=:",
        "a=:AB==:",
        "a=:AA==",
        "a=:*:",
        "a=@1.5",
        "a=1;",
        "a=1;B",
        "a;b=(1)",
        "a=1, a=2",
        "a=1;b=1;b=2",
        "a=%\"x\"",
        "a=1\u{0}",
        "\ta=1",
    ] {
        assert!(dictionary(field).is_err(), "{field:?} is read as {}", rewritten(field));
    }
    for field in ["", "1 2", "1, 2", "(1)"] {
        assert!(item(field).is_err(), "{field:?}");
    }
    let many = |n: usize| (0..n).map(|n| format!("k{n}")).collect::<Vec<_>>().join(",");
    assert!(dictionary(&many(MEMBERS_MAX)).is_ok() && dictionary(&many(MEMBERS_MAX + 1)).is_err());
    let long = |n: usize| format!("a=\"{}\"", "x".repeat(n - 4));
    assert!(dictionary(&long(FIELD_BYTES_MAX)).is_ok() && dictionary(&long(FIELD_BYTES_MAX + 1)).is_err());
}

fn bare() -> impl Strategy<Value = Bare> {
    prop_oneof![
        (-999_999_999_999_999i64..=999_999_999_999_999).prop_map(Bare::Integer),
        (-999_999_999_999_999i64..=999_999_999_999_999).prop_map(Bare::Decimal),
        "[ -~]{0,12}".prop_map(Bare::Text),
        "[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,12}".prop_map(Bare::Token),
        proptest::collection::vec(any::<u8>(), 0..12).prop_map(Bare::Bytes),
        any::<bool>().prop_map(Bare::Boolean),
        (0i64..4_102_444_800).prop_map(Bare::Date),
    ]
}

fn keyed<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<(String, T)>> {
    let pairs = proptest::collection::btree_map("[a-z*][a-z0-9_.*-]{0,6}", value, 0..4);
    pairs.prop_map(|pairs| pairs.into_iter().collect())
}

fn member() -> impl Strategy<Value = Member> {
    let item = || (bare(), keyed(bare())).prop_map(|(value, params)| Item { value, params: Params(params) });
    prop_oneof![
        item().prop_map(Member::Item),
        (proptest::collection::vec(item(), 0..4), keyed(bare()))
            .prop_map(|(items, params)| Member::Inner(InnerList { items, params: Params(params) })),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(members in keyed(member())) {
        let written = Dictionary(members);
        prop_assert_eq!(dictionary(&written.to_string()), Ok(written));
    }

    #[test]
    fn any_text_is_read_or_refused_and_its_form_is_stable(field in "[ a-c(),;=\"\\\\?:@0-9.*-]{0,40}") {
        if let Ok(read) = dictionary(&field) {
            prop_assert_eq!(dictionary(&read.to_string()), Ok(read));
        }
    }
}
