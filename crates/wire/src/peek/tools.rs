//! Offered tools: functions nested (chat), flat (Responses, Anthropic) or declared in groups (Gemini), and
//! built-in tools, which are named by their type.

use super::fields::Seen;
use super::{Read, Reader};
use crate::Dialect;
use crate::json::{Kind, Problem};
use crate::view::{TextSpan, ToolView};

impl Reader<'_> {
    pub(super) fn tools(&mut self) -> Read<()> {
        self.scan.enter_array()?;
        while self.scan.next_element()? {
            self.bound(self.view.tools.len(), self.limits.tools, "tools")?;
            if self.scan.kind()? != Kind::Object {
                return Err(self.scan.flaw(Problem::Want("a tool, an object")));
            }
            if self.view.dialect == Dialect::Gemini { self.gemini_tool()? } else { self.tool()? }
        }
        Ok(())
    }

    fn tool(&mut self) -> Read<()> {
        let start = self.scan.start();
        let nested = self.view.dialect == Dialect::OpenaiChat;
        let missing = if nested { "function.name" } else { "name" };
        let no_name = self.scan.flaw(Problem::Missing(missing, "the name of the tool"));
        let (mut seen, mut kind, mut name) = (Seen::default(), None, None);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"type" => {
                    seen.mark(0, key)?;
                    kind = Some(self.scan.string()?);
                }
                b"name" => {
                    seen.mark(1, key)?;
                    name = Some(self.scan.string()?);
                }
                b"function" | b"custom" if nested && self.scan.kind()? == Kind::Object => {
                    seen.mark(1, key)?;
                    name = self.inner_name()?;
                }
                _ => drop(self.scan.skip()?),
            }
        }
        let span = self.scan.since(start);
        // A function without a name cannot be called; a built-in tool is known by its type.
        let built_in = kind.filter(|kind| !matches!(self.scan.name(*kind).as_ref(), b"function" | b"custom"));
        let name = name.or(built_in).ok_or(no_name)?;
        self.view.tools.push(ToolView { span, name, built_in });
        Ok(())
    }

    pub(super) fn inner_name(&mut self) -> Read<Option<TextSpan>> {
        let (mut seen, mut name) = (Seen::default(), None);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            if self.scan.name(key).as_ref() == b"name" {
                seen.mark(0, key)?;
                name = Some(self.scan.string()?);
            } else {
                self.scan.skip()?;
            }
        }
        Ok(name)
    }

    /// `{"functionDeclarations": [...]}` gives one tool for each declaration, any other key one by its name.
    fn gemini_tool(&mut self) -> Read<()> {
        let start = self.scan.start();
        let mut built_in = Vec::new();
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            if !matches!(self.scan.name(key).as_ref(), b"functionDeclarations" | b"function_declarations") {
                self.scan.skip()?;
                built_in.push(key);
                continue;
            }
            self.scan.enter_array()?;
            while self.scan.next_element()? {
                self.bound(self.view.tools.len(), self.limits.tools, "tools")?;
                let at = self.scan.start();
                let no_name = self.scan.flaw(Problem::Missing("name", "the name of the function"));
                let name = self.inner_name()?.ok_or(no_name)?;
                let span = self.scan.since(at);
                self.view.tools.push(ToolView { span, name, built_in: None });
            }
        }
        let span = self.scan.since(start);
        for name in built_in {
            self.bound(self.view.tools.len(), self.limits.tools, "tools")?;
            self.view.tools.push(ToolView { span, name, built_in: Some(name) });
        }
        Ok(())
    }
}
