//! Gemini `generateContent` and `streamGenerateContent?alt=sse`.
//!
//! The model and the wish for a stream stand in the path here ([`path`]), not in the body. Calls may come without
//! ids: they get ids made of the answer's id and their place, and results find their call by name. A stream has no
//! end marker: it is whole when it gave a finish reason.
//!
//! ```
//! let body = br#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
//! let request = tollgate_wire::gemini::read_request(body).unwrap();
//! assert_eq!(request.messages[0].parts[0].as_text(), Some("hi"));
//! assert_eq!(tollgate_wire::gemini::path("gemini-x", true), "/models/gemini-x:streamGenerateContent?alt=sse");
//! ```

mod parts;
mod parts_write;
mod request_read;
mod request_write;
mod response;
mod stream_read;
mod stream_write;

pub use request_read::read_request;
pub use request_write::write_request;
pub use response::{read_response, write_response};
pub use stream_read::StreamReader;
pub use stream_write::StreamWriter;

use crate::error::WireError;
use crate::form::{Fields, Json, Stop, Usage};

/// The path of a request below the API's version, such as `/models/M:generateContent`.
#[must_use]
pub fn path(model: &str, stream: bool) -> String {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let call = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    format!("/models/{model}:{call}")
}

/// Reads `usageMetadata`: thoughts stand beside the candidates' tokens here, not inside.
pub(crate) fn read_usage(fields: Option<Fields>) -> Result<Option<Usage>, WireError> {
    let Some(mut usage) = fields else { return Ok(None) };
    let reasoning = usage.count("thoughtsTokenCount")?;
    let tools = usage.count("toolUsePromptTokenCount")?.unwrap_or(0);
    Ok(Some(Usage {
        prompt: usage.count("promptTokenCount")?.unwrap_or(0).saturating_add(tools),
        cached: usage.count("cachedContentTokenCount")?,
        cache_write: None,
        completion: usage.count("candidatesTokenCount")?.unwrap_or(0).saturating_add(reasoning.unwrap_or(0)),
        reasoning,
    }))
}

/// Writes `usageMetadata`.
pub(crate) fn write_usage(usage: Usage) -> Json {
    Json::object()
        .with("promptTokenCount", usage.prompt)
        .with("candidatesTokenCount", usage.completion.saturating_sub(usage.reasoning.unwrap_or(0)))
        .with("totalTokenCount", usage.prompt.saturating_add(usage.completion))
        .maybe("cachedContentTokenCount", usage.cached)
        .maybe("thoughtsTokenCount", usage.reasoning)
}

/// Reads `finishReason`.
fn read_stop(reason: &str) -> Stop {
    match reason {
        "STOP" => Stop::End,
        "MAX_TOKENS" => Stop::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
        | "IMAGE_SAFETY" => Stop::ContentFilter,
        other => Stop::Other(other.to_owned()),
    }
}

/// The `finishReason` of a stop, and why it is not the same when it is not.
fn write_stop(stop: Option<&Stop>) -> (&'static str, Option<&'static str>) {
    match stop {
        None | Some(Stop::End | Stop::ToolCalls) => ("STOP", None),
        Some(Stop::Length) => ("MAX_TOKENS", None),
        Some(Stop::ContentFilter) => ("SAFETY", None),
        Some(Stop::ContextFull) => ("MAX_TOKENS", Some("the gemini dialect has one word for both limits")),
        Some(Stop::Refusal) => ("SAFETY", Some("the gemini dialect has no finish reason for a refusal")),
        Some(Stop::Sequence(_)) => ("STOP", Some("the gemini dialect does not name the stop sequence")),
        Some(Stop::Pause) => ("STOP", Some("the gemini dialect cannot pause a turn")),
        Some(Stop::Other(_)) => ("OTHER", Some("the gemini dialect has no such finish reason")),
    }
}
