//! Classifiers that a policy's signals ask: what was written, checked.

use crate::config::check::Findings;
use crate::config::models::base_url;
use crate::config::money;
use crate::config::secret::Secret;
use crate::config::written::{File, Source, SourceApi};
use crate::threads::Size;
use std::path::PathBuf;

/// Most sources, and most threads and waiting texts of one.
const SOURCES_MAX: usize = 64;
const THREADS_MAX: usize = 256;
const QUEUE_MAX: usize = 100_000;
/// Most labels of one source, and most examples of one label.
const LABELS_MAX: usize = 64;
const EXAMPLES_MAX: usize = 256;

/// A classifier that signals ask.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSettings {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub kind: SourceKind,
    /// How much is done at one time, and how long it may take.
    pub size: Size,
    /// Micro-dollars per million tokens.
    pub micro_per_million_tokens: u64,
}

/// Where a classifier is.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// A folder.
    Folder(FolderSettings),
    /// An endpoint.
    Endpoint(EndpointSettings),
}

/// A folder of a classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderSettings {
    /// Where it is.
    pub path: PathBuf,
    /// Labels with what is said of a text that has them, for a model of inference; none for a classifier with labels of its own.
    pub hypotheses: Vec<(String, Vec<String>)>,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSettings {
    /// Its base URL.
    pub url: String,
    /// What it speaks.
    pub api: SourceApi,
    /// Its model.
    pub model: String,
    /// Its key.
    pub key: Option<Secret>,
    /// What a chat model is to judge.
    pub prompt: String,
    /// Labels with their examples.
    pub labels: Vec<(String, Vec<String>)>,
}

pub(in crate::config) fn read(file: &File, findings: &mut Findings) -> Vec<SourceSettings> {
    if file.signals.len() > SOURCES_MAX {
        let message = format!("{} are too many", file.signals.len());
        findings.whole("signals", message, &format!("use at most {SOURCES_MAX}"));
    }
    let mut all: Vec<SourceSettings> = Vec::new();
    for (at, written) in file.signals.iter().take(SOURCES_MAX).enumerate() {
        let field = format!("signals[{at}]");
        if all.iter().any(|source| source.name == written.name.value) {
            let message = format!("there are two {:?}", written.name.value);
            findings.at(&written.name, &format!("{field}.name"), message, "rename one of them");
        }
        all.extend(source(written, &field, findings));
    }
    all
}

fn source(written: &Source, field: &str, findings: &mut Findings) -> Option<SourceSettings> {
    let kind = match (&written.folder, &written.url) {
        (Some(folder), None) => {
            let hypotheses = labels(written, field, findings);
            if hypotheses.iter().any(|(_, said)| said.is_empty()) {
                let message =
                    "a folder has labels of its own, and one of inference is asked what they say".to_owned();
                let fix =
                    "leave `labels` out, or write `labels: {billing: [\"This text is about billing.\"]}`";
                findings.whole(&format!("{field}.labels"), message, fix);
            }
            SourceKind::Folder(FolderSettings { path: findings.path(folder), hypotheses })
        }
        (None, Some(url)) => {
            base_url(url, &format!("{field}.url"), findings)?;
            SourceKind::Endpoint(endpoint(written, url.value.clone(), field, findings)?)
        }
        _ => {
            let message = "it is a folder or an endpoint".to_owned();
            findings.at(&written.name, field, message, "give either `folder` or `url`");
            return None;
        }
    };
    let usual = if matches!(kind, SourceKind::Folder(_)) { 1 } else { 8 };
    let size = Size {
        threads: written.threads.unwrap_or(usual),
        queue: written.queue.unwrap_or(64),
        deadline_ms: written.timeout_ms.unwrap_or(1_000),
    };
    let ranges = [
        ("threads", size.threads as u64, THREADS_MAX as u64),
        ("queue", size.queue as u64, QUEUE_MAX as u64),
        ("timeout_ms", size.deadline_ms, 600_000),
    ];
    for (name, value, most) in ranges {
        if !(1..=most).contains(&value) {
            findings.whole(
                &format!("{field}.{name}"),
                format!("{value} is out of range"),
                &format!("use 1 to {most}"),
            );
        }
    }
    let micro_per_million_tokens = match &written.price {
        None => 0,
        Some(price) => money::micro(&price.value).unwrap_or_else(|| {
            let fix = "write US dollars per million tokens, such as \"0.15\"";
            findings.at(price, &format!("{field}.price"), format!("{:?} is no price", price.value), fix);
            0
        }),
    };
    Some(SourceSettings { name: written.name.value.clone(), kind, size, micro_per_million_tokens })
}

/// The labels with their examples.
fn labels(written: &Source, field: &str, findings: &mut Findings) -> Vec<(String, Vec<String>)> {
    let labels: Vec<(String, Vec<String>)> =
        written.labels.iter().map(|(label, examples)| (label.clone(), examples.clone())).collect();
    if labels.len() > LABELS_MAX || labels.iter().any(|(_, examples)| examples.len() > EXAMPLES_MAX) {
        let fix = format!("use at most {LABELS_MAX} labels of {EXAMPLES_MAX} examples");
        findings.whole(&format!("{field}.labels"), "there are too many".into(), &fix);
    }
    labels
}

fn endpoint(written: &Source, url: String, field: &str, findings: &mut Findings) -> Option<EndpointSettings> {
    let labels = labels(written, field, findings);
    let field_of_labels = format!("{field}.labels");
    match written.api {
        SourceApi::Embeddings
            if labels.is_empty() || labels.iter().any(|(_, examples)| examples.is_empty()) =>
        {
            let message = "nearness is measured to examples, and some label has none".to_owned();
            findings.whole(&field_of_labels, message, "write `labels: {refund: [\"I want my money back\"]}`");
        }
        SourceApi::Chat if labels.len() < 2 || written.prompt.trim().is_empty() => {
            let message = "a judge needs a task and at least two labels to choose from".to_owned();
            findings.whole(field, message, "set `prompt` and `labels: {yes: [], no: []}`");
        }
        _ => {}
    }
    let key = match &written.key {
        None => None,
        Some(word) => Some(findings.secret(Some(word), &format!("{field}.key"))?),
    };
    Some(EndpointSettings {
        url,
        api: written.api,
        model: written.model.clone(),
        key,
        prompt: written.prompt.clone(),
        labels,
    })
}
