//! Events into a Responses stream. Every event is numbered, and the last one repeats the whole answer, so the
//! answer is collected while it is written.

use super::output::{self, ItemId, call_item};
use super::response::{frame, write_response};
use super::stream_items::{Item, Numbered};
use crate::Dialect::OpenaiResponses;
use crate::error;
use crate::fold::Collector;
use crate::form::{Body, Delta, Event, Failure, Json, Open, Options, Report};

/// Writes the bytes of a Responses stream. Parts must not overlap.
#[derive(Debug)]
pub struct StreamWriter {
    options: Options,
    answer: Collector,
    out: Numbered,
    /// The open item.
    item: Option<Item>,
    /// Items so far.
    items: usize,
    ended: bool,
}

impl StreamWriter {
    /// A writer for one answer.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let (answer, out) = (Collector::default(), Numbered::default());
        Self { options, answer, out, item: None, items: 0, ended: false }
    }

    /// Appends the bytes that say `event`.
    pub fn write(&mut self, event: &Event, report: &mut Report, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        if self.answer.push(event).is_err() {
            let failure = Failure::of("", "the answer is larger than this gateway collects");
            return self.fail(&failure, out);
        }
        match event {
            Event::Start { .. } => {
                let response = frame(self.answer.response(), &self.options, "in_progress");
                self.out.emit(out, "response.created", Json::object().with("response", response.clone()));
                self.out.emit(out, "response.in_progress", Json::object().with("response", response));
            }
            Event::Open { part, open } => self.open(*part, open, report, out),
            Event::Delta { delta, .. } => self.grow(delta, report, out),
            Event::Close { part } => self.close(*part, report, out),
            Event::Usage(_) | Event::Stop(_) => {}
            Event::End => self.end(report, out),
            Event::Failed(failure) => self.fail(failure, out),
        }
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        self.ended = true;
        out.extend(error::sse(OpenaiResponses, &failure.fault(), self.out.next()));
    }

    fn stem(&self) -> String {
        output::stem(&self.options, self.answer.response().id.as_deref())
    }

    fn open(&mut self, part: usize, open: &Open, report: &mut Report, out: &mut Vec<u8>) {
        if !matches!(open, Open::Text | Open::Refusal) {
            self.settle(report, out);
        }
        let (stem, index) = (self.stem(), self.items);
        let id = ItemId { stem: &stem, index };
        match open {
            Open::Text | Open::Refusal => {
                let item = self.item.get_or_insert_with(|| {
                    self.items += 1;
                    let item = Item::new(id.with("msg"), index, part);
                    let json = Json::object().with("id", item.id.as_str()).with("type", "message");
                    let json = json.with("status", "in_progress").with("role", "assistant");
                    self.out.added(out, &item, json.with("content", Json::Array(Vec::new())));
                    item
                });
                self.out.said(out, item, matches!(open, Open::Refusal));
            }
            Open::Reasoning { item } => {
                let item = Item::new(id.thought(item.as_deref()), index, part);
                let json = Json::object().with("id", item.id.as_str()).with("type", "reasoning");
                self.out.added(out, &item, json.with("summary", Json::Array(Vec::new())));
                self.item = Some(item);
                self.items += 1;
            }
            Open::ToolCall { id: call, name, .. } => {
                let item = Item::new(id.with("fc"), index, part);
                self.out.added(out, &item, call_item(&item.id, "in_progress", call, name, ""));
                self.item = Some(item);
                self.items += 1;
            }
            Open::Other { dialect: OpenaiResponses, value } => {
                let item = Item::new(String::new(), index, part);
                self.out.added(out, &item, value.clone());
                self.item = Some(item);
                self.items += 1;
            }
            Open::Other { .. } => {
                report.dropped(
                    format!("parts[{part}]"),
                    "provider part",
                    "an answer of the responses dialect has no such part",
                );
            }
        }
    }

    fn grow(&mut self, delta: &Delta, _: &mut Report, out: &mut Vec<u8>) {
        let Some(item) = &mut self.item else { return };
        let parts = &self.answer.response().parts;
        match (parts.last().map(|part| &part.body), delta) {
            (Some(Body::Text { .. }), Delta::Text(text)) => {
                let more =
                    Json::object().with("delta", text.as_str()).with("logprobs", Json::Array(Vec::new()));
                self.out.content(out, "response.output_text.delta", item, more);
            }
            (Some(Body::Text { .. }), Delta::Logprobs(tokens)) => {
                let more = Json::object().with("delta", "").with("logprobs", tokens.clone());
                self.out.content(out, "response.output_text.delta", item, more);
            }
            (Some(Body::Refusal(_)), Delta::Text(text)) => {
                self.out.content(
                    out,
                    "response.refusal.delta",
                    item,
                    Json::object().with("delta", text.as_str()),
                );
            }
            (Some(Body::ToolCall { .. }), Delta::Arguments(text)) => {
                let more = Json::object().with("delta", text.as_str());
                self.out.of_item(out, "response.function_call_arguments.delta", item, more);
            }
            (Some(Body::Reasoning(_)), Delta::Text(text)) => self.out.thought(out, item, text),
            (Some(Body::Reasoning(thought)), Delta::Summary(n, text)) => {
                self.out.summary(out, item, thought, (*n, text));
            }
            // Citations, signatures and ciphertext are written when their part is whole.
            _ => {}
        }
    }

    /// A part is whole. A message item stays open: more text may follow in it.
    fn close(&mut self, part: usize, report: &mut Report, out: &mut Vec<u8>) {
        let Some(item) = &mut self.item else { return };
        match self.answer.response().parts.get(part) {
            Some(said) if output::said(said) => self.out.said_done(out, item, said, report),
            _ => self.settle(report, out),
        }
    }

    /// Ends the open item.
    fn settle(&mut self, report: &mut Report, out: &mut Vec<u8>) {
        let Some(mut item) = self.item.take() else { return };
        let parts = &self.answer.response().parts;
        let said = parts.get(item.first).is_some_and(output::said);
        let end = if said { item.first + item.contents } else { item.first + 1 };
        let stem = self.stem();
        let id = ItemId { stem: &stem, index: item.index };
        let parts = parts.get(item.first..end).unwrap_or_default();
        match parts.first().map(|part| &part.body) {
            Some(Body::Reasoning(thought)) => self.out.thought_done(out, &mut item, thought),
            Some(Body::ToolCall { arguments, name, .. }) => {
                let arguments = if arguments.is_empty() { "{}" } else { arguments };
                let more = Json::object().with("name", name.as_str()).with("arguments", arguments);
                self.out.of_item(out, "response.function_call_arguments.done", &item, more);
            }
            _ => {}
        }
        if let Some(json) = output::write_item(parts, item.first, &id, report) {
            self.out.done(out, &item, json);
        }
    }

    fn end(&mut self, report: &mut Report, out: &mut Vec<u8>) {
        self.settle(report, out);
        self.ended = true;
        self.answer.settle();
        let response = write_response(self.answer.response(), &self.options, report);
        let kind = match response.get("status").and_then(Json::as_str) {
            Some("incomplete") => "response.incomplete",
            _ => "response.completed",
        };
        self.out.emit(out, kind, Json::object().with("response", response));
    }
}
