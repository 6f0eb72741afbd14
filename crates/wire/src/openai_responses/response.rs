//! A whole Responses answer, both ways.

use super::items::read_items;
use super::output::{stem, write_output};
use super::{read_usage, write_usage};
use crate::Dialect::OpenaiResponses;
use crate::error::WireError;
use crate::form::{Body, Failure, Fields, Json, Options, Report, Response, Stop, syntax};
use crate::openai_chat::response::tier;
use tollgate_core::FaultKind;

/// Members of an answer that repeat the request.
const ECHOED: [&str; 22] = [
    "background",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "conversation",
];

/// The members of a request that its answer repeats.
///
/// # Errors
/// When the body is not a JSON object.
pub fn echo(request: &[u8]) -> Result<Json, WireError> {
    let mut fields = Fields::of(Json::parse(request).map_err(|e| syntax(&e))?, "")?;
    let members = ECHOED.iter().filter_map(|key| fields.take(key).map(|value| (*key, value)));
    Ok(members.fold(Json::object(), |json, (key, value)| json.with(key, value)))
}

/// Reads the body of a Responses answer. What repeats the request is passed over.
///
/// # Errors
/// When it is not JSON, or a member that the form knows has the wrong kind of value.
pub fn read_response(body: &[u8]) -> Result<Response, WireError> {
    read_object(Fields::of(Json::parse(body).map_err(|e| syntax(&e))?, "")?)
}

/// Reads an answer object.
pub(super) fn read_object(mut fields: Fields) -> Result<Response, WireError> {
    for key in ECHOED {
        fields.take(key);
    }
    fields.take("object");
    fields.take("completed_at");
    fields.take("output_text");
    let output = fields.list("output")?;
    let parts = read_items(output, "output")?.into_iter().flat_map(|message| message.parts).collect();
    let incomplete =
        fields.object("incomplete_details")?.map(|mut d| d.text("reason")).transpose()?.flatten();
    let status = fields.text("status")?;
    let failure = fields.take("error").map(|error| read_failure(&error));
    let mut response = Response {
        id: fields.text("id")?,
        model: fields.text("model")?,
        created: fields.count("created_at")?,
        parts,
        stop: read_stop(status.as_deref(), incomplete.as_deref()),
        usage: read_usage(fields.object("usage")?)?,
        service_tier: fields.text("service_tier")?,
        failure: failure.or_else(|| (status.as_deref() == Some("failed")).then(Failure::truncated)),
        ..Response::default()
    };
    response.settle_stop();
    response.extra = fields.rest(OpenaiResponses);
    Ok(response)
}

/// Reads an error object.
pub(super) fn read_failure(error: &Json) -> Failure {
    let text = |key| error.get(key).and_then(Json::as_str);
    let word = text("code").or(text("type")).unwrap_or_default();
    Failure::of(word, text("message").unwrap_or("unknown error"))
}

fn read_stop(status: Option<&str>, incomplete: Option<&str>) -> Option<Stop> {
    match (status, incomplete) {
        (Some("incomplete"), Some("content_filter")) => Some(Stop::ContentFilter),
        (Some("incomplete"), Some("max_output_tokens") | None) => Some(Stop::Length),
        (Some("incomplete"), Some(other)) => Some(Stop::Other(other.to_owned())),
        (Some("completed"), _) => Some(Stop::End),
        _ => None,
    }
}

/// The status of an answer, and the reason when it is incomplete.
fn write_stop(stop: Option<&Stop>, report: &mut Report) -> (&'static str, Option<&'static str>) {
    let (status, reason, why) = match stop {
        None | Some(Stop::End | Stop::ToolCalls) => ("completed", None, None),
        Some(Stop::Length) => ("incomplete", Some("max_output_tokens"), None),
        Some(Stop::ContentFilter) => ("incomplete", Some("content_filter"), None),
        Some(Stop::ContextFull) => (
            "incomplete",
            Some("max_output_tokens"),
            Some("the responses dialect has one word for both limits"),
        ),
        Some(Stop::Refusal) => (
            "incomplete",
            Some("content_filter"),
            Some("the responses dialect has no stop reason for a refusal"),
        ),
        Some(Stop::Sequence(_)) => ("completed", None, Some("the responses dialect knows no stop sequences")),
        Some(Stop::Pause) => ("completed", None, Some("the responses dialect cannot pause a turn")),
        Some(Stop::Other(_)) => ("completed", None, Some("the responses dialect has no such stop reason")),
    };
    if let Some(why) = why {
        report.approximated("stop", "stop reason", why);
    }
    (status, reason)
}

/// Writes the body of a Responses answer.
pub fn write_response(response: &Response, options: &Options, report: &mut Report) -> Json {
    let (status, reason) = match &response.failure {
        Some(_) => ("failed", None),
        None => write_stop(response.stop.as_ref(), report),
    };
    let mut body = frame(response, options, status);
    body.set("incomplete_details", reason.map(|reason| Json::object().with("reason", reason)));
    body.set("error", response.failure.as_ref().map(write_failure));
    body.set("output", write_output(&response.parts, &stem(options, response.id.as_deref()), report));
    body.set("usage", response.usage.map(write_usage));
    tier(response.service_tier.as_deref(), report);
    if response.parts.iter().any(|part| matches!(part.body, Body::Other { .. }))
        && body.get("tools").is_none()
    {
        body.set("tools", Json::Array(Vec::new()));
    }
    response.extra.put(OpenaiResponses, "extra", &mut body, report);
    body
}

fn write_failure(failure: &Failure) -> Json {
    let code = match failure.kind {
        FaultKind::LimitReached => "rate_limit_exceeded",
        FaultKind::BadRequest | FaultKind::ContextTooLong => "invalid_prompt",
        _ => "server_error",
    };
    Json::object().with("code", code).with("message", failure.message.as_str())
}

/// Every member of an answer, with the request's values where they are known and the API's defaults elsewhere.
pub(super) fn frame(response: &Response, options: &Options, status: &str) -> Json {
    let mut body = Json::object()
        .with("id", options.answer_id(response.id.as_deref(), "resp_"))
        .with("object", "response")
        .with("created_at", options.created.or(response.created).unwrap_or(0))
        .with("status", status)
        .with("background", false)
        .with("error", Json::Null)
        .with("incomplete_details", Json::Null)
        .with("instructions", Json::Null)
        .with("max_output_tokens", Json::Null)
        .with("model", options.answer_model(response.model.as_deref()))
        .with("output", Json::Array(Vec::new()))
        .with("parallel_tool_calls", true)
        .with("previous_response_id", Json::Null)
        .with("reasoning", Json::object().with("effort", Json::Null).with("summary", Json::Null))
        .with("store", true)
        .with("temperature", 1_u64)
        .with("text", Json::object().with("format", Json::object().with("type", "text")))
        .with("tool_choice", "auto")
        .with("tools", Json::Array(Vec::new()))
        .with("top_p", 1_u64)
        .with("truncation", "disabled")
        .with("usage", Json::Null)
        .with("user", Json::Null)
        .with("metadata", Json::object())
        .maybe("service_tier", tier(response.service_tier.as_deref(), &mut Report::new()));
    if let Some(Json::Object(members)) = &options.echo {
        members.iter().for_each(|(key, value)| body.set(key, value.clone()));
    }
    body
}
