//! What every kind of finding says: the rules, the place, the cause, an example that replays, and a repair; and what each
//! form of output shows of it.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected stops")]

mod common;

use common::{Given, policy, sure};
use tollgate_core::signal::SignalSpec;
use tollgate_policy::{
    Caps, Example, Exemplars, Finding, FindingKind, NoVectors, Policy, Report, Severity, Traffic,
    analyse_with,
};

const HEAD: &str = r#"
signal a = keyword any ["a"] method fuzzy
signal b = keyword any ["b"] method fuzzy
group loose = exclusive(a, b) threshold 0.4
group tight = exclusive(a, b) threshold 0.51
"#;

/// Two examples 50 degrees apart, within twice 30.
struct Near;

impl Exemplars for Near {
    fn caps(&self, spec: &SignalSpec) -> Option<Caps> {
        let degrees: f32 = match spec.name.as_str() {
            "a" => 0.0,
            "b" => 50.0,
            _ => return None,
        };
        let (sin, cos) = degrees.to_radians().sin_cos();
        let examples = vec![Example { text: format!("about {}", spec.name), vector: vec![cos, sin] }];
        Some(Caps { examples, threshold: 30_f64.to_radians().cos() })
    }
}

fn text(routes: &[&str]) -> String {
    let route = |(at, route): (usize, &&str)| {
        let (head, when) = route.split_once(": ").unwrap();
        format!("route r{at} {head} {{ when {when} models {{ \"m{at}\" }} }}\n")
    };
    HEAD.to_owned()
        + &routes.iter().enumerate().map(route).collect::<String>()
        + "default { models { \"d\" } }\n"
}

struct Case {
    kind: FindingKind,
    routes: &'static [&'static str],
    rules: &'static [&'static str],
    /// The text at its place, those of its labels, those that it rests on.
    span: &'static str,
    labels: &'static [&'static str],
    core: &'static [&'static str],
    /// Where its example goes; none where no request can be one.
    outcome: Option<&'static str>,
    repair: &'static str,
}

const CASES: &[Case] = &[
    Case {
        kind: FindingKind::Unsatisfiable,
        routes: &["tier 1: tokens > 5 and stream and tokens < 3"],
        rules: &["r0"],
        span: "r0",
        labels: &["tokens > 5", "tokens < 3"],
        core: &["tokens > 5", "tokens < 3"],
        outcome: None,
        repair: "remove one of `tokens > 5`, `tokens < 3`, or join them with `or`",
    },
    Case {
        kind: FindingKind::Shadowed,
        routes: &["tier 1: tokens > 5", "tier 2: tokens > 8 and stream"],
        rules: &["r1", "r0"],
        span: "r1",
        labels: &["tokens > 5"],
        core: &["tokens > 8", "tokens > 5"],
        outcome: Some("r0"),
        repair: "move `r1` before `r0` by tier or priority",
    },
    Case {
        kind: FindingKind::Overlap,
        routes: &["tier 1: tokens > 5", "tier 1: stream"],
        rules: &["r0", "r1"],
        span: "r0",
        labels: &["tokens > 5", "stream"],
        core: &["tokens > 5", "stream"],
        outcome: Some("r0"),
        repair: "give one of them a higher priority",
    },
    Case {
        kind: FindingKind::Redundant,
        routes: &["tier 1: tokens > 5 and stream and tokens > 3"],
        rules: &["r0"],
        span: "tokens > 3",
        labels: &["tokens > 5"],
        core: &["tokens > 5", "tokens > 3"],
        outcome: Some("r0"),
        repair: "remove `tokens > 3`",
    },
    Case {
        kind: FindingKind::UnreachableDefault,
        routes: &["tier 1: tokens > 5", "tier 2: tokens < 9"],
        rules: &["r0", "r1"],
        span: "default",
        labels: &["tokens > 5", "tokens < 9"],
        core: &["tokens > 5", "tokens < 9"],
        outcome: Some("r1"),
        repair: "narrow `r0` or `r1`",
    },
    Case {
        kind: FindingKind::LooseGroup,
        routes: &["tier 1: loose is a", "tier 2: loose is b"],
        rules: &["r0", "r1"],
        span: "loose",
        labels: &["loose is a", "loose is b"],
        core: &["loose is a", "loose is b"],
        outcome: Some("r0"),
        repair: "write a threshold above 0.5",
    },
    Case {
        kind: FindingKind::CapOverlap,
        routes: &["tier 1: a", "tier 1: b"],
        rules: &["r0", "r1"],
        span: "r0",
        labels: &["a", "b"],
        core: &["a", "b"],
        outcome: Some("r0"),
        repair: "raise the thresholds",
    },
    Case {
        kind: FindingKind::HoldTogether,
        routes: &["tier 1: a", "tier 1: b"],
        rules: &["r0", "r1"],
        span: "r0",
        labels: &["a", "b"],
        core: &[],
        outcome: None,
        repair: "ask for the group",
    },
];

