//! The numbered events of one item of a Responses stream.

use super::items_write::summary_part;
use super::output::{reasoning_part, write_said};
use crate::form::{Body, Json, Part, Report, Thought};
use crate::sse;

/// An open item.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: String,
    /// Its place in the output.
    pub(super) index: usize,
    /// The number of its first part.
    pub(super) first: usize,
    /// Content parts begun in it.
    pub(super) contents: usize,
    /// The open summary.
    summary: Option<usize>,
}

impl Item {
    pub(super) const fn new(id: String, index: usize, first: usize) -> Self {
        Self { id, index, first, contents: 0, summary: None }
    }
}

/// Writes events and counts them.
#[derive(Debug, Default)]
pub(super) struct Numbered(u64);

impl Numbered {
    /// The number of the next event.
    pub(super) const fn next(&self) -> u64 {
        self.0
    }

    /// Writes one event.
    pub(super) fn emit(&mut self, out: &mut Vec<u8>, kind: &str, rest: Json) {
        let mut json = Json::object().with("type", kind).with("sequence_number", self.0);
        self.0 += 1;
        if let Json::Object(members) = rest {
            members.into_iter().for_each(|(key, value)| json.set(&key, value));
        }
        sse::write_event(out, Some(kind), &json.to_bytes());
    }

    /// An event about an item.
    pub(super) fn of_item(&mut self, out: &mut Vec<u8>, kind: &str, item: &Item, more: Json) {
        let mut json = Json::object().with("item_id", item.id.as_str()).with("output_index", item.index);
        if let Json::Object(members) = more {
            members.into_iter().for_each(|(key, value)| json.set(&key, value));
        }
        self.emit(out, kind, json);
    }

    /// An event about the item's last content part.
    pub(super) fn content(&mut self, out: &mut Vec<u8>, kind: &str, item: &Item, more: Json) {
        let more = more.with("content_index", item.contents.saturating_sub(1));
        self.of_item(out, kind, item, more);
    }

    pub(super) fn added(&mut self, out: &mut Vec<u8>, item: &Item, json: Json) {
        self.emit(
            out,
            "response.output_item.added",
            Json::object().with("output_index", item.index).with("item", json),
        );
    }

    pub(super) fn done(&mut self, out: &mut Vec<u8>, item: &Item, json: Json) {
        self.emit(
            out,
            "response.output_item.done",
            Json::object().with("output_index", item.index).with("item", json),
        );
    }

    /// A content part of a message begins.
    pub(super) fn said(&mut self, out: &mut Vec<u8>, item: &mut Item, refusal: bool) {
        item.contents += 1;
        let body = if refusal { Body::Refusal(String::new()) } else { Part::text("").body };
        let part = write_said(&Part::of(body), "", &mut Report::new());
        self.content(out, "response.content_part.added", item, Json::object().with("part", part));
    }

    /// A content part of a message is whole.
    pub(super) fn said_done(&mut self, out: &mut Vec<u8>, item: &Item, part: &Part, report: &mut Report) {
        let Some(json) = write_said(part, "parts", report) else { return };
        let member = |key: &str| json.get(key).cloned().unwrap_or_default();
        if let Body::Refusal(_) = part.body {
            let more = Json::object().with("refusal", member("refusal"));
            self.content(out, "response.refusal.done", item, more);
        } else {
            for (n, annotation) in member("annotations").items().iter().enumerate() {
                let more = Json::object().with("annotation_index", n).with("annotation", annotation.clone());
                self.content(out, "response.output_text.annotation.added", item, more);
            }
            let more = Json::object().with("text", member("text")).with("logprobs", member("logprobs"));
            self.content(out, "response.output_text.done", item, more);
        }
        self.content(out, "response.content_part.done", item, Json::object().with("part", json));
    }

    /// Reasoning text grows.
    pub(super) fn thought(&mut self, out: &mut Vec<u8>, item: &mut Item, text: &str) {
        if item.contents == 0 {
            item.contents = 1;
            self.content(
                out,
                "response.content_part.added",
                item,
                Json::object().with("part", reasoning_part("")),
            );
        }
        self.content(out, "response.reasoning_text.delta", item, Json::object().with("delta", text));
    }

    /// A summary of the reasoning grows.
    pub(super) fn summary(
        &mut self,
        out: &mut Vec<u8>,
        item: &mut Item,
        thought: &Thought,
        (n, text): (usize, &str),
    ) {
        if item.summary != Some(n) {
            self.summary_done(out, item, thought);
            item.summary = Some(n);
            let more = Json::object().with("summary_index", n).with("part", summary_part(""));
            self.of_item(out, "response.reasoning_summary_part.added", item, more);
        }
        let more = Json::object().with("summary_index", n).with("delta", text);
        self.of_item(out, "response.reasoning_summary_text.delta", item, more);
    }

    fn summary_done(&mut self, out: &mut Vec<u8>, item: &mut Item, thought: &Thought) {
        let Some(n) = item.summary.take() else { return };
        let text = thought.summary.get(n).map(String::as_str).unwrap_or_default();
        let more = Json::object().with("summary_index", n).with("text", text);
        self.of_item(out, "response.reasoning_summary_text.done", item, more);
        let more = Json::object().with("summary_index", n).with("part", summary_part(text));
        self.of_item(out, "response.reasoning_summary_part.done", item, more);
    }

    /// Reasoning is whole.
    pub(super) fn thought_done(&mut self, out: &mut Vec<u8>, item: &mut Item, thought: &Thought) {
        self.summary_done(out, item, thought);
        if item.contents > 0 {
            let text = thought.text.as_str();
            self.content(out, "response.reasoning_text.done", item, Json::object().with("text", text));
            self.content(
                out,
                "response.content_part.done",
                item,
                Json::object().with("part", reasoning_part(text)),
            );
        }
    }
}
