//! Events into chat chunks: the role first, then pieces, then the finish reason, then usage, then `[DONE]`.

use super::parts::{write_citation, write_detail};
use super::response::{stop_word, tier};
use super::write_usage;
use crate::Dialect::OpenaiChat;
use crate::error;
use crate::form::{Citation, Delta, Event, Json, Open, Options, Report, Stop, Thought, Usage};
use crate::sse;

/// Writes the bytes of a chat stream. Parts must not overlap.
#[derive(Debug)]
pub struct StreamWriter {
    options: Options,
    head: Json,
    calls: usize,
    thoughts: usize,
    current: Current,
    text: Text,
    stop: Option<Stop>,
    usage: Option<Usage>,
}

#[derive(Debug, Default)]
enum Current {
    #[default]
    None,
    Text,
    Refusal,
    Thought {
        item: Option<String>,
        summary: Option<usize>,
        begun: bool,
    },
    Call {
        empty: bool,
    },
}

/// The text so far: characters before this part and in it, and the citations to write when it is whole.
#[derive(Debug, Default)]
struct Text {
    before: u64,
    length: u64,
    citations: Vec<Citation>,
}

impl StreamWriter {
    /// A writer for one answer.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let (calls, thoughts) = (0, 0);
        let (current, text) = (Current::None, Text::default());
        Self { options, head: Json::object(), calls, thoughts, current, text, stop: None, usage: None }
    }

    /// Appends the bytes that say `event`.
    pub fn write(&mut self, event: &Event, report: &mut Report, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created, service_tier } => {
                self.head = Json::object()
                    .with("id", self.options.answer_id(id.as_deref(), "chatcmpl-"))
                    .with("object", "chat.completion.chunk")
                    .with("created", self.options.created.or(*created).unwrap_or(0))
                    .with("model", self.options.answer_model(model.as_deref()))
                    .maybe("service_tier", tier(service_tier.as_deref(), report));
                self.delta(Json::object().with("role", "assistant").with("content", ""), out);
            }
            Event::Open { open, .. } => self.open(open, report, out),
            Event::Delta { delta, .. } => self.grow(delta, report, out),
            Event::Close { .. } => self.close(report, out),
            Event::Usage(usage) => self.usage = Some(self.usage.unwrap_or_default().updated(*usage)),
            Event::Stop(stop) => self.stop = Some(stop.clone()),
            Event::End => self.end(report, out),
            Event::Failed(failure) => out.extend(error::sse(OpenaiChat, &failure.fault(), 0)),
        }
    }

    fn open(&mut self, open: &Open, report: &mut Report, out: &mut Vec<u8>) {
        self.current = match open {
            Open::Text => {
                if self.calls > 0 {
                    report.approximated("parts", "text", "chat text stands before tool calls");
                }
                Current::Text
            }
            Open::Refusal => Current::Refusal,
            Open::Reasoning { item } => Current::Thought { item: item.clone(), summary: None, begun: false },
            Open::ToolCall { id, name, signature } => {
                let mut call = super::request_write::write_call(id, name, "", signature.as_deref());
                call.set("function", Json::object().with("name", name.as_str()).with("arguments", ""));
                let mut indexed = Json::object().with("index", self.calls);
                if let Json::Object(members) = call {
                    members.into_iter().for_each(|(key, value)| indexed.set(&key, value));
                }
                self.calls += 1;
                self.delta(Json::object().with("tool_calls", vec![indexed]), out);
                Current::Call { empty: true }
            }
            Open::Other { .. } => {
                report.dropped("parts", "provider part", "a chat answer has no such part");
                Current::None
            }
        };
    }

    fn grow(&mut self, delta: &Delta, report: &mut Report, out: &mut Vec<u8>) {
        match (&mut self.current, delta) {
            (Current::Text, Delta::Text(text)) => {
                self.text.length += text.chars().count() as u64;
                self.delta(Json::object().with("content", text.as_str()), out);
            }
            (Current::Text, Delta::Citation(citation)) => self.text.citations.push(citation.clone()),
            (Current::Text, Delta::Logprobs(tokens)) => {
                let logs = Json::object().with("content", tokens.clone()).with("refusal", Json::Null);
                self.chunk(Json::object(), logs, Json::Null, out);
            }
            (Current::Refusal, Delta::Text(text)) => {
                self.delta(Json::object().with("refusal", text.as_str()), out);
            }
            (Current::Call { empty }, Delta::Arguments(text)) => {
                *empty = false;
                self.arguments(text, out);
            }
            (Current::Thought { .. }, delta) => self.think(delta, out),
            (Current::None, _) => {}
            (_, _) => report.dropped("parts", "piece", "it does not belong to its part"),
        }
    }

    fn think(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let Current::Thought { item, summary, begun } = &mut self.current else { return };
        self.thoughts += usize::from(!std::mem::replace(begun, true));
        let index = self.thoughts.saturating_sub(1);
        let mut thought = Thought { item: item.clone(), ..Thought::default() };
        let mut json = Json::object();
        let mut place = None;
        match delta {
            Delta::Text(text) => {
                json.set("reasoning_content", text.as_str());
                if item.is_none() && index == 0 {
                    return self.delta(json, out);
                }
                thought.text.clone_from(text);
            }
            Delta::Summary(n, text) => {
                let apart = if summary.is_some_and(|last| last != *n) { "\n\n" } else { "" };
                json.set("reasoning_content", format!("{apart}{text}"));
                thought.summary.push(text.clone());
                *summary = Some(*n);
                place = (*n > 0).then_some(*n);
            }
            Delta::Signature(origin, text) => {
                (thought.origin, thought.signature) = (*origin, Some(text.clone()));
            }
            Delta::Encrypted(origin, text) => {
                (thought.origin, thought.encrypted) = (*origin, Some(text.clone()));
            }
            _ => return,
        }
        let detail = write_detail(&thought, index).maybe("summary_index", place);
        self.delta(json.with("reasoning_details", vec![detail]), out);
    }

    fn arguments(&mut self, text: &str, out: &mut Vec<u8>) {
        let call = Json::object()
            .with("index", self.calls.saturating_sub(1))
            .with("function", Json::object().with("arguments", text));
        self.delta(Json::object().with("tool_calls", vec![call]), out);
    }

    fn close(&mut self, report: &mut Report, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.current) {
            Current::Call { empty: true } => self.arguments("{}", out),
            Current::Text => {
                let mut annotations = Vec::new();
                for citation in std::mem::take(&mut self.text.citations) {
                    match write_citation(&citation, self.text.before, self.text.length) {
                        Some(json) => annotations.push(json),
                        None => report.dropped("parts.citations", "object", "only its provider knows it"),
                    }
                }
                if !annotations.is_empty() {
                    self.delta(Json::object().with("annotations", annotations), out);
                }
                self.text.before += std::mem::take(&mut self.text.length);
            }
            _ => {}
        }
    }

    fn end(&mut self, report: &mut Report, out: &mut Vec<u8>) {
        let word = stop_word(self.stop.as_ref(), self.calls > 0, report);
        self.chunk(Json::object(), Json::Null, Json::from(word), out);
        if let Some(usage) = self.usage.filter(|_| self.options.include_usage) {
            let chunk =
                self.head.clone().with("choices", Json::Array(Vec::new())).with("usage", write_usage(usage));
            sse::write_event(out, None, &chunk.to_bytes());
        }
        sse::write_event(out, None, b"[DONE]");
    }

    fn delta(&mut self, delta: Json, out: &mut Vec<u8>) {
        self.chunk(delta, Json::Null, Json::Null, out);
    }

    fn chunk(&mut self, delta: Json, logprobs: Json, finish: Json, out: &mut Vec<u8>) {
        let choice = Json::object()
            .with("index", 0_u64)
            .with("delta", delta)
            .with("logprobs", logprobs)
            .with("finish_reason", finish);
        sse::write_event(out, None, &self.head.clone().with("choices", vec![choice]).to_bytes());
    }
}
