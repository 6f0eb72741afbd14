//! What a translation needs to be told, because nothing here reads a clock or draws a random number.

use super::json::Json;

/// Output limit written when a dialect demands one and the request has none.
pub const MAX_TOKENS_DEFAULT: u64 = 4096;

/// The circumstances of a translation.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// The model name to write; absent keeps the one that was read.
    pub model: Option<String>,
    /// Whether the request asks for a stream; absent keeps what was read.
    pub stream: Option<bool>,
    /// Whether a chat stream ends with a chunk that holds the usage.
    pub include_usage: bool,
    /// The id of the answer; absent keeps the upstream's. Ids of items and calls are derived from it.
    pub id: Option<String>,
    /// The time of the answer, in seconds since 1970; absent keeps the upstream's, or 0.
    pub created: Option<u64>,
    /// The output limit for a dialect that demands one.
    pub max_tokens: u64,
    /// Members of the request that an answer of the Responses dialect repeats (see
    /// [`crate::openai_responses::echo`]).
    pub echo: Option<Json>,
    /// Whether reasoning of earlier turns goes into a chat request (`reasoning_content`, `reasoning_details`).
    /// Some chat servers refuse it.
    pub send_reasoning: bool,
    /// Whether a reasoning effort is written as a token budget, for models that know no effort words.
    pub thinking_budgets: bool,
    /// Whether a chat request says `max_tokens` in place of `max_completion_tokens`.
    pub legacy_max_tokens: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: None,
            stream: None,
            include_usage: true,
            id: None,
            created: None,
            max_tokens: MAX_TOKENS_DEFAULT,
            echo: None,
            send_reasoning: true,
            thinking_budgets: false,
            legacy_max_tokens: false,
        }
    }
}

impl Options {
    /// The id of an answer: the one given, else the upstream's, else `fallback`; with `prefix` in place of the
    /// prefix of another dialect.
    #[must_use]
    pub fn answer_id(&self, read: Option<&str>, prefix: &str) -> String {
        let id = self.id.as_deref().or(read).filter(|id| !id.is_empty()).unwrap_or("0");
        if id.starts_with(prefix) { id.to_owned() } else { format!("{prefix}{}", stem(id)) }
    }

    /// The model of an answer.
    #[must_use]
    pub fn answer_model(&self, read: Option<&str>) -> String {
        self.model.as_deref().or(read).unwrap_or("unknown").to_owned()
    }
}

/// An id without the prefix of its kind: `abc` for `chatcmpl-abc`, `msg_abc`, `resp_abc`.
#[must_use]
pub(crate) fn stem(id: &str) -> &str {
    ["chatcmpl-", "msg_", "resp_", "call_", "toolu_", "fc_"]
        .iter()
        .find_map(|p| id.strip_prefix(p))
        .unwrap_or(id)
}
