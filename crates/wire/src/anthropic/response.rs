//! A whole messages answer, both ways.

use super::parts::{read_block, write_block, write_call, write_citation};
use super::{read_stop, read_usage, write_stop, write_usage};
use crate::Dialect::Anthropic;
use crate::error::WireError;
use crate::form::{Body, Fields, Json, Options, Part, Report, Response, Stop, Thought, Usage, syntax};

/// Reads the body of a messages answer.
///
/// # Errors
/// When it is not JSON, or a member that the form knows has the wrong kind of value.
pub fn read_response(body: &[u8]) -> Result<Response, WireError> {
    let mut fields = Fields::of(Json::parse(body).map_err(|e| syntax(&e))?, "")?;
    fields.take("type");
    fields.take("role");
    let mut usage = fields.object("usage")?;
    let service_tier = usage.as_mut().map(|usage| usage.text("service_tier")).transpose()?.flatten();
    let blocks = fields.list("content")?;
    let parts = blocks.into_iter().enumerate().map(|(n, block)| read_block(block, format!("content[{n}]")));
    let parts = parts.collect::<Result<_, _>>()?;
    let sequence = fields.text("stop_sequence")?;
    let mut response = Response {
        id: fields.text("id")?,
        model: fields.text("model")?,
        parts,
        stop: fields.text("stop_reason")?.map(|reason| read_stop(&reason, sequence)),
        usage: read_usage(usage)?,
        service_tier,
        ..Response::default()
    };
    response.settle_stop();
    response.extra = fields.rest(Anthropic);
    Ok(response)
}

/// Writes the body of a messages answer.
pub fn write_response(response: &Response, options: &Options, report: &mut Report) -> Json {
    let mut content = Vec::with_capacity(response.parts.len());
    for (n, part) in response.parts.iter().enumerate() {
        write_answer_block(part, &format!("parts[{n}]"), report, &mut content);
    }
    let mut body = head(response.id.as_deref(), response.model.as_deref(), options)
        .with("content", Json::Array(content));
    for (key, value) in stop_members(response.stop.as_ref(), response.calls(), report) {
        body.set(key, value);
    }
    let tier = tier(response.service_tier.as_deref(), report);
    body.set("usage", write_usage(response.usage.unwrap_or_default()).maybe("service_tier", tier));
    if response.usage.is_none() {
        report.approximated("usage", "absent", "the messages dialect demands usage: zeros");
    }
    response.extra.put(Anthropic, "extra", &mut body, report);
    body
}

/// What every answer begins with.
pub(super) fn head(id: Option<&str>, model: Option<&str>, options: &Options) -> Json {
    Json::object()
        .with("id", options.answer_id(id, "msg_"))
        .with("type", "message")
        .with("role", "assistant")
        .with("model", options.answer_model(model))
}

/// `stop_reason` and `stop_sequence`.
pub(super) fn stop_members(
    stop: Option<&Stop>,
    calls: bool,
    report: &mut Report,
) -> [(&'static str, Json); 2] {
    let (reason, sequence, why) = write_stop(stop);
    let reason = if calls && reason == "end_turn" { "tool_use" } else { reason };
    if let Some(why) = why {
        report.approximated("stop", "stop reason", why);
    }
    [("stop_reason", Json::from(reason)), ("stop_sequence", Json::from(sequence))]
}

/// The tier, when it is one that the messages dialect knows.
pub(super) fn tier(tier: Option<&str>, report: &mut Report) -> Option<&'static str> {
    match tier {
        None => None,
        Some("default" | "standard") => Some("standard"),
        Some("priority") => Some("priority"),
        Some("batch") => Some("batch"),
        Some(_) => {
            report.dropped("service_tier", "string", "the messages dialect has other tiers");
            None
        }
    }
}

/// The usage that a stream begins with, when none is known yet.
pub(super) fn opening_usage(usage: Option<Usage>) -> Json {
    write_usage(Usage { completion: 0, reasoning: None, ..usage.unwrap_or_default() })
}

/// Writes one block of an answer. Unlike a request, an answer may hold blank text and unsigned reasoning.
fn write_answer_block(part: &Part, path: &str, report: &mut Report, out: &mut Vec<Json>) {
    match &part.body {
        Body::Text { text, citations, logprobs } => {
            if !logprobs.is_empty() {
                report.dropped(
                    format!("{path}.body.text.logprobs"),
                    "array",
                    "the messages dialect has no log probabilities",
                );
            }
            let written: Vec<Json> = citations.iter().filter_map(|c| write_citation(c, text)).collect();
            if written.len() < citations.len() {
                report.dropped(format!("{path}.body.text.citations"), "object", "only its provider knows it");
            }
            let json = Json::object().with("type", "text").with("text", text.as_str());
            out.push(json.maybe("citations", (!written.is_empty()).then_some(written)));
        }
        Body::ToolCall { id, name, arguments, signature } => {
            report.call_signature(path, signature.as_deref());
            out.push(write_call(id, name, arguments, path, report));
        }
        Body::Reasoning(thought) => write_thoughts(thought, path, report, out),
        Body::Other { dialect: Anthropic, value } => out.push(value.clone()),
        _ => out.extend(write_block(part, path, report)),
    }
}

/// Writes reasoning as a thinking block, and ciphertext as a redacted one.
pub(super) fn write_thoughts(thought: &Thought, path: &str, report: &mut Report, out: &mut Vec<Json>) {
    let shown = thought.shown();
    let foreign = |there: bool, ours: bool| there && !ours;
    if foreign(thought.signature.is_some(), thought.signature_of(Anthropic).is_some())
        || foreign(thought.encrypted.is_some(), thought.encrypted_of(Anthropic).is_some())
    {
        report.dropped(format!("{path}.body.reasoning"), "signature", "only its provider can check it");
    }
    if !thought.text.is_empty() && !thought.summary.is_empty() {
        report.dropped(
            format!("{path}.body.reasoning.summary"),
            "array",
            "the messages dialect shows the text only",
        );
    }
    let redacted = thought.encrypted_of(Anthropic);
    if redacted.is_none() || !shown.is_empty() {
        let signature = thought.signature_of(Anthropic).unwrap_or_default();
        out.push(
            Json::object().with("type", "thinking").with("thinking", shown).with("signature", signature),
        );
    }
    if let Some(data) = redacted {
        out.push(Json::object().with("type", "redacted_thinking").with("data", data));
    }
}
