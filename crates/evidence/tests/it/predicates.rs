//! Predicates: what they admit, what they refuse and why, and which of them make no sense.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use tollgate_core::Digest;
use tollgate_evidence::predicate::{Expr, Given, Predicate, READY, Ready, Test};
use tollgate_evidence::{Claims, Kind, Value};
use tollgate_pay::simulate::Cast;

fn predicate(require: &Json) -> Predicate {
    Predicate::parse(json!({"require": require, "type": "tollgate/predicate/v1"}).to_string().as_bytes())
        .unwrap()
}

/// Claims of a kind with these facts, bound, made at second 1,000.
fn claims(kind: &str, facts: &Json) -> Claims {
    let claims = json!({"anchor": "root", "bound": true, "facts": facts, "kind": kind, "produced_at": 1_000});
    serde_json::from_value(claims).unwrap()
}

fn judged(predicate: &Predicate, claims: &[Claims]) -> (bool, Vec<String>) {
    let judged = predicate.judge(&Given { at: 1_100, claims, output: &Digest([0xab; 32]) });
    (
        judged.holds,
        judged.reasons.into_iter().map(|reason| format!("{}: {}", reason.place, reason.says)).collect(),
    )
}

fn nitro(pcr0: &str) -> Claims {
    claims("aws-nitro", &json!({"pcr0": pcr0, "debug": false, "bound_in": "user_data"}))
}

#[test]
fn a_refusal_says_what_is_not_as_it_must_be() {
    let wanted = predicate(&json!({"all": [
        {"evidence": {"kind": "aws-nitro", "where": [{"equals": {"fact": "pcr0", "value": "aa"}}, {"age": {"most_s": 60}}]}},
        {"evidence": {"kind": "dsse", "where": []}},
    ]}));
    let (holds, reasons) = judged(&wanted, &[nitro("bb")]);
    assert!(!holds);
    assert_eq!(
        reasons,
        [
            r#"/require/all/0/evidence/where/0: pcr0 is "bb", not "aa""#,
            "/require/all/0/evidence/where/1: it is 100 s old, at most 60 s do",
            "/require/all/1: there is no accepted evidence of kind dsse",
        ]
    );
}

#[test]
fn one_of_several_pieces_is_enough_and_an_unbound_one_is_none() {
    let wanted = predicate(
        &json!({"evidence": {"kind": "aws-nitro", "where": [{"equals": {"fact": "pcr0", "value": "aa"}}]}}),
    );
    assert_eq!(judged(&wanted, &[nitro("bb"), nitro("aa")]), (true, Vec::new()));
    let unbound = Claims { bound: false, ..nitro("aa") };
    assert!(!judged(&wanted, &[unbound]).0);
    assert!(!judged(&wanted, &[]).0);
}

