//! Vectors against those that others computed: a tiny random model in numpy (float64, the published formulas, tokens by the
//! `tokenizers` package), and the real all-MiniLM-L6-v2 where its folder is at hand.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use tollgate_encode::{Kernel, Options, Precision, Windows, load};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn cases(path: &Path) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
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

/// A copy of the tiny model with another pooling.
fn pooled(mode: &str) -> tempdir::Folder {
    let folder = tempdir::Folder::copy(&data().join("tiny-bert"), mode);
    std::fs::write(folder.0.join("1_Pooling/config.json"), format!("{{\"pooling_mode_{mode}\": true}}"))
        .unwrap();
    folder
}

#[test]
fn a_tiny_model_gives_the_vectors_of_numpy_on_every_kernel() {
    let folders =
        [("mean", pooled("mean_tokens")), ("cls", pooled("cls_token")), ("max", pooled("max_tokens"))];
    for kernel in Kernel::all() {
        for (field, folder) in &folders {
            let encoder = load(&folder.0, &Options { kernel: Some(kernel), ..exact() }).unwrap();
            assert_eq!((encoder.card().dims, encoder.card().max_tokens), (32, 40));
            for case in cases(&data().join("tiny-bert/expected.json")) {
                let text = case["text"].as_str().unwrap();
                let off = distance(&encoder.embed(text), &numbers(&case[field]));
                assert!(off < 2e-5, "{} {field} {text:?}: {off}", kernel.name());
                let count = encoder.count_tokens(text);
                assert_eq!(count.min(40), case["ids"].as_array().unwrap().len(), "{text:?}");
            }
        }
    }
}

#[test]
fn static_vectors_are_the_weighted_mean_of_numpy() {
    let encoder = load(&data().join("tiny-static"), &Options::default()).unwrap();
    assert_eq!((encoder.card().dims, encoder.card().kernel.as_str()), (8, "static"));
    for case in cases(&data().join("tiny-static/expected.json")) {
        let text = case["text"].as_str().unwrap();
        assert!(distance(&encoder.embed(text), &numbers(&case["vector"])) < 1e-5, "{text:?}");
    }
    let windows =
        encoder.embed_windows("the cat sat on the model", Windows { tokens: 2, overlap: 0, most: 9 });
    assert_eq!((windows.len(), &windows[0].vector), (3, &encoder.embed("the cat")));
    assert!(encoder.token_states("cat").is_err());
}

#[test]
fn hidden_states_stand_beside_the_bytes_of_their_tokens() {
    let encoder = load(&data().join("tiny-bert"), &Options::default()).unwrap();
    let text = "Caféthe cat";
    let found = encoder.token_states(text).unwrap();
    let words: Vec<&str> = found.spans.iter().map(|span| &text[span.clone()]).collect();
    assert_eq!(words, ["Caféthe", "cat"]);
    assert_eq!(found.states.len(), 2 * found.dims);
}

#[test]
fn one_window_is_the_text_and_many_cover_it() {
    let encoder = load(&data().join("tiny-bert"), &Options::default()).unwrap();
    let text = "the cat sat on the model, the cat sat on the route.";
    let whole = encoder.embed_windows(text, Windows { tokens: 38, overlap: 8, most: 9 });
    assert_eq!((whole.len(), &whole[0].bytes, &whole[0].vector), (1, &(0..text.len()), &encoder.embed(text)));
    let windows = encoder.embed_windows(text, Windows { tokens: 5, overlap: 2, most: 9 });
    assert!(windows.len() > 3 && windows[0].bytes.start == 0);
    assert_eq!(windows.last().unwrap().bytes.end, text.len());
    assert!(windows.windows(2).all(|pair| pair[1].bytes.start < pair[0].bytes.end));
    assert_eq!(windows[1].vector, encoder.embed(&text[windows[1].bytes.clone()]));
}

