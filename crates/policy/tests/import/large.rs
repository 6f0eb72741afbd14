//! Files at and above the bounds of the language: what is too large is told of, the rest is imported.

use crate::common::{policy, sure};
use crate::semantics::{takes, vsr};
use std::fmt::Write as _;
use tollgate_policy::import::{GapKind, Import};
use tollgate_signals::SignalSet;

/// It compiles, and so do its signals.
fn works(found: &Import) {
    let policy = policy(&found.policy);
    SignalSet::compile(policy.specs()).unwrap();
}

fn keywords(count: usize) -> String {
    let mut text = "  signals:\n    keywords:\n".to_owned();
    for at in 0..count {
        let _ = writeln!(text, "      - {{name: k{at}, keywords: [w{at}]}}");
    }
    text
}

fn decision(operator: &str, leaves: usize) -> String {
    let leaf = |at: usize| format!("{{type: keyword, name: k{at}}}");
    let leaves: Vec<String> = (0..leaves).map(leaf).collect();
    format!(
        "  decisions: [{{name: x, rules: {{operator: {operator}, conditions: [{}]}}, modelRefs: [{{model: m}}]}}]\n",
        leaves.join(", ")
    )
}

#[test]
fn a_decision_may_have_many_leaves() {
    let found = vsr(&(keywords(300) + &decision("OR", 300)));
    works(&found);
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    assert_eq!(takes(&policy(&found.policy), &[("k299", sure(0.9))]), ("x".into(), 0.9));
    let all: Vec<String> = (0..300).map(|at| format!("k{at}")).collect();
    let given: Vec<_> = all.iter().map(|name| (name.as_str(), sure(0.5))).collect();
    let found = vsr(&(keywords(300) + &decision("AND", 300)));
    assert_eq!(takes(&policy(&found.policy), &given), ("x".into(), 0.5), "the mean is of all of them");

    let found = vsr(&(keywords(2500) + &decision("OR", 2500)));
    works(&found);
    assert!(found.gaps.iter().any(|gap| gap.kind == GapKind::Dropped), "what is left out is told");
    assert_eq!(takes(&policy(&found.policy), &[("k2", sure(0.9))]).0, "x");
}

#[test]
fn many_open_bands_are_tried_in_their_order() {
    let mut text = keywords(1)
        + "  projections:
    scores: [{name: s, inputs: [{type: keyword, name: k0, weight: 1, value_source: confidence}]}]
    mappings:
      - name: m
        source: s
        outputs:
";
    for at in 0..30 {
        let _ = writeln!(text, "          - {{name: b{at}, gte: 0.{:02}}}", 90 - 3 * at);
    }
    text += "          - {name: rest, lt: 2}\n  decisions:\n";
    for name in (0..30).map(|at| format!("b{at}")).chain(["rest".to_owned()]) {
        let _ = writeln!(
            text,
            "    - {{name: of_{name}, priority: 5, rules: {{type: projection, name: {name}}}, modelRefs: [{{model: m}}]}}"
        );
    }
    let found = vsr(&text);
    works(&found);
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    let policy = policy(&found.policy);
    for (score, route, distance) in
        [(0.95, "of_b0", 0.05), (0.9, "of_b0", 0.0), (0.62, "of_b10", 0.02), (0.02, "of_rest", 1.98)]
    {
        let (taken, confidence) = takes(&policy, &[("k0", sure(score))]);
        assert_eq!(taken, route, "{score}");
        assert!(
            (confidence - 1.0 / (1.0 + (-12.0_f64 * distance).exp())).abs() < 1e-9,
            "{score} {confidence}"
        );
    }
}

