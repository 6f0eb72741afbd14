//! A whole chat answer, both ways.

use super::parts::{read_citation, write_citation, write_reasoning};
use super::request_read::read_assistant;
use super::request_write::write_call;
use super::{read_stop, read_usage, write_stop, write_usage};
use crate::Dialect::OpenaiChat;
use crate::error::WireError;
use crate::form::{Body, Fields, Json, Options, Part, Report, Response, Stop, Thought, missing, syntax};

/// Reads the body of a chat answer.
///
/// # Errors
/// When it is not JSON, has no choice, or a member that the form knows has the wrong kind of value.
pub fn read_response(body: &[u8]) -> Result<Response, WireError> {
    let mut fields = Fields::of(Json::parse(body).map_err(|e| syntax(&e))?, "")?;
    fields.take("object");
    let mut choices = fields.list("choices")?.into_iter();
    let others = choices.len().saturating_sub(1);
    let first = choices.next().ok_or_else(|| missing("choices[0]", "an answer"))?;
    let mut choice = Fields::of(first, "choices[0]")?;
    let mut message = choice.object("message")?.ok_or_else(|| missing("choices[0].message", "an object"))?;
    message.take("role");
    let content = message.take("content");
    let mut parts = read_assistant(content, &mut message)?;
    hang(&mut parts, message.list("annotations")?, choice.object("logprobs")?)?;
    if let Some(call) = message.object("function_call")? {
        parts.push(read_function_call(call)?);
    }
    let sequence = choice.peek("stop_reason").map(str::to_owned);
    let mut response = Response {
        id: fields.text("id")?,
        model: fields.text("model")?,
        created: fields.count("created")?,
        parts,
        stop: choice.text("finish_reason")?.map(|reason| read_stop(&reason, sequence)),
        usage: read_usage(fields.object("usage")?)?,
        service_tier: fields.text("service_tier")?,
        others,
        ..Response::default()
    };
    response.settle_stop();
    response.extra = fields.rest(OpenaiChat);
    Ok(response)
}

/// Hangs annotations and log probabilities on the text.
fn hang(parts: &mut [Part], annotations: Vec<Json>, logs: Option<Fields>) -> Result<(), WireError> {
    let tokens = logs.map(|mut logs| logs.list("content")).transpose()?.unwrap_or_default();
    let text = parts.iter_mut().find_map(|part| match &mut part.body {
        Body::Text { citations, logprobs, .. } => Some((citations, logprobs)),
        _ => None,
    });
    if let Some((citations, logprobs)) = text {
        citations.extend(annotations.into_iter().map(|json| read_citation(json, OpenaiChat)));
        *logprobs = tokens;
    }
    Ok(())
}

fn read_function_call(mut call: Fields) -> Result<Part, WireError> {
    let name = call.need_text("name")?;
    let arguments = call.text("arguments")?.unwrap_or_default();
    Ok(Part::of(Body::ToolCall { id: format!("call_{name}"), name, arguments, signature: None }))
}

/// Writes the body of a chat answer.
pub fn write_response(response: &Response, options: &Options, report: &mut Report) -> Json {
    let message = write_message(response, report);
    let logprobs: Vec<Json> = response
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            Body::Text { logprobs, .. } => Some(logprobs.iter().cloned()),
            _ => None,
        })
        .flatten()
        .collect();
    let logprobs =
        (!logprobs.is_empty()).then(|| Json::object().with("content", logprobs).with("refusal", Json::Null));
    let choice = Json::object()
        .with("index", 0_u64)
        .with("message", message)
        .with("logprobs", logprobs)
        .with("finish_reason", stop_word(response.stop.as_ref(), response.calls(), report));
    let mut body = Json::object()
        .with("id", options.answer_id(response.id.as_deref(), "chatcmpl-"))
        .with("object", "chat.completion")
        .with("created", options.created.or(response.created).unwrap_or(0))
        .with("model", options.answer_model(response.model.as_deref()))
        .with("choices", vec![choice])
        .maybe("usage", response.usage.map(write_usage))
        .maybe("service_tier", tier(response.service_tier.as_deref(), report));
    response.extra.put(OpenaiChat, "extra", &mut body, report);
    body
}

/// The tier, when it is a word that the OpenAI dialects know.
pub(crate) fn tier<'a>(tier: Option<&'a str>, report: &mut Report) -> Option<&'a str> {
    // Anthropic's word for the same.
    let tier = tier.map(|tier| if tier == "standard" { "default" } else { tier });
    let known = tier.filter(|t| ["auto", "default", "flex", "scale", "priority", "fast"].contains(t));
    if tier.is_some() && known.is_none() {
        report.dropped("service_tier", "string", "the OpenAI dialects have no such tier");
    }
    known
}

/// The finish reason of a stop; an answer that does not say why it ended has simply ended, and one that ended with
/// calls waits for tools.
pub(super) fn stop_word(stop: Option<&Stop>, calls: bool, report: &mut Report) -> &'static str {
    let (word, why) = write_stop(stop.unwrap_or(&Stop::End));
    if let Some(why) = why {
        report.approximated("stop", "stop reason", why);
    }
    if calls && word == "stop" { "tool_calls" } else { word }
}

fn write_message(response: &Response, report: &mut Report) -> Json {
    let (mut text, mut length, mut refusal) = (String::new(), 0, None::<String>);
    let (mut annotations, mut calls) = (Vec::new(), Vec::new());
    let mut thoughts: Vec<&Thought> = Vec::new();
    for (n, part) in response.parts.iter().enumerate() {
        let path = format!("parts[{n}]");
        match &part.body {
            Body::Text { text: more, citations, .. } => {
                if !calls.is_empty() {
                    report.approximated(path.as_str(), "text", "chat text stands before tool calls");
                }
                let added = more.chars().count() as u64;
                for citation in citations {
                    match write_citation(citation, length, added) {
                        Some(json) => annotations.push(json),
                        None => report.dropped(
                            format!("{path}.body.text.citations"),
                            "object",
                            "only its provider knows it",
                        ),
                    }
                }
                text.push_str(more);
                length += added;
            }
            Body::Refusal(more) => refusal.get_or_insert_default().push_str(more),
            Body::ToolCall { id, name, arguments, signature } => {
                calls.push(write_call(id, name, arguments, signature.as_deref()));
            }
            Body::Reasoning(thought) => thoughts.push(thought),
            _ => report.dropped(path, part.kind(), "a chat answer has no such part"),
        }
    }
    let silent = text.is_empty() && (refusal.is_some() || !calls.is_empty());
    let mut message = Json::object()
        .with("role", "assistant")
        .with("content", (!silent).then_some(text))
        .with("refusal", refusal)
        .with("annotations", annotations);
    write_reasoning(&thoughts, &mut message);
    if !calls.is_empty() {
        message.set("tool_calls", Json::Array(calls));
    }
    message
}
