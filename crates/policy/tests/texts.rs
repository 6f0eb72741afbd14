//! Texts: every diagnostic with its place, recovery, bounds, layout, and texts made to hurt.
#![allow(clippy::panic, reason = "a test that meets the unexpected stops")]

use proptest::prelude::*;
use std::fmt::Write as _;
use tollgate_policy::{Known, SHIPPED, Severity, compile, diagnose, fmt, limits, outline};

const GOVERNED: &str = include_str!("../../../docs/examples/governance.tollgate");
const REST: &str = "default { models { \"small\" } }\n";

fn known() -> Known {
    Known::new(["small", "large"], ["short"])
}

/// Codes of what is found in `text` followed by a right default.
fn codes(text: &str) -> Vec<&'static str> {
    let report = diagnose(&format!("{text}\n{REST}"), &known());
    report.diagnostics.iter().map(|found| found.code).collect()
}

fn route(body: &str) -> String {
    format!("route r {{ {body} }}")
}

#[test]
fn each_slip_is_named() {
    let when = |when: &str| route(&format!("when {when} models {{ \"small\" }}"));
    for (text, code) in [
        (when("tokns > 5"), "unknown-name"),
        (when("keyword"), "unknown-name"),
        (when("tokens"), "type"),
        (when("language"), "type"),
        (when("role"), "type"),
        (when("stream > 0"), "type"),
        (when("language > 5"), "type"),
        (when("language == \"en\""), "type"),
        (when("language has \"en\""), "type"),
        (when("role is \"x\""), "type"),
        (when("tokens in [\"x\"]"), "type"),
        (when("language in []"), "bad-value"),
        (when("kind is \"chta\""), "bad-value"),
        (when("1 > 2"), "type"),
        (when("tokens * tools > 2"), "type"),
        (when("tokens / 0 > 2"), "range"),
        (when("tokens / tools > 2"), "type"),
        (when("1 < tokens < 5"), "syntax"),
        (when("tokens > 99999999999999"), "range"),
        (when("entropy(tokens) > 1"), "type"),
        (when("foo(tokens) > 1"), "unknown-name"),
        (when("min(tokens) > 1"), "type"),
        (when("tokens > 1 and"), "syntax"),
        (route("models { \"small\" }"), "missing-when"),
        (route("when stream"), "missing-models"),
        (route("when stream models { \"smal\" }"), "unknown-model"),
        (route("when stream models { \"small\" weight 0 }"), "range"),
        (route("when stream models { \"small\" effort hi }"), "bad-value"),
        (route("when stream models { \"small\" wait 1 }"), "unknown-parameter"),
        (route("when stream models { \"small\" } pool \"sort\""), "unknown-pool"),
        (route("when stream models { \"small\" } pool \"short\" pool \"short\""), "duplicate-statement"),
        (route("when stream models { \"small\" } mask [\"face\"]"), "bad-value"),
        (route("when stream models { \"small\" } mask []"), "bad-value"),
        (route("when stream models { \"small\" } mask mask [\"email\"]"), "duplicate-statement"),
        (route("when stream answer 403 \"no\" mask"), "unused"),
        (route("when stream models { \"small\" } answer 403 \"no\""), "bad-value"),
        (route("when stream answer 99 \"no\""), "range"),
        (route("when stream models { \"small\" } header set \"a b\" \"c\""), "bad-value"),
        (route("when stream models { \"small\" } header set \"Authorization\" \"c\""), "bad-value"),
        (route("when stream models { \"small\" } param remove messages"), "bad-value"),
        (route("when stream models { \"small\" } algorithm elo"), "bad-value"),
        (route("when stream models { \"small\" } poool \"short\""), "syntax"),
        ("route r tier 1.5 { when stream models { \"small\" } }".into(), "range"),
        ("route r teir 1 { when stream models { \"small\" } }".into(), "unknown-parameter"),
        ("route tests { when stream models { \"small\" } }".into(), "reserved-name"),
        ("signal tokens = stream".into(), "reserved-name"),
        ("signal a = keywrd any [\"x\"]".into(), "unknown-kind"),
        ("signal a = keyword".into(), "missing-parameter"),
        ("signal a = keyword any []".into(), "bad-value"),
        ("signal a = keyword any [\"\"]".into(), "bad-value"),
        ("signal a = keyword any [\"x\"] scop all".into(), "unknown-parameter"),
        ("signal a = keyword any [\"x\"] scope everything".into(), "bad-value"),
        ("signal a = keyword any [\"x\"] case 1".into(), "bad-value"),
        ("signal a = keyword any [\"x\"] method fuzzy distance 9".into(), "range"),
        ("signal a = keyword any [\"x\"] distance 1".into(), "bad-value"),
        ("signal a = keyword any [\"x\"] any [\"y\"]".into(), "duplicate-parameter"),
        ("signal a = keyword any [\"x\"] on_failure maybe".into(), "bad-value"),
        ("signal a = feature words [\"x\"]".into(), "missing-parameter"),
        ("signal a = event severities [\"bad\"]".into(), "bad-value"),
        ("score s = 1 + 2".into(), "type"),
        ("score s = t\nscore t = tokens".into(), "unknown-name"),
        ("score s = tokens\nband b = s > 1 and > 2".into(), "bad-value"),
        ("score s = tokens\nband b = s > 2 and < 1".into(), "range"),
        ("group g = exclusive(stream)".into(), "too-many"),
        ("group g = exclusive(stream, warm) temperature 0".into(), "range"),
        ("group g = exclusive(stream, language)".into(), "type"),
        (
            "group g = exclusive(stream, warm)\nroute r { when g is tool_loop models { \"small\" } }".into(),
            "unknown-name",
        ),
        ("tests { \"x\" -> nowhere }".into(), "unknown-route"),
        ("tests { { text \"x\" roles [\"a\"] } -> default }".into(), "unknown-name"),
        ("tests { { tokens \"x\" } -> default }".into(), "type"),
        ("policy \"a\" policy \"b\"".into(), "duplicate-name"),
        ("signal a = stream\nsignal a = warm".into(), "duplicate-name"),
        (REST.into(), "duplicate-name"),
        ("rout r {}".into(), "syntax"),
        ("signal a = \"x".into(), "unclosed-text"),
        ("é".into(), "unknown-character"),
    ] {
        assert!(codes(&text).contains(&code), "{text}: {:?}, not {code}", codes(&text));
    }
    assert_eq!(codes(&when("tokens > 5 and not stream")), [""; 0]);
    assert!(diagnose("", &known()).diagnostics.iter().any(|found| found.code == "missing-default"));
}

