//! Vectors of labelled texts, by an encoder from a folder; kept in a file between runs where one is named.

use anyhow::{Context, Result, bail};
use clap::Args;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_core::Digest;
use tollgate_encode::{Options, TextEncoder, load};
use tollgate_signals::head::{PROBE, Probe};
use tollgate_signals::learn::{Config, Example};

/// The first line of a file of vectors; the digest of the encoder follows.
const MAGIC: &[u8] = b"tollgate-vectors 1\n";
/// Bytes of a digest.
const KEY: usize = 32;

/// The encoder whose vectors heads read beside n-grams.
#[derive(Args, Debug)]
pub(super) struct Encoder {
    /// Folder of a text encoder; heads then read its vectors beside n-grams
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Keep the vectors in this file, and take them from it
    #[arg(long, value_name = "FILE", requires = "model")]
    vectors: Option<PathBuf>,
}

/// An encoder with the vectors that it gave.
pub(super) struct Vectors {
    encoder: Arc<dyn TextEncoder>,
    file: Option<PathBuf>,
    kept: HashMap<Digest, Vec<f32>>,
}

impl Encoder {
    /// The encoder, where one is named.
    pub(super) fn open(&self) -> Result<Option<Vectors>> {
        let Some(folder) = &self.model else { return Ok(None) };
        let encoder = load(folder, &Options::default())
            .with_context(|| format!("cannot load {}; `tollgate models` fetches models", folder.display()))?;
        let mut vectors = Vectors { encoder, file: self.vectors.clone(), kept: HashMap::new() };
        if let Some(path) = self.vectors.as_ref().filter(|path| path.is_file()) {
            vectors.read(path)?;
        }
        Ok(Some(vectors))
    }
}

impl Vectors {
    /// The encoder.
    pub(super) fn encoder(&self) -> &dyn TextEncoder {
        &*self.encoder
    }

    /// Gives every example its vector that has none of its own, and says in `config` whose vectors they are.
    pub(super) fn fill(&mut self, examples: &mut [Example], config: &mut Config) -> Result<()> {
        // A recipe whose rows are no encoder's says so.
        if config.encoder.is_empty() {
            self.encoder.card().name.clone_into(&mut config.encoder);
            config.probe = Probe::of(&self.encoder.embed(PROBE));
        }
        if examples.iter().any(|example| example.vector.is_some()) {
            return Ok(());
        }
        let bar = indicatif::ProgressBar::new(examples.len() as u64);
        let before = self.kept.len();
        for example in examples {
            let key = Digest::of(example.text.as_bytes());
            let vector = self.kept.entry(key).or_insert_with(|| self.encoder.embed(&example.text));
            example.vector = Some(vector.clone());
            bar.inc(1);
        }
        bar.finish_and_clear();
        if self.kept.len() > before { self.write() } else { Ok(()) }
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let digest = self.encoder.card().digest;
        let rest = bytes.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(&digest.0[..]));
        let Some(rows) = rest else {
            bail!("{} holds no vectors of this encoder; name another file or delete it", path.display());
        };
        for row in rows.chunks_exact(KEY + 4 * self.encoder.card().dims) {
            let (key, numbers) = row.split_at(KEY);
            let mut digest = Digest::of(&[]);
            digest.0.copy_from_slice(key);
            let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap_or_default());
            self.kept.insert(digest, numbers.chunks_exact(4).map(number).collect());
        }
        Ok(())
    }

    fn write(&self) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let mut bytes = [MAGIC, &self.encoder.card().digest.0[..]].concat();
        let mut rows: Vec<_> = self.kept.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| key.0);
        for (key, vector) in rows {
            bytes.extend(key.0);
            bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
        }
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}
