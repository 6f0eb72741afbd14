//! How often a kept answer is a wrong one, on labelled pairs of questions that nothing here was fitted to.
//!
//! Each pair is a question that was answered and one that comes; "hit" is what the cache would say. Needs the pairs and the
//! encoder's weights; minutes of computing, so it is asked for by name:
//! `cargo test --release -p tollgate-cache --test pairs -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use tollgate_cache::guard::Gist;
use tollgate_encode::{Options, TextEncoder, load};

#[derive(serde::Deserialize)]
struct Pair {
    a: String,
    b: String,
    label: u8,
}

struct Scored {
    same: bool,
    cosine: f32,
    passes: bool,
}

fn skipped(why: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}

fn pairs() -> Option<Vec<Pair>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/data/signals/semantic-cache/qqp.jsonl.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).ok()?).read_to_string(&mut text).ok()?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn encoder() -> Option<std::sync::Arc<dyn TextEncoder>> {
    let models = std::env::var_os("TOLLGATE_MODELS").map(PathBuf::from);
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tollgate-data/models");
    load(&models.unwrap_or_else(usual).join("all-minilm-l6-v2"), &Options::default()).ok()
}

fn rates(scored: &[Scored], hit: impl Fn(&Scored) -> bool) -> (f64, f64, usize) {
    let hits = scored.iter().filter(|pair| hit(pair)).count();
    let right = scored.iter().filter(|pair| hit(pair) && pair.same).count();
    let all = scored.iter().filter(|pair| pair.same).count();
    (right as f64 / hits.max(1) as f64, right as f64 / all as f64, hits)
}

#[test]
#[ignore = "minutes of computing, and data that is not in the repository"]
fn the_guard_makes_wrong_hits_rarer_at_every_threshold() {
    let (Some(pairs), Some(encoder)) = (pairs(), encoder()) else {
        return skipped("no labelled pairs, or no all-minilm-l6-v2 below TOLLGATE_MODELS");
    };
    let score = |pair: &Pair| {
        let (a, b) = (encoder.embed(&pair.a), encoder.embed(&pair.b));
        let cosine = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        let passes = Gist::of(&pair.a).differs(&Gist::of(&pair.b)).is_none();
        Scored { same: pair.label == 1, cosine, passes }
    };
    let scored: Vec<Scored> = pairs.iter().map(score).collect();
    let mut out = std::io::stderr();
    writeln!(out, "cosine | precision, recall, hits | with the guard").unwrap();
    for least in [0.80, 0.85, 0.90, 0.93, 0.95, 0.97] {
        let plain = rates(&scored, |pair| pair.cosine >= least);
        let guarded = rates(&scored, |pair| pair.cosine >= least && pair.passes);
        writeln!(out, "{least:.2} | {plain:.3?} | {guarded:.3?}").unwrap();
        assert!(guarded.0 > plain.0 && guarded.2 < plain.2, "at {least}");
    }
}
