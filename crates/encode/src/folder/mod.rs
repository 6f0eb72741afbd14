//! Reading a model's folder: what `config.json` says it is decides what is read.
//!
//! This is the one place of the crate that reads files.

mod classifier;
mod files;

pub use classifier::{Labeller, load_classifier, load_labeller};

use crate::contextual::{Contextual, Pooling};
use crate::kernel::Kernel;
use crate::lookup::{self, Lookup, Table};
use crate::safetensors::Safetensors;
use crate::tokenize::{self, Tokenizer, WordPiece};
use crate::transformer::{BertConfig, Family, ModernConfig, Reading, Transformer};
use crate::{Card, EncodeError, TextEncoder};
use files::Folder;
use parking_lot::Mutex;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use tollgate_core::Digest;

/// What every model is tried on before it is used.
pub(crate) const PROBE: &str = "A model answers the question, and 2 routes are compared.";

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
    /// Layers that are computed, from the first on, of a model that was trained to be cut (2-D Matryoshka); all where none is
    /// given.
    pub layers: Option<usize>,
    /// Numbers of a vector that are kept, from the first on, of a model that was trained to be cut; all where none is given.
    pub dims: Option<usize>,
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
        Some("bert") => {
            let family = BertConfig::read(&place, &config, wanted(&folder, options))?;
            Ok(Arc::new(contextual(&folder, &family, &mut folder.weights()?, options)?))
        }
        Some("modernbert") => {
            let family = ModernConfig::read(&place, &config, wanted(&folder, options))?;
            Ok(Arc::new(contextual(&folder, &family, &mut folder.weights()?, options)?))
        }
        Some("model2vec") => lookup(&folder, options),
        other => Err(EncodeError::unsupported(
            place,
            format!(
                "model_type {:?}; bert, modernbert and model2vec are computed",
                other.unwrap_or_default()
            ),
        )),
    }
}

/// What is asked for of a model, or else what its folder says.
fn wanted(folder: &Folder, options: &Options) -> Option<usize> {
    options.max_tokens.or_else(|| folder.max_tokens())
}

fn contextual(
    folder: &Folder,
    family: &impl Family,
    file: &mut Safetensors<BufReader<File>>,
    options: &Options,
) -> Result<Contextual, EncodeError> {
    let place = folder.place("config.json");
    let (tokenizer, vocabulary) = folder.tokenizer(family.vocabulary())?;
    let kernel = options.kernel.unwrap_or_else(Kernel::detect);
    let cut = |what: &str, asked: Option<usize>, most: usize| match asked.unwrap_or(most) {
        asked if (1..=most).contains(&asked) => Ok(asked),
        asked => {
            Err(EncodeError::unsupported(&place, format!("{asked} {what} are asked for, there are {most}")))
        }
    };
    let layers = cut("layers", options.layers, family.layers())?;
    let dims = cut("numbers", options.dims, family.width())?;
    let samples = tokenizer.samples(family.tokens());
    let reading = Reading { kernel, precision: options.precision, layers, samples: &samples };
    let model = Transformer::read(file, family, &reading)?;
    let pooling = folder.pooling()?;
    let precision = match options.precision {
        Precision::Int8 => "int8",
        Precision::F32 => "f32",
    };
    let how = match (layers, dims) == (family.layers(), family.width()) {
        true => format!("{precision} {pooling:?}"),
        false => format!("{precision} {pooling:?} {layers} layers {dims} numbers"),
    };
    let card = Card {
        name: options.name.clone().unwrap_or_else(|| folder.name()),
        digest: Digest::of_parts([&file.digest().0[..], &vocabulary.0, how.as_bytes()]),
        dims,
        max_tokens: family.tokens(),
        kernel: format!("{precision} {}", kernel.name()),
    };
    let read = Contextual { card, tokenizer, model, pooling, scratches: Mutex::new(Vec::new()) };
    // Finite weights may still be too large together.
    match read.pooled(&read.tokens(PROBE, read.room()), pooling).iter().all(|x| x.is_finite()) {
        true => Ok(read),
        false => Err(EncodeError::format(place, "what it computes of a text is not finite")),
    }
}

fn lookup(folder: &Folder, options: &Options) -> Result<Arc<dyn TextEncoder>, EncodeError> {
    let mut file = folder.weights()?;
    let table = Table::read(&mut file)?;
    let (tokenizer, vocabulary) = folder.tokenizer(table.tokens())?;
    let dims = options.dims.unwrap_or(table.dims);
    if options.layers.is_some() || dims == 0 || dims > table.dims {
        let problem = format!("static vectors have no layers, and {} numbers", table.dims);
        return Err(EncodeError::unsupported(folder.place("config.json"), problem));
    }
    let card = Card {
        name: options.name.clone().unwrap_or_else(|| folder.name()),
        digest: Digest::of_parts([&file.digest().0[..], &vocabulary.0]),
        dims,
        max_tokens: wanted(folder, options).unwrap_or(lookup::TOKENS_MAX).clamp(1, lookup::TOKENS_MAX),
        kernel: "static".into(),
    };
    Ok(Arc::new(Lookup { card, tokenizer, table }))
}

impl Folder {
    /// The tokenizer with the digest of what it was read from; none of its numbers is beyond `numbers`.
    fn tokenizer(&self, numbers: usize) -> Result<(Tokenizer, Digest), EncodeError> {
        let folding = self.folding()?;
        let (place, text, tokenizer) = if let Some(text) = self.text("vocab.txt")? {
            let place = self.place("vocab.txt");
            let pieces = WordPiece::from_lines(&place, &text, folding)?;
            (place, text, Tokenizer::WordPiece(pieces))
        } else {
            let place = self.place("tokenizer.json");
            let text = self.text("tokenizer.json")?;
            let text =
                text.ok_or_else(|| EncodeError::format(&place, "it is not there, and neither is vocab.txt"))?;
            let tokenizer = tokenize::read(&place, &text, folding)?;
            (place, text, tokenizer)
        };
        let (before, after) = tokenizer.around();
        let around = before.iter().chain(after).map(|id| *id as usize + 1).max();
        let highest = tokenizer.numbers().max(around.unwrap_or(0));
        if highest > numbers {
            let problem = format!("{highest} pieces; the model has vocab_size {numbers}");
            return Err(EncodeError::format(place, problem));
        }
        Ok((tokenizer, Digest::of_parts([text.as_bytes(), format!("{folding:?}").as_bytes()])))
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
