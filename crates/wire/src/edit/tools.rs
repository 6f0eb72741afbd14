//! Offered tools: some are taken away, and with them every mention in the tool choice.

use super::splice::{cut, elements, member, string};
use super::{Edits, refuse};
use crate::view::{Span, ToolView};
use crate::{Dialect, WireError};
use std::collections::BTreeSet;

impl Edits<'_> {
    /// Keeps the tools whose name `keep` accepts; how many were taken away.
    ///
    /// A tool choice that names a removed tool goes too (a list of allowed tools loses its entries). When no tool
    /// is left, `tools` and every member that needs it go.
    ///
    /// # Errors
    /// [`WireError::Edit`] for a Gemini tool object of which only some built-in tools should stay.
    pub fn keep_tools(&mut self, mut keep: impl FnMut(&str) -> bool) -> Result<usize, WireError> {
        self.keep_offers(|name, _| keep(name))
    }

    /// The same, asked with the name and, for a built-in tool, its type.
    ///
    /// # Errors
    /// As for [`Self::keep_tools`].
    pub fn keep_offers(
        &mut self,
        mut keep: impl FnMut(&str, Option<&str>) -> bool,
    ) -> Result<usize, WireError> {
        let view = self.view;
        let (mut gone, mut names) = (Vec::new(), BTreeSet::new());
        for tool in &view.tools {
            let name = view.text(tool.name);
            let built_in = tool.built_in.map(|kind| view.text(kind));
            let out = !keep(&name, built_in.as_deref());
            gone.push(out);
            if out {
                names.insert(name.into_owned());
            }
        }
        let count = gone.iter().filter(|out| **out).count();
        let Some(span) = view.tools_span.filter(|_| count > 0) else { return Ok(0) };
        let chat_like = ["tools", "tool_choice", "parallel_tool_calls"];
        let gemini = ["tools", "toolConfig", "tool_config"];
        if count == view.tools.len() {
            for key in if view.dialect == Dialect::Gemini { gemini } else { chat_like } {
                self.remove(key);
            }
            return Ok(count);
        }
        self.cut_tools(span, &gone)?;
        self.cut_choice(&names);
        Ok(count)
    }

    fn cut_tools(&mut self, span: Span, gone: &[bool]) -> Result<(), WireError> {
        let tools: Vec<(&ToolView, bool)> = self.view.tools.iter().zip(gone.iter().copied()).collect();
        let entries = elements(self.view, span);
        // Tools stand in the order of their elements, several in one element of a Gemini list.
        let of = |entry: &Span| {
            let (start, end) = (entry.start, entry.end);
            let first = tools.partition_point(|(t, _)| t.span.end <= start);
            tools.get(first..).unwrap_or_default().iter().take_while(move |(t, _)| t.span.start < end)
        };
        let whole = |entry: &Span| of(entry).count() > 0 && of(entry).all(|(_, out)| *out);
        for entry in entries.iter().filter(|entry| !whole(entry)) {
            if of(entry).any(|(t, out)| *out && t.span == *entry) {
                let fix = "it stands in one object with others; offer each built-in tool in its own object";
                return Err(refuse("a built-in tool", fix));
            }
            // Declarations of a group that stays: they are the elements of one array.
            let inner: Vec<(Span, bool)> =
                of(entry).filter(|(t, _)| t.span != *entry).map(|(t, out)| (t.span, *out)).collect();
            if inner.iter().any(|(_, out)| *out) {
                let spans: Vec<Span> = inner.iter().map(|(at, _)| *at).collect();
                let out = |i: usize| inner.get(i).is_some_and(|(_, out)| *out);
                self.inner.extend(cut(&spans, out, entry.start, &[], &[]));
            }
        }
        let out: Vec<bool> = entries.iter().map(whole).collect();
        self.inner.extend(cut(&entries, |i| out.get(i) == Some(&true), span.start + 1, &[], &[]));
        Ok(())
    }

    fn cut_choice(&mut self, names: &BTreeSet<String>) {
        let view = self.view;
        for key in ["tool_choice", "toolConfig", "tool_config"] {
            let Some(value) = view.member(key) else { continue };
            let list = match view.dialect {
                Dialect::Gemini => ["functionCallingConfig", "function_calling_config"]
                    .iter()
                    .find_map(|config| member(view, value, config))
                    .and_then(|config| {
                        ["allowedFunctionNames", "allowed_function_names"]
                            .iter()
                            .find_map(|list| member(view, config, list))
                    }),
                _ => member(view, member(view, value, "allowed_tools").unwrap_or(value), "tools"),
            };
            let removed = |at: Span| self.named(at).is_some_and(|name| names.contains(&name));
            let Some(list) = list else {
                if view.bytes(value).starts_with(b"{") && removed(value) {
                    self.remove(key);
                }
                continue;
            };
            let entries = elements(view, list);
            let out: Vec<bool> = entries.iter().map(|at| removed(*at)).collect();
            if !out.is_empty() && out.iter().all(|out| *out) {
                self.remove(key);
            } else {
                self.inner.extend(cut(&entries, |i| out.get(i) == Some(&true), list.start + 1, &[], &[]));
            }
        }
    }

    /// The tool that a choice (or one entry of its list) names: itself, its `name`, its function's, or its type.
    fn named(&self, at: Span) -> Option<String> {
        let view = self.view;
        let inner = ["function", "custom"].iter().find_map(|key| member(view, at, key));
        let name = member(view, inner.unwrap_or(at), "name").or_else(|| member(view, at, "type"));
        string(view, name.unwrap_or(at))
    }
}
