//! Where an instance stands and what it burns, as declared: instance before pool before provider.
//!
//! What is not declared is not known: governance that asks for it denies.

use super::check::Findings;
use super::models::name;
use super::written::{self, Word};

/// What is declared of an instance's place.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Locality {
    /// Its region.
    pub region: Option<String>,
    /// Whether it stands on premise.
    pub on_premise: bool,
    /// Output tokens per joule.
    pub tokens_per_joule: Option<f64>,
}

impl Locality {
    pub(super) fn of_provider(written: &written::Provider, field: &str, findings: &mut Findings) -> Self {
        Self {
            region: region(written.region.as_ref(), field, findings),
            on_premise: written.on_premise.unwrap_or(false),
            tokens_per_joule: None,
        }
    }

    pub(super) fn of_instance(
        instance: &written::Instance,
        pool: &written::Pool,
        provider: &Self,
        field: &str,
        findings: &mut Findings,
    ) -> Self {
        let word = instance.region.as_ref().or(pool.region.as_ref());
        let joule = instance.tokens_per_joule.or(pool.tokens_per_joule);
        if let Some(value) = joule.filter(|value| !(value.is_finite() && *value > 0.0)) {
            let message = format!("{value} is out of range");
            findings.at(
                &instance.name,
                &format!("{field}.tokens_per_joule"),
                message,
                "use a number above 0",
            );
        }
        Self {
            region: region(word, field, findings).or_else(|| provider.region.clone()),
            on_premise: instance.on_premise.or(pool.on_premise).unwrap_or(provider.on_premise),
            tokens_per_joule: joule,
        }
    }
}

fn region(word: Option<&Word>, field: &str, findings: &mut Findings) -> Option<String> {
    word.map(|word| name(word, &format!("{field}.region"), findings))
}
