//! The corners of the incumbent's files: empty and odd rule trees, what is said twice, what contradicts itself.

use crate::common::{policy, sure};
use crate::semantics::{takes, vsr};
use tollgate_core::signal::Signal;
use tollgate_policy::Effects;
use tollgate_policy::import::{GapKind, Import};

fn decision(rest: &str) -> Import {
    vsr(&format!(
        "  signals: {{keywords: [{{name: a, keywords: [aa]}}, {{name: c, keywords: [cc]}}]}}\n  decisions:\n    - {{name: x, modelRefs: [{{model: m}}], {rest}}}\n"
    ))
}

fn effects(rest: &str) -> (Effects, Import) {
    let found = decision(rest);
    let policy = policy(&found.policy);
    let effects = policy.routes().next().unwrap().effects.clone();
    (effects, found)
}

fn wrong(found: &Import) -> usize {
    found.gaps.iter().filter(|gap| gap.kind == GapKind::Wrong).count()
}

/// Where `a` holds and `c` does not: whether the decision matches, how surely, and how much of its rules is wrong.
#[test]
fn rule_trees_of_every_shape() {
    let (a, c) = ("{type: keyword, name: a}", "{type: keyword, name: c}");
    for (rules, holds, sure_by, faults) in [
        ("{}".to_owned(), true, 0.0, 0),
        ("{conditions: []}".to_owned(), true, 0.0, 0),
        ("{operator: AND}".to_owned(), true, 0.0, 0),
        ("{operator: and, conditions: []}".to_owned(), true, 0.0, 0),
        ("{operator: OR}".to_owned(), false, 0.0, 1),
        ("{operator: OR, conditions: []}".to_owned(), false, 0.0, 1),
        ("{operator: NOT}".to_owned(), false, 0.0, 1),
        ("{operator: NOT, conditions: []}".to_owned(), false, 0.0, 1),
        (format!("{{operator: NOT, conditions: [{c}, {c}]}}"), false, 0.0, 1),
        (format!("{{operator: NOT, conditions: [{c}]}}"), true, 1.0, 0),
        (format!("{{operator: NOT, conditions: [{a}]}}"), false, 0.0, 0),
        (format!("{{operator: \" not \", conditions: [{c}]}}"), true, 1.0, 0),
        (format!("{{operator: NOT, conditions: [{{operator: NOT, conditions: [{a}]}}]}}"), true, 1.0, 0),
        ("{operator: NOT, conditions: [{operator: OR, conditions: []}]}".to_owned(), true, 1.0, 1),
        (format!("{{operator: AND, conditions: [{a}, {{operator: OR}}]}}"), false, 0.0, 1),
        (format!("{{operator: AND, conditions: [{a}, {{operator: AND}}]}}"), true, 0.2, 0),
        (format!("{{operator: OR, conditions: [{c}, {{operator: AND}}]}}"), true, 0.0, 0),
        (format!("{{operator: XOR, conditions: [{a}]}}"), false, 0.0, 1),
        (format!("{{conditions: [{c}, {a}]}}"), true, 0.4, 0),
        ("{name: a}".to_owned(), false, 0.0, 1),
        (a.to_owned(), true, 0.4, 0),
    ] {
        let found = decision(&format!("rules: {rules}"));
        let policy = policy(&found.policy);
        let (route, confidence) = takes(&policy, &[("a", sure(0.4))]);
        assert_eq!(route == "x", holds, "{rules}\n{}", found.policy);
        assert!(!holds || (confidence - sure_by).abs() < 1e-12, "{rules}: {confidence}");
        assert_eq!(wrong(&found), faults, "{rules}: {:?}", found.gaps);
    }
}