/// Every operator, on a fact that passes and on one that does not.
#[test]
fn every_test_passes_and_fails() {
    let output = "ab".repeat(32);
    let said = json!({"ok": true, "n": 5, "of": ["a", "b"], "deep": [{"x/y": "z~"}], "out": output, "half": 0.5, "none": null});
    let both = [
        claims(
            "reclaim",
            &json!({"host": "a.example", "epoch": 3, "matches": ["done"], "context": said.to_string()}),
        ),
        claims("dsse", &json!({"subjects": [output], "payload": "not json"})),
    ];
    let cases = [
        ("reclaim", json!({"equals": {"fact": "host", "value": "a.example"}}), true),
        ("reclaim", json!({"equals": {"fact": "host", "value": "A.example"}}), false),
        ("reclaim", json!({"equals": {"fact": "method", "value": "GET"}}), false),
        ("reclaim", json!({"one_of": {"fact": "epoch", "values": [2, 3]}}), true),
        ("reclaim", json!({"one_of": {"fact": "epoch", "values": [2, 4]}}), false),
        ("reclaim", json!({"range": {"fact": "epoch", "from": 3, "to": 3}}), true),
        ("reclaim", json!({"range": {"fact": "epoch", "from": 4, "to": 9}}), false),
        ("reclaim", json!({"contains": {"fact": "matches", "value": "done"}}), true),
        ("reclaim", json!({"contains": {"fact": "matches", "value": "don"}}), false),
        ("reclaim", json!({"count": {"fact": "matches", "least": 1}}), true),
        ("reclaim", json!({"count": {"fact": "matches", "least": 2}}), false),
        ("reclaim", json!({"anchor": {"one_of": ["root"]}}), true),
        ("reclaim", json!({"anchor": {"one_of": ["roots"]}}), false),
        ("reclaim", json!({"age": {"most_s": 100}}), true),
        ("reclaim", json!({"age": {"most_s": 99}}), false),
        ("reclaim", json!({"equals": {"fact": "context", "at": "/ok", "value": true}}), true),
        ("reclaim", json!({"equals": {"fact": "context", "at": "/n", "value": 5}}), true),
        ("reclaim", json!({"equals": {"fact": "context", "at": "/n", "value": "5"}}), false),
        ("reclaim", json!({"range": {"fact": "context", "at": "/half", "from": 0, "to": 1}}), false),
        ("reclaim", json!({"contains": {"fact": "context", "at": "/of", "value": "b"}}), true),
        ("reclaim", json!({"contains": {"fact": "context", "at": "/of", "value": "c"}}), false),
        ("reclaim", json!({"equals": {"fact": "context", "at": "/deep/0/x~1y", "value": "z~"}}), true),
        ("reclaim", json!({"equals": {"fact": "context", "at": "/deep/00/x~1y", "value": "z~"}}), false),
        ("reclaim", json!({"equals": {"fact": "context", "at": "/deep/+0/x~1y", "value": "z~"}}), false),
        ("reclaim", json!({"equals": {"fact": "context", "at": "/none", "value": false}}), false),
        ("reclaim", json!({"output": {"fact": "context", "at": "/out"}}), true),
        ("reclaim", json!({"output": {"fact": "host"}}), false),
        ("dsse", json!({"output": {"fact": "subjects"}}), true),
        ("dsse", json!({"equals": {"fact": "payload", "at": "/x", "value": 1}}), false),
    ];
    for (kind, test, passes) in cases {
        let wanted = predicate(&json!({"evidence": {"kind": kind, "where": [test]}}));
        wanted.check().unwrap_or_else(|fault| panic!("{test}: {fault}"));
        assert_eq!(judged(&wanted, &both).0, passes, "{test}: {:?}", judged(&wanted, &both));
    }
}

