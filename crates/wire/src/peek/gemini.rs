//! Contents of the Gemini dialect. Names come in camel case or, as protobuf JSON, in snake case.

use super::fields::Seen;
use super::message::Content;
use super::{Read, Reader};
use crate::json::{Kind, Problem};
use crate::view::{MessageView, Role};
use tollgate_core::signal::Unread;

const TEXT: usize = 0;
const THOUGHT: usize = 1;
const BLOB: usize = 2;
const CALL: usize = 3;
const RESULT: usize = 4;
/// Members of a part, and those that say how it was made or cut.
const PART: &[(&str, usize)] = &[
    ("text", TEXT),
    ("thought", THOUGHT),
    ("inlineData", BLOB),
    ("inline_data", BLOB),
    ("fileData", BLOB),
    ("file_data", BLOB),
    ("functionCall", CALL),
    ("function_call", CALL),
    ("functionResponse", RESULT),
    ("function_response", RESULT),
    ("executableCode", 5),
    ("executable_code", 5),
    ("codeExecutionResult", 6),
    ("code_execution_result", 6),
    ("thoughtSignature", 7),
    ("thought_signature", 7),
    ("videoMetadata", 8),
    ("video_metadata", 8),
];

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
            match self.which(key, &[("role", 0), ("parts", 1)], &mut seen)? {
                Some(0) => role = self.gemini_role()?,
                Some(_) => {
                    given = true;
                    self.gemini_parts(content)?;
                }
                None => self.beside(key)?,
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
            match self.which(key, PART, &mut seen)? {
                Some(TEXT) => text = Some(self.scan.string()?),
                Some(THOUGHT) => thought = self.scan.boolean()?,
                Some(BLOB) => {
                    let kind = self.gemini_blob()?;
                    self.view.unread.insert(kind);
                    content.images = content.images.saturating_add(u16::from(kind == Unread::Image));
                }
                Some(CALL) => self.named(content)?,
                Some(RESULT) => result = Some(self.gemini_result()?),
                Some(_) => {
                    let words = self.words()?;
                    self.view.aside.extend(words);
                }
                None => {
                    self.view.unread.insert(Unread::Unknown);
                    self.beside(key)?;
                }
            }
        }
        self.view.aside.extend(text.filter(|_| thought));
        content.text.extend(text.filter(|_| !thought));
        if let Some((inner, tool_error)) = result {
            let span = self.scan.since(start);
            content.results.push(MessageView { tool_error, ..inner.view(Role::Tool, span) });
        }
        Ok(())
    }

    /// The kind of binary data, by its media type.
    fn gemini_blob(&mut self) -> Read<Unread> {
        let (mut found, mut seen) = (Unread::File, Seen::default());
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            let mime = self.which(key, &[("mimeType", 0), ("mime_type", 0)], &mut seen)?;
            if mime.is_none() || self.scan.kind()? != Kind::String {
                self.scan.skip()?;
                continue;
            }
            let text = self.scan.string()?;
            let family =
                [(&b"image/"[..], Unread::Image), (b"audio/", Unread::Audio), (b"video/", Unread::Video)];
            let name = self.scan.name(text);
            found = family.iter().find(|(start, _)| name.starts_with(start)).map_or(found, |(_, kind)| *kind);
        }
        Ok(found)
    }

    /// A function's response: what its `response` object holds is its text; a key `error` marks a failure.
    fn gemini_result(&mut self) -> Read<(Content, bool)> {
        let (mut inner, mut failed, mut seen) = (Content::default(), false, Seen::default());
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match (self.which(key, &[("response", 0), ("parts", 1)], &mut seen)?, self.scan.kind()?) {
                (Some(0), Kind::Object) => {}
                (Some(1), Kind::Array | Kind::Object) => {
                    self.gemini_parts(&mut inner)?;
                    continue;
                }
                _ => {
                    self.beside(key)?;
                    continue;
                }
            }
            self.scan.enter_object()?;
            while let Some(key) = self.scan.next_key()? {
                failed |= self.scan.name(key).as_ref() == b"error";
                self.bound(self.parts as usize, self.limits.parts, "content parts")?;
                self.parts += 1;
                let words = self.words()?;
                inner.text.extend(words);
            }
        }
        Ok((inner, failed))
    }
}
