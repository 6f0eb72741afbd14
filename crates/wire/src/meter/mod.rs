//! What an answer turned out to be, learned while its bytes pass by.
//!
//! A [`Meter`] never changes or holds back a byte. It notes when the first *content* arrives (lifecycle events,
//! roles and pings are none), what the upstream says was used, why it stopped, and whether the answer is whole or
//! ended in an error. Chunks may be split at any byte; memory is bounded. An event that equals the last one but
//! for its text, as nearly all of a stream do, is recognised by comparing bytes.
//!
//! ```
//! use tollgate_wire::{Dialect, meter::{Framing, Meter}};
//! let mut meter = Meter::new(Dialect::OpenaiChat, Framing::Sse);
//! meter.push(&"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n".into());
//! assert!(!meter.reading().content);
//! meter.push(&"data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n".into());
//! assert!(meter.reading().content && meter.reading().complete);
//! ```

mod frame;
mod gemini;
mod long;
mod responses;
mod template;
mod usage;

pub use usage::Usage;

use crate::Dialect;
use crate::error::{Classified, classify};
use crate::sse::{Boundary, data_lines};
use bytes::{Bytes, BytesMut};
use frame::Frame;
use long::Long;
use template::Template;
use usage::RawUsage;

/// Most bytes of one event that are read; of longer ones the start and the end are.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a JSON body that are read; longer ones pass unread.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Most bytes kept of an id or model name.
const NAME_BYTES_MAX: usize = 256;

/// How an answer is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// One JSON value.
    Json,
    /// Server-sent events.
    Sse,
}

/// Why the model stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finish {
    /// It was done, or met a stop sequence.
    Stop,
    /// The output limit was reached.
    Length,
    /// It calls tools.
    ToolCalls,
    /// A filter cut it off, or it refused.
    Filtered,
    /// A reason that is not known here.
    Other,
}

impl Finish {
    fn parse(word: &[u8]) -> Self {
        match word {
            b"stop" | b"end_turn" | b"stop_sequence" | b"STOP" | b"completed" => Self::Stop,
            b"length"
            | b"max_tokens"
            | b"MAX_TOKENS"
            | b"max_output_tokens"
            | b"model_context_window_exceeded" => Self::Length,
            b"tool_calls" | b"function_call" | b"tool_use" => Self::ToolCalls,
            b"content_filter"
            | b"refusal"
            | b"SAFETY"
            | b"PROHIBITED_CONTENT"
            | b"BLOCKLIST"
            | b"SPII"
            | b"RECITATION" => Self::Filtered,
            _ => Self::Other,
        }
    }
}

/// What has been learned so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Whether text, reasoning or a tool call has come.
    pub content: bool,
    /// Bytes of text, reasoning and tool arguments, decoded.
    pub output_bytes: u64,
    /// What the upstream counted; the last word counts.
    pub usage: Option<Usage>,
    /// Why it stopped.
    pub finish: Option<Finish>,
    /// The answer's id, cut at 256 bytes.
    pub id: Option<String>,
    /// The model that answered, cut at 256 bytes.
    pub model: Option<String>,
    /// Whether the dialect's end was seen: `[DONE]`, `message_stop`, `response.completed` and its like, a Gemini
    /// finish reason, or the end of a JSON body. Servers that leave out `[DONE]` still set [`Reading::finish`].
    pub complete: bool,
    /// An error inside the answer.
    pub error: Option<Classified>,
    /// Events with data.
    pub events: u64,
    /// Events or bodies that were too long or not JSON.
    pub unread: u64,
}

/// The observer of one answer.
#[derive(Debug)]
pub struct Meter {
    dialect: Dialect,
    framing: Framing,
    event_max: usize,
    body_max: usize,
    boundary: Boundary,
    /// The start of an event, or a JSON body.
    carry: BytesMut,
    /// A JSON body that came in one chunk.
    body: Bytes,
    /// Whether what passes now is too long to be read.
    skipping: bool,
    /// What is kept of an event that is.
    long: Option<Long>,
    usage: RawUsage,
    /// Whether the caller's tools were called.
    calls: bool,
    template: Template,
    reading: Reading,
}

impl Meter {
    /// A meter for an answer of `dialect`.
    #[must_use]
    pub fn new(dialect: Dialect, framing: Framing) -> Self {
        Self::bounded(dialect, framing, EVENT_BYTES_MAX, BODY_BYTES_MAX)
    }

    /// A meter with its own bounds, in bytes.
    #[must_use]
    pub fn bounded(dialect: Dialect, framing: Framing, event_max: usize, body_max: usize) -> Self {
        Self {
            dialect,
            framing,
            event_max,
            body_max,
            boundary: Boundary::default(),
            carry: BytesMut::new(),
            body: Bytes::new(),
            skipping: false,
            long: None,
            usage: RawUsage::default(),
            calls: false,
            template: Template::default(),
            reading: Reading::default(),
        }
    }

