//! Answers judged beside what they were to be answered from.

use super::Word;
use serde::Deserialize;

/// Whether answers to questions about facts are supported by the documents and results of tools that came with them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// Share of an answer's statements that must be supported, 0 to 1.
    #[serde(default = "least")]
    pub least: f64,
    /// What follows where fewer are; streams are only told.
    #[serde(default)]
    pub act: SupportAct,
    /// The model that is asked once more, for `retry`.
    pub retry_model: Option<Word>,
}

const fn least() -> f64 {
    0.7
}

/// What follows where an answer is not supported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupportAct {
    /// The caller is told.
    #[default]
    Annotate,
    /// The answer is withheld.
    Block,
    /// Another model is asked once.
    Retry,
}
