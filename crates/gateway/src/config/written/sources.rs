//! Classifiers that a policy's `classifier` signals ask.

use super::Word;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A classifier of your own: a folder, or an endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The name that policies give as `source`.
    pub name: Word,
    /// Folder of a classifier of texts, of tokens or of pairs of texts, in the layout of Hugging Face.
    pub folder: Option<Word>,
    /// Base URL of an endpoint, such as `https://api.openai.com/v1`.
    pub url: Option<Word>,
    /// What the endpoint speaks.
    #[serde(default)]
    pub api: SourceApi,
    /// The endpoint's model.
    #[serde(default)]
    pub model: String,
    /// Reference to the endpoint's key.
    pub key: Option<Word>,
    /// What a chat model is to judge.
    #[serde(default)]
    pub prompt: String,
    /// The labels: with examples for embeddings, with what is said of a text that has it for a folder of inference, with empty lists
    /// otherwise.
    #[serde(default)]
    pub labels: BTreeMap<String, Vec<String>>,
    /// Threads of a folder, or requests to an endpoint at one time; absent = 1, or 8.
    pub threads: Option<usize>,
    /// Texts that may wait; absent = 64.
    pub queue: Option<usize>,
    /// Longest time from asking to the answer; absent = 1000.
    pub timeout_ms: Option<u64>,
    /// US dollars per million tokens of the endpoint, as decimal text; absent = free.
    pub price: Option<Word>,
}

/// What an endpoint speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceApi {
    /// `POST /moderations` (OpenAI): a score for each category.
    #[default]
    Moderations,
    /// `POST /classify` (vLLM): a probability for each class.
    Classify,
    /// `POST /embeddings` (OpenAI): nearness to the examples of each label.
    Embeddings,
    /// `POST /chat/completions` (OpenAI): a model that names a label.
    Chat,
}