#[test]
fn all_errors_are_reported_at_once_with_places() {
    let text = "signal code = keywrd any [\"x\"]\nsignal spare = keyword any [\"y\"]\n\
        route a {\n  when cod and tokens > \n  models { \"lagre\" weight 3 }\n}\n\
        route a priority 2 {\n  when code or langauge is \"en\"\n  modles { \"small\" }\n  pool \"short\"\n}\n\
        route b { when stream models { \"small\" } }\nroute c { when  stream models { \"large\" } }\n";
    let report = diagnose(text, &known());
    insta::assert_snapshot!(report.render("p.tollgate", text));
    let json = report.to_json(text);
    assert_eq!(json["diagnostics"][0]["range"]["start"]["line"], 1);
    assert_eq!(json["errors"], report.errors());
}

#[test]
fn warnings_do_not_stop_a_policy() {
    let text = format!("signal spare = keyword any [\"x\"]\n{REST}");
    let compiled = compile(&text, &known());
    assert!(compiled.policy.is_some_and(|policy| policy.specs().is_empty()));
    let [found] = compiled.report.diagnostics.as_slice() else { panic!("{:?}", compiled.report) };
    assert_eq!((found.severity, found.code), (Severity::Warning, "unused"));
}

#[test]
fn every_bound_is_reached() {
    let leaves =
        |count: usize| route(&format!("when {} models {{ \"small\" }}", vec!["stream"; count].join(" or ")));
    let nested = |depth: usize| {
        route(&format!("when {}stream{} models {{ \"small\" }}", "(".repeat(depth), ")".repeat(depth)))
    };
    let routes = |count: usize| {
        (0..count).fold(String::new(), |mut text, at| {
            let _ = writeln!(text, "route r{at} {{ when tokens > {at} models {{ \"small\" }} }}");
            text
        })
    };
    let models = |count: usize| route(&format!("when stream models {{ {} }}", "\"small\",".repeat(count)));
    let chain = |height: u32| {
        (1..height).fold("score s0 = tools\n".to_owned(), |mut text, at| {
            let _ = writeln!(text, "score s{at} = 0.5 * s{}", at - 1);
            text
        })
    };
    let doubling = |height: u32| {
        (1..height).fold("score s0 = tools\n".to_owned(), |mut text, at| {
            let _ = writeln!(text, "score s{at} = s{0} + s{0}", at - 1);
            text
        })
    };
    for (fits, exceeds, code) in [
        (leaves(limits::MAX_LEAVES), leaves(limits::MAX_LEAVES + 1), "too-many"),
        (nested(limits::MAX_DEPTH), nested(limits::MAX_DEPTH + 1), "too-deep"),
        (routes(limits::MAX_ROUTES), routes(limits::MAX_ROUTES + 1), "too-many"),
        (models(limits::MAX_MODELS), models(limits::MAX_MODELS + 1), "too-many"),
        (chain(limits::MAX_DERIVED_HEIGHT), chain(limits::MAX_DERIVED_HEIGHT + 1), "too-deep"),
        (doubling(12), doubling(15), "too-deep"),
        (" ".repeat(limits::MAX_BYTES - REST.len() - 1), " ".repeat(limits::MAX_BYTES), "too-large"),
    ] {
        assert!(!codes(&fits).contains(&code), "{code}: {}", &fits[..fits.len().min(80)]);
        assert!(codes(&exceeds).contains(&code), "{code}: {}", &exceeds[..exceeds.len().min(80)]);
    }
    let many = "band 1\n".repeat(limits::MAX_DIAGNOSTICS + 10);
    let report = diagnose(&many, &known());
    assert_eq!(report.diagnostics.len(), limits::MAX_DIAGNOSTICS);
    assert!(report.left_out >= 10 && report.render("p", &many).contains("more"));
}

