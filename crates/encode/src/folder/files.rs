//! The files of a model's folder, each read within a bound.

use crate::EncodeError;
use crate::safetensors::Safetensors;
use crate::tokenize::Folding;
use serde::Deserialize;
use serde_json::Value;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Most bytes of a file beside the weights. The tokenizer of a vocabulary of 256,000 pieces has 35 MB.
const TEXT_BYTES_MAX: u64 = 64 << 20;

/// A folder.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// How errors call a file in it.
    pub(super) fn place(&self, file: &str) -> String {
        self.0.join(file).display().to_string()
    }

    /// Its last part.
    pub(super) fn name(&self) -> String {
        let whole = self.0.canonicalize().unwrap_or_else(|_| self.0.clone());
        whole.file_name().map_or_else(|| "encoder".into(), |name| name.to_string_lossy().into_owned())
    }

    /// A text file; `None` when there is none.
    pub(super) fn text(&self, file: &str) -> Result<Option<String>, EncodeError> {
        let path = self.0.join(file);
        let open = match File::open(&path) {
            Ok(open) => open,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EncodeError::file(&path, error)),
        };
        let mut text = String::new();
        open.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text).map_err(|e| EncodeError::file(&path, e))?;
        if text.len() as u64 > TEXT_BYTES_MAX {
            let problem = format!("more than {TEXT_BYTES_MAX} bytes");
            return Err(EncodeError::format(path.display(), problem));
        }
        Ok(Some(text))
    }

    /// A JSON file that need not be there.
    pub(super) fn optional_json(&self, file: &str) -> Result<Option<Value>, EncodeError> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        let value = serde_json::from_str(&text);
        value.map(Some).map_err(|e| EncodeError::format(self.place(file), format!("not JSON: {e}")))
    }

    /// A JSON file.
    pub(super) fn json(&self, file: &str) -> Result<Value, EncodeError> {
        self.optional_json(file)?
            .ok_or_else(|| EncodeError::file(&self.0.join(file), std::io::ErrorKind::NotFound.into()))
    }

    /// The open weights.
    pub(super) fn weights(&self) -> Result<Safetensors<BufReader<File>>, EncodeError> {
        let path = self.0.join("model.safetensors");
        let file = File::open(&path).map_err(|e| EncodeError::file(&path, e))?;
        Safetensors::open(&path.display().to_string(), BufReader::new(file))
    }

    /// Most tokens of a text as the folder says it.
    pub(super) fn max_tokens(&self) -> Option<usize> {
        let stated = |file: &str, field: &str| {
            let value = self.optional_json(file).ok()??.get(field)?.as_f64()?;
            // Tokenizers without a limit say 1e30.
            (1.0..1e9).contains(&value).then_some(value as usize)
        };
        stated("sentence_bert_config.json", "max_seq_length")
            .or_else(|| stated("tokenizer_config.json", "model_max_length"))
    }

    /// What the tokenizer folds: its own file says it best, the configuration of old ones next.
    pub(super) fn folding(&self) -> Result<Folding, EncodeError> {
        #[derive(Deserialize)]
        struct Own {
            normalizer: Option<Value>,
        }
        let own = self.text("tokenizer.json")?;
        let own = own.map(|text| serde_json::from_str::<Own>(&text)).transpose();
        let own =
            own.map_err(|e| EncodeError::format(self.place("tokenizer.json"), format!("not JSON: {e}")))?;
        let own = own
            .and_then(|own| own.normalizer)
            .filter(Value::is_object)
            .map(|fields| ("tokenizer.json", fields));
        let old = || {
            Ok(self.optional_json("tokenizer_config.json")?.map(|fields| ("tokenizer_config.json", fields)))
        };
        match own.map_or_else(old, |own| Ok(Some(own)))? {
            Some((file, fields)) if fields.is_object() => Folding::deserialize(&fields)
                .map_err(|e| EncodeError::format(self.place(file), format!("its normaliser: {e}"))),
            _ => Ok(Folding::default()),
        }
    }
}
