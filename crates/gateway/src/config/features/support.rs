//! Answers judged beside what they were to be answered from: what was written, checked.

use crate::config::check::Findings;
use crate::config::models::Catalogue;
use crate::config::written::{File, SupportAct};

/// Answers judged beside what they were to be answered from.
#[derive(Clone, Debug, PartialEq)]
pub struct SupportSettings {
    /// Share of an answer's statements that must be supported.
    pub least: f64,
    /// What follows where fewer are.
    pub act: SupportAct,
    /// The model that is asked once more.
    pub retry_model: Option<String>,
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
    Some(SupportSettings { least: support.least, act: support.act, retry_model })
}
