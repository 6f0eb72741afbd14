//! Content parts and blocks of the OpenAI and Anthropic dialects.
//!
//! Any part with a string `text` is text, whatever its type says, unless it is reasoning: a type that is not
//! known here must not hide words from the policy.

use super::fields::Seen;
use super::message::Content;
use super::{Read, Reader};
use crate::json::{Flaw, Kind, Problem};
use crate::view::{MessageView, Role, Span, TextSpan};
use tollgate_core::signal::Unread;

const TYPE: usize = 0;
const TEXT: usize = 1;
const REFUSAL: usize = 2;
const NAME: usize = 3;
const ERROR: usize = 4;
const CONTENT: usize = 5;
const SOURCE: usize = 6;
/// Members of a part.
const PART: &[(&str, usize)] = &[
    ("type", TYPE),
    ("text", TEXT),
    ("refusal", REFUSAL),
    ("name", NAME),
    ("is_error", ERROR),
    ("content", CONTENT),
    ("source", SOURCE),
];

/// The keys of one part, read before its type is known.
#[derive(Default)]
struct Part {
    kind: Option<TextSpan>,
    text: Option<TextSpan>,
    name: Option<TextSpan>,
    is_error: bool,
    /// Nested content: a tool result's, a search result's or a document's.
    inner: Content,
    /// It has a source that is not read.
    source_opaque: bool,
    /// Where `text` stands when it is no string.
    bad_text: Option<Flaw>,
}

