//! How each shipped head is made: which texts of which sets teach which label.
//!
//! Only sets whose licence allows a model to be made and shipped are learned from. Rows of other sets, and rows that
//! their notes keep for judging, have weight 0: they are predicted and never learned from. Texts of one question or
//! template share a group, so that none stands on both sides of a split.

mod alike;
mod benign;
mod domain;
mod facts;
mod feedback;
mod hazard;
mod injected;
mod jailbreak;
mod names;
mod support;

use super::sets::Sets;
use anyhow::Result;
pub(crate) use names::{KINDS, states};
use tollgate_encode::TextEncoder;
use tollgate_signals::learn::{Config, Example};

/// How a head is made.
pub(crate) struct Recipe {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it tells.
    pub(crate) purpose: &'static str,
    /// Its labels.
    pub(crate) labels: &'static [&'static str],
    /// How it is trained.
    pub(crate) config: fn(&mut Config),
    /// What it is trained and judged on.
    pub(crate) made: Made,
    /// Sets and their licences.
    pub(crate) sets: &'static [(&'static str, &'static str)],
    /// Sources that it is also judged on after learning from the others alone, by how they begin.
    pub(crate) apart: &'static [&'static str],
    /// Where it may not be trusted.
    pub(crate) limits: &'static [&'static str],
}

/// What a head is trained and judged on; empty where its sets are absent.
pub(crate) enum Made {
    /// Texts.
    Texts(fn(&Sets) -> Result<Vec<Example>>),
    /// Words, of which there is nothing to read without an encoder.
    Words(fn(&Sets, &dyn TextEncoder) -> Result<Vec<Example>>),
}

/// Sources of ordinary texts.
pub(crate) const ORDINARY: &[&str] =
    &["clinc150", "llmrouter-9", "metatool", "mmlu-pro-28", "halueval", "self-instruct-seed"];

/// Every recipe.
pub(crate) const RECIPES: &[Recipe] = &[
    domain::DOMAIN,
    jailbreak::JAILBREAK,
    hazard::HAZARD,
    hazard::HAZARD_CLASS,
    facts::FACT_CHECK,
    facts::REASONING,
    facts::DIFFICULTY,
    feedback::FEEDBACK,
    support::SUPPORT,
    names::NAMES,
];

impl Recipe {
    /// What it is trained and judged on; empty where its sets are absent, or the encoder that it needs is.
    pub(crate) fn examples(&self, sets: &Sets, encoder: Option<&dyn TextEncoder>) -> Result<Vec<Example>> {
        match (&self.made, encoder) {
            (Made::Texts(make), _) => make(sets),
            (Made::Words(make), Some(encoder)) => make(sets, encoder),
            (Made::Words(_), None) => Ok(Vec::new()),
        }
    }

    /// The configuration of its training.
    pub(crate) fn configured(&self) -> Config {
        let mut config = Config { name: self.name.to_owned(), ..Config::default() };
        (self.config)(&mut config);
        config
    }

    /// Its labels.
    pub(crate) fn names(&self) -> Vec<String> {
        self.labels.iter().map(|label| (*label).to_owned()).collect()
    }
}

/// A text for judging only.
pub(crate) fn judged(mut example: Example) -> Example {
    example.weight = 0.0;
    example
}

/// A text in a group.
pub(crate) fn grouped(mut example: Example, group: &str) -> Example {
    example.group = group.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    example
}

/// Every `n`th of some rows: a smaller sample that is spread evenly.
pub(crate) fn sample<T>(rows: Vec<T>, most: usize) -> Vec<T> {
    let step = rows.len().div_ceil(most.max(1)).max(1);
    rows.into_iter().step_by(step).collect()
}