fn find(policy: &Policy, kind: FindingKind) -> Vec<Finding> {
    let found = match kind {
        FindingKind::CapOverlap => analyse_with(policy, &Near),
        FindingKind::HoldTogether => {
            let mut traffic = Traffic::new(policy);
            for _ in 0..100 {
                traffic.see("a and b", &mut Given::named(policy, &[("a", sure(0.9)), ("b", sure(0.8))]));
            }
            traffic.conflicts(0.05)
        }
        _ => analyse_with(policy, &NoVectors),
    };
    assert_eq!(found.unsettled, 0);
    found.findings
}

#[test]
fn every_kind_names_rules_places_causes_an_example_and_a_repair() {
    assert!(FindingKind::ALL.iter().all(|kind| CASES.iter().any(|case| case.kind == *kind)));
    for case in CASES {
        let policy = policy(&text(case.routes));
        let found = find(&policy, case.kind);
        let found =
            found.iter().find(|found| found.kind == case.kind).unwrap_or_else(|| unreachable!("{found:?}"));
        let of = |span: tollgate_policy::Span| span.of(policy.text());
        let word = case.kind.word();
        assert_eq!(found.rules, case.rules, "{word}");
        assert_eq!(of(found.span), case.span, "{word}");
        assert_eq!(
            found.labels.iter().map(|label| of(label.span)).collect::<Vec<_>>(),
            case.labels,
            "{word}"
        );
        assert_eq!(found.core.iter().map(|part| part.text.as_str()).collect::<Vec<_>>(), case.core, "{word}");
        assert!(found.repair.contains(case.repair), "{word}: {}", found.repair);
        let shown = found.witness.as_ref().map(|witness| {
            assert_eq!(policy.replay(&witness.recorded).unwrap().route_name(), witness.outcome, "{word}");
            witness.outcome.as_str()
        });
        assert_eq!(shown, case.outcome, "{word}: {found:?}");
        outputs(&policy, found);
    }
}

/// Plain text, JSON and SARIF all show it.
fn outputs(policy: &Policy, found: &Finding) {
    let word = found.kind.word();
    let json = serde_json::to_value(found).unwrap();
    assert_eq!(json["kind"], word);
    for member in ["rules", "message", "span", "labels", "repair", "core"] {
        assert!(!json[member].is_null(), "{word}: {member}");
    }
    assert_eq!(json["witness"].is_null(), found.witness.is_none(), "{word}");
    assert_eq!(json.get("meeting").is_some(), found.kind == FindingKind::CapOverlap);
    assert_eq!(json.get("seen").is_some(), found.kind == FindingKind::HoldTogether);
    let mut report = Report::default();
    let findings = tollgate_policy::Findings { findings: vec![found.clone()], ..Default::default() };
    findings.tell(&mut report);
    let plain = report.render("p", policy.text());
    assert!(plain.contains(&format!("[{word}]")) && plain.contains("= help: "), "{plain}");
    assert_eq!(plain.contains("= example: "), found.witness.is_some(), "{plain}");
    let help = |code: &str| FindingKind::ALL.iter().find(|kind| kind.word() == code).map(|kind| kind.help());
    let sarif = report.to_sarif("p", policy.text(), "0", help);
    let run = &sarif["runs"][0];
    assert_eq!(run["results"][0]["ruleId"], word);
    let rule = &run["tool"]["driver"]["rules"][0];
    assert!(rule["shortDescription"]["text"].as_str().unwrap().len() > word.len(), "{rule}");
}

