//! Messages of the chat and Anthropic dialects, and what they share with Responses items.

use super::fields::Seen;
use super::{Read, Reader};
use crate::Dialect;
use crate::json::{Kind, Problem};
use crate::view::{MessageView, Role, Span, TextSpan};
use smallvec::SmallVec;

const ROLE: usize = 0;
const CONTENT: usize = 1;
const CALLS: usize = 2;
const CALL: usize = 3;
const REFUSAL: usize = 4;
/// Members of a chat message.
const CHAT: &[(&str, usize)] = &[
    ("role", ROLE),
    ("content", CONTENT),
    ("tool_calls", CALLS),
    ("function_call", CALL),
    ("refusal", REFUSAL),
];
/// Members of another message.
const PLAIN: &[(&str, usize)] = &[("role", ROLE), ("content", CONTENT)];

/// What the contents of one message add up to.
#[derive(Default)]
pub(super) struct Content {
    pub(super) text: SmallVec<[TextSpan; 1]>,
    pub(super) images: u16,
    pub(super) calls: SmallVec<[TextSpan; 0]>,
    /// Tool results in it, each of which becomes a message of its own.
    pub(super) results: Vec<MessageView>,
}

impl Content {
    pub(super) fn view(self, role: Role, span: Span) -> MessageView {
        let Self { text, images, calls: tool_calls, .. } = self;
        MessageView { role, span, text, images, tool_calls, tool_error: false }
    }
}

/// The role that `name` means in `dialect`.
fn role(dialect: Dialect, name: &[u8]) -> Option<Role> {
    match (name, dialect) {
        (b"system" | b"developer", _) => Some(Role::System),
        (b"user", _) => Some(Role::User),
        (b"assistant", _) => Some(Role::Assistant),
        (b"tool" | b"function", Dialect::OpenaiChat) => Some(Role::Tool),
        _ => None,
    }
}

const fn roles(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat => "system, developer, user, assistant or tool",
        Dialect::Anthropic => "user or assistant (instructions go into the top-level system field)",
        _ => "system, developer, user or assistant",
    }
}

impl Reader<'_> {
    pub(super) fn messages(&mut self) -> Read<()> {
        self.scan.enter_array()?;
        while self.scan.next_element()? {
            self.bound(self.view.messages.len(), self.limits.messages, "messages")?;
            self.message()?;
        }
        Ok(())
    }

    fn message(&mut self) -> Read<()> {
        let start = self.scan.start();
        let names = if self.view.dialect == Dialect::OpenaiChat { CHAT } else { PLAIN };
        let whole = self.scan.flaw(Problem::Missing("role", roles(self.view.dialect)));
        let no_content = self.scan.flaw(Problem::Missing("content", "a string or an array of content parts"));
        self.scan.enter_object()?;
        let (mut seen, mut who, mut content, mut given) = (Seen::default(), None, Content::default(), false);
        while let Some(key) = self.scan.next_key()? {
            match (self.which(key, names, &mut seen)?, self.scan.kind()?) {
                (Some(ROLE), _) => who = Some(self.role()?),
                (Some(CONTENT), Kind::Null) => drop(self.scan.skip()?),
                (Some(CONTENT), _) => {
                    given = true;
                    self.content(&mut content)?;
                }
                (Some(CALLS), _) => self.tool_calls(&mut content)?,
                (Some(CALL), Kind::Object) => self.named(&mut content)?,
                // A refusal in the history is what the assistant said.
                (Some(REFUSAL), Kind::String) => content.text.push(self.scan.string()?),
                _ => self.beside(key)?,
            }
        }
        let role = who.ok_or(whole)?;
        if !given && (role != Role::Assistant || self.view.dialect == Dialect::Anthropic) {
            return Err(no_content);
        }
        self.push(content, role, self.scan.since(start))
    }

    pub(super) fn role(&mut self) -> Read<Role> {
        self.scan.start();
        let flaw = self.scan.flaw(Problem::Want(roles(self.view.dialect)));
        let name = self.scan.string()?;
        role(self.view.dialect, &self.scan.name(name)).ok_or(flaw)
    }

    /// Adds a message: its tool results first, each a message of its own, then the rest if there is any.
    pub(super) fn push(&mut self, mut content: Content, role: Role, span: Span) -> Read<()> {
        let results = std::mem::take(&mut content.results);
        let rest = !content.text.is_empty() || content.images > 0 || !content.calls.is_empty();
        let alone = results.is_empty();
        let count = self.view.messages.len() + results.len();
        self.bound(count, self.limits.messages, "messages")?;
        self.view.messages.extend(results);
        if alone || rest {
            self.view.messages.push(content.view(role, span));
        }
        Ok(())
    }

    /// A string or an array of parts.
    pub(super) fn content(&mut self, content: &mut Content) -> Read<()> {
        match self.scan.kind()? {
            Kind::String => content.text.push(self.scan.string()?),
            Kind::Array => {
                self.scan.enter_array()?;
                while self.scan.next_element()? {
                    self.bound(self.parts as usize, self.limits.parts, "content parts")?;
                    self.parts += 1;
                    self.part(content)?;
                }
            }
            _ => return Err(self.scan.flaw(Problem::Want("a string or an array of content parts"))),
        }
        Ok(())
    }

    /// The chat dialect's `tool_calls`: `[{"function": {"name": ...}}]` or `custom` in place of `function`.
    fn tool_calls(&mut self, content: &mut Content) -> Read<()> {
        if self.scan.null()? {
            return Ok(());
        }
        self.scan.enter_array()?;
        while self.scan.next_element()? {
            self.scan.enter_object()?;
            let mut seen = Seen::default();
            while let Some(key) = self.scan.next_key()? {
                match self.which(key, &[("function", 0), ("custom", 0)], &mut seen)? {
                    Some(_) => self.named(content)?,
                    None => self.beside(key)?,
                }
            }
        }
        Ok(())
    }

    /// An object whose `name` is the tool that is called.
    pub(super) fn named(&mut self, content: &mut Content) -> Read<()> {
        self.scan.start();
        let missing = self.scan.flaw(Problem::Missing("name", "the name of the called tool"));
        let (mut seen, mut name) = (Seen::default(), None);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.which(key, &[("name", 0)], &mut seen)? {
                Some(_) => name = Some(self.scan.string()?),
                None => self.beside(key)?,
            }
        }
        self.call(content, name.ok_or(missing)?)
    }

    pub(super) fn call(&mut self, content: &mut Content, name: TextSpan) -> Read<()> {
        self.bound(self.calls as usize, self.limits.tools, "tool calls")?;
        self.calls += 1;
        content.calls.push(name);
        Ok(())
    }
}
