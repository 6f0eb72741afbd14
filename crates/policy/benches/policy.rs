//! Decisions and compilation against the bars: a tenth of 3.7 µs (100 routes of 5 conditions, no match), 6.5 µs
//! (one match), 490 µs (all match), 30.8 ms (1,000 routes, all match); compile 4.8 KB in 0.11 ms, 84 KB in 3.3 ms.
//!
//! `cargo bench -p tollgate-policy`

#![allow(clippy::expect_used, reason = "the bench writes its own input")]

use divan::{Bencher, black_box, counter::BytesCount};
use std::fmt::Write as _;
use tollgate_core::signal::{Signal, SignalSource};
use tollgate_policy::{Known, Policy, compile};

fn main() {
    divan::main();
}

struct Fixed(Vec<Signal>);

impl SignalSource for Fixed {
    fn read(&mut self, index: usize) -> &Signal {
        &self.0[index]
    }
}

/// Routes that each need five signals of their own; `ranked`: each with its own priority.
fn text(routes: usize, ranked: bool) -> String {
    let mut text = String::new();
    for route in 0..routes {
        for part in 0..5 {
            let _ = writeln!(text, "signal s{route}_{part} = keyword any [\"w{route} {part}\"]");
        }
        let priority = if ranked { route } else { 0 };
        let when: Vec<String> = (0..5).map(|part| format!("s{route}_{part}")).collect();
        let when = when.join(" and ");
        let _ = writeln!(text, "route r{route} priority {priority} {{ when {when} models {{ \"m\" }} }}");
    }
    text + "default { models { \"d\" } }\n"
}

fn policy(routes: usize, ranked: bool) -> Policy {
    compile(&text(routes, ranked), &Known::any()).policy.expect("a right text")
}

/// Signals of which those of the routes that `matches` picks hold, with this confidence.
fn signals(policy: &Policy, confidence: f64, matches: impl Fn(usize) -> bool) -> Fixed {
    let signal = |name: &str| {
        let route =
            name[1..].split('_').next().and_then(|route| route.parse().ok()).expect("s<route>_<part>");
        let confidence = confidence * if name.ends_with('0') { 0.9 + route as f64 * 1e-5 } else { 1.0 };
        if matches(route) { Signal { confidence, ..Signal::flag(true) } } else { Signal::flag(false) }
    };
    Fixed(policy.specs().iter().map(|spec| signal(&spec.name)).collect())
}

fn decide(
    bencher: Bencher<'_, '_>,
    routes: usize,
    ranked: bool,
    matches: fn(usize) -> bool,
    confidence: f64,
) {
    let policy = policy(routes, ranked);
    let mut source = signals(&policy, confidence, matches);
    bencher.bench_local(|| black_box(&policy).decide(black_box(&mut source), false));
}

const RANKED: [bool; 2] = [true, false];

#[divan::bench(args = RANKED)]
fn no_match_100(bencher: Bencher<'_, '_>, ranked: bool) {
    decide(bencher, 100, ranked, |_| false, 1.0);
}

#[divan::bench(args = RANKED)]
fn one_match_100(bencher: Bencher<'_, '_>, ranked: bool) {
    decide(bencher, 100, ranked, |route| route == 50, 1.0);
}

#[divan::bench(args = RANKED)]
fn all_match_100(bencher: Bencher<'_, '_>, ranked: bool) {
    decide(bencher, 100, ranked, |_| true, 0.9);
}

#[divan::bench(args = RANKED)]
fn all_match_1000(bencher: Bencher<'_, '_>, ranked: bool) {
    decide(bencher, 1000, ranked, |_| true, 0.9);
}

#[divan::bench]
fn traced_100(bencher: Bencher<'_, '_>) {
    let policy = policy(100, true);
    let mut source = signals(&policy, 1.0, |route| route == 50);
    bencher.bench_local(|| black_box(&policy).decide(black_box(&mut source), true));
}

/// A text of about this many bytes.
fn sized(bytes: usize) -> String {
    (1..).map(|routes| text(routes, true)).find(|text| text.len() >= bytes).expect("grows")
}

#[divan::bench(args = [4_800, 84_000])]
fn compile_bytes(bencher: Bencher<'_, '_>, bytes: usize) {
    let text = sized(bytes);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| compile(black_box(&text), &Known::any()));
}

#[divan::bench]
fn fmt_shipped(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| tollgate_policy::fmt("shipped", black_box(tollgate_policy::SHIPPED)));
}
