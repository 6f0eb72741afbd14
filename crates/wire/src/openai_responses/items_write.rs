//! The form's messages into items of a Responses request.

use crate::Dialect::{OpenaiChat, OpenaiResponses};
use crate::form::{Body, Json, Media, Message, Part, Report, Role, Source, Thought, data_uri};

/// Writes messages as items.
pub(super) fn write_items(messages: &[Message], report: &mut Report) -> Vec<Json> {
    let mut items = Vec::with_capacity(messages.len());
    for (n, message) in messages.iter().enumerate() {
        let path = format!("messages[{n}]");
        if message.name.is_some() {
            report.dropped(format!("{path}.name"), "string", "the responses dialect names no speakers");
        }
        let before = items.len();
        write_message(message, &path, report, &mut items);
        match items.get_mut(before) {
            Some(item) => message.extra.put(OpenaiResponses, &format!("{path}.extra"), item, report),
            None => message.extra.put(OpenaiResponses, &format!("{path}.extra"), &mut Json::object(), report),
        }
    }
    items
}

fn write_message(message: &Message, path: &str, report: &mut Report, items: &mut Vec<Json>) {
    let role = match message.role {
        Role::System => "developer",
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    };
    let mut said: Vec<Json> = Vec::new();
    for (n, part) in message.parts.iter().enumerate() {
        let at = format!("{path}.parts[{n}]");
        if part.cache.is_some() {
            report.dropped(format!("{at}.cache"), "object", "the responses dialect caches by itself");
        }
        if let Some(item) = write_item(part, &at, report) {
            flush(role, &mut said, items);
            items.push(item);
        } else if !is_item(part) {
            let own = message.role == Role::Assistant;
            said.extend(write_part(part, own, &at, report));
            // The model's own texts are plain strings, one message each: parts would need the ids of stored items.
            if own {
                flush(role, &mut said, items);
            }
        }
    }
    flush(role, &mut said, items);
}

fn flush(role: &str, said: &mut Vec<Json>, items: &mut Vec<Json>) {
    let plain = |part: &Json| {
        matches!(part, Json::Object(members) if members.len() == 2) && part.get("text").is_some()
    };
    let content = match said.as_slice() {
        [] => return,
        [one] if plain(one) => one.get("text").cloned().unwrap_or_default(),
        _ => Json::Array(std::mem::take(said)),
    };
    said.clear();
    items.push(Json::object().with("type", "message").with("role", role).with("content", content));
}

/// Whether a part is an item of its own rather than content of a message.
const fn is_item(part: &Part) -> bool {
    matches!(
        part.body,
        Body::ToolCall { .. } | Body::ToolResult { .. } | Body::Reasoning(_) | Body::Other { .. }
    )
}

fn write_item(part: &Part, path: &str, report: &mut Report) -> Option<Json> {
    let mut item = match &part.body {
        Body::ToolCall { id, name, arguments, signature } => {
            report.call_signature(path, signature.as_deref());
            let arguments = if arguments.is_empty() { "{}" } else { arguments };
            Json::object()
                .with("type", "function_call")
                .with("call_id", id.as_str())
                .with("name", name.as_str())
                .with("arguments", arguments)
        }
        Body::ToolResult { id, parts, error, .. } => {
            if *error {
                report.dropped(
                    format!("{path}.body.tool_result.error"),
                    "boolean",
                    "the responses dialect cannot mark a failed tool",
                );
            }
            let at = format!("{path}.body.tool_result.parts");
            let output = write_output(parts, &at, report);
            Json::object()
                .with("type", "function_call_output")
                .with("call_id", id.as_str())
                .with("output", output)
        }
        Body::Reasoning(thought) => write_thought(thought, path, report)?,
        Body::Other { dialect: OpenaiResponses, value } => return Some(value.clone()),
        Body::Other { .. } => {
            report.dropped(path, part.kind(), "the responses dialect has no such part");
            return None;
        }
        _ => return None,
    };
    part.extra.put(OpenaiResponses, &format!("{path}.extra"), &mut item, report);
    Some(item)
}

