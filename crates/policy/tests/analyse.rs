//! The crisp analysis: each kind of finding by example, and what must not be reported.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that meets the unexpected stops")]

mod common;

use common::{nothing, policy};
use tollgate_policy::{Finding, FindingKind, Findings, Known, Policy, SHIPPED, Severity, analyse, review};

const HEAD: &str = r#"
signal code = keyword any ["code"]
signal rust = keyword any ["rust", "code"]
signal plain = keyword none ["code"]
signal fuzzy = keyword any ["near"] method fuzzy
signal words = feature measure count words ["x"]
signal team = metadata key "team" is ["red"]
signal rivals = metadata key "team" is ["blue"]
signal share = ratio of code
score effort = 0.5 * code + 0.3 * min(tokens / 1000, 1) + 0.2 * fuzzy
band hard = effort >= 0.6
band easy = effort < 0.4
band middling = effort >= 0.4 and < 0.6
group topic = exclusive(fuzzy, share, words) temperature 0.2 margin 0.1
"#;

/// Routes of falling priority (0 for the last), or all of one when `flat`.
fn text(routes: &[&str], flat: bool) -> String {
    let mut text = HEAD.to_owned();
    for (at, when) in routes.iter().enumerate() {
        let priority = if flat { 0 } else { routes.len() - at };
        text += &format!("route r{at} priority {priority} {{ when {when} models {{ \"m{at}\" }} }}\n");
    }
    text + "default { models { \"d\" } }"
}

fn found(policy: &Policy) -> Findings {
    let found = analyse(policy);
    found.findings.iter().for_each(|finding| confirm(policy, finding));
    found
}

/// An example must replay to what the finding says of it.
fn confirm(policy: &Policy, finding: &Finding) {
    let Some(witness) = &finding.witness else {
        assert!(!matches!(finding.kind, FindingKind::Shadowed | FindingKind::Overlap), "{finding:?}");
        return;
    };
    let decision = policy.replay(&witness.recorded).unwrap();
    assert_eq!(decision.route_name(), witness.outcome);
    let trace = decision.trace.as_ref().unwrap();
    let holds = |name: &str| {
        trace.routes.iter().any(|route| route.name == name && format!("{:?}", route.when.verdict) != "False")
    };
    match finding.kind {
        FindingKind::Shadowed => {
            assert!(finding.rules[1..].contains(&witness.outcome) && holds(&finding.rules[0]), "{finding:?}");
        }
        FindingKind::Overlap => assert!(finding.rules.iter().all(|rule| holds(rule)), "{finding:?}"),
        _ => {}
    }
}

fn kinds(routes: &[&str], flat: bool) -> Vec<(FindingKind, String)> {
    let policy = policy(&text(routes, flat));
    let found = found(&policy);
    if found.unsettled > 0 {
        return vec![(FindingKind::Overlap, format!("{} unsettled", found.unsettled))];
    }
    found.findings.iter().map(|finding| (finding.kind, finding.rules.join(" "))).collect()
}

/// The findings for routes of falling priority, as `kind rules`.
fn falling(routes: &[&str]) -> String {
    let said = kinds(routes, false).into_iter().map(|(kind, rules)| format!("{} {rules}", kind.word()));
    said.collect::<Vec<_>>().join(", ")
}

