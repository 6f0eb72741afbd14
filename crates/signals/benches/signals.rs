//! Heuristic signals against prompt size. `cargo bench -p tollgate-signals`.
//!
//! Reference (the incumbent's Go code, one thread, two cores under load): heuristic evaluation of prompts up to
//! 150 KB 0.5 ms median and 20 ms p90; one keyword-set rule 3.8 ms at 8 KB and 3.15 s at 256 KB. Bars: ten times
//! faster, linear to 10 MB, and a 1 MB prompt with 100 rules in at most 10 ms.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../tests/support/mod.rs"]
mod support;

use divan::Bencher;
use divan::counter::BytesCount;
use support::{hundred_rules, prose, spec, user};
use tollgate_core::signal::{Kind, SignalSource, SignalSpec};
use tollgate_core::{ManualClock, Timestamp};
use tollgate_signals::{Input, Reading, SignalSet, Workload};

const SIZES: [usize; 5] = [2 << 10, 32 << 10, 150 << 10, 1 << 20, 10 << 20];

fn main() {
    divan::main();
}

fn run(bencher: Bencher<'_, '_>, specs: &[SignalSpec], text: &str) {
    let set = SignalSet::compile(specs).unwrap();
    let view = user(text);
    let clock = ManualClock::new(Timestamp(0));
    let input = Input::new(&view);
    bencher.counter(BytesCount::of_str(text)).bench(|| {
        let mut reading = Reading::new(&set, &input, &clock);
        (0..set.len()).filter(|i| reading.read(*i).matched).count()
    });
}

#[divan::bench(args = SIZES)]
fn hundred_rules_english(bencher: Bencher<'_, '_>, size: usize) {
    run(bencher, &hundred_rules(), &prose(size, false));
}

#[divan::bench(args = SIZES)]
fn hundred_rules_mixed_scripts(bencher: Bencher<'_, '_>, size: usize) {
    run(bencher, &hundred_rules(), &prose(size, true));
}

/// The incumbent's quadratic case: a set of words, counted per 100 words, and a sequence.
#[divan::bench(args = [8 << 10, 256 << 10, 10 << 20])]
fn keyword_set_density(bencher: Bencher<'_, '_>, size: usize) {
    let params = serde_json::json!({"measure": "density", "words": ["first", "then", "finally", "然后"]});
    let order = serde_json::json!({"measure": "sequence", "words": ["first", "then", "finally"]});
    let specs = [spec("density", Kind::Feature, params), spec("sequence", Kind::Feature, order)];
    run(bencher, &specs, &"first 然后 then ".repeat(size / 18));
}

#[divan::bench(args = ["regex", "fuzzy", "bm25", "ngram"])]
fn ten_keywords_1mb(bencher: Bencher<'_, '_>, method: &str) {
    let words: Vec<String> = (0..10).map(|i| format!("keyword{}", char::from(b'a' + i))).collect();
    let params = serde_json::json!({"any": words, "method": method});
    run(bencher, &[spec("k", Kind::Keyword, params)], &prose(1 << 20, false));
}

#[divan::bench(args = ["keyword", "language", "tokens", "exact_tokens", "ratio", "reask", "session"])]
fn one_signal_32kb(bencher: Bencher<'_, '_>, word: &str) {
    let kind = Kind::parse(word).unwrap();
    let params = match kind {
        Kind::Keyword => serde_json::json!({"any": ["refund"]}),
        Kind::Ratio => serde_json::json!({"of": "digits"}),
        _ => serde_json::json!({}),
    };
    run(bencher, &[spec(word, kind, params)], &prose(32 << 10, false));
}

#[divan::bench]
fn workload_identity_32kb(bencher: Bencher<'_, '_>) {
    let view = user(&prose(32 << 10, false));
    let input = Input::new(&view);
    bencher.bench(|| Workload::of(&input));
}

#[divan::bench]
fn compile_hundred_rules(bencher: Bencher<'_, '_>) {
    let specs = hundred_rules();
    bencher.bench(|| SignalSet::compile(&specs).unwrap().len());
}

/// Bar: 47 KB in at most 5 ms.
#[divan::bench(args = [8 << 10, 47 << 10, 1 << 20])]
fn reduce_to_a_page(bencher: Bencher<'_, '_>, size: usize) {
    let text = prose(size, false);
    bencher.counter(BytesCount::of_str(&text)).bench(|| tollgate_signals::reduce::reduce(&text, 4096).len());
}
