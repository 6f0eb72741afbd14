//! The output items of a Responses answer, from the form's parts.

use crate::Dialect::OpenaiResponses;
use crate::form::{Body, Citation, Json, Options, Part, Report, Thought};
use std::ops::Range;

use super::items_write::summary_part;

/// Which parts make one item: a run of text and refusals is one message, everything else stands alone.
pub(super) fn group(parts: &[Part]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        match groups.last_mut() {
            Some(last) if said(part) && parts.get(last.start).is_some_and(said) => last.end = n + 1,
            _ => groups.push(n..n + 1),
        }
    }
    groups
}

/// Whether a part is content of a message item.
pub(super) const fn said(part: &Part) -> bool {
    matches!(part.body, Body::Text { .. } | Body::Refusal(_))
}

/// Writes all items.
pub(super) fn write_output(parts: &[Part], stem: &str, report: &mut Report) -> Vec<Json> {
    let mut items = Vec::new();
    for range in group(parts) {
        let (first, index) = (range.start, items.len());
        items.extend(write_item(
            parts.get(range).unwrap_or_default(),
            first,
            &ItemId { stem, index },
            report,
        ));
    }
    items
}

/// What an item's id is made of.
pub(super) struct ItemId<'a> {
    /// The answer's id without its prefix.
    pub(super) stem: &'a str,
    /// The item's place in the output.
    pub(super) index: usize,
}

impl ItemId<'_> {
    pub(super) fn with(&self, prefix: &str) -> String {
        format!("{prefix}_{}_{}", self.stem, self.index)
    }

    /// The id of a reasoning item: its own, where it has one.
    pub(super) fn thought(&self, item: Option<&str>) -> String {
        item.filter(|id| id.starts_with("rs_")).map_or_else(|| self.with("rs"), str::to_owned)
    }
}

/// The id of an answer without its prefix.
pub(super) fn stem(options: &Options, id: Option<&str>) -> String {
    let id = options.answer_id(id, "resp_");
    id.strip_prefix("resp_").unwrap_or(&id).to_owned()
}

/// Writes one item; `first` is the number of its first part.
pub(super) fn write_item(parts: &[Part], first: usize, id: &ItemId<'_>, report: &mut Report) -> Option<Json> {
    let head = parts.first()?;
    let path = format!("parts[{first}]");
    Some(match &head.body {
        Body::Text { .. } | Body::Refusal(_) => {
            let content = parts.iter().enumerate();
            let content: Vec<Json> = content
                .filter_map(|(n, part)| write_said(part, &format!("parts[{}]", first + n), report))
                .collect();
            Json::object()
                .with("id", id.with("msg"))
                .with("type", "message")
                .with("status", "completed")
                .with("role", "assistant")
                .with("content", content)
        }
        Body::ToolCall { id: call, name, arguments, signature } => {
            report.call_signature(&path, signature.as_deref());
            let arguments = if arguments.is_empty() { "{}" } else { arguments };
            call_item(&id.with("fc"), "completed", call, name, arguments)
        }
        Body::Reasoning(thought) => thought_item(thought, id, &path, report),
        Body::Other { dialect: OpenaiResponses, value } => value.clone(),
        _ => {
            report.dropped(path, head.kind(), "an answer of the responses dialect has no such part");
            return None;
        }
    })
}

/// A function call item.
pub(super) fn call_item(id: &str, status: &str, call: &str, name: &str, arguments: &str) -> Json {
    Json::object()
        .with("id", id)
        .with("type", "function_call")
        .with("status", status)
        .with("arguments", arguments)
        .with("call_id", call)
        .with("name", name)
}

fn thought_item(thought: &Thought, id: &ItemId<'_>, path: &str, report: &mut Report) -> Json {
    let encrypted = thought.encrypted_of(OpenaiResponses);
    if thought.signature.is_some() || thought.encrypted.is_some() && encrypted.is_none() {
        report.dropped(format!("{path}.body.reasoning"), "signature", "only its provider can check it");
    }
    let summary: Vec<Json> = thought.summary.iter().map(|text| summary_part(text)).collect();
    let content = (!thought.text.is_empty()).then(|| vec![reasoning_part(&thought.text)]);
    Json::object()
        .with("id", id.thought(thought.item.as_deref()))
        .with("type", "reasoning")
        .with("summary", summary)
        .maybe("content", content)
        .maybe("encrypted_content", encrypted)
}

/// A part of a reasoning item's content.
pub(super) fn reasoning_part(text: &str) -> Json {
    Json::object().with("type", "reasoning_text").with("text", text)
}

/// Writes a content part of a message item.
pub(super) fn write_said(part: &Part, path: &str, report: &mut Report) -> Option<Json> {
    match &part.body {
        Body::Text { text, citations, logprobs } => {
            let length = text.chars().count() as u64;
            let mut annotations = Vec::new();
            for citation in citations {
                match write_citation(citation, length) {
                    Some(json) => annotations.push(json),
                    None => report.dropped(
                        format!("{path}.body.text.citations"),
                        "object",
                        "only its provider knows it",
                    ),
                }
            }
            Some(
                Json::object()
                    .with("type", "output_text")
                    .with("annotations", annotations)
                    .with("logprobs", logprobs.clone())
                    .with("text", text.as_str()),
            )
        }
        Body::Refusal(text) => Some(Json::object().with("type", "refusal").with("refusal", text.as_str())),
        _ => None,
    }
}

/// Writes a citation of a text of `length` characters.
pub(super) fn write_citation(citation: &Citation, length: u64) -> Option<Json> {
    match citation {
        Citation::Url { url, title, range, .. } => {
            let (start, end) = range.unwrap_or((0, length));
            Some(
                Json::object()
                    .with("type", "url_citation")
                    .with("end_index", end)
                    .with("start_index", start)
                    .with("title", title.as_str())
                    .with("url", url.as_str()),
            )
        }
        Citation::Other { dialect: OpenaiResponses, value } => Some(value.clone()),
        Citation::Other { .. } => None,
    }
}
