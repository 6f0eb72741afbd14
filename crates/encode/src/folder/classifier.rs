//! Reading the folder of a classifier: an encoder's, whose weights also hold a head, and whose configuration names labels.

use super::{Folder, PROBE, contextual, wanted};
use crate::classify::{Classifier, Form, Head, checked};
use crate::contextual::{Contextual, Pooling};
use crate::label::TokenClassifier;
use crate::linear::Linear;
use crate::safetensors::Safetensors;
use crate::transformer::{BertConfig, ModernConfig, activation, norm};
use crate::{Card, EncodeError, Options};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use tollgate_core::Digest;

/// Most labels of a classifier.
const LABELS_MAX: usize = 1024;

#[derive(Deserialize)]
struct Written {
    id2label: Option<BTreeMap<String, String>>,
    problem_type: Option<String>,
    #[serde(default)]
    architectures: Vec<String>,
    classifier_pooling: Option<String>,
    classifier_activation: Option<String>,
    #[serde(default)]
    classifier_bias: bool,
    #[serde(default)]
    norm_bias: bool,
    norm_eps: Option<f32>,
}

#[derive(Deserialize)]
struct Calibration {
    temperature: f32,
}

/// What labels texts.
pub enum Labeller {
    /// A text as a whole, or a pair of texts.
    Sequence(Classifier),
    /// Pieces of a text.
    Tokens(TokenClassifier),
}

/// What a head stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Sequence,
    Tokens,
}

/// What all classifiers are made of.
struct Parts {
    body: Contextual,
    pooling: Pooling,
    head: Head,
    card: Card,
    names: Vec<String>,
    /// Whether each label has a probability of its own.
    each: bool,
    temperature: f32,
}

/// Loads the classifier of sequences in `folder`, in the layout of Hugging Face: as [`crate::load`] reads an encoder, with a
/// `BertForSequenceClassification` or a `ModernBertForSequenceClassification` as its architecture. `calibration.json` with
/// `{"temperature": 1.7}` beside it calibrates it. [`Options::dims`] says nothing here.
///
/// # Errors
/// [`EncodeError`] with file and field when something is missing, malformed, or not computed here.
pub fn load_classifier(folder: &Path, options: &Options) -> Result<Classifier, EncodeError> {
    match load_labeller(folder, options)? {
        Labeller::Sequence(classifier) => Ok(classifier),
        Labeller::Tokens(_) => {
            let place = Folder::new(folder).place("config.json");
            Err(EncodeError::unsupported(place, "a classifier of tokens; one of sequences is wanted"))
        }
    }
}

/// Loads whatever classifier is in `folder`: one of sequences as [`load_classifier`] does, or one of tokens where its architecture is
/// `BertForTokenClassification` or `ModernBertForTokenClassification`.
///
/// # Errors
/// As for [`load_classifier`].
pub fn load_labeller(folder: &Path, options: &Options) -> Result<Labeller, EncodeError> {
    let folder = Folder::new(folder);
    let (place, config) = (folder.place("config.json"), folder.json("config.json")?);
    let written = Written::deserialize(&config).map_err(|e| EncodeError::format(&place, e.to_string()))?;
    let tokens = |name: &String| name.ends_with("ForTokenClassification");
    let kind = if written.architectures.iter().any(tokens) { Kind::Tokens } else { Kind::Sequence };
    let Parts { body, pooling, head, card, names, each, temperature } =
        parts(&folder, (&place, &config), &written, kind, options)?;
    Ok(match kind {
        Kind::Sequence => {
            Labeller::Sequence(Classifier { body, pooling, head, card, labels: names, each, temperature })
        }
        Kind::Tokens => Labeller::Tokens(TokenClassifier::new(body, head, card, &names, temperature)),
    })
}

