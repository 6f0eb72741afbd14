//! Events into Gemini chunks. A call is written whole, so its arguments are gathered first.

use super::parts_write::write_call;
use super::response::{candidate, stop_word};
use super::write_usage;
use crate::Dialect::Gemini;
use crate::error;
use crate::form::{Delta, Event, Json, Open, Options, Report, Stop, Usage};
use crate::sse;

/// Writes the bytes of a Gemini stream. Parts must not overlap.
#[derive(Debug)]
pub struct StreamWriter {
    options: Options,
    id: String,
    model: String,
    current: Current,
    usage: Option<Usage>,
    stop: Option<Stop>,
}

#[derive(Debug)]
enum Current {
    None,
    Text,
    Thought { text: bool, last: Option<usize>, signature: Option<String> },
    Call { id: String, name: String, arguments: String, signature: Option<String> },
}

impl StreamWriter {
    /// A writer for one answer.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self {
            options,
            id: String::new(),
            model: String::new(),
            current: Current::None,
            usage: None,
            stop: None,
        }
    }

    /// Appends the bytes that say `event`.
    pub fn write(&mut self, event: &Event, report: &mut Report, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, service_tier, .. } => {
                self.id = self.options.answer_id(id.as_deref(), "");
                self.model = self.options.answer_model(model.as_deref());
                if service_tier.is_some() {
                    report.dropped("service_tier", "string", "the gemini dialect has no such field");
                }
            }
            Event::Open { open, .. } => self.open(open, report, out),
            Event::Delta { delta, .. } => self.grow(delta, report, out),
            Event::Close { .. } => self.close(report, out),
            Event::Usage(usage) => {
                if usage.cache_write.is_some() {
                    report.dropped(
                        "usage.cache_write",
                        "number",
                        "the gemini dialect does not count cache writes",
                    );
                }
                self.usage = Some(self.usage.unwrap_or_default().updated(*usage));
            }
            Event::Stop(stop) => self.stop = Some(stop.clone()),
            Event::End => {
                let last = candidate(Vec::new()).with("finishReason", stop_word(self.stop.as_ref(), report));
                self.chunk(last, out);
            }
            Event::Failed(failure) => out.extend(error::sse(Gemini, &failure.fault(), 0)),
        }
    }

    fn open(&mut self, open: &Open, report: &mut Report, out: &mut Vec<u8>) {
        self.current = match open {
            Open::Text => Current::Text,
            Open::Refusal => {
                report.approximated("parts", "refusal", "written as text");
                Current::Text
            }
            Open::Reasoning { .. } => Current::Thought { text: false, last: None, signature: None },
            Open::ToolCall { id, name, signature } => {
                let (id, name, signature) = (id.clone(), name.clone(), signature.clone());
                Current::Call { id, name, arguments: String::new(), signature }
            }
            Open::Other { dialect: Gemini, value } => {
                self.chunk(candidate(vec![value.clone()]), out);
                Current::None
            }
            Open::Other { .. } => {
                report.dropped("parts", "provider part", "the gemini dialect has no such part");
                Current::None
            }
        };
    }

    fn grow(&mut self, delta: &Delta, report: &mut Report, out: &mut Vec<u8>) {
        match (&mut self.current, delta) {
            (Current::Text, Delta::Text(text)) => {
                self.chunk(candidate(vec![Json::object().with("text", text.as_str())]), out);
            }
            (Current::Text, Delta::Citation(_)) => {
                report.dropped("parts.citations", "array", "gemini text carries no citations");
            }
            (Current::Text, Delta::Logprobs(_)) => {
                report.dropped("parts.logprobs", "array", "gemini text carries no log probabilities");
            }
            (Current::Call { arguments, .. }, Delta::Arguments(more)) => arguments.push_str(more),
            (Current::Thought { text, last, signature }, delta) => {
                let shown = match delta {
                    Delta::Text(more) => {
                        *text = true;
                        more.clone()
                    }
                    Delta::Summary(n, more) if !*text => {
                        let apart = if last.is_some_and(|last| last != *n) { "\n\n" } else { "" };
                        *last = Some(*n);
                        format!("{apart}{more}")
                    }
                    Delta::Summary(..) => {
                        return report.dropped(
                            "parts.reasoning.summary",
                            "array",
                            "the gemini dialect shows one text only",
                        );
                    }
                    Delta::Signature(Some(Gemini), more) => {
                        signature.get_or_insert_default().push_str(more);
                        return;
                    }
                    _ => {
                        return report.dropped(
                            "parts.reasoning",
                            "signature",
                            "only its provider can check it",
                        );
                    }
                };
                self.chunk(candidate(vec![Json::object().with("text", shown).with("thought", true)]), out);
            }
            _ => {}
        }
    }

    fn close(&mut self, report: &mut Report, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::Call { id, name, arguments, signature } => {
                let part = write_call(&id, &name, &arguments, signature.as_deref(), "parts", report);
                self.chunk(candidate(vec![part]), out);
            }
            Current::Thought { signature: Some(signature), .. } => {
                let part =
                    Json::object().with("text", "").with("thought", true).with("thoughtSignature", signature);
                self.chunk(candidate(vec![part]), out);
            }
            _ => {}
        }
    }

    fn chunk(&self, candidate: Json, out: &mut Vec<u8>) {
        let chunk = Json::object()
            .with("candidates", vec![candidate])
            .maybe("usageMetadata", self.usage.map(write_usage))
            .with("modelVersion", self.model.as_str())
            .with("responseId", self.id.as_str());
        sse::write_event(out, None, &chunk.to_bytes());
    }
}
