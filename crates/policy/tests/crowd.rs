//! Many routes over few signals: what the growing front says of each, against every combination of the signals.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected stops")]

mod common;

use common::{Given, policy};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tollgate_core::signal::Signal;
use tollgate_policy::{FindingKind, Findings, Policy, analyse};

const SIGNALS: usize = 10;

/// The same numbers on every machine (a multiplicative congruence).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn flag(&mut self) -> String {
        let not = if self.below(4) == 0 { "not " } else { "" };
        format!("{not}s{}", self.below(SIGNALS))
    }
}

/// Routes of nested conditions, `share` of them to a priority.
fn crowd(seed: u64, routes: usize, share: usize, parts: usize) -> String {
    let mut dice = Dice(seed);
    let mut text = (0..SIGNALS).fold(String::new(), |mut text, at| {
        let _ = writeln!(text, "signal s{at} = keyword any [\"w{at}\"]");
        text
    });
    for route in 0..routes {
        let mut part =
            || format!("({} or ({} and ({} or {})))", dice.flag(), dice.flag(), dice.flag(), dice.flag());
        let when: Vec<String> = (0..parts).map(|_| part()).collect();
        let priority = (routes - route) / share;
        let _ = writeln!(
            text,
            "route r{route:03} priority {priority} {{ when {} models {{ \"m{route}\" }} }}",
            when.join(" and ")
        );
    }
    text + "default { models { \"d\" } }\n"
}

/// The routes that some combination of the signals chooses.
fn chosen(policy: &Policy) -> BTreeSet<String> {
    let names: Vec<&str> = policy.specs().iter().map(|spec| spec.name.as_str()).collect();
    (0..1_u32 << names.len())
        .map(|bits| {
            let signals = (0..names.len()).map(|at| Signal::flag(bits >> at & 1 == 1)).collect();
            policy.decide(&mut Given::new(signals), false).route_name().to_owned()
        })
        .collect()
}

/// The routes that the findings say are never chosen.
fn dead(found: &Findings) -> BTreeSet<String> {
    let never = |kind: FindingKind| matches!(kind, FindingKind::Unsatisfiable | FindingKind::Shadowed);
    let dead =
        found.findings.iter().filter(|finding| never(finding.kind)).map(|finding| finding.rules[0].clone());
    let default = found.findings.iter().any(|finding| finding.kind == FindingKind::UnreachableDefault);
    dead.chain(default.then(|| "default".to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_routes_that_nothing_chooses_are_found(
        seed in any::<u64>(), routes in 20..90_usize, share in 1..3_usize, parts in 2..5_usize,
    ) {
        let policy = policy(&crowd(seed, routes, share, parts));
        let found = analyse(&policy);
        prop_assert_eq!(found.unsettled, 0);
        let (chosen, dead) = (chosen(&policy), dead(&found));
        let all: BTreeSet<String> = policy.routes().map(|route| route.name.clone()).chain(["default".to_owned()]).collect();
        let missed: Vec<_> = all.difference(&chosen).filter(|name| !dead.contains(*name)).collect();
        let wrong: Vec<_> = dead.intersection(&chosen).collect();
        prop_assert!(missed.is_empty() && wrong.is_empty(), "missed {:?}, wrong {:?}", missed, wrong);
        for finding in found.findings.iter().filter(|finding| finding.kind == FindingKind::Shadowed) {
            // One of the routes that are named holds on every request that the route holds on.
            let named: BTreeSet<&String> = finding.rules[1..].iter().collect();
            let witness = finding.witness.as_ref().unwrap();
            let trace = policy.replay(&witness.recorded).unwrap().trace.unwrap();
            let holds = |name: &String| trace.routes.iter().any(|r| r.name == *name && format!("{:?}", r.when.verdict) != "False");
            prop_assert!(holds(&finding.rules[0]) && named.iter().any(|name| holds(name)), "{:?}", finding);
        }
    }
}
