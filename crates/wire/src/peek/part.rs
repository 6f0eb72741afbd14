//! Content parts and blocks of the OpenAI and Anthropic dialects.
//!
//! Any part with a string `text` is text, whatever its type says, unless it is reasoning: a type that is not
//! known here must not hide words from the policy.

use super::fields::Seen;
use super::message::Content;
use super::{Read, Reader};
use crate::json::{Flaw, Kind, Problem};
use crate::view::{MessageView, Role, Span, TextSpan};

/// The keys of one part, read before its type is known.
#[derive(Default)]
struct Part {
    kind: Option<TextSpan>,
    text: Option<TextSpan>,
    name: Option<TextSpan>,
    is_error: bool,
    /// Nested content: a tool result's, a search result's or a document's.
    inner: Content,
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
        match kind.as_ref() {
            b"image" | b"image_url" | b"input_image" | b"computer_screenshot" => {
                content.images = content.images.saturating_add(1);
            }
            b"thinking" | b"redacted_thinking" | b"reasoning" | b"reasoning_text" | b"summary_text" => {}
            b"tool_use" | b"server_tool_use" | b"mcp_tool_use" => {
                self.call(content, part.name.ok_or(no_name)?)?;
            }
            b"tool_result" => {
                // Results inside a result cannot be; their text counts as this result's.
                content.results.push(result(part, span));
            }
            b"text" | b"input_text" | b"output_text" => match (part.text, part.bad_text) {
                (Some(text), _) => content.text.push(text),
                (None, Some(flaw)) => return Err(flaw),
                (None, None) => return Err(no_text),
            },
            _ => {
                content.text.extend(part.text);
                content.text.append(&mut part.inner.text);
                content.images = content.images.saturating_add(part.inner.images);
            }
        }
        Ok(())
    }

    fn part_keys(&mut self) -> Read<Part> {
        let mut part = Part::default();
        let mut seen = Seen::default();
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            let name = self.scan.name(key);
            let index = match name.as_ref() {
                b"type" => 0,
                b"text" => 1,
                b"refusal" => 2,
                b"name" => 3,
                b"is_error" => 4,
                b"content" => 5,
                b"source" => 6,
                _ => {
                    self.scan.skip()?;
                    continue;
                }
            };
            seen.mark(index, key)?;
            let kind = self.scan.kind()?;
            match (index, kind) {
                (0, _) => part.kind = Some(self.scan.string()?),
                (1 | 2, Kind::String) => part.text = Some(self.scan.string()?),
                (3, Kind::String) => part.name = Some(self.scan.string()?),
                (4, Kind::Bool) => part.is_error = self.scan.boolean()?,
                (5, Kind::String | Kind::Array) => self.inner(&mut part.inner, kind)?,
                (6, Kind::Object) => self.source(&mut part.inner)?,
                (1, _) => {
                    part.bad_text = Some(self.scan.flaw(Problem::Want("a string")));
                    self.scan.skip()?;
                }
                _ => drop(self.scan.skip()?),
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
                self.scan.skip()?;
            }
        }
        Ok(())
    }

    /// A document's or image's source: plain text and nested content are text, base64 and links are not.
    fn source(&mut self, inner: &mut Content) -> Read<()> {
        let (mut plain, mut data, mut seen) = (false, None, Seen::default());
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            let name = self.scan.name(key);
            let kind = self.scan.kind()?;
            match (name.as_ref(), kind) {
                (b"type", Kind::String) => {
                    seen.mark(0, key)?;
                    let text = self.scan.string()?;
                    plain = self.scan.name(text).as_ref() == b"text";
                }
                (b"data", Kind::String) => {
                    seen.mark(1, key)?;
                    data = Some(self.scan.string()?);
                }
                (b"content", Kind::String | Kind::Array) => {
                    seen.mark(2, key)?;
                    self.inner(inner, kind)?;
                }
                _ => drop(self.scan.skip()?),
            }
        }
        inner.text.extend(data.filter(|_| plain));
        Ok(())
    }
}

fn result(part: Part, span: Span) -> MessageView {
    let mut inner = part.inner;
    for nested in std::mem::take(&mut inner.results) {
        inner.text.extend(nested.text);
    }
    MessageView { tool_error: part.is_error, ..inner.view(Role::Tool, span) }
}
