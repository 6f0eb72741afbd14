//! Anthropic `POST /v1/messages`.
//!
//! Tool results are blocks of a user message here; the form gives each one a tool message of its own, and writing
//! gathers a run of them, with the user's words that follow, into one user message as the API asks. Reasoning
//! returns to Anthropic only under Anthropic's own signature.
//!
//! ```
//! let body = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[
//!     {"type":"tool_result","tool_use_id":"t1","content":"42"},{"type":"text","text":"go on"}]}]}"#;
//! let request = tollgate_wire::anthropic::read_request(body).unwrap();
//! assert_eq!(request.messages.len(), 2);
//! ```

mod lists;
mod parts;
mod request_read;
mod request_write;
mod response;
mod stream_read;
mod stream_write;

pub use lists::{Listed, count_tokens, models};
pub use request_read::read_request;
pub use request_write::write_request;
pub use response::{read_response, write_response};
pub use stream_read::StreamReader;
pub use stream_write::StreamWriter;

use crate::error::WireError;
use crate::form::{Fields, Json, Stop, Usage};

/// Reads `usage`: the prompt's cached tokens stand beside `input_tokens` here, not inside.
pub(crate) fn read_usage(fields: Option<Fields>) -> Result<Option<Usage>, WireError> {
    let Some(mut usage) = fields else { return Ok(None) };
    let (cached, cache_write) =
        (usage.count("cache_read_input_tokens")?, usage.count("cache_creation_input_tokens")?);
    let input = usage.count("input_tokens")?.unwrap_or(0);
    let reasoning =
        usage.object("output_tokens_details")?.map(|mut d| d.count("thinking_tokens")).transpose()?.flatten();
    Ok(Some(Usage {
        prompt: input.saturating_add(cached.unwrap_or(0)).saturating_add(cache_write.unwrap_or(0)),
        cached,
        cache_write,
        completion: usage.count("output_tokens")?.unwrap_or(0),
        reasoning,
    }))
}

/// Writes `usage`.
pub(crate) fn write_usage(usage: Usage) -> Json {
    let beside = usage.cached.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
    Json::object()
        .with("input_tokens", usage.prompt.saturating_sub(beside))
        .maybe("cache_creation_input_tokens", usage.cache_write)
        .maybe("cache_read_input_tokens", usage.cached)
        .with("output_tokens", usage.completion)
        .maybe("output_tokens_details", usage.reasoning.map(|n| Json::object().with("thinking_tokens", n)))
}

/// Reads `stop_reason` and `stop_sequence`.
fn read_stop(reason: &str, sequence: Option<String>) -> Stop {
    match reason {
        "end_turn" => Stop::End,
        "max_tokens" => Stop::Length,
        "model_context_window_exceeded" => Stop::ContextFull,
        "tool_use" => Stop::ToolCalls,
        "refusal" => Stop::Refusal,
        "pause_turn" => Stop::Pause,
        "stop_sequence" => Stop::Sequence(sequence.unwrap_or_default()),
        other => Stop::Other(other.to_owned()),
    }
}

/// The `stop_reason` and `stop_sequence` of a stop, and why it is not the same when it is not.
fn write_stop(stop: Option<&Stop>) -> (&'static str, Option<&str>, Option<&'static str>) {
    match stop {
        None | Some(Stop::End) => ("end_turn", None, None),
        Some(Stop::Length) => ("max_tokens", None, None),
        Some(Stop::ContextFull) => ("model_context_window_exceeded", None, None),
        Some(Stop::ToolCalls) => ("tool_use", None, None),
        Some(Stop::Refusal) => ("refusal", None, None),
        Some(Stop::Pause) => ("pause_turn", None, None),
        Some(Stop::Sequence(text)) => ("stop_sequence", Some(text), None),
        Some(Stop::ContentFilter) => {
            ("refusal", None, Some("the messages dialect calls a filter's cut a refusal"))
        }
        Some(Stop::Other(_)) => ("end_turn", None, Some("the messages dialect has no such stop reason")),
    }
}
