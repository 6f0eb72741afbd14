//! What a set refuses, and that every error is reported and says what to do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value as Json, json};
use support::{hundred_rules, spec};
use tollgate_core::signal::{Kind, SignalSpec};
use tollgate_signals::{Problem, Reading, SignalSet};

fn errors(kind: Kind, params: Json) -> Vec<String> {
    let errors = SignalSet::compile(&[spec("s", kind, params)]).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn errors_name_signal_parameter_value_and_fix() {
    for (kind, params, wanted) in [
        (
            Kind::Tokens,
            json!({"min": 3}),
            r#"signal "s", parameter "min" = 3: tokens has no such parameter; remove it, or use one of: (none)"#,
        ),
        (
            Kind::Keyword,
            json!({"any": "a", "case": "yes"}),
            r#"parameter "case" = "yes": it must be true or false"#,
        ),
        (
            Kind::Keyword,
            json!({"any": "a", "scope": "user"}),
            r#"parameter "scope" = "user": it must be one of: last_user, users, system, all"#,
        ),
        (
            Kind::Keyword,
            json!({}),
            r#"parameter "any" = (missing): it is required; give at least one of any, all and none"#,
        ),
        (
            Kind::Keyword,
            json!({"any": ["ok", " "]}),
            r#"parameter "any" = " ": an empty text would match everywhere"#,
        ),
        (Kind::Keyword, json!({"any": ["x".repeat(300)]}), "it is 300 bytes long; shorten it to at most 256"),
        (
            Kind::Keyword,
            json!({"any": ["(a"], "method": "regex"}),
            r#"= "(a": the regular expression does not compile: error: unclosed group"#,
        ),
        (Kind::Keyword, json!({"any": ["a"], "distance": 2}), "this method does not read it; remove it"),
        (
            Kind::Keyword,
            json!({"any": ["password"], "method": "fuzzy", "distance": 82}),
            r#"parameter "distance" = 82: it must be between 1 and 3"#,
        ),
        (
            Kind::Keyword,
            json!({"any": ["password"], "method": "fuzzy", "distance": 1.5}),
            "it must be a whole number",
        ),
        (
            Kind::Keyword,
            json!({"any": ["cat"], "method": "fuzzy", "distance": 2}),
            "nearly any other; use a smaller distance",
        ),
        (
            Kind::Keyword,
            json!({"any": ["x".repeat(80)], "method": "fuzzy"}),
            "it is 80 bytes long; shorten it to at most 64",
        ),
        (Kind::Feature, json!({"words": ["a"]}), r#"parameter "measure" = (missing): it is required"#),
        (Kind::Feature, json!({"measure": "count"}), "give words or regex"),
        (
            Kind::Feature,
            json!({"measure": "sequence", "words": ["a"], "regex": ["b"]}),
            "a sequence has one order; give either words or regex",
        ),
        (Kind::Event, json!({"severities": ["huge"]}), "it must be one of: critical, high, medium, low"),
        (Kind::Event, json!({"temporal": false}), "give types, severities, codes or temporal: true"),
        (Kind::Reask, json!({"lookback": 17}), "it must be between 1 and 16"),
        (
            Kind::Ratio,
            json!({"of": "vowels"}),
            "it must be one of: code, cjk, digits, upper, punctuation, unique_words",
        ),
    ] {
        let got = errors(kind, params.clone());
        assert!(got.iter().any(|e| e.contains(wanted)), "{params}: {got:#?}");
        assert!(got.iter().all(|e| e.starts_with(r#"signal "s", parameter "#)), "{got:#?}");
    }
}

#[test]
fn all_errors_of_all_signals_are_reported() {
    let bad = [
        spec("a", Kind::Keyword, json!({"any": ["(", "["], "method": "regex", "scope": "nowhere"})),
        SignalSpec::fact(Kind::Tokens),
        spec("b", Kind::Reask, json!({"threshold": 2, "lookback": 0})),
    ];
    let errors = SignalSet::compile(&bad).unwrap_err();
    let named: Vec<_> = errors.iter().map(|e| (e.signal.as_str(), e.param.as_str())).collect();
    assert_eq!(named, [("a", "scope"), ("a", "any"), ("a", "any"), ("b", "threshold"), ("b", "lookback")]);
}

#[test]
fn numbers_of_patterns_are_bounded() {
    let limit = |specs: &[SignalSpec]| match &SignalSet::compile(specs).unwrap_err()[0].problem {
        Problem::TooMany { limit, .. } => *limit,
        other => panic!("{other}"),
    };
    let list = |count: usize| (0..count).map(|i| format!("word{i}")).collect::<Vec<_>>();
    assert_eq!(limit(&[spec("s", Kind::Keyword, json!({"any": list(20_001)}))]), 20_000);
    assert_eq!(limit(&[spec("s", Kind::Keyword, json!({"any": list(2049), "method": "regex"}))]), 2048);
    assert_eq!(limit(&[spec("s", Kind::Keyword, json!({"any": list(2001), "method": "bm25"}))]), 2000);
    assert_eq!(limit(&vec![SignalSpec::fact(Kind::Tokens); 4097]), 4096);
    assert!(SignalSet::compile(&[spec("s", Kind::Keyword, json!({"any": list(20_000)}))]).is_ok());
}

#[test]
fn a_set_is_shared_and_a_reading_moves_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    fn moved<T: Send>(_: &T) {}
    let set = SignalSet::compile(&hundred_rules()).unwrap();
    shared(&set);
    let view = support::user("x");
    let clock = tollgate_core::ManualClock::default();
    moved(&Reading::new(&set, &tollgate_signals::Input::new(&view), &clock));
    assert_eq!((set.len(), set.name(0), set.kind(99)), (100, Some("literal0"), Some(Kind::Keyword)));
}
