//! OpenAI `POST /v1/chat/completions`, as OpenAI and the many servers that speak it write it.
//!
//! Beyond OpenAI's own words it reads and writes what such servers agree on: `reasoning_content` (and the older
//! `reasoning`) for reasoning text, `reasoning_details` for its signatures and ciphertext, `cache_control` on parts
//! when reading, `extra_content.google.thought_signature` on tool calls. Invariant: an answer's text parts are one
//! string here; text after a tool call is moved before it, and the report says so.
//!
//! ```
//! let body = br#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]}"#;
//! let request = tollgate_wire::openai_chat::read_request(body).unwrap();
//! assert_eq!(request.system[0].as_text(), Some("Be brief."));
//! ```

mod lists;
pub(crate) mod parts;
pub(crate) mod request_read;
pub(crate) mod request_write;
pub(crate) mod response;
mod stream_read;
mod stream_write;

pub use lists::{model, models};
pub use request_read::read_request;
pub use request_write::write_request;
pub use response::{read_response, write_response};
pub use stream_read::{CALLS_MAX, StreamReader};
pub use stream_write::StreamWriter;

use crate::error::WireError;
use crate::form::{Fields, Json, Stop, Usage};

/// Reads `usage` of a chat answer.
pub(crate) fn read_usage(fields: Option<Fields>) -> Result<Option<Usage>, WireError> {
    let Some(mut usage) = fields else { return Ok(None) };
    let mut read = Usage {
        prompt: usage.count("prompt_tokens")?.unwrap_or(0),
        completion: usage.count("completion_tokens")?.unwrap_or(0),
        ..Usage::default()
    };
    if let Some(mut details) = usage.object("prompt_tokens_details")? {
        read.cached = details.count("cached_tokens")?;
        read.cache_write = details.count("cache_write_tokens")?;
    }
    if let Some(mut details) = usage.object("completion_tokens_details")? {
        read.reasoning = details.count("reasoning_tokens")?;
    }
    Ok(Some(read))
}

/// Writes `usage` of a chat answer.
pub(crate) fn write_usage(usage: Usage) -> Json {
    let json = Json::object()
        .with("prompt_tokens", usage.prompt)
        .with("completion_tokens", usage.completion)
        .with("total_tokens", usage.prompt.saturating_add(usage.completion));
    let prompt =
        Json::object().maybe("cached_tokens", usage.cached).maybe("cache_write_tokens", usage.cache_write);
    let prompt = (prompt != Json::object()).then_some(prompt);
    let completion = usage.reasoning.map(|tokens| Json::object().with("reasoning_tokens", tokens));
    json.maybe("prompt_tokens_details", prompt).maybe("completion_tokens_details", completion)
}

/// Reads `finish_reason`; vLLM's `stop_reason` beside it names the stop sequence.
fn read_stop(reason: &str, sequence: Option<String>) -> Stop {
    match (reason, sequence) {
        ("stop", Some(sequence)) => Stop::Sequence(sequence),
        ("stop", None) => Stop::End,
        ("length", _) => Stop::Length,
        ("tool_calls" | "function_call", _) => Stop::ToolCalls,
        ("content_filter", _) => Stop::ContentFilter,
        (other, _) => Stop::Other(other.to_owned()),
    }
}

/// The `finish_reason` of a stop, and why it is not the same when it is not.
fn write_stop(stop: &Stop) -> (&'static str, Option<&'static str>) {
    match stop {
        Stop::End => ("stop", None),
        Stop::Length => ("length", None),
        Stop::ToolCalls => ("tool_calls", None),
        Stop::ContentFilter => ("content_filter", None),
        Stop::ContextFull => ("length", Some("the chat dialect has one word for both limits")),
        Stop::Refusal => ("content_filter", Some("the chat dialect has no stop reason for a refusal")),
        Stop::Sequence(_) => ("stop", Some("the chat dialect does not name the stop sequence")),
        Stop::Pause => ("stop", Some("the chat dialect cannot pause a turn")),
        Stop::Other(_) => ("stop", Some("the chat dialect has no such stop reason")),
    }
}
