//! Gemini chunks into events: each chunk is a whole answer object that holds the next pieces.

use super::parts::{Ids, read_part};
use super::response::blocked;
use super::{read_stop, read_usage};
use crate::Dialect::Gemini;
use crate::error::WireError;
use crate::form::{Body, Delta, Event, Failure, Fields, Json, Open, Part, Stop, syntax};

/// Reads the data of a Gemini stream.
#[derive(Debug, Default)]
pub struct StreamReader {
    started: bool,
    parts: usize,
    /// The open part, and whether it is a thought.
    open: Option<(usize, bool)>,
    ids: Ids,
    called: bool,
    stop: Option<Stop>,
    ended: bool,
}

impl StreamReader {
    /// Reads one event's data and appends what it says.
    ///
    /// # Errors
    /// When the data is not a chunk of this dialect.
    pub fn read(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        let mut chunk = Fields::of(Json::parse(data).map_err(|e| syntax(&e))?, "chunk")?;
        if let Some(error) = chunk.take("error") {
            let text = |key| error.get(key).and_then(Json::as_str).unwrap_or_default();
            self.ended = true;
            out.push(Event::Failed(Failure::of(text("status"), text("message"))));
            return Ok(());
        }
        if !self.started {
            self.started = true;
            let id = chunk.text("responseId")?;
            self.ids.stem = id.clone().unwrap_or_default();
            out.push(Event::Start {
                id,
                model: chunk.text("modelVersion")?,
                created: None,
                service_tier: None,
            });
        }
        self.stop = blocked(&chunk.take("promptFeedback")).or(self.stop.take());
        if let Some(candidate) = chunk.list("candidates")?.into_iter().next() {
            let mut candidate = Fields::of(candidate, "candidates[0]")?;
            if let Some(mut content) = candidate.object("content")? {
                let path = content.at("parts");
                for (n, part) in content.list("parts")?.into_iter().enumerate() {
                    let value = part.clone();
                    let part = read_part(part, format!("{path}[{n}]"), &mut self.ids)?;
                    self.part(part, value, out);
                }
            }
            if let Some(reason) = candidate.text("finishReason")? {
                self.stop = Some(read_stop(&reason));
            }
        }
        out.extend(read_usage(chunk.object("usageMetadata")?)?.map(Event::Usage));
        Ok(())
    }

    /// Ends the stream: broken unless it said why it stopped.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.shut(out);
        match self.stop.take() {
            None => out.push(Event::Failed(Failure::truncated())),
            Some(stop) => {
                out.push(Event::Stop(if stop == Stop::End && self.called { Stop::ToolCalls } else { stop }));
                out.push(Event::End);
            }
        }
    }

    fn part(&mut self, part: Part, value: Json, out: &mut Vec<Event>) {
        match part.body {
            Body::Text { text, .. } => self.grow(false, text, out),
            Body::Reasoning(thought) => {
                self.grow(true, thought.text, out);
                if let Some(signature) = thought.signature {
                    if self.open.is_none_or(|(_, thought)| !thought) {
                        self.shut(out);
                        self.begin(Open::Reasoning { item: None }, out);
                        self.open = Some((self.parts - 1, true));
                    }
                    out.extend(self.open.map(|(part, _)| Event::Delta {
                        part,
                        delta: Delta::Signature(Some(Gemini), signature),
                    }));
                    self.shut(out);
                }
            }
            Body::ToolCall { id, name, arguments, signature } => {
                self.called = true;
                self.shut(out);
                let part = self.begin(Open::ToolCall { id, name, signature }, out);
                out.push(Event::Delta { part, delta: Delta::Arguments(arguments) });
                out.push(Event::Close { part });
            }
            _ => {
                self.shut(out);
                let part = self.begin(Open::Other { dialect: Gemini, value }, out);
                out.push(Event::Close { part });
            }
        }
    }

    fn begin(&mut self, open: Open, out: &mut Vec<Event>) -> usize {
        let part = self.parts;
        self.parts += 1;
        out.push(Event::Open { part, open });
        part
    }

    fn grow(&mut self, thought: bool, text: String, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let part = match self.open {
            Some((part, kind)) if kind == thought => part,
            _ => {
                self.shut(out);
                let part = self.begin(if thought { Open::Reasoning { item: None } } else { Open::Text }, out);
                self.open = Some((part, thought));
                part
            }
        };
        out.push(Event::Delta { part, delta: Delta::Text(text) });
    }

    fn shut(&mut self, out: &mut Vec<Event>) {
        out.extend(self.open.take().map(|(part, _)| Event::Close { part }));
    }
}
