//! Risk over turns: what was written, checked.

use crate::config::check::Findings;
use crate::config::models::Catalogue;
use crate::config::written::{File, SafetyFailure};
use tollgate_signals::safety::RiskConfig;

/// Risk over turns.
#[derive(Clone, Debug, PartialEq)]
pub struct SafetySettings {
    /// How it adds up, and from where on what follows.
    pub rules: RiskConfig,
    /// The model that answers what is a risk.
    pub safer_model: String,
    /// Highest temperature where freedom is narrowed.
    pub temperature: f64,
    /// What happens with what cannot be read.
    pub on_failure: SafetyFailure,
}

pub(in crate::config) fn read(
    file: &File,
    catalogue: &Catalogue,
    findings: &mut Findings,
) -> Option<SafetySettings> {
    let risk = file.safety.as_ref()?;
    let shares = [
        ("rise", risk.rise),
        ("fall", risk.fall),
        ("safer_from", risk.safer_from),
        ("narrow_from", risk.narrow_from),
        ("stop_from", risk.stop_from),
    ];
    for (field, value) in shares {
        if !(value > 0.0 && value <= 1.0) {
            findings.whole(
                &format!("safety.{field}"),
                format!("{value} is out of range"),
                "use above 0 to 1",
            );
        }
    }
    let steps = [risk.safer_from, risk.narrow_from, risk.stop_from];
    if !steps.is_sorted() {
        let message = format!("{steps:?} do not ascend");
        findings.whole("safety.stop_from", message, "order them: safer_from <= narrow_from <= stop_from");
    }
    if !(1..=31 * 86_400).contains(&risk.half_life_s) {
        let message = format!("{} is out of range", risk.half_life_s);
        findings.whole("safety.half_life_s", message, "use 1 second to 31 days");
    }
    if !(0.0..=2.0).contains(&risk.temperature) {
        findings.whole("safety.temperature", format!("{} is out of range", risk.temperature), "use 0 to 2");
    }
    let name = &risk.safer_model.value;
    catalogue.knows(&risk.safer_model, "safety.safer_model", findings);
    let rules = RiskConfig {
        rise: risk.rise,
        fall: risk.fall,
        half_life_ms: risk.half_life_s.saturating_mul(1000),
        steps,
    };
    Some(SafetySettings {
        rules,
        safer_model: name.clone(),
        temperature: risk.temperature,
        on_failure: risk.on_failure,
    })
}