#[test]
fn a_folder_that_does_not_fit_is_refused_with_file_and_field() {
    let edits = [
        ("config.json", "\"vocab_size\": 60", "\"vocab_size\": 59", "vocab_size"),
        ("config.json", "\"hidden_size\": 32", "\"hidden_size\": 33", "hidden_size"),
        ("config.json", "\"hidden_size\": 32", "\"hidden_size\": 64", "shape"),
        ("config.json", "\"model_type\": \"bert\"", "\"model_type\": \"t5\"", "model_type"),
        ("config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"silu\"", "hidden_act"),
        ("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "encoder.layer.2"),
        ("vocab.txt", "[CLS]", "[CLZ]", "[CLS]"),
        ("1_Pooling/config.json", "cls_token\": false", "cls_token\": true", "1_Pooling"),
    ];
    for (file, from, to, named) in edits {
        let folder =
            tempdir::Folder::copy(&data().join("tiny-bert"), &format!("bad-{}", named.replace('/', "-")));
        let path = folder.0.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} {from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let error = load(&folder.0, &Options::default()).err().expect(to).to_string();
        assert!(error.contains(named) || error.contains(file), "{to}: {error}");
    }
}

#[test]
fn the_real_model_gives_the_vectors_of_numpy() {
    let Some(folder) = real() else { return };
    let encoder = load(&folder, &exact()).unwrap();
    for case in cases(&data().join("minilm-expected.json")) {
        let text = case["text"].as_str().unwrap();
        let vector = encoder.embed(text);
        assert_eq!(encoder.count_tokens(text), case["tokens"].as_u64().unwrap() as usize, "{text:?}");
        assert!(distance(&vector[..8], &numbers(&case["first"])) < 3e-5, "{text:?} {:?}", &vector[..8]);
        assert!((vector.iter().sum::<f32>() - case["sum"].as_f64().unwrap() as f32).abs() < 2e-4, "{text:?}");
    }
}

#[test]
fn bytes_keep_the_direction_of_the_real_model_on_every_kernel() {
    let Some(folder) = real() else { return };
    let limit = |options: Options| Options { max_tokens: Some(512), ..options };
    let reference = load(&folder, &limit(exact())).unwrap();
    // Passages of this repository's own text, of 20 to 512 tokens.
    let book =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md")).unwrap();
    let chars: Vec<char> = book.chars().take(12_000).collect();
    let texts: Vec<String> = [100, 900, 2600]
        .iter()
        .flat_map(|size| chars.chunks(*size).take(2))
        .map(|c| c.iter().collect())
        .collect();
    for kernel in Kernel::all() {
        let encoder = load(&folder, &limit(Options { kernel: Some(kernel), ..Options::default() })).unwrap();
        let cosines = texts.iter().map(|text| {
            let (a, b) = (encoder.embed(text), reference.embed(text));
            a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>()
        });
        let cosines: Vec<f32> = cosines.collect();
        let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
        assert!(mean >= 0.997 && cosines.iter().all(|c| *c >= 0.995), "{} {cosines:?}", kernel.name());
    }
}

/// The folder of all-MiniLM-L6-v2 below `TOLLGATE_MODELS`, or else `tollgate-data/models` at the root of the repository.
fn real() -> Option<PathBuf> {
    let models = std::env::var_os("TOLLGATE_MODELS").map(PathBuf::from);
    let models =
        models.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tollgate-data/models"));
    let folder = models.join("all-minilm-l6-v2");
    if !folder.join("model.safetensors").exists() {
        let line = "SKIPPED: no all-minilm-l6-v2 below TOLLGATE_MODELS or tollgate-data/models\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    }
    Some(folder)
}

/// Folders that go when they are dropped.
mod tempdir {
    use std::path::{Path, PathBuf};

    pub(crate) struct Folder(pub(crate) PathBuf);

    impl Folder {
        /// A copy of `from`, two levels deep.
        pub(crate) fn copy(from: &Path, name: &str) -> Self {
            let to =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("encode-{name}-{}", std::process::id()));
            copy(from, &to);
            Self(to)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}
