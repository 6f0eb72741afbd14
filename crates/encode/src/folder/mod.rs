//! Reading a model's folder: what `config.json` says it is decides what is read.
//!
//! This is the one place of the crate that reads files.

mod files;

use crate::bert::{Bert, BertConfig};
use crate::contextual::{Contextual, Pooling};
use crate::kernel::Kernel;
use crate::lookup::{self, Lookup, Table};
use crate::tokenize::WordPiece;
use crate::{Card, EncodeError, TextEncoder};
use files::Folder;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use tollgate_core::Digest;

/// The arithmetic of matrix products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Bytes with a scale for each row and each output: several times as fast, cosine to [`Self::F32`] about 0.998.
    #[default]
    Int8,
    /// 32-bit floating point.
    F32,
}

/// How a model is loaded.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its name; the folder's where none is given.
    pub name: Option<String>,
    /// Arithmetic.
    pub precision: Precision,
    /// Most tokens of a text, instead of what the folder says; never beyond the positions that the model has.
    pub max_tokens: Option<usize>,
    /// The kernel; the fastest of this processor where none is given.
    pub kernel: Option<Kernel>,
}

/// Loads the model in `folder`, in the layout of Hugging Face: `config.json`, `model.safetensors`, `vocab.txt` or
/// `tokenizer.json`; `1_Pooling/config.json`, `sentence_bert_config.json` and `tokenizer_config.json` where they are.
///
/// # Errors
/// [`EncodeError`] with file and field when something is missing, malformed, or not computed here.
pub fn load(folder: &Path, options: &Options) -> Result<Arc<dyn TextEncoder>, EncodeError> {
    let folder = Folder::new(folder);
    let config = folder.json("config.json")?;
    let place = folder.place("config.json");
    match config.get("model_type").and_then(|kind| kind.as_str()) {
        Some("bert") => bert(&folder, &config, options),
        Some("model2vec") => lookup(&folder, options),
        other => Err(EncodeError::unsupported(
            place,
            format!("model_type {:?}; bert and model2vec are computed", other.unwrap_or_default()),
        )),
    }
}

fn bert(
    folder: &Folder,
    config: &serde_json::Value,
    options: &Options,
) -> Result<Arc<dyn TextEncoder>, EncodeError> {
    let config = BertConfig::read(&folder.place("config.json"), config)?;
    let (tokenizer, vocabulary) = folder.wordpiece(config.vocab_size)?;
    let mut file = folder.weights()?;
    let mut model = Bert::read(&mut file, &config)?;
    let kernel = options.kernel.unwrap_or_else(Kernel::detect);
    if options.precision == Precision::Int8 {
        model.quantise(kernel, &tokenizer.samples(config.max_position_embeddings));
    }
    let stated = folder.max_tokens().unwrap_or(config.max_position_embeddings);
    let max_tokens = options.max_tokens.unwrap_or(stated).clamp(3, config.max_position_embeddings.max(3));
    let pooling = folder.pooling()?;
    let precision = match options.precision {
        Precision::Int8 => "int8",
        Precision::F32 => "f32",
    };
    let how = format!("{precision} {pooling:?}");
    let card = Card {
        name: options.name.clone().unwrap_or_else(|| folder.name()),
        digest: Digest::of_parts([&file.digest().0[..], &vocabulary.0, how.as_bytes()]),
        dims: config.hidden_size,
        max_tokens,
        kernel: format!("{precision} {}", kernel.name()),
    };
    Ok(Arc::new(Contextual { card, tokenizer, model, pooling, kernel, scratches: Mutex::new(Vec::new()) }))
}

fn lookup(folder: &Folder, options: &Options) -> Result<Arc<dyn TextEncoder>, EncodeError> {
    let mut file = folder.weights()?;
    let table = Table::read(&mut file)?;
    let (tokenizer, vocabulary) = folder.wordpiece(table.tokens())?;
    let stated = options.max_tokens.or_else(|| folder.max_tokens());
    let card = Card {
        name: options.name.clone().unwrap_or_else(|| folder.name()),
        digest: Digest::of_parts([&file.digest().0[..], &vocabulary.0]),
        dims: table.dims,
        max_tokens: stated.unwrap_or(lookup::TOKENS_MAX).clamp(1, lookup::TOKENS_MAX),
        kernel: "static".into(),
    };
    Ok(Arc::new(Lookup { card, tokenizer, table }))
}

impl Folder {
    /// The tokenizer with the digest of what it was read from.
    fn wordpiece(&self, numbers: usize) -> Result<(WordPiece, Digest), EncodeError> {
        let folding = self.folding()?;
        let (tokenizer, digest, highest) = if let Some(text) = self.text("vocab.txt")? {
            let place = self.place("vocab.txt");
            let digest = Digest::of_parts([text.as_bytes(), format!("{folding:?}").as_bytes()]);
            (WordPiece::from_lines(&place, &text, folding)?, digest, text.lines().count())
        } else {
            let place = self.place("tokenizer.json");
            let json = self.json("tokenizer.json")?;
            let pieces = json.pointer("/model/vocab").and_then(|v| v.as_object());
            let Some(pieces) = pieces.filter(|_| json["model"]["type"] == "WordPiece") else {
                return Err(EncodeError::unsupported(place, "its model is no WordPiece with a vocabulary"));
            };
            let pieces: Vec<(&str, u32)> = pieces
                .iter()
                .filter_map(|(piece, id)| Some((piece.as_str(), id.as_u64()?.try_into().ok()?)))
                .collect();
            let highest = pieces.iter().map(|(_, id)| *id as usize + 1).max().unwrap_or(0);
            let digest = Digest::of(format!("{folding:?}{pieces:?}").as_bytes());
            (WordPiece::new(&place, pieces.into_iter(), folding)?, digest, highest)
        };
        if highest > numbers {
            let problem = format!("{highest} pieces; the model has {numbers}");
            return Err(EncodeError::format(self.place("the vocabulary"), problem));
        }
        Ok((tokenizer, digest))
    }

    fn pooling(&self) -> Result<Pooling, EncodeError> {
        let Some(config) = self.optional_json("1_Pooling/config.json")? else { return Ok(Pooling::Mean) };
        let on = |mode: &str| config.get(mode).and_then(|on| on.as_bool()).unwrap_or(false);
        let modes = [
            ("pooling_mode_mean_tokens", Pooling::Mean),
            ("pooling_mode_cls_token", Pooling::First),
            ("pooling_mode_max_tokens", Pooling::Max),
        ];
        let mut chosen = modes.iter().filter(|(mode, _)| on(mode));
        match (chosen.next(), chosen.next()) {
            (Some((_, pooling)), None) => Ok(*pooling),
            _ => Err(EncodeError::unsupported(
                self.place("1_Pooling/config.json"),
                "exactly one of mean, cls and max pooling is computed",
            )),
        }
    }
}
