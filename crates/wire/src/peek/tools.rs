//! Offered tools: functions nested (chat), flat (Responses, Anthropic) or declared in groups (Gemini), and
//! built-in tools, which are named by their type.

use super::fields::{Seen, folds};
use super::{Read, Reader};
use crate::Dialect;
use crate::json::{Kind, Problem};
use crate::view::{TextSpan, ToolView};

const TYPE: usize = 0;
const NAME: usize = 1;
const INNER: usize = 2;
/// Members of a tool that say what it is. A name of its own and one inside exclude each other: two readers could
/// disagree which counts.
const TOOL: &[(&str, usize)] = &[("type", TYPE), ("name", NAME), ("function", INNER), ("custom", INNER)];
/// Members that bring further tools: namespaces, groups, sets of tools and servers.
const MORE: &[&str] = &[
    "tools",
    "functions",
    "functionDeclarations",
    "function_declarations",
    "toolset",
    "toolsets",
    "servers",
    "mcp_servers",
    "plugins",
    "namespace",
    "namespaces",
];

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
        let chat = self.view.dialect == Dialect::OpenaiChat;
        let missing = if chat { "function.name" } else { "name" };
        let no_name = self.scan.flaw(Problem::Missing(missing, "the name of the tool"));
        let (mut seen, mut kind, mut name, mut nested) = (Seen::default(), None, None, false);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match (self.which(key, TOOL, &mut seen)?, self.scan.kind()?) {
                (Some(TYPE), _) => kind = Some(self.scan.string()?),
                (Some(NAME), _) => {
                    name = Some(self.scan.string()?);
                    if chat {
                        seen.mark(INNER, key)?;
                    }
                }
                (Some(INNER), Kind::Object) if chat => {
                    seen.mark(NAME, key)?;
                    name = self.inner_name(&mut nested)?;
                }
                (slot, found) => nested |= self.brings_more(key, found, slot == Some(INNER))?,
            }
        }
        let span = self.scan.since(start);
        // A function without a name cannot be called; a built-in tool is known by its type.
        let built_in = kind.filter(|kind| !matches!(self.scan.name(*kind).as_ref(), b"function" | b"custom"));
        let name = name.or(built_in).ok_or(no_name)?;
        self.view.tools.push(ToolView { span, name, built_in, nested });
        Ok(())
    }

    /// Skips a member of a tool; whether it may bring further tools.
    fn brings_more(&mut self, key: TextSpan, kind: Kind, inner: bool) -> Read<bool> {
        let more = inner || MORE.iter().any(|word| folds(&self.scan.name(key), word));
        self.scan.skip()?;
        Ok(more && matches!(kind, Kind::Array | Kind::Object | Kind::String))
    }

    fn inner_name(&mut self, nested: &mut bool) -> Read<Option<TextSpan>> {
        let (mut seen, mut name) = (Seen::default(), None);
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match (self.which(key, &[("name", 0)], &mut seen)?, self.scan.kind()?) {
                (Some(_), _) => name = Some(self.scan.string()?),
                (None, kind) => *nested |= self.brings_more(key, kind, false)?,
            }
        }
        Ok(name)
    }

    /// `{"functionDeclarations": [...]}` gives one tool for each declaration, any other key one by its name.
    fn gemini_tool(&mut self) -> Read<()> {
        let start = self.scan.start();
        let (mut built_in, mut seen) = (Vec::new(), Seen::default());
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            let names = &[("functionDeclarations", 0), ("function_declarations", 0)];
            if self.which(key, names, &mut seen)?.is_none() {
                self.scan.skip()?;
                built_in.push(key);
                continue;
            }
            self.scan.enter_array()?;
            while self.scan.next_element()? {
                self.bound(self.view.tools.len(), self.limits.tools, "tools")?;
                let at = self.scan.start();
                let no_name = self.scan.flaw(Problem::Missing("name", "the name of the function"));
                let mut nested = false;
                let name = self.inner_name(&mut nested)?.ok_or(no_name)?;
                let span = self.scan.since(at);
                self.view.tools.push(ToolView { span, name, built_in: None, nested });
            }
        }
        let span = self.scan.since(start);
        for name in built_in {
            self.bound(self.view.tools.len(), self.limits.tools, "tools")?;
            self.view.tools.push(ToolView { span, name, built_in: Some(name), nested: false });
        }
        Ok(())
    }
}
