//! Folders of tiny models that a test may change.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The folder of a vocabulary, and its file.
pub(crate) type Vocabulary = (&'static str, &'static str);
pub(crate) const BERT: Vocabulary = ("tiny-bert", "vocab.txt");
pub(crate) const MODERN: Vocabulary = ("tiny-modern", "tokenizer.json");

/// A folder that goes when it is dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// A copy of the model `name` with its vocabulary, for one test.
    pub(crate) fn new(test: &str, name: &str, (vocabulary, file): Vocabulary) -> Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&to).unwrap();
        for part in ["config.json", "model.safetensors", "expected.json"] {
            std::fs::copy(data.join(name).join(part), to.join(part)).unwrap();
        }
        std::fs::copy(data.join(vocabulary).join(file), to.join(file)).unwrap();
        Self(to)
    }

    /// What the other implementation computed.
    pub(crate) fn cases(&self) -> Vec<Value> {
        serde_json::from_slice(&std::fs::read(self.0.join("expected.json")).unwrap()).unwrap()
    }

    /// Writes something else into its configuration.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.0.join("config.json")).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.0.join("config.json"), text.replace(from, to)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
