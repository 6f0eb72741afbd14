//! Responses events into events.

use super::items::read_thought;
use super::response::{read_failure, read_object};
use crate::Dialect::OpenaiResponses;
use crate::error::WireError;
use crate::form::{Delta, Event, Failure, Fields, Json, Open, Stop, missing, syntax};
use crate::openai_chat::parts::read_citation;

/// Reads the data of a Responses stream. The data names its own type, so event names are not needed.
#[derive(Debug, Default)]
pub struct StreamReader {
    parts: usize,
    open: Vec<Opened>,
    started: bool,
    called: bool,
    ended: bool,
}

/// An open part: where it stands in the output and whether it has grown.
#[derive(Debug)]
struct Opened {
    item: u64,
    content: u64,
    part: usize,
    grown: bool,
}

impl StreamReader {
    /// Reads one event's data and appends what it says.
    ///
    /// # Errors
    /// When the data is not an event of this dialect.
    pub fn read(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let mut fields = Fields::of(Json::parse(data).map_err(|e| syntax(&e))?, "event")?;
        let kind = fields.need_text("type")?;
        match kind.strip_prefix("response.").unwrap_or(&kind) {
            "created" | "in_progress" | "queued" => self.start(&mut fields, out)?,
            "output_item.added" => self.item_added(&mut fields, out)?,
            "content_part.added" => self.part_added(&mut fields, out)?,
            "output_text.delta" | "refusal.delta" | "reasoning_text.delta" => {
                let tokens = fields.list("logprobs")?;
                let text = fields.need_text("delta")?;
                self.grow(&mut fields, Delta::Text(text), out)?;
                if !tokens.is_empty() {
                    self.grow(&mut fields, Delta::Logprobs(tokens), out)?;
                }
            }
            "reasoning_summary_text.delta" => {
                let n = fields.count("summary_index")?.unwrap_or(0).min(64) as usize;
                let text = fields.need_text("delta")?;
                self.grow(&mut fields, Delta::Summary(n, text), out)?;
            }
            "function_call_arguments.delta" => {
                let text = fields.need_text("delta")?;
                self.grow(&mut fields, Delta::Arguments(text), out)?;
            }
            "output_text.annotation.added" => {
                let citation = read_citation(fields.take("annotation").unwrap_or_default(), OpenaiResponses);
                self.grow(&mut fields, Delta::Citation(citation), out)?;
            }
            "content_part.done" => self.part_done(&mut fields, out)?,
            "output_item.done" => self.item_done(&mut fields, out)?,
            "completed" | "incomplete" | "failed" | "cancelled" => self.end(&mut fields, out)?,
            "error" => {
                self.ended = true;
                let nested = fields.take("error");
                let whole = Json::object()
                    .maybe("code", fields.take("code"))
                    .maybe("message", fields.take("message"));
                out.push(Event::Failed(read_failure(&nested.unwrap_or(whole))));
            }
            // The `done` twins of deltas, and events of built-in tools.
            _ => {}
        }
        Ok(())
    }