#[test]
fn hostile_texts_end_quickly() {
    let deep = 200_000;
    for text in [
        "(".repeat(deep),
        format!("route r {{ when {}", "not ".repeat(deep)),
        format!("score s = {}1", "-".repeat(deep)),
        format!("score s = {}", "min(".repeat(deep)),
        format!("route r {{ when {}", "{".repeat(deep)),
        "\"".repeat(deep),
        "tests { ".repeat(50_000),
        "[".repeat(deep),
        "é".repeat(deep),
        format!("signal a = keyword any {}", "[\"x\"".repeat(50_000)),
        "default {\n".repeat(50_000),
        (0..40_000).fold(String::new(), |text, at| text + &format!("score s{at} = x{at}\n")),
        format!("score s = tokens{}", " + tokens".repeat(100_000)),
        format!("role \"a\" {{ tool \"x\" when {}", "(".repeat(deep)),
        format!("role \"a\" {{ tool \"x\" when {}", "not ".repeat(deep)),
        "role \"a\" {\n".repeat(50_000),
        (0..2_000).fold(String::new(), |text, at| text + &format!("role \"r{at}\" {{ cost <= 1 }}\n")),
        format!("role \"a\" {{ tool \"x\" when \"a\" is true{} }}", " and \"a\" is true".repeat(90_000)),
        format!("route r {{ when stream{} models {{ \"a\" }} }}", " and stream".repeat(90_000)),
    ] {
        let report = diagnose(&text, &known());
        assert!(report.errors() > 0 && report.diagnostics.len() <= limits::MAX_DIAGNOSTICS);
        assert!(report.render("p", &text).len() < 200_000);
        let _ = (outline(&text), fmt("p", &text).is_ok());
    }
}

