//! Contents of the Gemini dialect. Names come in camel case or, as protobuf JSON, in snake case.

use super::fields::Seen;
use super::message::Content;
use super::{Read, Reader};
use crate::json::{Kind, Problem};
use crate::view::{MessageView, Role};

impl Reader<'_> {
    pub(super) fn contents(&mut self) -> Read<()> {
        if self.scan.kind()? == Kind::Object {
            return self.one_content();
        }
        self.scan.enter_array()?;
        while self.scan.next_element()? {
            self.bound(self.view.messages.len(), self.limits.messages, "contents")?;
            self.one_content()?;
        }
        Ok(())
    }

    fn one_content(&mut self) -> Read<()> {
        let start = self.scan.start();
        let mut content = Content::default();
        let role = self.gemini_content(&mut content)?;
        let span = self.scan.since(start);
        self.push(content, role, span)
    }

    /// `{"role": ..., "parts": [...]}`; an absent role is the user's.
    pub(super) fn gemini_content(&mut self, content: &mut Content) -> Read<Role> {
        let (mut role, mut seen) = (Role::User, Seen::default());
        self.scan.start();
        let no_parts = self.scan.flaw(Problem::Missing("parts", "an array of parts"));
        let mut given = false;
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"role" => {
                    seen.mark(0, key)?;
                    role = self.gemini_role()?;
                }
                b"parts" => {
                    seen.mark(1, key)?;
                    given = true;
                    self.gemini_parts(content)?;
                }
                _ => drop(self.scan.skip()?),
            }
        }
        if given { Ok(role) } else { Err(no_parts) }
    }

    fn gemini_role(&mut self) -> Read<Role> {
        self.scan.start();
        let flaw = self.scan.flaw(Problem::Want("user or model"));
        let name = self.scan.string()?;
        match self.scan.name(name).as_ref() {
            b"user" | b"" => Ok(Role::User),
            b"model" => Ok(Role::Assistant),
            b"system" => Ok(Role::System),
            b"function" | b"tool" => Ok(Role::Tool),
            _ => Err(flaw),
        }
    }

    fn gemini_parts(&mut self, content: &mut Content) -> Read<()> {
        if self.scan.kind()? == Kind::Object {
            return self.gemini_part(content);
        }
        self.scan.enter_array()?;
        while self.scan.next_element()? {
            self.bound(self.parts as usize, self.limits.parts, "content parts")?;
            self.parts += 1;
            self.gemini_part(content)?;
        }
        Ok(())
    }

    fn gemini_part(&mut self, content: &mut Content) -> Read<()> {
        let start = self.scan.start();
        let (mut seen, mut text, mut thought, mut result) = (Seen::default(), None, false, None);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"text" => {
                    seen.mark(0, key)?;
                    text = Some(self.scan.string()?);
                }
                b"thought" => {
                    seen.mark(1, key)?;
                    thought = self.scan.boolean()?;
                }
                b"inlineData" | b"inline_data" | b"fileData" | b"file_data" => {
                    seen.mark(2, key)?;
                    let image = self.gemini_blob()?;
                    content.images = content.images.saturating_add(u16::from(image));
                }
                b"functionCall" | b"function_call" => {
                    seen.mark(3, key)?;
                    self.named(content)?;
                }
                b"functionResponse" | b"function_response" => {
                    seen.mark(4, key)?;
                    result = Some(self.gemini_result()?);
                }
                _ => drop(self.scan.skip()?),
            }
        }
        content.text.extend(text.filter(|_| !thought));
        if let Some((inner, tool_error)) = result {
            let span = self.scan.since(start);
            content.results.push(MessageView { tool_error, ..inner.view(Role::Tool, span) });
        }
        Ok(())
    }

    /// Whether binary data is an image.
    fn gemini_blob(&mut self) -> Read<bool> {
        let mut image = false;
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            let mime = matches!(self.scan.name(key).as_ref(), b"mimeType" | b"mime_type");
            if mime && self.scan.kind()? == Kind::String {
                let text = self.scan.string()?;
                image = self.scan.name(text).starts_with(b"image/");
            } else {
                self.scan.skip()?;
            }
        }
        Ok(image)
    }

    /// A function's response: the strings of its `response` object are its text; a key `error` marks a failure.
    fn gemini_result(&mut self) -> Read<(Content, bool)> {
        let (mut inner, mut failed) = (Content::default(), false);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            let response = self.scan.name(key).as_ref() == b"response";
            if !response || self.scan.kind()? != Kind::Object {
                self.scan.skip()?;
                continue;
            }
            self.scan.enter_object()?;
            while let Some(key) = self.scan.next_key()? {
                failed |= self.scan.name(key).as_ref() == b"error";
                if self.scan.kind()? == Kind::String {
                    self.bound(self.parts as usize, self.limits.parts, "content parts")?;
                    self.parts += 1;
                    inner.text.push(self.scan.string()?);
                } else {
                    self.scan.skip()?;
                }
            }
        }
        Ok((inner, failed))
    }
}
