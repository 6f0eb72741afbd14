//! Declared signals on requests: scopes, methods, measures, evidence and failures.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::json;
use support::{chat, read, spec, user, view};
use tollgate_core::signal::{Kind, Signal, Value};
use tollgate_wire::Dialect;

fn keyword(params: serde_json::Value, text: &str) -> Signal {
    read(spec("k", Kind::Keyword, params), &user(text))
}

#[test]
fn any_all_and_none_hold_together() {
    let params = json!({"any": ["refund", "return"], "all": ["order"], "none": ["test"]});
    for (text, matched) in [
        ("refund my order", true),
        ("Return the ORDER", true),
        ("refund my orders", false),
        ("refund", false),
        ("my order", false),
        ("refund my test order", false),
    ] {
        let signal = keyword(params.clone(), text);
        assert_eq!((signal.matched, signal.value), (matched, Value::Flag(matched)), "{text}");
    }
    assert_eq!(keyword(params, "refund order").evidence.as_deref(), Some("refund, order"));
    assert!(keyword(json!({"none": ["test"]}), "hello").matched);
}

#[test]
fn each_method_finds_and_rejects() {
    for (params, text, matched) in [
        (json!({"any": ["USA"], "case": true}), "made in USA", true),
        (json!({"any": ["USA"], "case": true}), "made in usa", false),
        (json!({"any": [r"\border #?\d+\b"], "method": "regex"}), "see Order #47", true),
        (json!({"any": [r"\border #?\d+\b"], "method": "regex"}), "é reorder 47", false),
        (json!({"any": ["(?-i)ABC"], "method": "regex"}), "abc", false),
        (json!({"any": ["password"], "method": "fuzzy"}), "my PASWORD", true),
        (json!({"any": ["password"], "method": "fuzzy"}), "my past work", false),
        (
            json!({"any": ["slow database query", "refund"], "method": "bm25", "threshold": 0.8}),
            "queries to databases",
            true,
        ),
        (
            json!({"any": ["slow database query", "refund"], "method": "bm25", "threshold": 0.8}),
            "a slow day",
            false,
        ),
        (json!({"any": ["kubernetes"], "method": "ngram"}), "kubernets cluster", true),
        (json!({"any": ["kubernetes"], "method": "ngram"}), "cuban nets", false),
        (json!({"all": ["ngram", "rocks"], "method": "ngram", "threshold": 1.0}), "NGRAM rocks", true),
    ] {
        let signal = keyword(params.clone(), text);
        assert_eq!(signal.matched, matched, "{params} on {text}: {signal:?}");
    }
}

#[test]
fn confidence_says_how_near() {
    assert_eq!(keyword(json!({"any": ["password"]}), "password").confidence, 1.0);
    assert_eq!(keyword(json!({"any": ["password"], "method": "fuzzy"}), "pasword").confidence, 0.875);
    let near = keyword(json!({"any": ["kubernetes"], "method": "ngram"}), "kubernets").confidence;
    assert!((0.4..1.0).contains(&near), "{near}");
}

#[test]
fn scopes_read_their_part() {
    let view = view(
        Dialect::OpenaiChat,
        &json!({"model": "m", "messages": [
            {"role": "system", "content": "alpha"},
            {"role": "user", "content": "beta"},
            {"role": "assistant", "content": "gamma"},
            {"role": "tool", "tool_call_id": "c", "content": "delta"},
            {"role": "user", "content": [{"type": "text", "text": "eps"}, {"type": "text", "text": "ilon \u{e9}\n"}]},
        ]}),
    );
    for (scope, words) in [
        ("last_user", vec!["eps", "ilon é"]),
        ("users", vec!["beta", "eps", "ilon é"]),
        ("system", vec!["alpha"]),
        ("all", vec!["alpha", "beta", "gamma", "delta", "eps", "ilon é"]),
    ] {
        for word in ["alpha", "beta", "gamma", "delta", "eps", "ilon é", "epsilon"] {
            let rule = spec("k", Kind::Keyword, json!({"any": [word], "scope": scope}));
            assert_eq!(read(rule, &view).matched, words.contains(&word), "{word} in {scope}");
        }
    }
    let anthropic = json!({"model": "m", "max_tokens": 9, "system": "alpha", "messages": [{"role": "user", "content": "beta"}]});
    let anthropic = support::view(Dialect::Anthropic, &anthropic);
    for (word, scope, matched) in
        [("alpha", "system", true), ("alpha", "all", true), ("beta", "system", false)]
    {
        assert_eq!(
            read(spec("k", Kind::Keyword, json!({"any": [word], "scope": scope})), &anthropic).matched,
            matched
        );
    }
}