/// Above a half, and with the strongest alone, two members never fire together; at a half they can.
#[test]
fn a_threshold_above_a_half_keeps_members_apart() {
    let routes = |group: &str| text(&[&format!("tier 1: {group} is a"), &format!("tier 1: {group} is b")]);
    let kinds = |text: &str| {
        find(&policy(text), FindingKind::LooseGroup).iter().map(|found| found.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&routes("loose")), [FindingKind::LooseGroup, FindingKind::Overlap]);
    assert_eq!(kinds(&routes("tight")), []);
    assert_eq!(
        kinds(&routes("tight").replace("0.51", "0.5")),
        [FindingKind::LooseGroup, FindingKind::Overlap]
    );
    let strongest = routes("tight").replace("threshold 0.51", "margin 0");
    assert_eq!(kinds(&strongest), []);
    // One member alone is kept apart from nothing.
    assert_eq!(kinds(&text(&["tier 1: loose is a"])), []);
    let policy = policy(&routes("loose"));
    let both = policy.decide_reading_all(&mut Given::named(&policy, &[("a", sure(0.8)), ("b", sure(0.8))]));
    assert!(both.iter().all(|route| format!("{:?}", route.when.verdict) == "True"), "{both:?}");
    assert!(both.iter().all(|route| (route.when.confidence.low - 0.5).abs() < 1e-12), "the share: {both:?}");
}

/// What the compiler sees at a glance is told once, with the example of the finding.
#[test]
fn the_same_condition_again_is_shadowed_with_an_example() {
    let text = text(&["tier 1: a and stream", "tier 2: a and stream"]);
    let report = tollgate_policy::review(&text, &tollgate_policy::Known::any()).report;
    let told: Vec<_> =
        report.diagnostics.iter().filter(|found| found.severity == Severity::Warning).collect();
    assert_eq!(told.iter().filter(|found| found.code == "unreachable").count(), 0, "{told:?}");
    let shadowed: Vec<_> = told.iter().filter(|found| found.code == "shadowed").collect();
    assert_eq!(shadowed.len(), 1, "{told:?}");
    assert!(shadowed[0].help.as_ref().unwrap().contains("example: "), "{shadowed:?}");
}

/// A route is behind another of its rank when that is never less sure, whatever the confidences.
#[test]
fn ties_are_settled_by_who_is_never_less_sure() {
    for (first, second, dead) in [
        ("a", "a and a", true),
        ("a", "a and (a or stream)", false),
        ("a or stream", "a", true),
        ("a or b", "a", true),
        ("a", "a or (a and stream)", false),
        ("a and b", "b and a", true),
        ("a and stream", "a and not tool_loop and tokens > 5", false),
        ("a", "b", false),
        ("always", "a", false),
        ("loose is a", "loose is a and loose is a", true),
    ] {
        let head = "signal a = keyword any [\"a\"] method fuzzy\nsignal b = keyword any [\"b\"] method fuzzy\ngroup loose = exclusive(a, b)\n";
        let text = format!(
            "{head}route r0 {{ when {first} models {{ \"x\" }} }}\nroute r1 {{ when {second} models {{ \"y\" }} }}\ndefault {{ models {{ \"d\" }} }}"
        );
        let found = analyse_with(&policy(&text), &NoVectors);
        let shadowed =
            |rule: &str| found.findings.iter().any(|f| f.kind == FindingKind::Shadowed && f.rules[0] == rule);
        assert_eq!((shadowed("r1"), found.unsettled), (dead, 0), "{first} | {second}: {:?}", found.findings);
        assert!(!shadowed("r0") || first == "always", "{first} | {second}");
    }
}
