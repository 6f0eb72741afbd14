//! Folders of the tiny models that the encoder's tests have.

use super::Folder;
use std::path::Path;

/// The model `name` with the vocabulary of the tiny BERT.
pub fn model(name: &str) -> Folder {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../encode/tests/data");
    let folder = Folder::new();
    for (from, file) in [(name, "config.json"), (name, "model.safetensors"), ("tiny-bert", "vocab.txt")] {
        std::fs::copy(data.join(from).join(file), folder.path().join(file)).unwrap();
    }
    folder
}
