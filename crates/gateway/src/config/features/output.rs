//! Answers on their way to the caller: what was written, checked.

use crate::config::check::Findings;
use crate::config::models::Catalogue;
use crate::config::written::{File, Output};

/// How answers are held while the policy's `output` rules look at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSettings {
    /// Most bytes of a text that wait for what follows them.
    pub hold_bytes: usize,
    /// How long text waits that is not suspected.
    pub hold_ms: u64,
    /// The model that answers instead, for `output safer`.
    pub safer_model: Option<String>,
}

pub(in crate::config) fn read(file: &File, catalogue: &Catalogue, findings: &mut Findings) -> OutputSettings {
    let Output { hold_bytes, hold_ms, safer_model } = &file.output;
    if !(64..=65_536).contains(hold_bytes) {
        findings.whole("output.hold_bytes", format!("{hold_bytes} is out of range"), "use 64 to 65536");
    }
    if *hold_ms > 60_000 {
        findings.whole("output.hold_ms", format!("{hold_ms} is out of range"), "use 0 to 60000");
    }
    if let Some(name) = safer_model {
        catalogue.knows(name, "output.safer_model", findings);
    }
    let safer_model = safer_model.as_ref().map(|name| name.value.clone());
    OutputSettings { hold_bytes: *hold_bytes, hold_ms: *hold_ms, safer_model }
}
