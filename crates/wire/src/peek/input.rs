//! Inputs of the Responses dialect (a string or items) and of embeddings; the separate system field.

use super::fields::Seen;
use super::message::Content;
use super::{Read, Reader};
use crate::Dialect;
use crate::json::{Kind, Problem};
use crate::view::{MessageView, Role, TextSpan};
use tollgate_core::signal::Unread;

const TYPE: usize = 0;
const ROLE: usize = 1;
const CONTENT: usize = 2;
const NAME: usize = 3;
const OUTPUT: usize = 4;
const STATUS: usize = 5;
/// Members of an input item.
const ITEM: &[(&str, usize)] = &[
    ("type", TYPE),
    ("role", ROLE),
    ("content", CONTENT),
    ("name", NAME),
    ("output", OUTPUT),
    ("status", STATUS),
];

/// The keys of one input item, read before its type is known.
#[derive(Default)]
struct Item {
    kind: Option<TextSpan>,
    role: Option<Role>,
    name: Option<TextSpan>,
    content: Content,
    has_content: bool,
    output: Content,
    failed: bool,
}

impl Reader<'_> {
    /// `instructions`, `system` or `systemInstruction`.
    pub(super) fn system(&mut self) -> Read<()> {
        let mut content = Content::default();
        match (self.view.dialect, self.scan.kind()?) {
            (Dialect::Gemini, Kind::Object) => self.gemini_content(&mut content).map(drop)?,
            (Dialect::Gemini, _) => return Err(self.scan.flaw(Problem::Want("an object with parts"))),
            (Dialect::OpenaiResponses, Kind::String) | (Dialect::Anthropic, Kind::String | Kind::Array) => {
                self.content(&mut content)?;
            }
            (Dialect::OpenaiResponses, _) => return Err(self.scan.flaw(Problem::Want("a string"))),
            _ => return Err(self.scan.flaw(Problem::Want("a string or an array of text blocks"))),
        }
        self.view.system = std::mem::take(&mut content.text);
        self.leave(content);
        Ok(())
    }

    /// A Responses `input`: a string or an array of items.
    pub(super) fn input(&mut self) -> Read<()> {
        match self.scan.kind()? {
            Kind::String => self.user_text(),
            Kind::Array => {
                self.scan.enter_array()?;
                while self.scan.next_element()? {
                    self.bound(self.view.messages.len(), self.limits.messages, "input items")?;
                    self.item()?;
                }
                Ok(())
            }
            _ => Err(self.scan.flaw(Problem::Want("a string or an array of input items"))),
        }
    }

    /// A string that is a user message by itself.
    fn user_text(&mut self) -> Read<()> {
        let start = self.scan.start();
        let mut content = Content::default();
        content.text.push(self.scan.string()?);
        let span = self.scan.since(start);
        self.view.messages.push(content.view(Role::User, span));
        Ok(())
    }

    fn item(&mut self) -> Read<()> {
        let start = self.scan.start();
        let no_role = self.scan.flaw(Problem::Missing("role", "system, developer, user or assistant"));
        let no_content = self.scan.flaw(Problem::Missing("content", "a string or an array of content parts"));
        let no_name = self.scan.flaw(Problem::Missing("name", "the name of the called tool"));
        let mut item = self.item_keys()?;
        let span = self.scan.since(start);
        let kind = item.kind.map(|kind| self.scan.name(kind)).unwrap_or_default();
        match kind.as_ref() {
            b"" | b"message" => {
                let role = item.role.ok_or(no_role)?;
                if !item.has_content {
                    return Err(no_content);
                }
                self.leave(item.output);
                self.view.aside.extend(item.name);
                self.push(item.content, role, span)
            }
            kind if kind.ends_with(b"_call_output") => {
                self.leave(item.content);
                self.view.aside.extend(item.output.results.drain(..).flat_map(|result| result.text));
                let view = MessageView { tool_error: item.failed, ..item.output.view(Role::Tool, span) };
                self.view.messages.push(view);
                Ok(())
            }
            kind if kind.ends_with(b"_call") => {
                // A built-in tool's call has no name: its type tells.
                let named = matches!(kind, b"function_call" | b"custom_tool_call" | b"mcp_call");
                let name = if named { Some(item.name.ok_or(no_name)?) } else { item.name.or(item.kind) };
                if let Some(name) = name {
                    self.call(&mut item.content, name)?;
                }
                if kind == b"image_generation_call" {
                    self.view.unread.insert(Unread::Image);
                }
                self.leave(item.output);
                self.push(item.content, Role::Assistant, span)
            }
            // Reasoning, references, approvals and what is not known yet are kept, but are no turns.
            kind => {
                match kind {
                    b"reasoning" | b"compaction" => {}
                    b"item_reference" => self.view.unread.insert(Unread::Reference),
                    kind if kind.starts_with(b"mcp_") => {}
                    _ => self.view.unread.insert(Unread::Unknown),
                }
                self.leave(item.content);
                self.leave(item.output);
                Ok(())
            }
        }
    }

    fn item_keys(&mut self) -> Read<Item> {
        let mut item = Item::default();
        let mut seen = Seen::default();
        if self.scan.kind()? != Kind::Object {
            return Err(self.scan.flaw(Problem::Want("an input item, an object")));
        }
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match (self.which(key, ITEM, &mut seen)?, self.scan.kind()?) {
                (Some(TYPE), _) => item.kind = Some(self.scan.string()?),
                (Some(ROLE), Kind::String) => item.role = Some(self.role()?),
                (Some(CONTENT), Kind::Null) => drop(self.scan.skip()?),
                (Some(CONTENT), _) => {
                    item.has_content = true;
                    self.content(&mut item.content)?;
                }
                (Some(NAME), Kind::String) => item.name = Some(self.scan.string()?),
                (Some(OUTPUT), Kind::String | Kind::Array) => self.content(&mut item.output)?,
                (Some(OUTPUT), Kind::Object) => self.part(&mut item.output)?,
                (Some(STATUS), Kind::String) => {
                    let status = self.scan.string()?;
                    item.failed = matches!(self.scan.name(status).as_ref(), b"incomplete" | b"failed");
                }
                _ => self.beside(key)?,
            }
        }
        Ok(item)
    }

    /// An embeddings `input`: a string, strings, tokens, or arrays of tokens; each becomes a user message.
    pub(super) fn embedded(&mut self) -> Read<()> {
        const WANT: &str =
            "a string, an array of strings, an array of tokens, or an array of arrays of tokens";
        if self.scan.kind()? == Kind::String {
            return self.user_text();
        }
        if self.scan.kind()? != Kind::Array {
            return Err(self.scan.flaw(Problem::Want(WANT)));
        }
        let start = self.scan.start();
        let mut first = None;
        self.scan.enter_array()?;
        while self.scan.next_element()? {
            let kind = self.scan.kind()?;
            if *first.get_or_insert(kind) != kind {
                return Err(self.scan.flaw(Problem::Want("an element of the same kind as the first")));
            }
            if kind != Kind::Number {
                self.bound(self.view.messages.len(), self.limits.messages, "inputs")?;
            }
            match kind {
                Kind::String => self.user_text()?,
                Kind::Number => drop(self.scan.unsigned("a token number")?),
                Kind::Array => {
                    let at = self.scan.start();
                    self.scan.enter_array()?;
                    while self.scan.next_element()? {
                        self.scan.unsigned("a token number")?;
                    }
                    let span = self.scan.since(at);
                    self.view.unread.insert(Unread::Tokens);
                    self.view.messages.push(Content::default().view(Role::User, span));
                }
                _ => return Err(self.scan.flaw(Problem::Want(WANT))),
            }
        }
        if first == Some(Kind::Number) {
            self.view.unread.insert(Unread::Tokens);
            let span = self.scan.since(start);
            self.view.messages.push(Content::default().view(Role::User, span));
        }
        Ok(())
    }
}