#[test]
fn the_layout_is_canonical_and_keeps_comments() {
    let messy = "# top\npolicy   \"x\"\nsignal code=keyword any [\"a\",\n # why\n \"b\"] scope last_user # tail\n\n\n\
        route r   tier 1{when (code or not  stream) and tokens>4000 and min(1,-tokens)<2 # cond\n\
        # alone\nmodels{\"small\" weight 3,\"large\"} header set \"x\" \"y\" header remove \"z\"\n# last\n}\n\
        default{models{\"small\"}}\ntests{\"hi\"->default {text \"x\" tokens 5}->r}\n# end";
    let laid_out = fmt("p", messy).unwrap();
    insta::assert_snapshot!(laid_out);
    assert_eq!(fmt("p", &laid_out).unwrap(), laid_out);
    assert!(fmt("p", "route {").is_err());
}

#[test]
fn the_outline_lists_declarations() {
    let found = outline(SHIPPED);
    let names: Vec<_> = found.items.iter().map(|item| format!("{} {}", item.kind, item.name)).collect();
    assert_eq!(&names[..3], ["policy shipped", "signal code", "signal reasoning"]);
    assert_eq!(found.items[0].start.line, 3);
    assert_eq!(outline("signal a = \nroute r { when x }\n").items.len(), 1);
}

/// Pieces of the language, glued at random.
fn soup() -> impl Strategy<Value = String> {
    let words = vec![
        "policy",
        "signal",
        "score",
        "band",
        "group",
        "route",
        "default",
        "tests",
        "when",
        "models",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        ">=",
        "->",
        "and",
        "or",
        "not",
        "is",
        "in",
        "has",
        "like",
        "tokens",
        "code",
        "\"x\"",
        "'y'",
        "0.5",
        "keyword",
        "any",
        "\n",
        "# c\n",
        "exclusive",
        "slope",
        "weight",
        "tier",
        "1",
        "-",
        "*",
        "\"",
        "é",
        "language",
        "role \"a\" {",
        "others {",
        "data d {",
        "rule r {",
        "on_premise",
        "cost <= 5",
        "tool \"t\"",
        "never",
        "given",
    ];
    proptest::collection::vec(proptest::sample::select(words), 0..60).prop_map(|words| words.join(" "))
}

/// Everything but blanks; comments are kept apart because a line may be broken before one.
fn tokens(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in prop_oneof![soup(), ".{0,200}"]) {
        let report = diagnose(&text, &known());
        let _ = (report.render("p", &text), report.to_json(&text), outline(&text));
        if let Ok(once) = fmt("p", &text) {
            prop_assert_eq!(tokens(&once), tokens(&text));
            prop_assert_eq!(fmt("p", &once).unwrap(), once);
        }
    }

    #[test]
    fn a_damaged_policy_is_read(governed: bool, at in 0..SHIPPED.len(), cut in 0usize..40, put in soup()) {
        let whole = if governed { GOVERNED } else { SHIPPED };
        let at = at % whole.len();
        let (start, end) = (whole.floor_char_boundary(at), whole.floor_char_boundary((at + cut).min(whole.len())));
        let text = format!("{}{put}{}", &whole[..start], &whole[end..]);
        let report = diagnose(&text, &known());
        let _ = report.render("p", &text);
        if let Ok(once) = fmt("p", &text) {
            prop_assert_eq!(tokens(&once), tokens(&text));
            prop_assert_eq!(fmt("p", &once).unwrap(), once);
        }
    }
}