    /// Ends the stream: broken unless the answer's last event came.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        Failure::cut(&mut self.ended, out);
    }

    fn start(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        let Some(mut response) = fields.object("response")? else { return Ok(()) };
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start {
                id: response.text("id")?,
                model: response.text("model")?,
                created: response.count("created_at")?,
                service_tier: response.text("service_tier")?,
            });
        }
        Ok(())
    }

    fn begin(&mut self, item: u64, content: u64, open: Open, out: &mut Vec<Event>) {
        self.called |= matches!(open, Open::ToolCall { .. });
        self.open.push(Opened { item, content, part: self.parts, grown: false });
        out.push(Event::Open { part: self.parts, open });
        self.parts += 1;
    }

    fn item_added(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        let index = fields.count("output_index")?.unwrap_or(0);
        let mut item = fields.object("item")?.ok_or_else(|| missing("event.item", "an object"))?;
        match item.peek("type") {
            Some("function_call") => {
                let (id, name) = (item.need_text("call_id")?, item.need_text("name")?);
                self.begin(index, 0, Open::ToolCall { id, name, signature: None }, out);
            }
            Some("reasoning") => {
                let item = item.text("id")?;
                self.begin(index, 0, Open::Reasoning { item }, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn part_added(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        let (item, content) =
            (fields.count("output_index")?.unwrap_or(0), fields.count("content_index")?.unwrap_or(0));
        match fields.take("part").as_ref().and_then(|part| part.get("type")).and_then(Json::as_str) {
            Some("output_text") => self.begin(item, content, Open::Text, out),
            Some("refusal") => self.begin(item, content, Open::Refusal, out),
            _ => {}
        }
        Ok(())
    }

    fn grow(&mut self, fields: &mut Fields, delta: Delta, out: &mut Vec<Event>) -> Result<(), WireError> {
        let item = fields.count("output_index")?.unwrap_or(0);
        let content = fields.count("content_index")?.unwrap_or(0);
        fields.put("output_index", Json::from(item));
        fields.put("content_index", Json::from(content));
        let at = self.open.iter_mut().rfind(|open| open.item == item && open.content == content);
        let empty = matches!(&delta, Delta::Text(text) | Delta::Arguments(text) | Delta::Summary(_, text) if text.is_empty());
        if let Some(open) = at.filter(|_| !empty) {
            open.grown = true;
            out.push(Event::Delta { part: open.part, delta });
        }
        Ok(())
    }

    fn part_done(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        let (item, content) =
            (fields.count("output_index")?.unwrap_or(0), fields.count("content_index")?.unwrap_or(0));
        let part = fields.take("part").unwrap_or_default();
        let of_message = part.get("type").and_then(Json::as_str) != Some("reasoning_text");
        let at = self.open.iter().rposition(|open| open.item == item && open.content == content);
        if let Some(at) = at.filter(|_| of_message) {
            out.push(Event::Close { part: self.open.remove(at).part });
        }
        Ok(())
    }

    fn item_done(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        let index = fields.count("output_index")?.unwrap_or(0);
        let value = fields.take("item").unwrap_or_default();
        let mut item = Fields::of(value.clone(), "event.item")?;
        let kind = item.text("type")?.unwrap_or_default();
        let open: Vec<Opened> = self.open.extract_if(.., |open| open.item == index).collect();
        match (kind.as_str(), open.first()) {
            ("function_call", Some(first)) if !first.grown => {
                let whole = item.text("arguments")?.filter(|text| !text.is_empty());
                out.extend(
                    whole.map(|text| Event::Delta { part: first.part, delta: Delta::Arguments(text) }),
                );
            }
            ("reasoning", Some(first)) => {
                let thought = read_thought(&mut item)?;
                let delta = thought.encrypted.map(|text| Delta::Encrypted(Some(OpenaiResponses), text));
                out.extend(delta.map(|delta| Event::Delta { part: first.part, delta }));
            }
            ("message" | "function_call", _) => {}
            _ => {
                let part = self.parts;
                self.parts += 1;
                out.push(Event::Open { part, open: Open::Other { dialect: OpenaiResponses, value } });
                out.push(Event::Close { part });
            }
        }
        out.extend(open.into_iter().map(|open| Event::Close { part: open.part }));
        Ok(())
    }

    fn end(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        out.extend(self.open.drain(..).map(|open| Event::Close { part: open.part }));
        self.ended = true;
        let Some(response) = fields.object("response")? else {
            out.push(Event::Failed(Failure::truncated()));
            return Ok(());
        };
        let response = read_object(response)?;
        out.extend(response.usage.map(Event::Usage));
        if let Some(failure) = response.failure {
            out.push(Event::Failed(failure));
            return Ok(());
        }
        let stop =
            response.stop.map(|stop| if stop == Stop::End && self.called { Stop::ToolCalls } else { stop });
        out.extend(stop.map(Event::Stop));
        out.push(Event::End);
        Ok(())
    }
}