#[test]
fn bands_that_share_a_bound_give_it_to_the_first() {
    let text = |first: &str, second: &str| {
        keywords(1)
            + &format!(
                "  projections:
    scores: [{{name: s, inputs: [{{type: keyword, name: k0, weight: 1, value_source: confidence}}]}}]
    mappings: [{{name: m, source: s, outputs: [{{name: a, {first}}}, {{name: b, {second}}}]}}]
  decisions:
    - {{name: of_b, priority: 9, rules: {{type: projection, name: b}}, modelRefs: [{{model: m}}]}}
    - {{name: of_a, priority: 1, rules: {{type: projection, name: a}}, modelRefs: [{{model: m}}]}}
"
            )
    };
    for (first, second, route) in
        [("lte: 0.5", "gte: 0.5", "of_a"), ("lt: 0.5", "gte: 0.5", "of_b"), ("lte: 0.5", "gt: 0.5", "of_a")]
    {
        let found = vsr(&text(first, second));
        assert_eq!(takes(&policy(&found.policy), &[("k0", sure(0.5))]).0, route, "{first}, {second}");
    }
}

#[test]
fn expressions_that_are_too_large_or_too_many_are_told_of() {
    let text = |patterns: &[String]| {
        let quoted: Vec<String> = patterns.iter().map(|pattern| format!("'{pattern}'")).collect();
        format!(
            "  signals:\n    keywords: [{{name: k, method: regex, keywords: [{}]}}]\n  decisions: [{{name: x, rules: {{type: keyword, name: k}}, modelRefs: [{{model: m}}]}}]\n",
            quoted.join(", ")
        )
    };
    let found = vsr(&text(&["good".into(), r"\pL{1000}".into()]));
    works(&found);
    assert!(found.gaps.iter().any(|gap| gap.consequence.contains("too large")), "{:?}", found.gaps);
    assert!(found.policy.contains("good"));
    let many = |count: usize| (0..count).map(|at| format!(r"\bword{at}\b")).collect::<Vec<_>>();
    let found = vsr(&text(&many(600)));
    works(&found);
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    let found = vsr(&text(&many(2100)));
    works(&found);
    assert!(!found.gaps.is_empty());
    // Each fits; together they would not.
    let heavy: Vec<String> = (0..40).map(|at| format!(r"x{at}[\p{{Lu}}\p{{Ll}}]{{60}}")).collect();
    let found = vsr(&text(&heavy));
    works(&found);
    assert!(!found.gaps.is_empty());
}

#[test]
fn a_score_may_read_every_member_of_a_large_partition() {
    let mut text = "  signals:\n    embeddings:\n".to_owned();
    for at in 0..64 {
        let _ = writeln!(text, "      - {{name: e{at}, threshold: 0.5, candidates: [word{at}]}}");
    }
    let names: Vec<String> = (0..64).map(|at| format!("e{at}")).collect();
    let inputs: Vec<String> =
        names.iter().map(|name| format!("{{type: embedding, name: {name}, weight: 0.1}}")).collect();
    let _ = write!(
        text,
        "  projections:
    partitions: [{{name: p, semantics: exclusive, members: [{}], default: e0}}]
    scores: [{{name: s, inputs: [{}]}}]
    mappings: [{{name: m, source: s, outputs: [{{name: low, lt: 0.5}}, {{name: high, gte: 0.5}}]}}]
  decisions: [{{name: x, rules: {{type: projection, name: low}}, modelRefs: [{{model: m}}]}}]
",
        names.join(", "),
        inputs.join(", ")
    );
    let found = vsr(&text);
    works(&found);
    assert!(!found.gaps.iter().any(|gap| gap.consequence.contains("never holds:")), "{:?}", found.gaps);
    // A score of scores that each read them all is more than a policy can have; the file is imported without it.
    let scores: Vec<String> = (0..8)
        .map(|at| format!("{{name: s{at}, inputs: [{{type: projection, name: s, weight: {at}.5}}, {{type: projection, name: s, weight: 1}}]}}"))
        .collect();
    let over: Vec<String> =
        (0..8).map(|at| format!("{{type: projection, name: s{at}, weight: 1}}")).collect();
    let text = text
        .replace(
            "    scores: [",
            &format!("    scores: [{}, {{name: t, inputs: [{}]}}, ", scores.join(", "), over.join(", ")),
        )
        .replace("source: s,", "source: t,");
    let found = vsr(&text);
    works(&found);
    assert!(found.gaps.iter().any(|gap| gap.consequence.contains("terms")), "{:?}", found.gaps);
}
