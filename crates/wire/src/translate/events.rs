//! A stream's bytes into events, whatever its dialect.

use super::no_conversation;
use crate::error::WireError;
use crate::form::{Event, Failure};
use crate::sse::Framer;
use crate::{Dialect, anthropic, gemini, openai_chat, openai_responses};
use bytes::Bytes;

/// Most bytes of one stream that is translated. Writers keep parts of an answer until they are whole; this bounds
/// what they can keep.
pub const STREAM_BYTES_MAX: usize = 256 << 20;

/// Reads the bytes of a stream, split at any byte.
#[derive(Debug)]
pub struct Events {
    framer: Framer,
    reader: Reader,
    /// Bytes that may still come.
    left: usize,
    ended: bool,
}

#[derive(Debug)]
enum Reader {
    Chat(openai_chat::StreamReader),
    Responses(openai_responses::StreamReader),
    Anthropic(anthropic::StreamReader),
    Gemini(gemini::StreamReader),
}

impl Events {
    /// A reader of one stream.
    ///
    /// # Errors
    /// When the dialect holds no conversations.
    pub fn new(dialect: Dialect) -> Result<Self, WireError> {
        Self::bounded(dialect, STREAM_BYTES_MAX)
    }

    /// A reader of one stream of at most `max` bytes; a longer one fails.
    ///
    /// # Errors
    /// When the dialect holds no conversations.
    pub fn bounded(dialect: Dialect, max: usize) -> Result<Self, WireError> {
        let reader = match dialect {
            Dialect::OpenaiChat => Reader::Chat(Default::default()),
            Dialect::OpenaiResponses => Reader::Responses(Default::default()),
            Dialect::Anthropic => Reader::Anthropic(Default::default()),
            Dialect::Gemini => Reader::Gemini(Default::default()),
            Dialect::OpenaiEmbeddings => return Err(no_conversation(dialect)),
        };
        Ok(Self { framer: Framer::default(), reader, left: max, ended: false })
    }

    /// Whether the answer is over: whole or failed.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// The events that the next bytes complete. Bytes that cannot be read end the answer with a failure.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Event> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        let Some(left) = self.left.checked_sub(chunk.len()) else {
            self.ended = true;
            out.push(Event::Failed(Failure::of(
                "",
                "the upstream's stream is longer than this gateway translates",
            )));
            return out;
        };
        self.left = left;
        self.framer.push(Bytes::copy_from_slice(chunk));
        while !self.ended {
            match self.framer.next_event() {
                Ok(Some(event)) => self.read(&event.data, &mut out),
                Ok(None) => break,
                Err(error) => self.fail(&error, &mut out),
            }
        }
        out
    }

    /// The events that the end of the bytes brings: a failure when the answer is not whole.
    pub fn finish(&mut self) -> Vec<Event> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        // Some servers leave out the blank line after their last event.
        match self.framer.finish() {
            Ok(Some(event)) => self.read(&event.data, &mut out),
            Ok(None) => {}
            Err(error) => self.fail(&error, &mut out),
        }
        if !self.ended {
            self.ended = true;
            match &mut self.reader {
                Reader::Chat(reader) => reader.finish(&mut out),
                Reader::Responses(reader) => reader.finish(&mut out),
                Reader::Anthropic(reader) => reader.finish(&mut out),
                Reader::Gemini(reader) => reader.finish(&mut out),
            }
        }
        out
    }

    fn read(&mut self, data: &[u8], out: &mut Vec<Event>) {
        let read = match &mut self.reader {
            Reader::Chat(reader) => reader.read(data, out),
            Reader::Responses(reader) => reader.read(data, out),
            Reader::Anthropic(reader) => reader.read(data, out),
            Reader::Gemini(reader) => reader.read(data, out),
        };
        match read {
            Err(error) => self.fail(&error, out),
            Ok(()) => self.ended = matches!(out.last(), Some(Event::End | Event::Failed(_))),
        }
    }

    fn fail(&mut self, error: &WireError, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Failed(Failure::of("", format!("the upstream's stream cannot be read: {error}"))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_over_its_bound_fails_once() {
        let mut events = Events::bounded(Dialect::Gemini, 10).unwrap();
        assert_eq!(events.push(b": 34567890"), []);
        assert!(matches!(events.push(b"1").as_slice(), [Event::Failed(_)]));
        assert_eq!((events.push(b"2"), events.finish()), (Vec::new(), Vec::new()));
    }

    #[test]
    fn more_calls_than_followed_fail() {
        let mut events = Events::new(Dialect::OpenaiChat).unwrap();
        let call = |n: usize| {
            let call = format!(
                "{{\"index\":{n},\"id\":\"c{n}\",\"function\":{{\"name\":\"f\",\"arguments\":\"{{}}\"}}}}"
            );
            format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{call}]}}}}]}}\n\n")
        };
        for n in 0..openai_chat::CALLS_MAX {
            assert!(!events.push(call(n).as_bytes()).iter().any(|e| matches!(e, Event::Failed(_))), "{n}");
        }
        assert!(matches!(events.push(call(5000).as_bytes()).last(), Some(Event::Failed(_))));
    }
}
