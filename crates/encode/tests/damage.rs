//! Folders that were damaged, byte by byte and field by field, are read or refused: never an end of the program, and never more
//! memory than the bounds of a configuration allow. A fixed seed, so that what fails once fails again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::path::{Path, PathBuf};
use tollgate_encode::{Inference, Labeller, Options, Windows, load, load_labeller};

/// Damages a file of a folder.
const ROUNDS: usize = 150;
/// What is written over a number or a word of JSON.
const VALUES: [&str; 12] =
    ["0", "1", "-1", "3", "65536", "4294967296", "18446744073709551615", "1e30", "null", "[]", "{}", "\"x\""];

struct Random(u64);

impl Random {
    /// A number below `most` (SplitMix64).
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as usize % most.max(1)
    }
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn copy(model: &str, test: &str) -> Folder {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(model);
    let to =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("damage-{test}-{model}-{}", std::process::id()));
    std::fs::create_dir_all(&to).unwrap();
    for row in std::fs::read_dir(from).unwrap() {
        let row = row.unwrap();
        if row.file_type().unwrap().is_file() {
            std::fs::copy(row.path(), to.join(row.file_name())).unwrap();
        }
    }
    Folder(to)
}

/// Reads the folder and, where it is one, what a text with all that tokenizers do becomes.
fn try_it(folder: &Path) -> bool {
    let Ok(encoder) = load(folder, &Options::default()) else { return false };
    let text = "the cat's  sat\n\n on   Cafe\u{301} 中文🙂 [CLS] <bos> |||IP||| 12";
    assert_eq!(encoder.embed(text).len(), encoder.card().dims);
    for window in encoder.embed_windows(text, Windows { tokens: 5, overlap: 2, most: 4 }) {
        assert!(text.get(window.bytes).is_some());
    }
    true
}

fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = random.below(bytes.len());
    match random.below(5) {
        0 => bytes[at] = random.below(256) as u8,
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..(at + 1 + random.below(40)).min(bytes.len()))),
        3 => bytes.insert(at, b"0123456789\",:[]{}\\\n"[random.below(18)]),
        // A whole number or word between two marks of JSON becomes another.
        _ => {
            let end = bytes[at..].iter().position(|b| b",]}".contains(b)).map_or(bytes.len(), |i| at + i);
            let start = bytes[..at].iter().rposition(|b| b":[,".contains(b)).map_or(0, |i| i + 1);
            bytes.splice(start..end, VALUES[random.below(VALUES.len())].bytes());
        }
    }
    bytes
}

#[test]
fn any_damage_is_read_or_refused() {
    let mut read = 0;
    for (model, files) in [
        ("tiny-bert", &["config.json", "vocab.txt", "model.safetensors"][..]),
        ("tiny-modern", &["config.json", "tokenizer.json", "model.safetensors"]),
        ("tiny-mm", &["config.json", "tokenizer.json"]),
        ("tiny-static", &["config.json", "model.safetensors"]),
    ] {
        let folder = copy(model, "any");
        assert!(try_it(&folder.0), "{model}");
        for file in files {
            let path = folder.0.join(file);
            let (whole, mut random) = (std::fs::read(&path).unwrap(), Random(7));
            for _ in 0..ROUNDS {
                // The head of weights is where their names and places are.
                let part = if *file == "model.safetensors" { whole.len().min(4096) } else { whole.len() };
                let (head, tail) = whole.split_at(part);
                std::fs::write(&path, [&damaged(head, &mut random), tail].concat()).unwrap();
                read += usize::from(try_it(&folder.0));
            }
            std::fs::write(&path, whole).unwrap();
        }
    }
    // Much of the damage is harmless, as in a name that nothing asks for.
    assert!(read > 50, "{read}");
}

/// A classifier's folder: its labels, pieces and pairs too.
fn try_classifier(folder: &Path) -> bool {
    let text = "the cat sat on the model, 中文 12! ".repeat(4);
    let windows = Windows { tokens: 9, overlap: 3, most: 4 };
    match load_labeller(folder, &Options::default()) {
        Ok(Labeller::Sequence(classifier)) => {
            let _ = (classifier.classify_windows(&text, windows), classifier.classify_pair(&text, "a cat"));
            let _ = Inference::of(classifier).map(|inference| inference.judge(&text, "the route"));
            true
        }
        Ok(Labeller::Tokens(classifier)) => {
            for piece in classifier.pieces_in_windows(&text, windows) {
                assert!(text.get(piece.bytes).is_some() && piece.label < classifier.labels().len());
            }
            true
        }
        Err(_) => false,
    }
}

