//! What a model's answer used, said by who served it.

use crate::{Statement, Task};
use tollgate_core::{Digest, Timestamp};

/// The type of its statement.
const KIND: &str = "tollgate/usage-receipt/v1";

/// One answer of a model. Counts are tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The model that answered.
    pub model: String,
    /// Name of the request.
    pub request: String,
    /// SHA-256 of the request's body, as it came.
    pub request_body: Digest,
    /// SHA-256 of the answer's body, as it was sent.
    pub answer_body: Digest,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Of these, how many were read from a cache.
    pub cached_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Whether the upstream counted them, or they were estimated.
    pub exact: bool,
    /// The price, in millionths of a dollar.
    pub cost_micro: u64,
    /// When the answer was complete.
    pub at: Timestamp,
}

impl Usage {
    /// The receipt: about the answer's body, and bound to a task if it is of one.
    #[must_use]
    pub fn statement(&self, task: Option<&Task>) -> Statement {
        let statement = Statement::new(KIND, &[self.answer_body])
            .say("at", self.at.to_string())
            .say("cached_tokens", self.cached_tokens)
            .say("cost_micro", self.cost_micro)
            .say("exact", self.exact)
            .say("input_tokens", self.input_tokens)
            .say("model", self.model.as_str())
            .say("output_tokens", self.output_tokens)
            .say("request", self.request.as_str())
            .say("request_sha256", self.request_body.to_string());
        match task {
            Some(task) => statement.of(task),
            None => statement,
        }
    }
}
