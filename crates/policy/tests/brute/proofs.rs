//! What a finding shows of itself: its core and its example, against every combination.

use super::Table;
use super::common::{Given, policy};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tollgate_core::signal::Signal;
use tollgate_policy::{Finding, FindingKind, Policy, Verdict};

/// The policy with a route for each part of each finding's core, `fFpP`, behind its own routes.
pub(crate) fn with_parts(asked: &Policy, found: &[Finding]) -> Policy {
    let mut text = asked.text().to_owned();
    for (at, finding) in found.iter().enumerate() {
        for (part, core) in finding.core.iter().enumerate() {
            let when = &asked.text()[core.span.start as usize..core.span.end as usize];
            text += &format!("\nroute f{at}p{part} tier 9 {{ when {when} models {{ \"p\" }} }}");
        }
    }
    policy(&text)
}

fn holding(policy: &Policy, given: &mut Given) -> BTreeSet<String> {
    let all = policy.decide_reading_all(given).into_iter();
    all.filter(|route| route.when.verdict == Verdict::True).map(|route| route.name).collect()
}

/// No request meets all of a core that excludes itself; of a minimal one some request meets all but any one part.
pub(crate) fn cores(found: &[Finding], table: &Table, minimal: bool) -> Result<(), TestCaseError> {
    let exclude = [
        FindingKind::Unsatisfiable,
        FindingKind::Shadowed,
        FindingKind::Redundant,
        FindingKind::UnreachableDefault,
    ];
    for (at, finding) in found.iter().enumerate().filter(|(_, finding)| exclude.contains(&finding.kind)) {
        let meets = |held: &BTreeSet<String>, without: usize| {
            let mut parts = finding.core.iter().enumerate().filter(|(part, _)| *part != without);
            parts.all(|(part, core)| held.contains(&format!("f{at}p{part}")) == core.holds)
        };
        let possible = |without: usize| table.worlds.iter().any(|(held, _)| meets(held, without));
        // Of what shadows all it may be known only that they do so together.
        if finding.core.is_empty() {
            prop_assert!(finding.kind == FindingKind::Shadowed, "{finding:?}");
            continue;
        }
        prop_assert!(!possible(usize::MAX), "all of it is possible: {finding:?}");
        for left_out in 0..if minimal { finding.core.len() } else { 0 } {
            prop_assert!(possible(left_out), "part {left_out} is not needed: {finding:?}");
        }
    }
    Ok(())
}

/// Every example shows what it is the example of, whatever the signals say that it does not name, and replays.
pub(crate) fn witnesses(asked: &Policy, found: &[Finding], probe: &Policy) -> Result<(), TestCaseError> {
    for (at, finding) in found.iter().enumerate() {
        let Some(witness) = &finding.witness else {
            // Where no request is one; and a redundant part may be one of a whole that never holds.
            let none = [FindingKind::Unsatisfiable, FindingKind::Redundant].contains(&finding.kind);
            prop_assert!(none, "{finding:?}");
            continue;
        };
        let recorded: Vec<(&str, Signal)> =
            witness.recorded.signals.iter().map(|(name, s)| (name.as_str(), s.clone())).collect();
        for rest in [Signal::flag(false), Signal::flag(true), Signal::number(3.0)] {
            let given = |of: &Policy| {
                let said = |name: &str| recorded.iter().find(|(held, _)| *held == name);
                let signals =
                    of.specs().iter().map(|spec| said(&spec.name).map_or(&rest, |(_, s)| s).clone());
                Given::new(signals.collect())
            };
            let chosen = asked.decide(&mut given(asked), false).route_name().to_owned();
            prop_assert_eq!(&chosen, &witness.outcome, "{:?}", finding);
            shows(at, finding, &chosen, &holding(probe, &mut given(probe)))?;
        }
        let replayed = asked.replay(&witness.recorded).unwrap();
        prop_assert_eq!(replayed.route_name(), &witness.outcome, "{:?}", finding);
    }
    Ok(())
}

/// What an example of a kind must show.
fn shows(at: usize, finding: &Finding, chosen: &str, held: &BTreeSet<String>) -> Result<(), TestCaseError> {
    let part = |part: usize| held.contains(&format!("f{at}p{part}"));
    let rule = |rule: &String| held.contains(rule);
    let own = finding.rules.first().cloned().unwrap_or_default();
    let is_shown = match finding.kind {
        FindingKind::Unsatisfiable => false,
        FindingKind::Shadowed => {
            rule(&own) && finding.rules[1..].iter().any(rule) && chosen != own && chosen != "default"
        }
        FindingKind::Overlap | FindingKind::CapOverlap => finding.rules.iter().all(rule),
        // The part and the causes, each as the rest of the condition has it where the part would matter.
        FindingKind::Redundant => finding.core.iter().enumerate().all(|(at, core)| {
            let is_part = core.span == finding.span;
            part(at) == (core.holds != is_part)
        }),
        FindingKind::UnreachableDefault => chosen != "default",
        FindingKind::LooseGroup => finding.core.iter().enumerate().all(|(at, core)| part(at) == core.holds),
        FindingKind::HoldTogether => true,
    };
    prop_assert!(is_shown, "{held:?} with {chosen} does not show {finding:?}");
    Ok(())
}
