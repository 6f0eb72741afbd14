//! Answers judged beside what they were to be answered from: what was written, checked.

use crate::config::check::Findings;
use crate::config::models::Catalogue;
use crate::config::written::{File, Inference, SupportAct};
use crate::threads::Size;
use std::path::PathBuf;

/// Most threads and waiting answers of a model of inference.
const THREADS_MAX: usize = 256;
const QUEUE_MAX: usize = 100_000;

/// Answers judged beside what they were to be answered from.
#[derive(Clone, Debug, PartialEq)]
pub struct SupportSettings {
    /// Share of an answer's statements that must be supported.
    pub least: f64,
    /// What follows where fewer are.
    pub act: SupportAct,
    /// The model that is asked once more.
    pub retry_model: Option<String>,
    /// What judges beside words.
    pub inference: Option<InferenceSettings>,
}

/// A model of natural language inference.
#[derive(Clone, Debug, PartialEq)]
pub struct InferenceSettings {
    /// Its folder.
    pub folder: PathBuf,
    /// How much is done at one time, and how long it may take.
    pub size: Size,
}

pub(in crate::config) fn read(
    file: &File,
    catalogue: &Catalogue,
    findings: &mut Findings,
) -> Option<SupportSettings> {
    let support = file.support.as_ref()?;
    if !(0.0..=1.0).contains(&support.least) {
        findings.whole("support.least", format!("{} is out of range", support.least), "use 0 to 1");
    }
    if let Some(name) = &support.retry_model {
        catalogue.knows(name, "support.retry_model", findings);
    }
    if support.act == SupportAct::Retry && support.retry_model.is_none() {
        let message = "`act: retry` asks another model, and none is named".to_owned();
        findings.whole("support.retry_model", message, "name one of `models`");
    }
    let retry_model = support.retry_model.as_ref().map(|name| name.value.clone());
    let inference = support.inference.as_ref().map(|written| inference(written, findings));
    Some(SupportSettings { least: support.least, act: support.act, retry_model, inference })
}

fn inference(written: &Inference, findings: &mut Findings) -> InferenceSettings {
    let Inference { threads, queue, timeout_ms: deadline_ms, .. } = *written;
    let ranges = [
        ("threads", threads as u64, THREADS_MAX as u64),
        ("queue", queue as u64, QUEUE_MAX as u64),
        ("timeout_ms", deadline_ms, 600_000),
    ];
    for (name, value, most) in ranges {
        if !(1..=most).contains(&value) {
            let field = format!("support.inference.{name}");
            findings.whole(&field, format!("{value} is out of range"), &format!("use 1 to {most}"));
        }
    }
    InferenceSettings { folder: findings.path(&written.folder), size: Size { threads, queue, deadline_ms } }
}
