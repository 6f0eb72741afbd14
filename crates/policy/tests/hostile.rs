//! Conditions made to hurt: the analysis ends within its bounds and says what it could not settle.

mod common;
#[path = "common/hard.rs"]
mod hard;

use common::{Given, policy};
use hard::{DEFAULT, pigeons, signals};
use std::fmt::Write as _;
use tollgate_core::signal::Signal;
use tollgate_policy::{FindingKind, Known, analyse, compile, diagnose, limits};

fn kinds(text: &str) -> (Vec<FindingKind>, usize) {
    let found = analyse(&policy(text));
    (found.findings.iter().map(|finding| finding.kind).collect(), found.unsettled)
}

/// A disjunction of n pairs conjoined, whose disjunctive form has 2^n clauses.
#[test]
fn products_of_sums_are_not_multiplied_out() {
    let pairs: Vec<String> =
        (0..limits::MAX_LEAVES / 2).map(|at| format!("(s{} or s{})", 2 * at, 2 * at + 1)).collect();
    let count = limits::MAX_LEAVES;
    let text = format!(
        "{}route r {{ when {} models {{ \"m\" }} }}\nroute t tier 9 {{ when s0 and s1 models {{ \"m\" }} }}\n{DEFAULT}",
        signals(count),
        pairs.join(" and ")
    );
    assert_eq!(kinds(&text), (vec![], 0));
}

/// A condition of so many levels, and whether it holds where every second signal does.
fn nested(levels: usize) -> (String, bool) {
    let (mut when, mut holds) = ("s0".to_owned(), true);
    for at in 1..levels {
        let other = at % 2 == 0;
        (when, holds) = match at % 3 {
            0 => (format!("s{at} and ({when})"), other && holds),
            1 => (format!("s{at} or ({when})"), other || holds),
            _ => (format!("not ({when})"), !holds),
        };
    }
    (when, holds)
}

/// As deep as may be is decided rightly and analysed; one level more is an error that names the place.
#[test]
fn deep_nesting() {
    let text = |levels: usize| {
        let route = format!("route r {{ when {} models {{ \"m\" }} }}", nested(levels).0);
        format!("{}{route}\n{DEFAULT}", signals(limits::MAX_DEPTH * 2))
    };
    let fits = |levels: &usize| compile(&text(*levels), &Known::any()).policy.is_some();
    let most = (1..limits::MAX_DEPTH * 2).take_while(fits).last().unwrap();
    assert!(most > limits::MAX_DEPTH / 2, "{most} levels");
    for levels in 2..=most {
        let policy = policy(&text(levels));
        let given =
            policy.specs().iter().map(|spec| Signal::flag(spec.name[1..].parse::<usize>().unwrap() % 2 == 0));
        let decided = policy.decide(&mut Given::new(given.collect()), false);
        let wanted = if nested(levels).1 { "r" } else { "default" };
        assert_eq!(decided.route_name(), wanted, "{levels} levels");
    }
    let (kinds, unsettled) = kinds(&text(most));
    assert!(!kinds.contains(&FindingKind::Unsatisfiable) && unsettled == 0, "{kinds:?}");
    let deeper = text(most + 1);
    let report = diagnose(&deeper, &Known::any());
    let at = report
        .diagnostics
        .iter()
        .find(|found| found.message.contains("levels"))
        .unwrap_or_else(|| panic!("{report:?}"));
    assert!(
        deeper.find("when").unwrap() < at.span.start as usize && !at.span.of(&deeper).is_empty(),
        "{at:?}"
    );
}

/// The sum modulo two of n signals, by named conditions; each names the one before twice.
fn parity(name: &str, order: &[usize]) -> String {
    let mut text = format!("flag {name}0 = s{}\n", order[0]);
    for (at, signal) in order.iter().enumerate().skip(1) {
        let before = at - 1;
        let _ = writeln!(
            text,
            "flag {name}{at} = ({name}{before} and not s{signal}) or (not {name}{before} and s{signal})"
        );
    }
    text
}

/// Two sums of the same signals in another order, one of which is to differ; and the same of one signal more.
#[test]
fn chains_of_exclusive_or_to_the_limit_of_terms() {
    let text = |count: usize| {
        let order: Vec<usize> = (0..count).collect();
        let mut other = order.clone();
        other.rotate_left(count / 2);
        other.reverse();
        let last = count - 1;
        format!(
            "{}{}{}route r {{ when a{last} and not b{last} models {{ \"m\" }} }}\n{DEFAULT}",
            signals(count),
            parity("a", &order),
            parity("b", &other)
        )
    };
    // Each signal more doubles the terms.
    let fits = |count: &usize| compile(&text(*count), &Known::any()).policy.is_some();
    let count = (2..32).take_while(fits).last().unwrap();
    assert_eq!(count, 12);
    let found = analyse(&policy(&text(count)));
    let never = found.findings.iter().any(|found| found.kind == FindingKind::Unsatisfiable);
    assert!(never && found.unsettled == 0, "{} findings, {} open", found.findings.len(), found.unsettled);
    assert!(found.steps < limits::MAX_ANALYSIS_STEPS / 2, "{} steps", found.steps);
    let more = text(count + 1);
    let report = diagnose(&more, &Known::any());
    let at = report.diagnostics.first().unwrap();
    assert!(report.errors() > 0 && at.span.of(&more) == format!("a{count}"), "{at:?}");
}

#[test]
fn pigeons_are_refuted_while_few_and_unsettled_when_many() {
    let (few, unsettled) = kinds(&pigeons(4));
    assert!(few.contains(&FindingKind::Unsatisfiable) && unsettled == 0, "{few:?}");
    let (many, unsettled) = kinds(&pigeons(10));
    assert!(many.is_empty() && unsettled > 0, "{many:?} {unsettled}");
}

/// Words, patterns and sizes whose combinations are many.
#[test]
fn patterns_and_sets() {
    let patterns: Vec<String> = (0..60).map(|at| format!("model like \"*{at}*\"")).collect();
    let words: Vec<String> = (0..100).map(|at| format!("role has \"r{at}\"")).collect();
    let text = format!(
        "route p {{ when {} models {{ \"m\" }} }}\nroute q tier 1 {{ when {} and size(role) < 50 models {{ \"m\" }} }}\n{DEFAULT}",
        patterns.join(" and "),
        words.join(" and ")
    );
    let (kinds, unsettled) = kinds(&text);
    assert_eq!(
        kinds.iter().filter(|kind| **kind == FindingKind::Unsatisfiable).count(),
        1,
        "{kinds:?} {unsettled}"
    );
}
