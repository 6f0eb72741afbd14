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
    /// A model of natural language inference that judges beside words; absent = words alone.
    pub inference: Option<Inference>,
}

/// A model of natural language inference.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inference {
    /// Folder of a classifier of pairs of texts, in the layout of Hugging Face, one of whose labels begins with `entail`.
    pub folder: Word,
    /// Threads.
    #[serde(default = "threads")]
    pub threads: usize,
    /// Answers that may wait.
    #[serde(default = "queue")]
    pub queue: usize,
    /// Longest time from asking to the answer; what takes longer is judged by words alone.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

const fn threads() -> usize {
    1
}

const fn queue() -> usize {
    16
}

const fn timeout_ms() -> u64 {
    5_000
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