#[test]
fn features_measure() {
    let text = "First do A, then B. Then stop! 第一 第二 then";
    for (params, value) in [
        (json!({"measure": "exists", "words": ["then"]}), 1.0),
        (json!({"measure": "exists", "words": ["never"]}), 0.0),
        (json!({"measure": "count", "words": ["then", "stop"]}), 4.0),
        (json!({"measure": "count", "regex": [r"\bthen\b", r"[.!?]"]}), 5.0),
        (json!({"measure": "count", "words": ["first"], "regex": ["a"]}), 2.0),
        (json!({"measure": "density", "words": ["then"]}), 100.0 * 3.0 / 12.0),
        (json!({"measure": "sequence", "words": ["first", "then", "stop"]}), 1.0),
        (json!({"measure": "sequence", "words": ["stop", "first"]}), 0.0),
        (json!({"measure": "sequence", "words": ["第一", "第二"]}), 1.0),
        (json!({"measure": "sequence", "regex": ["f.rst", r"\bth", "st"]}), 1.0),
        (json!({"measure": "sequence", "regex": ["stop", "f.rst"]}), 0.0),
    ] {
        let signal = read(spec("f", Kind::Feature, params.clone()), &user(text));
        assert_eq!((signal.value, signal.matched), (Value::Number(value), value > 0.0), "{params}");
    }
}

#[test]
fn events_need_one_criterion() {
    let params = json!({"types": ["outage"], "severities": ["critical"], "codes": ["E42"], "temporal": true});
    for (text, matched, confidence) in [
        ("An OUTAGE, critical: E42, asap", true, 1.0),
        ("an outage", true, 0.625),
        ("e42 uncritically outages", false, 1.0),
        ("请尽快处理", true, 0.625),
    ] {
        let signal = read(spec("e", Kind::Event, params.clone()), &user(text));
        assert_eq!((signal.matched, signal.confidence), (matched, confidence), "{text}");
    }
}

#[test]
fn metadata_compares_text_numbers_and_flags() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
        "metadata": {"tier": "gold", "n": 3, "beta": true}});
    let view = view(Dialect::OpenaiChat, &body);
    for (params, matched) in [
        (json!({"key": "tier"}), true),
        (json!({"key": "tier", "is": ["silver"]}), false),
        (json!({"key": "n", "is": ["3"]}), true),
        (json!({"key": "beta", "is": "true"}), true),
        (json!({"key": "other"}), false),
    ] {
        assert_eq!(read(spec("m", Kind::Metadata, params.clone()), &view).matched, matched, "{params}");
    }
    let large = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "metadata": {"a": "b".repeat(70_000)}});
    let failed =
        read(spec("m", Kind::Metadata, json!({"key": "a"})), &support::view(Dialect::OpenaiChat, &large));
    assert_eq!((failed.matched, failed.failure.as_deref()), (false, Some("metadata is larger than 64 KiB")));
}

#[test]
fn reask_looks_back_as_far_as_told() {
    let talk = chat(&[
        ("user", "How do I reset my password?"),
        ("assistant", "Click the link."),
        ("user", "What does it cost?"),
        ("assistant", "Nothing."),
        ("user", "how do i reset my PASSWORD"),
    ]);
    for (params, matched) in
        [(json!({}), false), (json!({"lookback": 2}), true), (json!({"lookback": 2, "threshold": 1.0}), true)]
    {
        assert_eq!(read(spec("r", Kind::Reask, params.clone()), &talk).matched, matched, "{params}");
    }
    assert!(!read(spec("r", Kind::Reask, json!({})), &user("one turn only")).matched);
}

#[test]
fn evidence_is_bounded_and_whole() {
    let words: Vec<String> = (0..60).map(|i| format!("wörd{i}")).collect();
    let signal = keyword(json!({"any": words}), &words.join(" "));
    let evidence = signal.evidence.unwrap();
    assert!((100..=120).contains(&evidence.len()), "{evidence}");
    let long = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "metadata": {"a": "é".repeat(200)}});
    let signal = read(spec("m", Kind::Metadata, json!({"key": "a"})), &view(Dialect::OpenaiChat, &long));
    assert_eq!(signal.evidence.unwrap().len(), 120);
}

#[test]
fn the_wide_scopes_find_phrases_however_they_are_typed() {
    let typed = [
        "my date of\nbirth",
        "my date  of birth",
        "my date\tof\tbirth",
        "my date\u{a0}of birth",
        "my DATE_OF_BIRTH",
        "my date-of-birth",
        "{\"dateOfBirth\": 1}",
        "my date of bir\u{ad}th",
        "my d\u{200b}ate of birth",
        "my ｄａｔｅ of birth",
    ];
    for text in typed {
        for scope in ["all", "sent"] {
            let found = keyword(json!({"any": ["date of birth"], "scope": scope}), text);
            assert!(found.matched, "{scope} {text:?}");
            assert_eq!(found.evidence.as_deref(), Some("date of birth"));
            assert!(!keyword(json!({"none": ["date of birth"], "scope": scope}), text).matched, "{text:?}");
        }
        // As it is written: what a policy imported from another router means.
        assert!(!keyword(json!({"any": ["date of birth"]}), text).matched, "{text:?}");
    }
    let nfd =
        keyword(json!({"any": ["n\u{fa}mero de pasaporte"], "scope": "sent"}), "NU\u{301}MERO de pasaporte");
    assert!(nfd.matched);
    let cased =
        |text| keyword(json!({"any": ["Date of Birth"], "scope": "sent", "case": true}), text).matched;
    assert_eq!(["DateOfBirth", "Date of\nBirth", "date of\nbirth"].map(cased), [false, true, false]);
    for text in ["passports", "datesof birth", "date, of birth", "update of birth", "birth date of"] {
        let any = json!({"any": ["passport", "date of birth"], "scope": "sent"});
        assert!(!keyword(any, text).matched, "{text}");
    }
}
