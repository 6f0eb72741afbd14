//! OpenAI `POST /v1/responses`.
//!
//! The conversation is a list of items here: messages, calls, call outputs and reasoning stand side by side. The
//! form gathers a run of the model's items into one assistant message and a run of outputs stays one message each.
//! Invariant: every item and part id of an answer is derived from the answer's id, so that the same answer is
//! written the same way twice.
//!
//! ```
//! let body = br#"{"model":"m","instructions":"Be brief.","input":"hi"}"#;
//! let request = tollgate_wire::openai_responses::read_request(body).unwrap();
//! assert_eq!(request.messages[0].parts[0].as_text(), Some("hi"));
//! ```

mod items;
mod items_write;
mod output;
mod request_read;
mod request_write;
mod response;
pub mod stored;
mod stream_items;
mod stream_read;
mod stream_write;

pub use request_read::read_request;
pub use request_write::write_request;
pub use response::{echo, read_response, write_response};
pub use stream_read::StreamReader;
pub use stream_write::StreamWriter;

use crate::error::WireError;
use crate::form::{Fields, Json, Usage};

/// Reads `usage`.
pub(crate) fn read_usage(fields: Option<Fields>) -> Result<Option<Usage>, WireError> {
    let Some(mut usage) = fields else { return Ok(None) };
    let mut read = Usage {
        prompt: usage.count("input_tokens")?.unwrap_or(0),
        completion: usage.count("output_tokens")?.unwrap_or(0),
        ..Usage::default()
    };
    if let Some(mut details) = usage.object("input_tokens_details")? {
        read.cached = details.count("cached_tokens")?;
        read.cache_write = details.count("cache_write_tokens")?.filter(|n| *n > 0);
    }
    if let Some(mut details) = usage.object("output_tokens_details")? {
        read.reasoning = details.count("reasoning_tokens")?;
    }
    Ok(Some(read))
}

/// Writes `usage`; its details are not optional in this dialect.
pub(crate) fn write_usage(usage: Usage) -> Json {
    let input = Json::object()
        .with("cached_tokens", usage.cached.unwrap_or(0))
        .with("cache_write_tokens", usage.cache_write.unwrap_or(0));
    Json::object()
        .with("input_tokens", usage.prompt)
        .with("input_tokens_details", input)
        .with("output_tokens", usage.completion)
        .with("output_tokens_details", Json::object().with("reasoning_tokens", usage.reasoning.unwrap_or(0)))
        .with("total_tokens", usage.prompt.saturating_add(usage.completion))
}