#[test]
fn tools_that_contradict_themselves_are_told_and_never_offered() {
    for (configuration, kept, dropped, faults) in [
        ("mode: none", vec![vec![]], vec![], 0),
        ("mode: none, allow_tools: [look]", vec![vec![]], vec![], 1),
        ("mode: none, block_tools: [look]", vec![vec![]], vec![], 1),
        ("mode: filtered, allow_tools: [look, find]", vec![vec!["look", "find"]], vec![], 0),
        ("allow_tools: [look], block_tools: [look]", vec![vec!["look"]], vec![vec!["look"]], 1),
        ("mode: passthrough", vec![], vec![], 0),
        ("mode: passthrough, block_tools: [shell]", vec![], vec![vec!["shell"]], 1),
        ("mode: odd", vec![], vec![], 1),
    ] {
        let (effects, found) =
            effects(&format!("plugins: [{{type: tools, configuration: {{{configuration}}}}}]"));
        let text = &found.policy;
        let lines = |verb: &str| -> Vec<Vec<String>> {
            let start = format!("tools {verb} [");
            let lines = text.lines().filter_map(|line| line.trim().strip_prefix(&start)?.strip_suffix(']'));
            let names = lines.map(|line| line.split(", ").filter(|name| !name.is_empty()));
            names.map(|names| names.map(|name| name.trim_matches('"').to_owned()).collect()).collect()
        };
        assert_eq!(lines("keep"), kept, "{configuration}\n{text}");
        assert_eq!(lines("drop"), dropped, "{configuration}\n{text}");
        assert_eq!(effects.tools.len(), kept.len() + dropped.len(), "{configuration}");
        assert_eq!(wrong(&found), faults, "{configuration}: {:?}", found.gaps);
    }
}

#[test]
fn of_a_plugin_that_stands_twice_the_first_counts() {
    let (effects, found) = effects(
        "plugins: [{type: system_prompt, configuration: {system_prompt: first}}, {type: system_prompt, configuration: {system_prompt: second}}]",
    );
    assert_eq!(effects.system.len(), 1, "{}", found.policy);
    assert!(found.policy.contains("\"first\"") && !found.policy.contains("second"), "{}", found.policy);
    assert_eq!(wrong(&found), 1, "{:?}", found.gaps);
}

#[test]
fn decisions_of_one_name_are_both_taken_and_told() {
    let found = vsr(
        "  signals: {keywords: [{name: a, keywords: [aa]}, {name: c, keywords: [cc]}]}\n  decisions:\n    - {name: x, priority: 2, rules: {type: keyword, name: a}, modelRefs: [{model: m}]}\n    - {name: x, priority: 1, rules: {type: keyword, name: c}, modelRefs: [{model: m}]}\n",
    );
    assert_eq!(wrong(&found), 1, "{:?}", found.gaps);
    let policy = policy(&found.policy);
    assert_eq!(takes(&policy, &[("a", Signal::flag(true))]).0, "x");
    assert_eq!(takes(&policy, &[("c", Signal::flag(true))]).0, "x_2");
    let second = policy.routes().find(|route| route.name == "x_2").unwrap();
    assert_eq!(second.notes["decision"], "x", "its own name is kept for who asks the evaluation API");
}

#[test]
fn signals_that_depend_on_themselves_never_hold() {
    let found = vsr("  projections:
    scores: [{name: s, inputs: [{type: projection, name: b, weight: 1, value_source: confidence}]}]
    mappings: [{name: m, source: s, outputs: [{name: b, gte: 0.5}]}]
  decisions: [{name: x, rules: {type: projection, name: b}, modelRefs: [{model: m}]}]
");
    assert!(found.gaps.iter().any(|gap| gap.consequence.contains("depends on itself")), "{:?}", found.gaps);
    policy(&found.policy);
}

#[test]
fn decisions_whose_names_change_places_are_told() {
    let decision = |name: &str, priority: u32| {
        format!("    - {{name: {name}, priority: {priority}, modelRefs: [{{model: m}}]}}\n")
    };
    let told = |decisions: &str| -> Vec<String> {
        let found = vsr(&format!("  decisions:\n{decisions}"));
        let ties = found.gaps.iter().filter(|gap| gap.consequence.contains("comes first by its name"));
        ties.map(|gap| gap.consequence.clone()).collect()
    };
    // `-` stands before letters, `_` behind capitals.
    let both = decision("a-b", 5) + &decision("aZ", 5);
    assert_eq!(
        told(&both),
        ["equally sure, `a-b` would come before it there; here `aZ` comes first by its name"]
    );
    assert_eq!(told(&(decision("a-b", 6) + &decision("aZ", 5))), Vec::<String>::new());
    assert_eq!(told(&(decision("a-b", 5) + &decision("a-c", 5))), Vec::<String>::new());
}
