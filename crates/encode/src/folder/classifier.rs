//! Reading the folder of a classifier: an encoder's, whose weights also hold a head, and whose configuration names labels.

use super::{Folder, contextual, wanted};
use crate::classify::{Classifier, Form, Head, checked};
use crate::contextual::Pooling;
use crate::linear::Linear;
use crate::safetensors::Safetensors;
use crate::transformer::{BertConfig, ModernConfig, activation, norm};
use crate::{Card, EncodeError, Options};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;
use tollgate_core::Digest;

/// Most labels of a classifier.
const LABELS_MAX: usize = 1024;

#[derive(Deserialize)]
struct Written {
    id2label: Option<BTreeMap<String, String>>,
    problem_type: Option<String>,
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

/// Loads the classifier in `folder`, in the layout of Hugging Face: as [`crate::load`] reads an encoder, with a
/// `BertForSequenceClassification` or a `ModernBertForSequenceClassification` as its architecture. `calibration.json` with
/// `{"temperature": 1.7}` beside it calibrates it. [`Options::dims`] says nothing here.
///
/// # Errors
/// [`EncodeError`] with file and field when something is missing, malformed, or not computed here.
pub fn load_classifier(folder: &Path, options: &Options) -> Result<Classifier, EncodeError> {
    let folder = Folder::new(folder);
    let (place, config) = (folder.place("config.json"), folder.json("config.json")?);
    let written = Written::deserialize(&config).map_err(|e| EncodeError::format(&place, e.to_string()))?;
    let mut file = folder.weights()?;
    let (options, tokens) = (Options { dims: None, ..options.clone() }, wanted(&folder, options));
    let kind = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let (body, pooling, dense, form) = match kind {
        "bert" => {
            let family = BertConfig::read(&place, &config, tokens)?;
            let body = contextual(&folder, &family, &mut file, &options)?;
            let width = body.model.width();
            let dense = Linear::read(&mut file, &["bert.pooler.dense".into()], (width, width), true)?;
            (body, Pooling::First, dense, Form::Tanh)
        }
        "modernbert" => {
            let family = ModernConfig::read(&place, &config, tokens)?;
            let body = contextual(&folder, &family, &mut file, &options)?;
            let width = body.model.width();
            let pooling = match written.classifier_pooling.as_deref() {
                None | Some("cls") => Pooling::First,
                Some("mean") => Pooling::Mean,
                Some(other) => {
                    let problem = format!("classifier_pooling {other:?}; cls and mean are computed");
                    return Err(EncodeError::unsupported(place, problem));
                }
            };
            let name = written.classifier_activation.as_deref().unwrap_or("gelu");
            let activation = activation(&place, "classifier_activation", name)?;
            let dense =
                Linear::read(&mut file, &["head.dense".into()], (width, width), written.classifier_bias)?;
            let how = (written.norm_eps.unwrap_or(1e-5), written.norm_bias);
            let norm = norm(&mut file, "head.norm", width, how)?;
            (body, pooling, dense, Form::Normed(activation, norm))
        }
        other => {
            let problem = format!("model_type {other:?}; classifiers of bert and modernbert are computed");
            return Err(EncodeError::unsupported(place, problem));
        }
    };
    let labels = labels(&place, &written, &file)?;
    let width = body.model.width();
    let classify = Linear::read(&mut file, &["classifier".into()], (labels.len(), width), true)?;
    let calibration = folder.optional_json("calibration.json")?.map(|json| {
        let place = folder.place("calibration.json");
        let read = Calibration::deserialize(&json).map_err(|e| EncodeError::format(&place, e.to_string()))?;
        checked(&place, read.temperature)
    });
    let temperature = calibration.transpose()?.unwrap_or(1.0);
    let card = Card {
        digest: Digest::of_parts([&body.card.digest.0[..], &file.digest().0, &temperature.to_le_bytes()]),
        dims: labels.len(),
        ..body.card.clone()
    };
    let each = labels.len() == 1 || written.problem_type.as_deref() == Some("multi_label_classification");
    let head = Head { pooling, dense, form, classify, kernel: body.model.kernel() };
    Ok(Classifier { body, head, card, labels, each, temperature })
}

/// The labels by their numbers, which have no gap; as many as the weights have.
fn labels<R: Read + Seek>(
    place: &str,
    written: &Written,
    file: &Safetensors<R>,
) -> Result<Vec<String>, EncodeError> {
    let Some(&[count, _]) = file.shape("classifier.weight") else {
        let problem = "no table classifier.weight; it is no classifier of sequences";
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
