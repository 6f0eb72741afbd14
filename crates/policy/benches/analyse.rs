//! The analysis of large policies against its bar: 1,000 routes of 20 conditions in at most 2 s.
//!
//! `cargo bench -p tollgate-policy --bench analyse`

#![allow(clippy::expect_used, reason = "the bench writes its own input")]

use divan::{Bencher, black_box};
use std::fmt::Write as _;
use tollgate_policy::{Known, Policy, analyse, compile};

fn main() {
    divan::main();
}

/// How the routes stand to each other.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Each with its own priority.
    Ranked,
    /// All of one priority.
    Flat,
    /// Each with its own priority and nested conditions.
    Nested,
    /// The same over so few signals that most routes hang together: ended by the bound on steps.
    Crowded,
}

/// The same numbers on every machine (a multiplicative congruence).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// Routes of 20 tests each over 400 keywords, numbers, languages and roles.
fn text(routes: usize, shape: Shape) -> String {
    let mut dice = Dice(7);
    let signals = if matches!(shape, Shape::Crowded) { 40 } else { 400 };
    let mut text = String::new();
    for signal in 0..signals {
        let _ = writeln!(text, "signal s{signal} = keyword any [\"w{signal}\", \"v{}\"]", signal % 50);
    }
    let languages = ["de", "en", "fr", "es", "it", "nl", "pt", "ru"];
    for route in 0..routes {
        let mut flag = || {
            let not = if dice.below(4) == 0 { "not " } else { "" };
            format!("{not}s{}", dice.below(signals))
        };
        let when = if matches!(shape, Shape::Nested | Shape::Crowded) {
            let mut parts: Vec<String> = Vec::new();
            for _ in 0..5 {
                parts.push(format!("({} or ({} and ({} or {})))", flag(), flag(), flag(), flag()));
            }
            parts.join(" and ")
        } else {
            let mut parts: Vec<String> = (0..15).map(|_| flag()).collect();
            parts.push(format!("tokens > {}", 10 * dice.below(400)));
            parts.push(format!("turns <= {}", 2 + dice.below(9)));
            parts.push(format!(
                "language in [\"{}\", \"{}\"]",
                languages[dice.below(8)],
                languages[dice.below(8)]
            ));
            parts.push(format!(
                "(role has \"r{}\" or total_tokens > {})",
                dice.below(9),
                100 * dice.below(90)
            ));
            parts.join(" and ")
        };
        let priority = if matches!(shape, Shape::Flat) { 0 } else { routes - route };
        let _ = writeln!(
            text,
            "route r{route} priority {priority} {{ when {when} models {{ \"m{}\" }} }}",
            route % 7
        );
    }
    text + "default { models { \"d\" } }\n"
}

fn policy(shape: Shape) -> Policy {
    let compiled = compile(&text(1000, shape), &Known::any());
    compiled.policy.expect("a right text")
}

#[divan::bench(args = [Shape::Ranked, Shape::Flat, Shape::Nested, Shape::Crowded], sample_count = 5, sample_size = 1)]
fn thousand_by_twenty(bencher: Bencher<'_, '_>, shape: Shape) {
    let policy = policy(shape);
    let found = analyse(&policy);
    if !matches!(shape, Shape::Crowded) {
        assert_eq!(found.unsettled, 0, "{shape:?}: {} findings", found.findings.len());
    }
    bencher.bench_local(|| analyse(black_box(&policy)));
}