    /// What has been learned so far.
    #[must_use]
    pub const fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Sees the next chunk pass.
    pub fn push(&mut self, chunk: &Bytes) {
        match self.framing {
            Framing::Sse => self.events(chunk),
            Framing::Json if self.skipping => {}
            Framing::Json if self.body.len() + self.carry.len() + chunk.len() > self.body_max => {
                self.skipping = true;
                self.reading.unread += 1;
                (self.body, self.carry) = (Bytes::new(), BytesMut::new());
            }
            Framing::Json if self.body.is_empty() && self.carry.is_empty() => self.body = chunk.clone(),
            Framing::Json => {
                let first = std::mem::take(&mut self.body);
                self.carry.extend_from_slice(&first);
                self.carry.extend_from_slice(chunk);
            }
        }
    }

    /// The answer has ended: reads what is left, and gives the final reading.
    pub fn finish(&mut self) -> &Reading {
        let rest = std::mem::take(&mut self.carry);
        if self.framing == Framing::Sse {
            if !self.skipping {
                self.event(&rest);
            }
            return &self.reading;
        }
        let body = if rest.is_empty() { std::mem::take(&mut self.body) } else { rest.freeze() };
        if !self.skipping {
            self.reading.complete = self.read(&body).is_some() && self.reading.error.is_none();
        }
        &self.reading
    }

    fn events(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let whole = self.carry.is_empty() && self.boundary.is_start() && !self.skipping;
            if whole && let Some((len, text)) = self.template.matches(rest) {
                self.reading.events += 1;
                self.reading.content |= text > 0;
                self.reading.output_bytes += text as u64;
                rest = rest.get(len..).unwrap_or_default();
                continue;
            }
            let end = self.boundary.next_end(rest);
            let (head, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            if self.carry.len() + head.len() > self.event_max {
                self.long.get_or_insert_with(|| Long::begin(&self.carry));
                self.carry = BytesMut::new();
                self.skipping = true;
            }
            if let Some(long) = self.long.as_mut() {
                long.push(head);
            }
            match (end.is_some(), self.skipping) {
                (true, true) => self.long_event(),
                (false, true) => {}
                (true, false) if self.carry.is_empty() => self.event(head),
                (true, false) => {
                    self.carry.extend_from_slice(head);
                    let block = self.carry.split();
                    self.event(&block);
                }
                (false, false) => self.carry.extend_from_slice(head),
            }
        }
    }

    /// An event has passed that was too long to be held.
    fn long_event(&mut self) {
        self.skipping = false;
        self.reading.events += 1;
        // Nothing else is so long.
        self.reading.content = true;
        match self.long.take().and_then(|long| long.told(self.dialect)) {
            Some(told) => drop(self.read(&told)),
            None => self.reading.unread += 1,
        }
        if self.calls && self.dialect == Dialect::OpenaiResponses && self.reading.finish == Some(Finish::Stop)
        {
            self.reading.finish = Some(Finish::ToolCalls);
        }
    }

    /// Reads one whole event.
    fn event(&mut self, block: &[u8]) {
        let block = block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block);
        let lines = data_lines(block);
        let data = match lines.as_slice() {
            [] => return,
            [data] => *data,
            several => {
                self.reading.events += 1;
                self.read(&several.join(&b'\n'));
                return;
            }
        };
        self.reading.events += 1;
        if data.trim_ascii() == b"[DONE]" {
            self.reading.complete = true;
            return;
        }
        if let Some(Some(text)) = self.read(data) {
            let start = data.as_ptr().addr().saturating_sub(block.as_ptr().addr());
            self.template.learn(block, start, text);
        }
    }

    /// Reads one JSON text. `None`: it is not JSON. Otherwise the one text in it, when it says nothing else.
    fn read(&mut self, data: &[u8]) -> Option<Option<crate::view::TextSpan>> {
        let Some(frame) = Frame::read(self.dialect, self.framing, data, &mut self.usage) else {
            self.reading.unread += 1;
            return None;
        };
        let reading = &mut self.reading;
        let plain = !(frame.end || frame.failed || frame.used || frame.finish.is_some());
        reading.content |= frame.content;
        reading.output_bytes += frame.output_bytes;
        reading.complete |= frame.end;
        if frame.used {
            reading.usage = Some(self.usage.usage(self.dialect));
        }
        self.calls |= frame.calls;
        reading.finish = frame.finish.or(reading.finish);
        // Gemini says STOP when it calls functions, and may have called them in an earlier event.
        if self.calls && self.dialect == Dialect::Gemini && reading.finish == Some(Finish::Stop) {
            reading.finish = Some(Finish::ToolCalls);
        }
        let keep = |slot: &mut Option<String>, found: Option<&[u8]>| {
            if let (None, Some(found)) = (&slot, found) {
                let cut = found.get(..NAME_BYTES_MAX).unwrap_or(found);
                *slot = Some(String::from_utf8_lossy(cut).into_owned());
            }
        };
        keep(&mut reading.id, frame.id);
        keep(&mut reading.model, frame.model);
        if frame.failed && reading.error.is_none() {
            reading.error = Some(classify(None, data));
        }
        Some(frame.only_text.filter(|_| plain && frame.texts == 1))
    }
}

#[cfg(test)]
mod tests;
