//! ModernBERT against vectors of another implementation: tiny random models made from its configuration class and computed by
//! the `transformers` package in 64 bits, tokens by the `tokenizers` package. `tiny-modern` has byte pairs over bytes and the
//! configuration of old files, `tiny-mm` byte pairs over characters with spaces as Gemma has them and that of new ones.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use tollgate_encode::{Kernel, Options, Precision, Windows, load};

const MODELS: [&str; 2] = ["tiny-modern", "tiny-mm"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn cases(name: &str) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(folder(name).join("expected.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn exact() -> Options {
    Options { precision: Precision::F32, ..Options::default() }
}

#[test]
fn a_tiny_model_gives_the_vectors_of_transformers_on_every_kernel() {
    for (name, kernel) in
        MODELS.into_iter().flat_map(|name| Kernel::all().into_iter().map(move |k| (name, k)))
    {
        let encoder = load(&folder(name), &Options { kernel: Some(kernel), ..exact() }).unwrap();
        assert_eq!((encoder.card().dims, encoder.card().max_tokens), (24, 64));
        for case in cases(name) {
            let text = case["text"].as_str().unwrap();
            let count = encoder.count_tokens(text).min(64);
            assert_eq!(count, case["ids"].as_array().unwrap().len(), "{name} {text:?}");
            let off = distance(&encoder.embed(text), &numbers(&case["mean"]));
            assert!(off < 2e-5, "{name} {} {text:?}: {off}", kernel.name());
        }
    }
}

#[test]
fn a_model_cut_in_layers_and_numbers_is_that_of_transformers() {
    for name in MODELS {
        let cut = Options { layers: Some(3), dims: Some(16), ..exact() };
        let (whole, cut) = (load(&folder(name), &exact()).unwrap(), load(&folder(name), &cut).unwrap());
        assert_ne!(whole.card().digest, cut.card().digest);
        assert_eq!(cut.card().dims, 16);
        for case in cases(name) {
            let text = case["text"].as_str().unwrap();
            let off = distance(&cut.embed(text), &numbers(&case["cut"]));
            assert!(off < 2e-5, "{name} {text:?}: {off}");
        }
        for wrong in [Options { layers: Some(6), ..exact() }, Options { dims: Some(25), ..exact() }] {
            assert!(load(&folder(name), &wrong).is_err());
        }
    }
}

#[test]
fn bytes_keep_the_direction() {
    for name in MODELS {
        let (exact, bytes) =
            (load(&folder(name), &exact()).unwrap(), load(&folder(name), &Options::default()).unwrap());
        for case in cases(name) {
            let text = case["text"].as_str().unwrap();
            let cosine: f32 = exact.embed(text).iter().zip(bytes.embed(text)).map(|(a, b)| a * b).sum();
            assert!(cosine > 0.98, "{name} {text:?}: {cosine}");
        }
    }
}

#[test]
fn tokens_stand_for_whole_characters_of_the_text() {
    for name in MODELS {
        let encoder = load(&folder(name), &Options::default()).unwrap();
        let text = "the 中文🙂 Cafe\u{301}  cat";
        let states = encoder.token_states(text).unwrap();
        assert_eq!((states.states.len(), states.dims), (states.spans.len() * 24, 24));
        let mut reached = 0;
        for span in &states.spans {
            assert!(text.get(span.clone()).is_some() && span.start <= reached, "{name} {span:?}");
            reached = reached.max(span.end);
        }
        assert_eq!(reached, text.len(), "{name}");
        for window in encoder.embed_windows(text, Windows { tokens: 4, overlap: 1, most: 50 }) {
            assert!(text.get(window.bytes.clone()).is_some());
        }
    }
}
