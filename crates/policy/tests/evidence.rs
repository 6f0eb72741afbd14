//! The analysis with evidence: vectors, counted requests; its report for tools; and what must not change it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that meets the unexpected stops")]

mod common;

use common::{Given, nothing, policy, sure};
use proptest::prelude::*;
use tollgate_core::signal::{Signal, SignalSpec};
use tollgate_policy::{
    Caps, Example, Exemplars, FindingKind, Findings, Known, Traffic, analyse, analyse_with, review,
};

const TWO: &str = r#"
signal refund = keyword any ["refund"] method ngram
signal invoice = keyword any ["invoice"] method ngram
group topic = exclusive(refund, invoice)
route money_back priority 5 { when refund models { "a" } }
route billing priority 5 { when invoice models { "b" } }
default { models { "d" } }
"#;

/// Vectors on a circle: a place in degrees for each signal's only example.
struct Circle {
    places: [(&'static str, f32); 2],
    radius: f64,
}

impl Exemplars for Circle {
    fn caps(&self, spec: &SignalSpec) -> Option<Caps> {
        let (name, degrees) = self.places.iter().find(|(name, _)| *name == spec.name)?;
        let (sin, cos) = degrees.to_radians().sin_cos();
        let examples = vec![Example { text: format!("about {name}"), vector: vec![cos, sin] }];
        Some(Caps { examples, threshold: self.radius.to_radians().cos() })
    }
}

#[test]
fn caps_that_meet_are_an_overlap_and_caps_apart_are_none() {
    let policy = policy(TWO);
    let near = Circle { places: [("refund", 0.0), ("invoice", 50.0)], radius: 30.0 };
    let found = analyse_with(&policy, &near);
    let [finding] = found.findings.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.kind, finding.rules.len()), (FindingKind::CapOverlap, 2));
    let meeting = finding.meeting.as_ref().unwrap();
    assert!((meeting.angle.to_degrees() - 50.0).abs() < 1e-4, "{meeting:?}");
    for spec in policy.specs() {
        assert!(near.caps(spec).unwrap().hold(&meeting.vector), "{} {meeting:?}", spec.name);
    }
    assert!(
        finding.repair.contains("less than 50.0 degrees together (cosines of 0.906 each)"),
        "{}",
        finding.repair
    );

    let far = Circle { places: [("refund", 0.0), ("invoice", 70.0)], radius: 30.0 };
    nothing(&analyse_with(&policy, &far));
    // Without vectors nothing keeps the two apart.
    assert_eq!(analyse(&policy).findings[0].kind, FindingKind::Overlap);
    let both = common::policy(&TWO.replace("when refund models", "when refund and invoice models"));
    let kinds = |found: Findings| found.findings.iter().map(|f| f.kind).collect::<Vec<_>>();
    assert_eq!(kinds(analyse_with(&both, &far)), [FindingKind::Unsatisfiable]);
    assert!(!kinds(analyse_with(&both, &near)).contains(&FindingKind::Unsatisfiable));
}

#[test]
fn routes_that_hold_together_on_requests() {
    let policy = policy(TWO);
    let count = |together: usize, apart: usize| {
        let mut traffic = Traffic::new(&policy);
        for at in 0..together + apart {
            let mut given = vec![("refund", sure(0.8))];
            if at < together {
                given.push(("invoice", sure(0.7)));
            }
            traffic.see(&format!("request\n {at}"), &mut Given::named(&policy, &given));
        }
        assert_eq!(traffic.seen(), (together + apart) as u64);
        traffic.conflicts(0.05).findings
    };
    let found = count(20, 80);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (finding.kind, finding.rules.join(" ")),
        (FindingKind::HoldTogether, "billing money_back".into())
    );
    let seen = finding.seen.as_ref().unwrap();
    assert_eq!((seen.both, seen.either, seen.texts[0].as_str()), (20, 100, "request 0"));
    assert!((seen.rate.low - 0.1334).abs() < 1e-4 && (seen.rate.high - 0.2888).abs() < 1e-4, "{seen:?}");
    assert!(
        finding.repair.contains("`topic is ") && finding.repair.contains("seen: \"request 0\""),
        "{}",
        finding.repair
    );
    // Few requests prove nothing, and neither do rare meetings.
    assert_eq!(count(1, 4), []);
    assert_eq!(count(5, 95), []);
    assert_eq!(count(0, 100), []);
}

#[test]
fn a_group_takes_the_conflict_away() {
    let text =
        TWO.replace("when refund", "when topic is refund").replace("when invoice", "when topic is invoice");
    let policy = policy(&text);
    let mut traffic = Traffic::new(&policy);
    for _ in 0..100 {
        traffic.see("both", &mut Given::named(&policy, &[("refund", sure(0.8)), ("invoice", sure(0.7))]));
    }
    assert_eq!(traffic.conflicts(0.0), Findings::default());
    nothing(&analyse(&policy));
}

