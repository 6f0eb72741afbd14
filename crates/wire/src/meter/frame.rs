//! One event or body, read for what a meter wants to know.

use super::usage::RawUsage;
use super::{Finish, Framing};
use crate::Dialect;
use crate::json::{DEPTH_MAX, Flaw, Kind, Scanner, unescape};
use crate::view::TextSpan;

/// What one JSON text says.
#[derive(Debug, Default)]
pub(super) struct Frame<'a> {
    pub(super) id: Option<&'a [u8]>,
    pub(super) model: Option<&'a [u8]>,
    pub(super) finish: Option<Finish>,
    pub(super) content: bool,
    pub(super) output_bytes: u64,
    /// Texts in it, and the last of them.
    pub(super) texts: u32,
    pub(super) only_text: Option<TextSpan>,
    pub(super) used: bool,
    pub(super) end: bool,
    pub(super) failed: bool,
    /// Whether the caller's tools are called: some dialects do not say so in their finish reason.
    pub(super) calls: bool,
}

/// The scanner over one JSON text and what it has found.
pub(super) struct Reader<'a, 'u> {
    data: &'a [u8],
    pub(super) scan: Scanner<'a>,
    pub(super) frame: Frame<'a>,
    usage: &'u mut RawUsage,
    pub(super) framing: Framing,
}

pub(super) type Read = Result<(), Flaw>;

impl<'a> Frame<'a> {
    /// `None` when `data` are not one JSON object (or, for Gemini, an array of them).
    pub(super) fn read(
        dialect: Dialect,
        framing: Framing,
        data: &'a [u8],
        usage: &mut RawUsage,
    ) -> Option<Self> {
        let scan = Scanner::trusted(data, DEPTH_MAX);
        let mut reader = Reader { data, scan, frame: Frame::default(), usage, framing };
        let read = match dialect {
            Dialect::OpenaiChat => reader.chat(),
            Dialect::OpenaiEmbeddings => reader.embeddings(),
            Dialect::OpenaiResponses => reader.responses(),
            Dialect::Anthropic => reader.anthropic(0),
            Dialect::Gemini => reader.gemini_any(),
        };
        read.and_then(|()| reader.scan.finish()).ok()?;
        Some(reader.frame)
    }
}

impl<'a> Reader<'a, '_> {
    pub(super) fn raw(&self, text: TextSpan) -> &'a [u8] {
        self.data.get(text.span.start as usize..text.span.end as usize).unwrap_or_default()
    }

    /// A string's inside, still escaped; other values are skipped.
    pub(super) fn text(&mut self) -> Result<Option<TextSpan>, Flaw> {
        if self.scan.kind()? == Kind::String {
            self.scan.string().map(Some)
        } else {
            self.scan.skip().map(|_| None)
        }
    }

    pub(super) fn word(&mut self) -> Result<Option<&'a [u8]>, Flaw> {
        Ok(self.text()?.map(|text| self.raw(text)))
    }

    /// Counts a string as output.
    pub(super) fn output(&mut self) -> Read {
        let Some(text) = self.text()? else { return Ok(()) };
        self.count(text);
        Ok(())
    }

    pub(super) fn count(&mut self, text: TextSpan) {
        let raw = self.raw(text);
        let len = if text.escaped { unescape(raw).len() } else { raw.len() };
        self.frame.content |= len > 0;
        self.frame.output_bytes += len as u64;
        self.frame.texts += 1;
        self.frame.only_text = Some(text);
    }

    /// Each element of an array that is an object; anything else is skipped.
    pub(super) fn each(&mut self, read: fn(&mut Self) -> Read) -> Read {
        if self.scan.kind()? != Kind::Array {
            return self.scan.skip().map(drop);
        }
        self.scan.enter_array()?;
        while self.scan.next_element()? {
            self.object(read)?;
        }
        Ok(())
    }

    pub(super) fn object(&mut self, read: fn(&mut Self) -> Read) -> Read {
        if self.scan.kind()? == Kind::Object { read(self) } else { self.scan.skip().map(drop) }
    }

    pub(super) fn usage(&mut self) -> Read {
        self.frame.used |= self.scan.kind()? == Kind::Object;
        self.usage.read(&mut self.scan)
    }

    pub(super) fn error(&mut self) -> Read {
        self.frame.failed |= !matches!(self.scan.kind()?, Kind::Null | Kind::Bool);
        self.scan.skip().map(drop)
    }

    pub(super) fn finish(&mut self) -> Read {
        if let Some(word) = self.word()? {
            self.frame.finish = Some(Finish::parse(word));
        }
        Ok(())
    }

    fn chat(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"id" => self.frame.id = self.word()?,
                b"model" => self.frame.model = self.word()?,
                b"choices" => self.each(Self::choice)?,
                b"usage" => self.usage()?,
                b"error" => self.error()?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn choice(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"delta" | b"message" => self.object(Self::chat_delta)?,
                b"text" => self.output()?,
                b"finish_reason" => self.finish()?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn chat_delta(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"content" | b"refusal" | b"reasoning_content" | b"reasoning" => self.output()?,
                b"tool_calls" => self.each(Self::chat_call)?,
                b"function_call" => self.object(Self::chat_call)?,
                b"audio" => {
                    self.frame.content |= self.scan.kind()? == Kind::Object;
                    self.scan.skip()?;
                }
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    /// A tool call or the function in it.
    fn chat_call(&mut self) -> Read {
        self.frame.content = true;
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"function" | b"custom" => self.object(Self::chat_call)?,
                b"arguments" | b"input" => self.output()?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn embeddings(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"model" => self.frame.model = self.word()?,
                b"data" => {
                    self.frame.content = true;
                    self.scan.skip()?;
                }
                b"usage" => self.usage()?,
                b"error" => self.error()?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    /// An event, a message, a block or a delta: their keys do not collide. `depth` counts from the event.
    fn anthropic(&mut self, depth: u8) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match (self.scan.name(key).as_ref(), depth) {
                (b"type", _) => match self.word()?.unwrap_or_default() {
                    b"message_stop" if depth == 0 => self.frame.end = true,
                    b"error" if depth == 0 => self.frame.failed = true,
                    b"tool_use" | b"server_tool_use" | b"mcp_tool_use" => self.frame.content = true,
                    _ => {}
                },
                (b"message", 0) => self.object(|reader| reader.anthropic(1))?,
                (b"delta" | b"content_block", 0) => self.object(|reader| reader.anthropic(1))?,
                (b"content", 0 | 1) => self.each(|reader| reader.anthropic(2))?,
                (b"id", 0 | 1) => self.frame.id = self.word()?,
                (b"model", 0 | 1) => self.frame.model = self.word()?,
                (b"usage", _) => self.usage()?,
                (b"stop_reason", _) => self.finish()?,
                (b"text" | b"thinking" | b"partial_json", 1 | 2) => self.output()?,
                (b"input", 1 | 2) => {
                    let span = self.scan.skip()?;
                    // A whole call carries its input as an object; a streamed one starts with an empty one.
                    self.frame.output_bytes += if span.len() > 2 { span.len() as u64 } else { 0 };
                }
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }
}
