//! Events into a messages stream: `message_start`, blocks one after the other, `message_delta`, `message_stop`.

use super::parts::write_citation;
use super::response::{head, opening_usage, stop_members, tier};
use super::write_usage;
use crate::Dialect::Anthropic;
use crate::error;
use crate::form::{Citation, Delta, Event, Json, Open, Options, Report, Stop, Thought, Usage};
use crate::sse;

/// Writes the bytes of a messages stream. Parts must not overlap.
#[derive(Debug)]
pub struct StreamWriter {
    options: Options,
    /// Start, held back until the first event after it shows whether the prompt's usage is known.
    start: Option<(Json, Option<Usage>)>,
    index: usize,
    current: Current,
    usage: Option<Usage>,
    stop: Option<Stop>,
    tier: Option<&'static str>,
    /// Whether a tool was called.
    calls: bool,
}

#[derive(Debug, Default)]
enum Current {
    #[default]
    None,
    Text {
        so_far: String,
        /// Written when the text is whole: they repeat words of it.
        citations: Vec<Citation>,
    },
    Refusal,
    Call(String),
    /// Reasoning: written once its kind is known, since ciphertext makes another block than text.
    Thought {
        thought: Thought,
        begun: bool,
        last: Option<usize>,
    },
}

impl StreamWriter {
    /// A writer for one answer.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self {
            options,
            start: None,
            index: 0,
            current: Current::None,
            usage: None,
            stop: None,
            calls: false,
            tier: None,
        }
    }

    /// Appends the bytes that say `event`.
    pub fn write(&mut self, event: &Event, report: &mut Report, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, service_tier, .. } => {
                self.tier = tier(service_tier.as_deref(), report);
                self.start = Some((head(id.as_deref(), model.as_deref(), &self.options), None));
            }
            Event::Usage(usage) => {
                let usage = self.usage.unwrap_or_default().updated(*usage);
                self.usage = Some(usage);
                if let Some((_, opening)) = &mut self.start {
                    *opening = Some(usage);
                }
            }
            other => {
                self.begin(out);
                self.inner(other, report, out);
            }
        }
    }

    fn inner(&mut self, event: &Event, report: &mut Report, out: &mut Vec<u8>) {
        match event {
            Event::Open { open, .. } => self.open(open, report, out),
            Event::Delta { delta, .. } => self.grow(delta, report, out),
            Event::Close { .. } => self.close(report, out),
            Event::Stop(stop) => self.stop = Some(stop.clone()),
            Event::End => {
                let members = stop_members(self.stop.as_ref(), self.calls, report);
                let delta =
                    members.into_iter().fold(Json::object(), |json, (key, value)| json.with(key, value));
                let usage = write_usage(self.usage.unwrap_or_default());
                emit(out, "message_delta", Json::object().with("delta", delta).with("usage", usage));
                emit(out, "message_stop", Json::object());
            }
            Event::Failed(failure) => out.extend(error::sse(Anthropic, &failure.fault(), 0)),
            Event::Start { .. } | Event::Usage(_) => {}
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some((message, usage)) = self.start.take() {
            let message = message
                .with("content", Json::Array(Vec::new()))
                .with("stop_reason", Json::Null)
                .with("stop_sequence", Json::Null)
                .with("usage", opening_usage(usage).maybe("service_tier", self.tier));
            emit(out, "message_start", Json::object().with("message", message));
        }
    }

    fn open(&mut self, open: &Open, report: &mut Report, out: &mut Vec<u8>) {
        let text = || Json::object().with("type", "text").with("text", "");
        self.current = match open {
            Open::Text => {
                self.start_block(text(), out);
                Current::Text { so_far: String::new(), citations: Vec::new() }
            }
            Open::Refusal => {
                report.approximated("parts", "refusal", "written as text");
                self.start_block(text(), out);
                Current::Refusal
            }
            Open::Reasoning { .. } => {
                Current::Thought { thought: Thought::default(), begun: false, last: None }
            }
            Open::ToolCall { id, name, signature } => {
                if signature.is_some() {
                    report.dropped("parts.signature", "string", "only its provider can check it");
                }
                let block = Json::object()
                    .with("type", "tool_use")
                    .with("id", id.as_str())
                    .with("name", name.as_str());
                self.start_block(block.with("input", Json::object()), out);
                self.calls = true;
                Current::Call(String::new())
            }
            Open::Other { dialect: Anthropic, value } => {
                self.start_block(value.clone(), out);
                Current::Refusal
            }
            Open::Other { .. } => {
                report.dropped("parts", "provider part", "the messages dialect has no such part");
                Current::None
            }
        };
    }

    fn grow(&mut self, delta: &Delta, report: &mut Report, out: &mut Vec<u8>) {
        let tagged = |kind: &str| Json::object().with("type", kind);
        match (&mut self.current, delta) {
            (Current::Text { so_far, .. }, Delta::Text(text)) => {
                so_far.push_str(text);
                self.delta(tagged("text_delta").with("text", text.as_str()), out);
            }
            (Current::Refusal, Delta::Text(text)) => {
                self.delta(tagged("text_delta").with("text", text.as_str()), out);
            }
            (Current::Text { citations, .. }, Delta::Citation(citation)) => citations.push(citation.clone()),
            (Current::Call(so_far), Delta::Arguments(text)) => {
                so_far.push_str(text);
                self.delta(tagged("input_json_delta").with("partial_json", text.as_str()), out);
            }
            (Current::Text { .. }, Delta::Logprobs(_)) => {
                report.dropped("parts.logprobs", "array", "the messages dialect has no log probabilities");
            }
            (Current::Thought { .. }, delta) => self.think(delta, report, out),
            _ => {}
        }
    }

    fn think(&mut self, delta: &Delta, report: &mut Report, out: &mut Vec<u8>) {
        let Current::Thought { thought, begun, last } = &mut self.current else { return };
        let shown = match delta {
            Delta::Text(text) => {
                thought.text.push_str(text);
                text.clone()
            }
            Delta::Summary(n, text) if thought.text.is_empty() => {
                let apart = if last.is_some_and(|last| last != *n) { "\n\n" } else { "" };
                *last = Some(*n);
                format!("{apart}{text}")
            }
            Delta::Signature(Some(Anthropic), text) => {
                thought.signature.get_or_insert_default().push_str(text);
                return;
            }
            Delta::Encrypted(Some(Anthropic), text) => {
                thought.encrypted.get_or_insert_default().push_str(text);
                return;
            }
            Delta::Signature(..) | Delta::Encrypted(..) => {
                return report.dropped("parts.reasoning", "signature", "only its provider can check it");
            }
            _ => {
                return report.dropped(
                    "parts.reasoning.summary",
                    "array",
                    "the messages dialect shows the text only",
                );
            }
        };
        if !std::mem::replace(begun, true) {
            self.start_block(thinking(), out);
        }
        self.delta(Json::object().with("type", "thinking_delta").with("thinking", shown), out);
    }

    fn close(&mut self, report: &mut Report, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.current) {
            Current::None => {}
            Current::Refusal => self.stop_block(out),
            Current::Text { so_far, citations } => {
                for citation in &citations {
                    match write_citation(citation, &so_far) {
                        Some(json) => {
                            self.delta(
                                Json::object().with("type", "citations_delta").with("citation", json),
                                out,
                            );
                        }
                        None => report.dropped("parts.citations", "object", "only its provider knows it"),
                    }
                }
                self.stop_block(out);
            }
            Current::Call(arguments) => {
                if !arguments.trim().is_empty()
                    && !matches!(Json::parse(arguments.as_bytes()), Ok(Json::Object(_)))
                {
                    report.approximated("parts", "tool call", "the arguments are no JSON object");
                }
                self.stop_block(out);
            }
            Current::Thought { thought, begun, .. } => {
                if begun || thought.encrypted.is_none() {
                    if !begun {
                        self.start_block(thinking(), out);
                    }
                    if let Some(signature) = &thought.signature {
                        let delta = Json::object().with("type", "signature_delta");
                        self.delta(delta.with("signature", signature.as_str()), out);
                    }
                    self.stop_block(out);
                }
                if let Some(data) = &thought.encrypted {
                    let block = Json::object().with("type", "redacted_thinking").with("data", data.as_str());
                    self.start_block(block, out);
                    self.stop_block(out);
                }
            }
        }
    }

    fn start_block(&self, block: Json, out: &mut Vec<u8>) {
        emit(
            out,
            "content_block_start",
            Json::object().with("index", self.index).with("content_block", block),
        );
    }

    fn delta(&self, delta: Json, out: &mut Vec<u8>) {
        emit(out, "content_block_delta", Json::object().with("index", self.index).with("delta", delta));
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        emit(out, "content_block_stop", Json::object().with("index", self.index));
        self.index += 1;
    }
}

fn thinking() -> Json {
    Json::object().with("type", "thinking").with("thinking", "").with("signature", "")
}

fn emit(out: &mut Vec<u8>, kind: &str, rest: Json) {
    let mut json = Json::object().with("type", kind);
    if let Json::Object(members) = rest {
        members.into_iter().for_each(|(key, value)| json.set(&key, value));
    }
    sse::write_event(out, Some(kind), &json.to_bytes());
}