#[test]
fn any_damage_of_a_classifier_is_read_or_refused() {
    let mut read = 0;
    for (model, vocabulary, file) in [
        ("bert-tokens", "tiny-bert", "vocab.txt"),
        ("bert-pairs", "tiny-bert", "vocab.txt"),
        ("modern-tokens", "tiny-modern", "tokenizer.json"),
    ] {
        let folder = copy(model, "classifier");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(vocabulary).join(file);
        std::fs::copy(from, folder.0.join(file)).unwrap();
        assert!(try_classifier(&folder.0), "{model}");
        for name in ["config.json", "model.safetensors"] {
            let path = folder.0.join(name);
            let (whole, mut random) = (std::fs::read(&path).unwrap(), Random(11));
            for _ in 0..ROUNDS {
                let part = if name == "model.safetensors" { whole.len().min(4096) } else { whole.len() };
                let (head, tail) = whole.split_at(part);
                std::fs::write(&path, [&damaged(head, &mut random), tail].concat()).unwrap();
                read += usize::from(try_classifier(&folder.0));
            }
            std::fs::write(&path, whole).unwrap();
        }
    }
    assert!(read > 20, "{read}");
}

/// A weight that is no number, or so large that a sum is none, would say of every text that it is like every other, or safe.
#[test]
fn weights_that_give_no_numbers_are_refused() {
    for (model, name) in [
        ("tiny-bert", "encoder.layer.0.output.LayerNorm.weight"),
        ("tiny-bert", "embeddings.word_embeddings.weight"),
        ("tiny-static", "weights"),
    ] {
        for odd in [f32::NAN, f32::INFINITY, f32::MAX] {
            let folder = copy(model, "odd");
            assert!(try_it(&folder.0), "{model}");
            let path = folder.0.join("model.safetensors");
            let mut bytes = std::fs::read(&path).unwrap();
            let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
            let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
            let range = |at: usize| header[name]["data_offsets"][at].as_u64().unwrap() as usize + 8 + length;
            // All of them: whatever a text has.
            let all = bytes[range(0)..range(1)].chunks_exact_mut(4);
            all.for_each(|x| x.copy_from_slice(&odd.to_le_bytes()));
            std::fs::write(&path, &bytes).unwrap();
            let loaded = load(&folder.0, &Options::default());
            assert!(odd == f32::MAX || loaded.is_err(), "{name} {odd}");
            // What is only too large is refused, or its vectors are of numbers all the same.
            let finite = |found: Vec<f32>| found.iter().all(|x| x.is_finite());
            assert!(loaded.map_or(true, |encoder| finite(encoder.embed("the cat sat"))), "{name} {odd}");
        }
    }
}

/// What was found, kept.
#[test]
fn extreme_figures_are_read_or_refused() {
    for (model, from, to) in [
        // Seen on both sides of a token, this overflows.
        ("tiny-modern", "\"local_attention\": 8", "\"local_attention\": 18446744073709551615"),
        ("tiny-modern", "\"local_attention\": 8", "\"local_attention\": 0"),
        ("tiny-modern", "\"global_attn_every_n_layers\": 3", "\"global_attn_every_n_layers\": 0"),
        ("tiny-modern", "\"max_position_embeddings\": 64", "\"max_position_embeddings\": 1"),
        ("tiny-modern", "\"global_rope_theta\": 160000.0", "\"global_rope_theta\": 0"),
        ("tiny-bert", "\"num_attention_heads\": 2", "\"num_attention_heads\": 0"),
        ("tiny-bert", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e39"),
        ("tiny-bert", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": -1"),
    ] {
        let folder = copy(model, "extreme");
        let text = std::fs::read_to_string(folder.0.join("config.json")).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(folder.0.join("config.json"), text.replace(from, to)).unwrap();
        try_it(&folder.0);
    }
}
