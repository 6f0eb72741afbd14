//! Errors in the chat dialect's shape, and the statuses they go with.

use crate::ask::AskError;
use crate::engine::Refusal;
use serde_json::{Value, json};

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) param: Option<String>,
    pub(crate) message: String,
    pub(crate) retry_after_s: Option<u32>,
}

impl ApiError {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        let (kind, code) = match status {
            401 => ("invalid_request_error", Some("invalid_api_key")),
            403 => ("permission_error", None),
            404 => ("invalid_request_error", Some("model_not_found")),
            413 => ("invalid_request_error", Some("request_too_large")),
            429 => ("rate_limit_error", Some("rate_limit_exceeded")),
            503 => ("server_error", Some("overloaded")),
            500.. => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        Self { status, kind, code, param: None, message: message.into(), retry_after_s: None }
    }

    /// The prompt and the wanted output exceed the window.
    pub(crate) fn context(limit: u32, prompt: u32, output: u32) -> Self {
        let sum = u64::from(prompt) + u64::from(output);
        let message = format!(
            "This model's maximum context length is {limit} tokens. However, you requested {sum} tokens \
             ({prompt} in the messages, {output} in the completion). Please reduce the length of the messages \
             or completion."
        );
        let code = Some("context_length_exceeded");
        Self { code, param: Some("messages".into()), ..Self::new(400, message) }
    }

    /// What a fault directive asked for.
    pub(crate) fn on_demand(status: u16, retry_after_s: Option<u32>) -> Self {
        Self { retry_after_s, ..Self::new(status, format!("simulated fault with status {status}")) }
    }

    pub(crate) fn refused(refusal: Refusal, prompt: u32, output: u32) -> Self {
        match refusal {
            Refusal::TooLong { limit, .. } => Self::context(limit, prompt, output),
            Refusal::QueueFull { .. } => {
                Self { retry_after_s: Some(1), ..Self::new(503, refusal.to_string()) }
            }
            Refusal::Empty => Self::new(400, refusal.to_string()),
        }
    }

    pub(crate) fn body(&self) -> Value {
        json!({"error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }})
    }
}

impl From<AskError> for ApiError {
    fn from(e: AskError) -> Self {
        Self { param: Some(e.field.clone()), ..Self::new(400, format!("{} {}", e.field, e.message)) }
    }
}
