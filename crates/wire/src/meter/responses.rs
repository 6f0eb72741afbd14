//! The Responses dialect: events whose type says what their `delta` is, and the response object.

use super::frame::{Read, Reader};
use super::{Finish, Framing};

impl Reader<'_, '_> {
    pub(super) fn responses(&mut self) -> Read {
        let (mut kind, mut delta): (&[u8], _) = (b"", None);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"type" => kind = self.word()?.unwrap_or_default(),
                b"delta" => delta = self.text()?,
                b"response" => self.object(Self::response)?,
                b"item" => self.object(Self::output_item)?,
                b"id" if self.framing == Framing::Json => self.frame.id = self.word()?,
                name => self.response_key(name)?,
            }
        }
        if let Some(delta) = delta.filter(|_| kind.ends_with(b".delta")) {
            self.count(delta);
        }
        match kind {
            b"response.completed" | b"response.incomplete" => self.frame.end = true,
            b"response.failed" => (self.frame.end, self.frame.failed) = (true, true),
            b"error" => self.frame.failed = true,
            _ => {}
        }
        Ok(())
    }

    fn response(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"id" => self.frame.id = self.word()?,
                name => self.response_key(name)?,
            }
        }
        Ok(())
    }

    fn response_key(&mut self, name: &[u8]) -> Read {
        match name {
            b"model" => self.frame.model = self.word()?,
            b"usage" => self.usage()?,
            b"error" => self.error()?,
            b"status" => {
                if self.word()? == Some(b"completed") {
                    self.frame.finish = Some(if self.frame.calls { Finish::ToolCalls } else { Finish::Stop });
                }
            }
            b"incomplete_details" => self.object(Self::incomplete)?,
            b"output" => {
                // A stream has said its output before; only what it stopped for is read again.
                let (bytes, texts, content) = (self.frame.output_bytes, self.frame.texts, self.frame.content);
                self.each(Self::output_item)?;
                if self.framing == Framing::Sse {
                    (self.frame.output_bytes, self.frame.texts) = (bytes, texts);
                    self.frame.content = content;
                }
                if self.frame.calls && self.frame.finish == Some(Finish::Stop) {
                    self.frame.finish = Some(Finish::ToolCalls);
                }
            }
            _ => drop(self.scan.skip()?),
        }
        Ok(())
    }

    fn incomplete(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"reason" => self.finish()?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn output_item(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"type" => {
                    let kind = self.word()?.unwrap_or_default();
                    let call = kind.ends_with(b"_call");
                    self.frame.content |= call;
                    self.frame.calls |= matches!(kind, b"function_call" | b"custom_tool_call");
                }
                b"content" | b"summary" if self.framing == Framing::Json => self.each(Self::output_part)?,
                b"arguments" | b"input" if self.framing == Framing::Json => self.output()?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn output_part(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"text" | b"refusal" => self.output()?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }
}