impl Reader<'_> {
    pub(super) fn part(&mut self, content: &mut Content) -> Read<()> {
        let start = self.scan.start();
        let no_text = self.scan.flaw(Problem::Missing("text", "a string"));
        let no_name = self.scan.flaw(Problem::Missing("name", "the name of the called tool"));
        if self.scan.kind()? != Kind::Object {
            return Err(self.scan.flaw(Problem::Want("a content part, an object with a type")));
        }
        let mut part = self.part_keys()?;
        let span = self.scan.since(start);
        let kind = part.kind.map(|kind| self.scan.name(kind)).unwrap_or_default();
        let called = kind.ends_with(b"tool_use");
        self.view.aside.extend(part.name.filter(|_| !called));
        match kind.as_ref() {
            b"image" | b"image_url" | b"input_image" | b"computer_screenshot" => {
                content.images = content.images.saturating_add(1);
                self.view.unread.insert(Unread::Image);
            }
            b"thinking" | b"redacted_thinking" | b"reasoning" | b"reasoning_text" | b"summary_text" => {
                self.view.aside.extend(part.text);
                self.leave(part.inner);
            }
            b"tool_use" | b"server_tool_use" | b"mcp_tool_use" => {
                self.leave(part.inner);
                self.call(content, part.name.ok_or(no_name)?)?;
            }
            b"tool_result" => {
                self.note_source(part.source_opaque);
                // Results inside a result cannot be; their text counts as this result's.
                self.view.aside.extend(part.text);
                content.results.push(result(part, span));
            }
            b"text" | b"input_text" | b"output_text" => match (part.text, part.bad_text) {
                (Some(text), _) => {
                    content.text.push(text);
                    self.note_source(part.source_opaque);
                    self.leave(part.inner);
                }
                (None, Some(flaw)) => return Err(flaw),
                (None, None) => return Err(no_text),
            },
            kind => {
                self.unread_part(kind, part.source_opaque);
                content.text.extend(part.text);
                content.text.append(&mut part.inner.text);
                content.images = content.images.saturating_add(part.inner.images);
                self.leave(part.inner);
            }
        }
        Ok(())
    }

    fn note_source(&mut self, opaque: bool) {
        if opaque {
            self.view.unread.insert(Unread::File);
        }
    }

    /// Notes what of a part of this type is no words.
    fn unread_part(&mut self, kind: &[u8], source_opaque: bool) {
        self.note_source(source_opaque);
        let known = [&b""[..], b"refusal", b"document", b"search_result", b"tool_reference"];
        match kind {
            b"input_audio" | b"audio" | b"output_audio" | b"audio_url" => {
                self.view.unread.insert(Unread::Audio);
            }
            b"video" | b"video_url" | b"input_video" => self.view.unread.insert(Unread::Video),
            b"file" | b"input_file" | b"container_upload" => self.view.unread.insert(Unread::File),
            kind if kind.ends_with(b"_result") || known.contains(&kind) => {}
            _ => self.view.unread.insert(Unread::Unknown),
        }
    }

    fn part_keys(&mut self) -> Read<Part> {
        let mut part = Part::default();
        let mut seen = Seen::default();
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            let slot = self.which(key, PART, &mut seen)?;
            let kind = self.scan.kind()?;
            match (slot, kind) {
                (Some(TYPE), _) => part.kind = Some(self.scan.string()?),
                (Some(TEXT | REFUSAL), Kind::String) => {
                    let text = self.scan.string()?;
                    // Of two texts in one part one is what is said; the other goes to the model all the same.
                    self.view.aside.extend(part.text.replace(text));
                }
                (Some(NAME), Kind::String) => part.name = Some(self.scan.string()?),
                (Some(ERROR), Kind::Bool) => part.is_error = self.scan.boolean()?,
                (Some(CONTENT), Kind::String | Kind::Array) => self.inner(&mut part.inner, kind)?,
                (Some(CONTENT), Kind::Object) => self.part(&mut part.inner)?,
                (Some(SOURCE), Kind::Object) => part.source_opaque |= self.source(&mut part.inner)?,
                (Some(TEXT), _) => {
                    part.bad_text = Some(self.scan.flaw(Problem::Want("a string")));
                    self.beside(key)?;
                }
                _ => self.beside(key)?,
            }
        }
        Ok(part)
    }

    /// Nested content: a string, or an array whose objects are parts.
    fn inner(&mut self, inner: &mut Content, kind: Kind) -> Read<()> {
        if kind == Kind::String {
            inner.text.push(self.scan.string()?);
            return Ok(());
        }
        self.scan.enter_array()?;
        while self.scan.next_element()? {
            self.bound(self.parts as usize, self.limits.parts, "content parts")?;
            self.parts += 1;
            if self.scan.kind()? == Kind::Object {
                self.part(inner)?;
            } else {
                let words = self.words()?;
                self.view.aside.extend(words);
            }
        }
        Ok(())
    }

    /// A document's or image's source: plain text and nested content are text, base64 and links are not. Whether it is
    /// one that is not read.
    fn source(&mut self, inner: &mut Content) -> Read<bool> {
        let (mut plain, mut data, mut seen, mut nested) = (false, None, Seen::default(), false);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            let slot = self.which(key, &[("type", 0), ("data", 1), ("content", 2)], &mut seen)?;
            let kind = self.scan.kind()?;
            match (slot, kind) {
                (Some(0), Kind::String) => {
                    let text = self.scan.string()?;
                    plain = self.scan.name(text).as_ref() == b"text";
                }
                (Some(1), Kind::String) => data = Some(self.scan.string()?),
                (Some(2), Kind::String | Kind::Array) => {
                    nested = true;
                    self.inner(inner, kind)?;
                }
                _ => self.beside(key)?,
            }
        }
        inner.text.extend(data.filter(|_| plain));
        self.view.opaque.extend(data.filter(|_| !plain).map(|data| data.span));
        Ok(if plain { data.is_none() } else { !nested || data.is_some() })
    }
}

fn result(part: Part, span: Span) -> MessageView {
    let mut inner = part.inner;
    for nested in std::mem::take(&mut inner.results) {
        inner.text.extend(nested.text);
    }
    MessageView { tool_error: part.is_error, ..inner.view(Role::Tool, span) }
}
