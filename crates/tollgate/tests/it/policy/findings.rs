//! What `policy check` says beyond the text alone: vectors of examples.

use crate::tool::Folder;
use serde_json::{Value, json};

const POLICY: &str = r#"
signal refund = similar to ["I want my money back", "refund my order"] threshold 0.8
signal invoice = similar to ["send me the invoice"] threshold 0.8
signal weather = similar to ["will it rain"] threshold 0.8
route money_back { when refund models { "a" } }
route billing { when invoice models { "b" } }
route forecast { when weather models { "c" } }
default { models { "d" } }
"#;

fn line(signal: &str, text: &str, vector: &[f32]) -> String {
    json!({"signal": signal, "text": text, "vector": vector}).to_string() + "\n"
}

/// Refunds and invoices 45 degrees apart, within the twice 36.9 that a cosine of 0.8 allows; the weather far from both.
fn vectors() -> String {
    line("refund", "I want my money back", &[2.0, 0.0, 0.0])
        + &line("refund", "refund my order", &[1.0, 1.0, 0.0])
        + &line("invoice", "send me the invoice", &[0.0, 3.0, 0.0])
        + &line("weather", "will it rain", &[0.0, 0.0, 1.0])
}

#[test]
fn check_finds_examples_that_are_near_each_other() {
    let folder = Folder::new("vectors");
    folder.write("p.tollgate", POLICY);
    folder.write("v.jsonl", &vectors());
    let check = ["policy", "check", "p.tollgate", "--vectors", "v.jsonl"];
    let plain = folder.run(&check);
    assert!(plain.code == 0 && plain.err.contains("warning[cap-overlap]"), "{}{}", plain.out, plain.err);
    assert!(
        plain.err.contains("45.0 degrees apart") && plain.err.contains("exclusive group"),
        "{}",
        plain.err
    );
    assert!(!plain.err.contains("forecast"), "far from both, it excludes both: {}", plain.err);
    assert_eq!(folder.run(&[&check[..], &["--strict"]].concat()).code, 1);

    let ran = folder.run(&[&check[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let findings = found["findings"].as_array().unwrap();
    assert_eq!((findings.len(), &findings[0]["kind"]), (1, &json!("cap-overlap")), "{found}");
    let meeting = &findings[0]["meeting"];
    assert_eq!(meeting["examples"], json!(["refund my order", "send me the invoice"]));
    // The witness is a vector that both signals match.
    let witness: Vec<f64> =
        meeting["vector"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let half = std::f64::consts::FRAC_1_SQRT_2;
    assert!(half * (witness[0] + witness[1]) >= 0.8 && witness[1] >= 0.8, "{witness:?}");

    // Higher thresholds, as the repair says, and nothing is left to say.
    let high: String =
        vectors().lines().map(|line| line.replacen('{', "{\"threshold\": 0.93, ", 1) + "\n").collect();
    folder.write("v.jsonl", &high);
    let apart = folder.run(&check);
    assert!(apart.code == 0 && apart.err.is_empty(), "{}", apart.err);
    // Without vectors all three may hold together.
    assert!(folder.run(&check[..3]).err.contains("note[overlap]"));
}

#[test]
fn what_is_wrong_with_vectors_is_said_with_its_line() {
    let folder = Folder::new("vectors-wrong");
    folder.write("p.tollgate", POLICY);
    for (wrong, says) in [
        (
            line("refund", "I want my money back", &[1.0, 0.0])
                + &line("invoice", "send me the invoice", &[1.0]),
            "v.jsonl: line 2: the vector has 1 numbers, those before have 2",
        ),
        (
            "{\"signal\": \"refund\", \"text\": \"refund my order\", \"vector\": [NaN]}".into(),
            "line 1: NaN is no number of a vector",
        ),
        (
            "{\"signal\": \"refund\", \"text\": \"refund my order\", \"vector\": [1, 1e300]}".into(),
            "line 1: number 2 of the vector is too large",
        ),
        (line("refund", "refund my order", &[0.0, 0.0]), "line 1: the vector is zero"),
        (line("refund", "refund my order", &[]), "line 1: the vector is zero"),
        (line("refunds", "refund my order", &[1.0]), "did you mean `refund`?"),
        (line("refund", "refund my ordr", &[1.0]), "one of them is \"refund my order\""),
        (
            line("refund", "refund my order", &[1.0]).repeat(2),
            "line 2: \"refund my order\" has a vector already",
        ),
        (
            line("refund", "refund my order", &[1.0]),
            "`refund` has no vector for its example \"I want my money back\"",
        ),
        ("{\"text\": \"x\"}".into(), "line 1: missing field `signal`"),
        ("\n".into(), "there is no vector"),
    ] {
        folder.write("v.jsonl", &wrong);
        let ran = folder.run(&["policy", "check", "p.tollgate", "--vectors", "v.jsonl"]);
        assert!(ran.code == 2 && ran.err.contains(says), "{wrong}: {}{}", ran.out, ran.err);
    }
    // Some signals without any vectors are said to be left out.
    folder.write("v.jsonl", &line("weather", "will it rain", &[1.0]));
    let ran = folder.run(&["policy", "check", "p.tollgate", "--vectors", "v.jsonl"]);
    assert!(ran.code == 0 && ran.err.contains("nothing is said of `refund`, `invoice`"), "{}", ran.err);
    folder.write(
        "none.tollgate",
        "route r { when tokens > 5 models { \"a\" } }\ndefault { models { \"d\" } }\n",
    );
    let ran = folder.run(&["policy", "check", "none.tollgate", "--vectors", "v.jsonl"]);
    assert!(
        ran.code == 2 && ran.err.contains("no signal of the policy compares with examples"),
        "{}",
        ran.err
    );
}

/// A decision of the log: the policy it was made under, and whether three keywords were found.
fn logged(policy: &str, found: [Option<bool>; 3]) -> String {
    let signal = |matched: bool| json!({"matched": matched, "confidence": 1.0, "value": matched});
    let named = ["red", "green", "blue"].into_iter().zip(found);
    let signals: serde_json::Map<_, _> =
        named.filter_map(|(name, found)| Some((name.to_owned(), signal(found?)))).collect();
    let decision = json!({"recorded": {"policy": policy, "signals": signals}});
    json!({"id": "req_7", "prompt_tokens": 9, "completion_tokens": 1, "decision": decision}).to_string()
        + "\n"
}

#[test]
fn routes_that_hold_together_are_counted_over_the_log() {
    let folder = Folder::new("sample-log");
    let text = "signal red = keyword any [\"r\"]\nsignal green = keyword any [\"g\"]\nsignal blue = keyword any [\"b\"]\nroute a { when red models { \"a\" } }\nroute b { when green models { \"b\" } }\nroute c tier 1 { when blue models { \"c\" } }\ndefault { models { \"d\" } }\n";
    folder.write("p.tollgate", text);
    let digest = tollgate_core::Digest::of(text.as_bytes()).to_string();
    let log = logged(&digest, [Some(true), Some(true), Some(false)]).repeat(8)
        + &logged(&digest, [Some(true), Some(false), Some(false)]).repeat(2)
        // Settled by its first tier alone, and not settled at all.
        + &logged(&digest, [None, None, Some(true)])
        + &logged(&digest, [Some(true), None, Some(false)]).repeat(3)
        + "{\"id\": \"req_8\", \"decision\": null}\n";
    folder.write("log.jsonl", &log);
    let check = ["policy", "check", "p.tollgate", "--sample", "log.jsonl", "--json"];
    let ran = folder.run(&check);
    assert!(ran.err.contains("3 decisions of the log are left out"), "{}", ran.err);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found["requests_counted"], 11, "{found}");
    let kind = |f: &&Value| f["kind"] == "hold-together";
    let seen = &found["findings"].as_array().unwrap().iter().find(kind).unwrap()["seen"];
    assert_eq!(
        (&seen["both"], &seen["either"], &seen["texts"]),
        (&json!(8), &json!(10), &json!(["req_7"])),
        "{seen}"
    );
    // Under another text the same names may mean something else: nothing is counted.
    folder.write("log.jsonl", &logged(&"00".repeat(32), [Some(true), Some(true), Some(false)]).repeat(8));
    let other: Value = serde_json::from_str(&folder.run(&check).out).unwrap();
    assert_eq!(other["requests_counted"], 0, "{other}");
}

/// What cannot be built is an error with a place, in every form that findings are printed in.
#[test]
fn a_regex_that_is_none_has_its_place_in_every_form() {
    let folder = Folder::new("unbuilt");
    let text = "signal odd = keyword any [\"(a\"] method regex\nroute r { when odd models { \"m\" } }\ndefault { models { \"d\" } }\n";
    folder.write("p.tollgate", text);
    let check = ["policy", "check", "p.tollgate"];
    let plain = folder.run(&check);
    assert!(plain.code == 1 && plain.err.contains("error[unbuilt-signal]"), "{}", plain.err);
    assert!(plain.err.contains("p.tollgate:1:26"), "{}", plain.err);
    let sarif = folder.run(&[&check[..], &["--sarif"]].concat());
    let sarif: Value = serde_json::from_str(&sarif.out).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "unbuilt-signal", "{sarif}");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startColumn"], 26, "{sarif}");
    let json: Value = serde_json::from_str(&folder.run(&[&check[..], &["--json"]].concat()).out).unwrap();
    assert_eq!(json["diagnostics"][0]["code"], "unbuilt-signal", "{json}");
    assert_eq!(json["diagnostics"].as_array().map(Vec::len), Some(1), "{json}");
}
