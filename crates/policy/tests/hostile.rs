//! Conditions made to hurt: the analysis ends within its bounds and says what it could not settle.

mod common;
#[path = "common/hard.rs"]
mod hard;

use common::policy;
use hard::{DEFAULT, pigeons, signals};
use std::fmt::Write as _;
use tollgate_policy::{FindingKind, analyse, limits};

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

#[test]
fn deep_nesting() {
    let mut when = "s0".to_owned();
    // Three steps nest four levels deep.
    for at in 1..limits::MAX_DEPTH * 3 / 4 - 2 {
        when = match at % 3 {
            0 => format!("s{at} and ({when})"),
            1 => format!("s{at} or ({when})"),
            _ => format!("not ({when} and s{at})"),
        };
    }
    let text =
        format!("{}route r {{ when {when} models {{ \"m\" }} }}\n{DEFAULT}", signals(limits::MAX_DEPTH));
    let (kinds, unsettled) = kinds(&text);
    assert!(!kinds.contains(&FindingKind::Unsatisfiable) && unsettled == 0, "{kinds:?}");
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

#[test]
fn chains_of_exclusive_or() {
    // Named conditions expand to at most 4,096 terms: ten signals.
    let count = 10;
    let order: Vec<usize> = (0..count).collect();
    let other: Vec<usize> = (0..count).map(|at| at * 7 % count).collect();
    let last = count - 1;
    let text = format!(
        "{}{}{}route r {{ when a{last} and not b{last} models {{ \"m\" }} }}\n{DEFAULT}",
        signals(count),
        parity("a", &order),
        parity("b", &other)
    );
    let (kinds, unsettled) = kinds(&text);
    assert!(kinds.contains(&FindingKind::Unsatisfiable) && unsettled == 0, "{kinds:?} {unsettled}");
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