fn parts(
    folder: &Folder,
    (place, config): (&str, &Value),
    written: &Written,
    kind: Kind,
    options: &Options,
) -> Result<Parts, EncodeError> {
    let mut file = folder.weights()?;
    let (options, tokens) = (Options { dims: None, ..options.clone() }, wanted(folder, options));
    let (body, pooling, dense) = match config.get("model_type").and_then(Value::as_str).unwrap_or_default() {
        "bert" => {
            let family = BertConfig::read(place, config, tokens)?;
            let body = contextual(folder, &family, &mut file, &options)?;
            let pooler = (kind == Kind::Sequence).then(|| bert_pooler(&mut file, body.model.width()));
            (body, Pooling::First, pooler.transpose()?)
        }
        "modernbert" => {
            let family = ModernConfig::read(place, config, tokens)?;
            let body = contextual(folder, &family, &mut file, &options)?;
            let dense = modern_head(&mut file, place, written, body.model.width())?;
            (body, pooling(place, written)?, Some(dense))
        }
        other => {
            let problem = format!("model_type {other:?}; classifiers of bert and modernbert are computed");
            return Err(EncodeError::unsupported(place, problem));
        }
    };
    let names = labels(place, written, &file)?;
    let classify = Linear::read(&mut file, &["classifier".into()], (names.len(), body.model.width()), true)?;
    let calibration = folder.optional_json("calibration.json")?.map(|json| {
        let place = folder.place("calibration.json");
        let read = Calibration::deserialize(&json).map_err(|e| EncodeError::format(&place, e.to_string()))?;
        checked(&place, read.temperature)
    });
    let temperature = calibration.transpose()?.unwrap_or(1.0);
    let card = Card {
        digest: Digest::of_parts([&body.card.digest.0[..], &file.digest().0, &temperature.to_le_bytes()]),
        dims: names.len(),
        ..body.card.clone()
    };
    let each = names.len() == 1 || written.problem_type.as_deref() == Some("multi_label_classification");
    let head = Head { dense, classify, kernel: body.model.kernel() };
    let probe = head.logits(body.own_states(&body.tokens(PROBE, body.room())));
    if !probe.iter().all(|logit| logit.is_finite()) {
        return Err(EncodeError::format(place, "what its head makes of a text is not finite"));
    }
    Ok(Parts { body, pooling, head, card, names, each, temperature })
}

fn bert_pooler(file: &mut Safetensors<BufReader<File>>, width: usize) -> Result<(Linear, Form), EncodeError> {
    let dense = Linear::read(file, &["bert.pooler.dense".into()], (width, width), true)?;
    Ok((dense, Form::Tanh))
}

fn modern_head(
    file: &mut Safetensors<BufReader<File>>,
    place: &str,
    written: &Written,
    width: usize,
) -> Result<(Linear, Form), EncodeError> {
    let name = written.classifier_activation.as_deref().unwrap_or("gelu");
    let activation = activation(place, "classifier_activation", name)?;
    let dense = Linear::read(file, &["head.dense".into()], (width, width), written.classifier_bias)?;
    let how = (written.norm_eps.unwrap_or(1e-5), written.norm_bias);
    Ok((dense, Form::Normed(activation, norm(file, "head.norm", width, how)?)))
}

fn pooling(place: &str, written: &Written) -> Result<Pooling, EncodeError> {
    match written.classifier_pooling.as_deref() {
        None | Some("cls") => Ok(Pooling::First),
        Some("mean") => Ok(Pooling::Mean),
        Some(other) => {
            let problem = format!("classifier_pooling {other:?}; cls and mean are computed");
            Err(EncodeError::unsupported(place, problem))
        }
    }
}

/// The labels by their numbers, which have no gap; as many as the weights have.
fn labels<R: Read + Seek>(
    place: &str,
    written: &Written,
    file: &Safetensors<R>,
) -> Result<Vec<String>, EncodeError> {
    let Some(&[count, _]) = file.shape("classifier.weight") else {
        let problem = "no table classifier.weight; it is no classifier";
        return Err(EncodeError::format(place, problem));
    };
    if count == 0 || count > LABELS_MAX {
        return Err(EncodeError::unsupported(
            place,
            format!("{count} labels; 1 to {LABELS_MAX} are computed"),
        ));
    }
    let Some(named) = &written.id2label else {
        return Ok((0..count).map(|i| format!("LABEL_{i}")).collect());
    };
    let all: Option<Vec<String>> = (0..count).map(|i| named.get(&i.to_string()).cloned()).collect();
    all.filter(|_| named.len() == count).ok_or_else(|| {
        let problem =
            format!("id2label has {} labels, classifier.weight {count}, numbered from 0", named.len());
        EncodeError::format(place, problem)
    })
}