#[test]
fn sarif_has_the_shape_that_its_schema_asks_for() {
    let text =
        "route a { when tokns > 5 models { \"m\" } }\nroute b tier 1 { when é > 5 models { \"m\" } }\n";
    let report = review(text, &Known::any()).report;
    let help = |code: &str| (code == "unknown-name").then_some("a name that nothing declares");
    let sarif = report.to_sarif("my rules/p.tollgate", text, "1.2.3", help);
    assert_eq!(sarif["version"], "2.1.0");
    assert!(sarif["$schema"].as_str().unwrap().contains("sarif-2.1.0"));
    let run = &sarif["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "tollgate");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), report.diagnostics.len());
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["shortDescription"]["text"].is_string() && result["message"]["text"].is_string());
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20rules/p.tollgate");
        let region = &place["region"];
        let number = |name: &str| region[name].as_u64().unwrap();
        assert!(number("startLine") >= 1 && number("startColumn") >= 1);
        assert!((number("endLine"), number("endColumn")) >= (number("startLine"), number("startColumn")));
    }
    assert!(rules.iter().any(|rule| rule["shortDescription"]["text"] == "a name that nothing declares"));
}

const HEAD: &str = r#"
signal a = keyword any ["x"]
signal b = keyword any ["x", "y"]
signal f = keyword any ["near"] method fuzzy
score s = 0.5 * a + 0.5 * min(tokens / 100, 1)
"#;

const TESTS: &[&str] =
    &["a", "not b", "tokens > 50", "tokens <= 80", "s > 0.4", "language is \"de\"", "role has \"x\"", "f"];

type Routes = Vec<(Vec<usize>, u8)>;

/// Routes of priorities of their own, in the order of `places`.
fn text(routes: &Routes, places: &[usize], extra: &str) -> String {
    let mut text = HEAD.to_owned();
    for at in places {
        let when: Vec<&str> = routes[*at].0.iter().map(|test| TESTS[*test % TESTS.len()]).collect();
        text += &format!(
            "route r{at} tier {} priority {at} {{ when {} models {{ \"m{at}\" }} }}\n",
            routes[*at].1,
            when.join(" and ")
        );
    }
    text + extra + "default { models { \"d\" } }"
}

/// Kind, rules and causes of every finding, in an order that does not depend on where things stand.
fn said(text: &str) -> Vec<String> {
    let found = analyse(&policy(text));
    let mut said: Vec<String> = found
        .findings
        .iter()
        .map(|f| {
            format!(
                "{} {:?} {:?}",
                f.kind.word(),
                f.rules,
                f.core.iter().map(|part| &part.text).collect::<Vec<_>>()
            )
        })
        .collect();
    said.sort();
    said
}

fn routes() -> impl Strategy<Value = (Routes, Vec<usize>)> {
    proptest::collection::vec((proptest::collection::vec(0usize..TESTS.len(), 1..4), 0u8..2), 1..6)
        .prop_flat_map(|routes| {
            let places: Vec<usize> = (0..routes.len()).collect();
            (Just(routes), Just(places).prop_shuffle())
        })
}

/// The route of a request of so many tokens.
fn route(text: &str, number: f64) -> String {
    let given = [
        ("tokens", Signal::number(number)),
        ("a", Signal::flag(number > 60.0)),
        ("b", Signal::flag(number > 30.0)),
    ];
    let policy = policy(text);
    policy.decide(&mut Given::named(&policy, &given), false).route_name().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Where routes of different priority stand in the text does not matter.
    #[test]
    fn reordering_changes_nothing(
        (routes, places) in routes(),
        numbers in proptest::collection::vec(0.0f64..120.0, 4),
    ) {
        let plain: Vec<usize> = (0..routes.len()).collect();
        let (plain, moved) = (text(&routes, &plain, ""), text(&routes, &places, ""));
        prop_assert_eq!(said(&plain), said(&moved));
        for number in numbers {
            prop_assert_eq!(route(&plain, number), route(&moved, number));
        }
    }

    /// A route that can never be chosen changes nothing but that it is reported.
    #[test]
    fn an_unreachable_route_changes_nothing(
        (routes, places) in routes(),
        numbers in proptest::collection::vec(0.0f64..120.0, 4),
    ) {
        let dead = "route dead tier 0 priority 9 { when tokens > 5 and tokens < 4 and stream models { \"never\" } }\n";
        let (plain, more) = (text(&routes, &places, ""), text(&routes, &places, dead));
        let without = |list: Vec<String>| list.into_iter().filter(|line| !line.contains("dead")).collect::<Vec<_>>();
        prop_assert_eq!(said(&plain), without(said(&more)));
        prop_assert!(said(&more).iter().any(|line| line.starts_with("unsatisfiable [\"dead\"]")));
        for number in numbers {
            prop_assert_eq!(route(&plain, number), route(&more, number));
        }
    }
}
