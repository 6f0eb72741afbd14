//! The analysis against brute force: every combination of what the signals of small random policies can say.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that meets the unexpected stops")]

#[path = "../common/mod.rs"]
mod common;
mod proofs;

use common::{Given, policy};
use proofs::{cores, with_parts, witnesses};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tollgate_core::signal::{Signal, SignalSpec};
use tollgate_policy::{Finding, FindingKind, Policy, Verdict, analyse};

const HEAD: &str = r#"
signal a = keyword any ["x"]
signal b = keyword any ["x", "y"]
signal n = keyword none ["x"]
signal w = feature measure count words ["z"]
signal f = keyword any ["near"] method fuzzy
score s = 0.5 * a + 0.25 * min(w, 2) - 0.3 * f
band low = s < 0.3
band mid = s >= 0.3 and < 0.7
group g = exclusive(a, w, f) temperature 0.4 margin 0.05
flag both = a or (f and w > 1)
sum t = both + 0.5 * w - confidence(both)
group best = winner(both, f) default f
group loose = exclusive(a, f) temperature 0.4 threshold 0.4
group tight = exclusive(a, w, f) threshold 0.51
"#;

/// Tests whose truth the grid below covers in full.
const CRISP: &[&str] = &[
    "a",
    "b",
    "n",
    "stream",
    "w > 1",
    "w <= 0.5",
    "w == 2",
    "w != 1",
    "turns > 1",
    "depth < 2",
    "depth >= 2.5",
    "language is \"de\"",
    "language in [\"de\", \"en\"]",
    "language like \"d*\"",
    "language not in [\"en\"]",
    "role has \"p\"",
    "role has any [\"p\", \"q\"]",
    "role has all [\"p\", \"q\"]",
    "tokens < 2",
    "tokens >= 3",
    "tokens > 2",
];

const DERIVED: &[&str] = &[
    "f",
    "s > 0.4",
    "low",
    "mid",
    "g",
    "g is a",
    "g is w",
    "g is not f",
    "entropy(g) > 0.6",
    "confidence(f) < 0.6",
    "2 * w - 1 >= s",
    "size(role) < 2",
    "both",
    "t > 1",
    "t <= 0",
    "best is f",
    "best is both",
    "best",
    "loose is a",
    "loose is f",
    "loose",
    "tight is f",
    "tight is not w",
    "always",
];

/// What each signal may say; where it is not everything, it is one value of each kind that the tests tell apart.
fn values(spec: &SignalSpec) -> Vec<Signal> {
    let numbers = |list: &[f64]| list.iter().map(|n| Signal::number(*n)).collect();
    let set = |words: &[&str]| Signal::set(words.iter().map(|w| (*w).to_owned()).collect());
    match spec.name.as_str() {
        "w" | "turns" | "depth" => numbers(&[0.0, 1.0, 2.0, 3.0]),
        "tokens" => numbers(&[0.0, 2.0, 2.5, 3.0]),
        "language" => ["de", "en", "da", "fr"].into_iter().map(Signal::text).collect(),
        "role" => vec![set(&[]), set(&["p"]), set(&["q"]), set(&["p", "q"])],
        "f" => [0.3, 0.5, 0.9, 1.0].into_iter().map(common::sure).chain([Signal::flag(false)]).collect(),
        _ => vec![Signal::flag(false), Signal::flag(true)],
    }
}

/// Every combination that the definitions of the signals allow.
fn worlds(policy: &Policy) -> Vec<Vec<Signal>> {
    let mut all: Vec<Vec<Signal>> = vec![Vec::new()];
    for spec in policy.specs() {
        let values = values(spec);
        all = all
            .iter()
            .flat_map(|world| values.iter().map(|v| world.iter().cloned().chain([v.clone()]).collect()))
            .collect();
    }
    let at = |name: &str| policy.specs().iter().position(|spec| spec.name == name);
    let flag = |world: &[Signal], name: &str| at(name).map(|at| world[at].matched);
    let number = |world: &[Signal], name: &str| at(name).map(|at| world[at].value.as_number());
    all.retain(|world| {
        let (a, b, n) = (flag(world, "a"), flag(world, "b"), flag(world, "n"));
        let opposite = a.is_none() || n.is_none() || a != n;
        let within = a != Some(true) || b != Some(false);
        let rest = b != Some(false) || n != Some(false);
        let turns =
            number(world, "turns").zip(number(world, "depth")).is_none_or(|(turns, depth)| turns <= depth);
        opposite && within && rest && turns
    });
    all
}