/// Writes reasoning of an earlier turn: only OpenAI's own items, which are ciphertext.
fn write_thought(thought: &Thought, path: &str, report: &mut Report) -> Option<Json> {
    let Some(encrypted) = thought.encrypted_of(OpenaiResponses) else {
        report.dropped(
            path,
            "reasoning",
            "reasoning returns to a responses upstream only as its own ciphertext",
        );
        return None;
    };
    let summary: Vec<Json> = thought.summary.iter().map(|text| summary_part(text)).collect();
    Some(
        Json::object()
            .with("type", "reasoning")
            .maybe("id", thought.item.as_deref())
            .with("summary", summary)
            .with("encrypted_content", encrypted),
    )
}

/// A part of a reasoning summary.
pub(super) fn summary_part(text: &str) -> Json {
    Json::object().with("type", "summary_text").with("text", text)
}

fn write_output(parts: &[Part], path: &str, report: &mut Report) -> Json {
    if let [part] = parts
        && let Some(text) = part.as_text()
    {
        if part.cache.is_some() {
            report.dropped(format!("{path}[0].cache"), "object", "the responses dialect caches by itself");
        }
        return Json::from(text);
    }
    if parts.is_empty() {
        return Json::from("");
    }
    let parts = parts.iter().enumerate();
    Json::Array(
        parts.filter_map(|(n, part)| write_part(part, false, &format!("{path}[{n}]"), report)).collect(),
    )
}

/// Writes a content part, as the model's own words or as input.
pub(super) fn write_part(part: &Part, own: bool, path: &str, report: &mut Report) -> Option<Json> {
    let tagged = |kind: &str| Json::object().with("type", kind);
    let mut json = match &part.body {
        Body::Text { text, citations, .. } => {
            if !citations.is_empty() {
                report.dropped(
                    format!("{path}.body.text.citations"),
                    "array",
                    "a request does not repeat citations",
                );
            }
            tagged(if own { "output_text" } else { "input_text" }).with("text", text.as_str())
        }
        Body::Refusal(text) => {
            report.approximated(
                path,
                "refusal",
                "written as text: the part would need the id of a stored item",
            );
            tagged("output_text").with("text", text.as_str())
        }
        Body::Image(media) => write_image(media, path, report)?,
        Body::Document(media) => write_document(media, path, report)?,
        Body::Other { dialect: OpenaiResponses, value } => return Some(value.clone()),
        _ => {
            report.dropped(path, part.kind(), "a message of the responses dialect has no such part");
            return None;
        }
    };
    part.extra.put(OpenaiResponses, &format!("{path}.extra"), &mut json, report);
    Some(json)
}

fn write_image(media: &Media, path: &str, report: &mut Report) -> Option<Json> {
    let json = Json::object().with("type", "input_image");
    let json = match &media.source {
        Source::Url(url) => json.with("image_url", url.as_str()),
        Source::Base64 { mime, data } => json.with("image_url", data_uri(mime, data)),
        Source::File { dialect: OpenaiChat | OpenaiResponses, id } => json.with("file_id", id.as_str()),
        Source::File { .. } | Source::Text(_) => {
            report.dropped(path, "image", "the file store belongs to another provider");
            return None;
        }
    };
    Some(json.with("detail", media.detail.as_deref().unwrap_or("auto")))
}

fn write_document(media: &Media, path: &str, report: &mut Report) -> Option<Json> {
    let json = Json::object().with("type", "input_file").maybe("filename", media.name.as_deref());
    Some(match &media.source {
        Source::Url(url) => json.with("file_url", url.as_str()),
        Source::Base64 { mime, data } => json.with("file_data", data_uri(mime, data)),
        Source::File { dialect: OpenaiChat | OpenaiResponses, id } => json.with("file_id", id.as_str()),
        Source::Text(text) => {
            report.approximated(path, "document", "written as a text part");
            Json::object().with("type", "input_text").with("text", text.as_str())
        }
        Source::File { .. } => {
            report.dropped(path, "document", "the file store belongs to another provider");
            return None;
        }
    })
}
