//! Answers on their way to the caller.

use super::Word;
use serde::Deserialize;

/// How answers are held while the policy's `output` rules look at them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// Most bytes of a text that wait for what follows them.
    pub hold_bytes: usize,
    /// How long text waits that is not suspected, in milliseconds.
    pub hold_ms: u64,
    /// The model that answers instead, for `output safer`.
    pub safer_model: Option<Word>,
}

impl Default for Output {
    fn default() -> Self {
        Self { hold_bytes: 512, hold_ms: 500, safer_model: None }
    }
}