fn expr(leaves: Vec<&'static str>) -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(leaves).prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" and "))),
            proptest::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

type Routes = Vec<(String, u8, u8)>;

fn routes(leaves: &[&[&'static str]]) -> impl Strategy<Value = Routes> {
    let leaves: Vec<&str> = leaves.concat();
    // Few signals in one policy, so that every combination of them can be tried.
    let few = proptest::sample::subsequence(leaves.clone(), 2..6);
    few.prop_flat_map(|few| proptest::collection::vec((expr(few), 0u8..3, 0u8..2), 1..5))
}

fn one(leaves: &[&[&'static str]]) -> impl Strategy<Value = String> {
    proptest::sample::subsequence(leaves.concat(), 1..4).prop_flat_map(expr)
}

fn text(routes: &[(String, u8, u8)]) -> String {
    let mut text = HEAD.to_owned();
    for (at, (when, tier, priority)) in routes.iter().enumerate() {
        text += &format!(
            "route r{at} tier {tier} priority {priority} {{ when {when} models {{ \"m{at}\" }} }}\n"
        );
    }
    text + "default { models { \"d\" } }"
}

/// For every world: the routes that hold, and the one that is chosen.
pub(crate) struct Table {
    pub(crate) worlds: Vec<(BTreeSet<String>, String)>,
}

fn table(policy: &Policy) -> Table {
    let look = |world: Vec<Signal>| {
        let all = policy.decide_reading_all(&mut Given::new(world.clone()));
        let holds = all
            .into_iter()
            .filter(|route| route.when.verdict == Verdict::True)
            .map(|route| route.name)
            .collect();
        let decided = policy.decide(&mut Given::new(world), false);
        // Routes that stand for parts of a core are no routes of the policy that is asked about.
        let chosen = if decided.route_name().starts_with('f') { "default" } else { decided.route_name() };
        (holds, chosen.to_owned())
    };
    Table { worlds: worlds(policy).into_iter().map(look).collect() }
}

fn of<'f>(found: &'f [Finding], kind: FindingKind, rule: &'f str) -> impl Iterator<Item = &'f Finding> {
    found
        .iter()
        .filter(move |finding| finding.kind == kind && finding.rules.first().is_some_and(|held| held == rule))
}

/// What no finding may say, whatever the policy.
fn sound(table: &Table, found: &[Finding]) -> Result<(), TestCaseError> {
    for finding in found {
        let first = finding.rules.first().cloned().unwrap_or_default();
        let holds = |holds: &BTreeSet<String>, rule: &str| holds.contains(rule);
        match finding.kind {
            FindingKind::Unsatisfiable => {
                prop_assert!(!table.worlds.iter().any(|(held, _)| holds(held, &first)), "{finding:?}");
            }
            FindingKind::Shadowed => {
                prop_assert!(!table.worlds.iter().any(|(_, chosen)| *chosen == first), "{finding:?}");
                let by = &finding.rules[1..];
                let covered = |held: &BTreeSet<String>| by.iter().any(|rule| holds(held, rule));
                prop_assert!(
                    table.worlds.iter().all(|(held, _)| !holds(held, &first) || covered(held)),
                    "{finding:?}"
                );
            }
            FindingKind::UnreachableDefault => {
                prop_assert!(!table.worlds.iter().any(|(_, chosen)| chosen == "default"), "{finding:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    /// Crisp policies: what is reported is exactly what brute force finds.
    #[test]
    fn crisp_findings_are_exact(routes in routes(&[CRISP])) {
        let policy = policy(&text(&routes));
        let found = analyse(&policy);
        prop_assert_eq!(found.unsettled, 0);
        let probe = with_parts(&policy, &found.findings);
        let table = table(&probe);
        sound(&table, &found.findings)?;
        for at in 0..routes.len() {
            let name = format!("r{at}");
            let holds = table.worlds.iter().any(|(held, _)| held.contains(&name));
            let chosen = table.worlds.iter().any(|(_, chosen)| *chosen == name);
            prop_assert_eq!(of(&found.findings, FindingKind::Unsatisfiable, &name).count(), usize::from(!holds), "{}", name);
            prop_assert_eq!(of(&found.findings, FindingKind::Shadowed, &name).count(), usize::from(holds && !chosen), "{}", name);
        }
        let default = table.worlds.iter().any(|(_, chosen)| chosen == "default");
        let said = found.findings.iter().any(|finding| finding.kind == FindingKind::UnreachableDefault);
        prop_assert_eq!(said, !default);
        overlaps(&routes, &table, &found.findings)?;
        cores(&found.findings, &table, true)?;
        witnesses(&policy, &found.findings, &probe)?;
    }

    /// With scores, bands and groups: nothing is reported that brute force refutes.
    #[test]
    fn derived_findings_are_sound(routes in routes(&[CRISP, DERIVED, DERIVED])) {
        let policy = policy(&text(&routes));
        let found = analyse(&policy).findings;
        let probe = with_parts(&policy, &found);
        let table = table(&probe);
        sound(&table, &found)?;
        cores(&found, &table, false)?;
        witnesses(&policy, &found, &probe)?;
    }

    /// A part that is called redundant can be put in or left out.
    #[test]
    fn redundant_parts_change_nothing(when in one(&[CRISP, DERIVED])) {
        let policy = policy(&text(&[(when.clone(), 1, 0)]));
        let found = analyse(&policy);
        for finding in found.findings.iter().filter(|finding| finding.kind == FindingKind::Redundant) {
            let text = policy.text();
            let (start, end) = (finding.span.start as usize, finding.span.end as usize);
            // The neutral element of what the part stands in.
            let constant = if finding.message.contains("follows from") || finding.message.contains("always holds") {
                "tokens >= 0"
            } else {
                "tokens < 0"
            };
            let without = common::policy(&format!("{}({constant}){}", &text[..start], &text[end..]));
            for world in worlds(&policy) {
                let named: Vec<(&str, Signal)> =
                    policy.specs().iter().map(|spec| spec.name.as_str()).zip(world.iter().cloned()).collect();
                let holds = |policy: &Policy| {
                    policy.decide_reading_all(&mut Given::named(policy, &named))[0].when.verdict
                };
                prop_assert_eq!(holds(&policy), holds(&without), "{} in {}", finding.message, when);
            }
        }
    }
}

/// Two routes of one rank that are chosen between are reported, unless the first was reported with another.
fn overlaps(routes: &Routes, table: &Table, found: &[Finding]) -> Result<(), TestCaseError> {
    let reported = |rule: &str| found.iter().any(|f| f.kind == FindingKind::Overlap && f.rules[0] == rule);
    let dead = |rule: &str| {
        found.iter().any(|f| {
            matches!(f.kind, FindingKind::Unsatisfiable | FindingKind::Shadowed) && f.rules[0] == rule
        })
    };
    for (a, first) in routes.iter().enumerate() {
        let later = routes.iter().enumerate().skip(a + 1);
        let meets = later.filter(|(_, second)| (first.1, first.2) == (second.1, second.2)).any(|(b, _)| {
            let (a, b) = (format!("r{a}"), format!("r{b}"));
            let same = |chosen: &str| {
                chosen
                    .strip_prefix('r')
                    .and_then(|at| at.parse::<usize>().ok())
                    .is_some_and(|at| (routes[at].1, routes[at].2) == (first.1, first.2))
            };
            !dead(&a)
                && !dead(&b)
                && table
                    .worlds
                    .iter()
                    .any(|(held, chosen)| held.contains(&a) && held.contains(&b) && same(chosen))
        });
        prop_assert_eq!(reported(&format!("r{a}")), meets, "r{}", a);
    }
    Ok(())
}
