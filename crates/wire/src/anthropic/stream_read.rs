//! Messages events into events.

use super::parts::read_citation;
use super::{read_stop, read_usage};
use crate::Dialect::Anthropic;
use crate::error::WireError;
use crate::form::{Delta, Event, Failure, Fields, Json, Open, broken, missing, syntax};

/// Reads the data of a messages stream. The data names its own type, so event names are not needed.
#[derive(Debug, Default)]
pub struct StreamReader {
    started: bool,
    parts: usize,
    /// The open block: its index and its part.
    open: Option<(u64, usize)>,
    ended: bool,
}

impl StreamReader {
    /// Reads one event's data and appends what it says.
    ///
    /// # Errors
    /// When the data is not an event of this dialect or stands out of order.
    pub fn read(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        let mut fields = Fields::of(Json::parse(data).map_err(|e| syntax(&e))?, "event")?;
        let kind = fields.need_text("type")?;
        match kind.as_str() {
            "message_start" => self.start(&mut fields, out)?,
            "content_block_start" => self.block(&mut fields, out)?,
            "content_block_delta" => self.delta(&mut fields, out)?,
            "content_block_stop" => self.close(out),
            "message_delta" => {
                self.close(out);
                if let Some(mut delta) = fields.object("delta")? {
                    let sequence = delta.text("stop_sequence")?;
                    if let Some(reason) = delta.text("stop_reason")? {
                        out.push(Event::Stop(read_stop(&reason, sequence)));
                    }
                }
                out.extend(read_usage(fields.object("usage")?)?.map(Event::Usage));
            }
            "message_stop" => {
                self.close(out);
                self.ended = true;
                out.push(Event::End);
            }
            "error" => {
                let error = fields.take("error").unwrap_or_default();
                let text = |key| error.get(key).and_then(Json::as_str).unwrap_or_default();
                self.ended = true;
                out.push(Event::Failed(Failure::of(text("type"), text("message"))));
            }
            // `ping`, and events that later versions add.
            _ => {}
        }
        Ok(())
    }

    /// Ends the stream: broken unless `message_stop` or an error came.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        Failure::cut(&mut self.ended, out);
    }

    fn start(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        let mut message =
            fields.object("message")?.ok_or_else(|| missing("message_start.message", "an object"))?;
        let mut usage = message.object("usage")?;
        let service_tier = usage.as_mut().map(|usage| usage.text("service_tier")).transpose()?.flatten();
        self.started = true;
        out.push(Event::Start {
            id: message.text("id")?,
            model: message.text("model")?,
            created: None,
            service_tier,
        });
        out.extend(read_usage(usage)?.map(Event::Usage));
        Ok(())
    }

    fn block(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        if !self.started {
            return Err(broken("a content block came before message_start"));
        }
        self.close(out);
        let index = fields.count("index")?.unwrap_or(self.parts as u64);
        let value = fields.take("content_block").unwrap_or_default();
        let mut block = Fields::of(value.clone(), "content_block")?;
        let part = self.parts;
        self.parts += 1;
        self.open = Some((index, part));
        let kind = block.need_text("type")?;
        let mut first = Vec::new();
        let open = match kind.as_str() {
            "text" => {
                first.extend(block.text("text")?.map(Delta::Text));
                Open::Text
            }
            "thinking" => {
                first.extend(block.text("thinking")?.map(Delta::Text));
                let signature = block.text("signature")?.filter(|s| !s.is_empty());
                first.extend(signature.map(|s| Delta::Signature(Some(Anthropic), s)));
                Open::Reasoning { item: None }
            }
            "redacted_thinking" => {
                first.push(Delta::Encrypted(Some(Anthropic), block.need_text("data")?));
                Open::Reasoning { item: None }
            }
            "tool_use" => {
                let input = block.take("input").filter(|input| *input != Json::object());
                first.extend(input.map(|input| Delta::Arguments(input.to_text())));
                Open::ToolCall { id: block.need_text("id")?, name: block.need_text("name")?, signature: None }
            }
            _ => Open::Other { dialect: Anthropic, value },
        };
        out.push(Event::Open { part, open });
        let empty = |delta: &Delta| matches!(delta, Delta::Text(text) if text.is_empty());
        out.extend(first.into_iter().filter(|delta| !empty(delta)).map(|delta| Event::Delta { part, delta }));
        Ok(())
    }

    fn delta(&mut self, fields: &mut Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        let index = fields.count("index")?;
        let (open, part) = self.open.ok_or_else(|| broken("a delta came while no content block was open"))?;
        if index.is_some_and(|index| index != open) {
            return Err(broken("a delta came for a content block that is not open"));
        }
        let mut delta =
            fields.object("delta")?.ok_or_else(|| missing("content_block_delta.delta", "an object"))?;
        let kind = delta.need_text("type")?;
        let delta = match kind.as_str() {
            "text_delta" => Delta::Text(delta.need_text("text")?),
            "thinking_delta" => Delta::Text(delta.need_text("thinking")?),
            "signature_delta" => Delta::Signature(Some(Anthropic), delta.need_text("signature")?),
            "input_json_delta" => Delta::Arguments(delta.need_text("partial_json")?),
            "citations_delta" => Delta::Citation(read_citation(delta.take("citation").unwrap_or_default())),
            _ => return Ok(()),
        };
        let empty = matches!(&delta, Delta::Text(text) | Delta::Arguments(text) if text.is_empty());
        if !empty {
            out.push(Event::Delta { part, delta });
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if let Some((_, part)) = self.open.take() {
            out.push(Event::Close { part });
        }
    }
}