#[test]
fn conditions_that_never_hold() {
    let mut wrong = Vec::new();
    for when in [
        "code and not code",
        "tokens > 5 and tokens < 3",
        "turns > 3 and turns < 4",
        "tools > 0.2 and tools < 0.9",
        "share > 1",
        "tokens < 0",
        "language is \"de\" and language is \"en\"",
        "language is \"de\" and not language like \"d*\"",
        "model like \"gpt-*\" and model like \"claude-*\"",
        "kind is not \"chat\" and kind not in [\"agent\", \"computer_use\", \"batch\"]",
        "code and plain",
        "code and not rust",
        "team and rivals",
        "role has all [\"a\", \"b\"] and not role has any [\"b\", \"c\"]",
        "size(role) < 2 and role has all [\"a\", \"b\"]",
        "hard and easy",
        "hard and effort < 0.5",
        "effort > 1",
        "topic is share and topic is words",
        "topic and not topic is fuzzy and not topic is share and not topic is words",
        "topic is fuzzy and not fuzzy",
        "confidence(fuzzy) > 0.2 and not fuzzy",
        "confidence(code) < 0.9 and code",
        // Needs arithmetic: without the words there are at most 0.3 + 0.2.
        "hard and not code",
        "hard and tokens < 100 and not fuzzy",
        "effort > 0.25 and effort < 0.3 and not code and not fuzzy and tokens < 700",
        "total_tokens < 5 and tokens > 6",
        "turns > 4 and depth < 3",
        "2 * words - 1 == 2",
        "topic is words and words < 1",
        "topic is fuzzy and share >= 0.5 and confidence(fuzzy) <= 0.5",
    ] {
        check(&mut wrong, &falling(&[when]), "unsatisfiable r0", when);
    }
    for when in [
        "code and rust",
        "tokens > 5 and tokens < 5.1",
        "turns > 3 and turns < 5",
        "language like \"d*\" and not language is \"de\"",
        "model like \"gpt-*\" and model like \"*-mini\" and model is not \"gpt-mini\"",
        "role has \"a\" and not role has \"b\" and size(role) > 3",
        "hard and code and tokens < 600",
        "middling and not code and tokens > 5",
        "effort > 0.29 and effort < 0.3 and not code and not fuzzy",
        "topic is fuzzy and share > 0.4",
        "topic and words == 0",
        "2 * words - 1 == 3",
        "confidence(fuzzy) > 0.2 and confidence(fuzzy) < 0.21",
        "entropy(topic) > 0.9 and not topic",
    ] {
        if falling(&[when]).contains("unsatisfiable") {
            wrong.push(format!("{when}: is unsatisfiable"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Collects what differs, so that one run shows all of it.
fn check(wrong: &mut Vec<String>, got: &str, want: &str, of: &str) {
    if got != want {
        wrong.push(format!("{of}: {got:?}, not {want:?}"));
    }
}

#[test]
fn routes_that_others_always_precede() {
    let mut wrong = Vec::new();
    for (routes, want) in [
        (&["tokens > 5", "tokens > 8"][..], "shadowed r1 r0"),
        (&["tokens > 8", "tokens > 5"], ""),
        (&["code", "tokens > 5", "code and tokens > 3"], "shadowed r2 r0"),
        (&["code", "not code and tokens > 5", "tokens > 7"], "shadowed r2 r0 r1"),
        (&["code", "plain", "tokens > 7"], "shadowed r2 r0 r1, unreachable-default r0 r1"),
        (&["tokens <= 5", "tokens >= 5"], "unreachable-default r0 r1"),
        (&["turns < 3", "turns > 2"], "unreachable-default r0 r1"),
        (&["tokens < 3", "tokens > 3"], ""),
        (&["rust", "code"], "shadowed r1 r0"),
        (&["easy", "middling", "hard"], "unreachable-default r0 r1 r2"),
        (&["easy", "middling", "effort > 0.3"], "unreachable-default r0 r2"),
        (&["easy", "effort > 0.2", "middling"], "shadowed r2 r1, unreachable-default r0 r1"),
        (&["language like \"d*\"", "language in [\"de\", \"da\"]"], "shadowed r1 r0"),
        (&["role has \"a\"", "role has all [\"a\", \"b\"]"], "shadowed r1 r0"),
        (&["topic", "topic is words"], "shadowed r1 r0"),
        (&["tokens > 3", "total_tokens > 3", "cached_tokens > 4"], "shadowed r2 r0"),
    ] {
        check(&mut wrong, &falling(routes), want, &routes.join(" | "));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn equal_priority() {
    let mut wrong = Vec::new();
    let flat = |routes: &[&str]| {
        let said = kinds(routes, true).into_iter().map(|(kind, rules)| format!("{} {rules}", kind.word()));
        said.collect::<Vec<_>>().join(", ")
    };
    for (routes, want) in [
        (&["code", "tokens > 5"][..], "overlap r0 r1"),
        (&["code", "plain and tokens > 5"], ""),
        (&["tokens < 5", "tokens > 5"], ""),
        (&["language is \"de\"", "language is \"en\""], ""),
        (&["topic is fuzzy", "topic is words"], ""),
        (&["fuzzy", "words > 0"], "overlap r0 r1"),
        // A sure route that is first by name is always before the other.
        (&["tokens > 5", "tokens > 8"], "shadowed r1 r0"),
        // A route that may be less sure is not.
        (&["fuzzy", "fuzzy and tokens > 5"], "overlap r0 r1"),
    ] {
        check(&mut wrong, &flat(routes), want, &routes.join(" | "));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let found = analyse(&policy(&text(&["fuzzy", "words > 0"], true)));
    assert_eq!(found.findings[0].severity, Severity::Note);
    // Two members of a group, each asked for by itself: no threshold keeps them apart, the group does.
    let members = ["confidence(fuzzy) > 0.9", "share > 0.9"];
    let found = analyse(&policy(&text(&members, true).replace("priority 0", "")));
    assert!(
        found.findings[0].repair.contains("`topic is fuzzy` and `topic is share` at most one"),
        "{found:?}"
    );
    assert_eq!(analyse(&policy(&text(&["topic is fuzzy", "topic is share"], true))).findings, []);
    let same = format!(
        "{HEAD}route a {{ when code models {{ \"m\" }} }}\nroute b {{ when stream models {{ \"m\" }} }}\ndefault {{ models {{ \"d\" }} }}"
    );
    assert_eq!(analyse(&policy(&same)).findings, [], "the same effects are no conflict");
}

#[test]
fn parts_that_change_nothing() {
    let mut wrong = Vec::new();
    for (when, part) in [
        ("code and tokens > 5 and code", "code"),
        ("tokens > 5 and tokens > 3", "tokens > 3"),
        ("tokens > 5 or tokens > 8", "tokens > 8"),
        ("code and rust", "rust"),
        ("code and (tokens > 5 or rust)", "(tokens > 5 or rust)"),
        ("code and (tokens > 5 or plain)", "plain"),
        ("code or (tokens > 5 and tokens < 3)", "(tokens > 5 and tokens < 3)"),
        ("code and tokens >= 0", "tokens >= 0"),
        ("not (code or (rust and tokens > 5 and tokens > 4))", "tokens > 4"),
        ("language is \"de\" and language is not \"en\"", "language is not \"en\""),
    ] {
        let policy = policy(&text(&[when], false));
        let found = found(&policy);
        let said: Vec<_> = found
            .findings
            .iter()
            .map(|f| format!("{} {}", f.kind.word(), f.span.of(policy.text())))
            .collect();
        check(&mut wrong, &said.join(", "), &format!("redundant {part}"), when);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for when in
        ["code and (tokens > 5 or not rust)", "tokens > 5 and tokens < 9", "code or (plain and tokens > 5)"]
    {
        let want = if when.starts_with("tokens") { "" } else { "redundant r0" };
        assert_eq!(falling(&[when]), want, "{when}");
    }
}

/// A condition that always holds is no slip where something is given; a part that follows from what is given is one.
#[test]
fn what_is_given_stands_for_itself() {
    for (given, when, want) in [
        ("model is \"m\"", "always", ""),
        ("tokens > 5", "tokens > 3", ""),
        ("tokens > 5", "stream and tokens > 3", "tokens > 3"),
        ("tokens > 5 and tokens > 3", "stream", "tokens > 3"),
    ] {
        let route = format!("route r {{ given {given} when {when} models {{ \"a\" }} }}");
        let policy = policy(&format!("{route}\ndefault {{ models {{ \"d\" }} }}"));
        let found = found(&policy).findings.into_iter().filter(|f| f.kind == FindingKind::Redundant);
        let said: Vec<&str> = found.map(|f| f.span.of(policy.text())).collect();
        assert_eq!(said.join(", "), want, "{route}");
    }
}

#[test]
fn findings_read_like_diagnostics() {
    let text = r#"signal code = keyword any ["code"]
route long tier 1 {
  when tokens > 5_000
  models { "large" }
}
route long_code tier 2 {
  when code and tokens > 8_000
  models { "medium" }
}
route both tier 3 {
  when stream and language is "de" and language is "en"
  models { "medium" }
}
route short tier 4 {
  when stream and tokens < 100 and tokens < 500
  models { "small" }
}
route turns tier 4 {
  when turns > 3
  models { "medium" }
}
default { models { "small" } }
"#;
    let report = review(text, &Known::any()).report;
    insta::assert_snapshot!(report.render("p.tollgate", text));
}

#[test]
fn the_shipped_policy_has_no_findings() {
    let known = Known::new(["sim-small", "sim-medium", "sim-large"], ["short", "long"]);
    let policy = Policy::load("shipped.tollgate", SHIPPED, &known).unwrap();
    nothing(&analyse(&policy));
}

/// What a threshold keeps out cannot be an example: a match is at least as sure as its threshold.
#[test]
fn a_match_is_at_least_as_sure_as_its_threshold() {
    for (signal, sure, unsure) in [
        ("similar to [\"x\"] threshold 0.5", 0.6, 0.4),
        ("similar to [\"x\"]", 0.6, 0.4),
        ("domain is [\"math\"] threshold 0.6", 0.7, 0.5),
        ("jailbreak", 0.75, 0.6),
        ("reask threshold 0.8", 0.9, 0.7),
    ] {
        for (bound, never) in [(sure, false), (unsure, true)] {
            let text = format!(
                "signal s = {signal}\nroute r {{ when confidence(s) < {bound} and s models {{ \"m\" }} }}\ndefault {{ models {{ \"d\" }} }}"
            );
            let found = found(&policy(&text));
            let dead = found.findings.iter().any(|finding| finding.kind == FindingKind::Unsatisfiable);
            assert_eq!((dead, found.unsettled), (never, 0), "{text}: {:?}", found.findings);
        }
    }
}