/// The logic beside a truth table over three kinds of evidence, for every predicate of two levels.
#[test]
fn the_logic_is_that_of_a_truth_table() {
    let kinds = [Kind::AwsNitro, Kind::Dsse, Kind::Reclaim];
    let leaf = |kind| Expr::Evidence { kind, r#where: Vec::new() };
    let joined = |which: usize, parts: Vec<Expr>| match which {
        0 => Expr::All(parts),
        1 => Expr::Any(parts),
        n => Expr::AtLeast { count: n - 1, of: parts },
    };
    let truth = |which: usize, parts: &[bool]| {
        let held = parts.iter().filter(|part| **part).count();
        held >= match which {
            0 => parts.len(),
            1 => 1,
            n => n - 1,
        }
    };
    for (outer, inner) in (0..4).flat_map(|outer| (0..4).map(move |inner| (outer, inner))) {
        let nested = joined(inner, vec![leaf(kinds[0]), leaf(kinds[1])]);
        let whole = Predicate::new(joined(outer, vec![nested, leaf(kinds[2])]));
        whole.check().unwrap();
        for bits in 0..8_usize {
            let shown = |n: usize| bits >> n & 1 == 1;
            let given: Vec<_> =
                (0..3).filter(|n| shown(*n)).map(|n| claims(kinds[n].name(), &json!({}))).collect();
            let wanted = truth(outer, &[truth(inner, &[shown(0), shown(1)]), shown(2)]);
            let (holds, reasons) = judged(&whole, &given);
            assert_eq!(holds, wanted, "{whole:?} with {bits:03b}");
            assert_eq!(reasons.is_empty(), holds, "it says why, and only when it must");
        }
    }
}

#[test]
fn predicates_that_make_no_sense_are_told_where() {
    let test = |test: Json| json!({"evidence": {"kind": "aws-nitro", "where": [test]}});
    let leaf = json!({"evidence": {"kind": "dsse", "where": []}});
    let mut deep = leaf.clone();
    for _ in 0..8 {
        deep = json!({"all": [deep]});
    }
    let wide: Vec<_> = (0..300).map(|n| json!({"age": {"most_s": n}})).collect();
    let cases = [
        (json!({"all": []}), "/require: it has no parts"),
        (json!({"any": [leaf, leaf]}), "part 1 stands there twice"),
        (json!({"at_least": {"count": 2, "of": [leaf]}}), "2 of 1 can never hold"),
        (json!({"at_least": {"count": 0, "of": [leaf]}}), "0 of 1 can never hold, or always"),
        (deep, "it nests deeper than 8"),
        (json!({"evidence": {"kind": "aws-nitro", "where": wide}}), "it has more than 256 parts"),
        (test(json!({"equals": {"fact": "pcr9", "value": "aa"}})), "aws-nitro has no fact"),
        (test(json!({"equals": {"fact": "pcr0", "value": 1}})), "of another type"),
        (test(json!({"equals": {"fact": "debug", "value": "no"}})), "of another type"),
        (test(json!({"one_of": {"fact": "pcr0", "values": []}})), "it has 0 values"),
        (test(json!({"range": {"fact": "pcr0", "from": 0, "to": 1}})), "not a whole number"),
        (test(json!({"contains": {"fact": "pcr0", "value": "a"}})), "not a list"),
        (test(json!({"equals": {"at": "/x", "fact": "pcr0", "value": "a"}})), "is not JSON"),
        (test(json!({"age": {"most_s": -1}})), "an age is 0 or more"),
        (test(json!({"anchor": {"one_of": []}})), "anchors"),
        (
            json!({"evidence": {"kind": "nvidia-gpu", "where": [{"age": {"most_s": 1}}]}}),
            "does not say when it was made",
        ),
        (
            json!({"evidence": {"kind": "dsse", "where": [{"equals": {"at": "x", "fact": "payload", "value": 1}}]}}),
            "JSON pointer",
        ),
        (
            json!({"evidence": {"kind": "dsse", "where": [{"equals": {"at": "/~2", "fact": "payload", "value": 1}}]}}),
            "JSON pointer",
        ),
        (
            json!({"evidence": {"kind": "dsse", "where": [{"range": {"at": "/n", "fact": "payload", "from": 2, "to": 1}}]}}),
            "nothing is from 2 to 1",
        ),
    ];
    for (require, says) in cases {
        let fault = predicate(&require).check().unwrap_err().to_string();
        assert!(fault.contains(says), "{require}: {fault}");
    }
}

#[test]
fn a_predicate_has_one_digest_and_other_texts_are_refused() {
    let spaced =
        br#"{ "type": "tollgate/predicate/v1", "require": {"evidence": {"where": [], "kind": "dsse"}} }"#;
    let plain = br#"{"require":{"evidence":{"kind":"dsse","where":[]}},"type":"tollgate/predicate/v1"}"#;
    let predicate = Predicate::parse(spaced).unwrap();
    assert_eq!(predicate.canonical(), plain);
    assert_eq!(predicate.digest(), Predicate::parse(plain).unwrap().digest());
    let wrong = [
        r#"{"require":{"not":[]},"type":"tollgate/predicate/v1"}"#,
        r#"{"require":{"evidence":{"kind":"oracle","where":[]}},"type":"tollgate/predicate/v1"}"#,
        r#"{"require":{"evidence":{"kind":"dsse","where":[],"more":1}},"type":"tollgate/predicate/v1"}"#,
        r#"{"require":{"evidence":{"kind":"dsse","where":[]}},"type":"tollgate/predicate/v2"}"#,
        r#"{"require":{"evidence":{"kind":"dsse","where":[{"range":{"fact":"x","from":0.5,"to":1}}]}},"type":"tollgate/predicate/v1"}"#,
        r#"{"require":{"all":[],"any":[]},"type":"tollgate/predicate/v1"}"#,
    ];
    for text in wrong {
        assert!(Predicate::parse(text.as_bytes()).is_err(), "{text}");
    }
    let long = format!(r#"{{"require":{{"any":[{}"#, " ".repeat(70_000));
    assert!(Predicate::parse(long.as_bytes()).is_err());
}

#[test]
fn a_predicate_is_held_to_its_contract() {
    let mut contract = Cast::new().unwrap().contract();
    let wanted = predicate(&json!({"evidence": {"kind": "dsse", "where": []}}));
    assert!(wanted.check_for(&contract).unwrap_err().to_string().contains("the contract names"));
    contract.evidence.predicate = wanted.digest();
    contract.evidence.kinds = vec!["aws-nitro".into()];
    assert!(
        wanted
            .check_for(&contract)
            .unwrap_err()
            .to_string()
            .contains("does not accept evidence of kind dsse")
    );
    contract.evidence.kinds.push("dsse".into());
    wanted.check_for(&contract).unwrap();
}

#[test]
fn ready_predicates_need_their_parameters_and_make_sense() {
    for ready in READY {
        let value = |name| if name == "at" { "/7" } else { "7" };
        let given: BTreeMap<&str, &str> = ready.needs.iter().map(|(name, _)| (*name, value(*name))).collect();
        let made = ready.with(&given).unwrap_or_else(|error| panic!("{}: {error}", ready.name));
        assert_eq!(Predicate::parse(&made.canonical()).unwrap(), made);
        let mut more = given.clone();
        more.insert("other", "7");
        assert!(ready.with(&more).is_err(), "{}", ready.name);
        if let Some((first, _)) = ready.needs.first() {
            let mut fewer = given.clone();
            fewer.remove(first);
            assert!(ready.with(&fewer).is_err(), "{}", ready.name);
        }
    }
    let ready = Ready::named("enclave").unwrap();
    assert!(ready.with(&[("pcr0", "aa"), ("most_s", "soon")].into()).is_err());
    let made = ready.with(&[("pcr0", "aa"), ("most_s", "100")].into()).unwrap();
    assert!(judged(&made, &[nitro("aa")]).0);
    assert!(!judged(&made, &[nitro("ab")]).0);
    let Expr::Evidence { r#where, .. } = made.require else { panic!("one piece of evidence") };
    assert_eq!(r#where[0], Test::Equals { at: None, fact: "pcr0".into(), value: Value::Text("aa".into()) });
}

/// What evaluators signed against an output is accepted evidence too, so a predicate must ask what they said.
#[test]
fn a_predicate_over_evaluators_asks_what_they_said() {
    let fault = |tests: Json| {
        let text = json!({"evidence": {"kind": "evaluators", "where": tests}});
        predicate(&text).check().err().map(|fault| fault.to_string())
    };
    assert_eq!(
        fault(json!([{"count": {"fact": "passed_by", "least": 1}}, {"output": {"fact": "output"}}])),
        None
    );
    for tests in [json!([]), json!([{"output": {"fact": "output"}}]), json!([{"age": {"most_s": 60}}])] {
        let told = fault(tests.clone()).unwrap();
        assert!(told.contains("what the evaluators said"), "{tests}: {told}");
    }
}
