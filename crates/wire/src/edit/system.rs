//! System prompts: the first messages of a chat, a member of the other dialects.

use super::splice::{Splice, cut, elements, member, string};
use super::{Edits, refuse};
use crate::json::{escape_into, quote};
use crate::view::{Role, Span};
use crate::{Dialect, WireError};
use std::collections::BTreeSet;

/// What stands between two system texts, as an escaped JSON text.
const JOINT: &[u8] = br"\n\n";

/// How a system prompt changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemEdit {
    /// Every system prompt of the request goes, this one stands in its place.
    Replace,
    /// Before what is there.
    Prepend,
    /// After what is there.
    Append,
}

impl Edits<'_> {
    /// Changes the system prompt, in the form that it has (string, parts or blocks); adds it when there is none.
    /// Several changes add up in the order of the calls; a replacement must come first.
    ///
    /// # Errors
    /// [`WireError::Edit`] where the dialect has no system prompt or its form is unknown.
    pub fn system(&mut self, how: SystemEdit, text: &str) -> Result<(), WireError> {
        if self.view.dialect == Dialect::OpenaiEmbeddings {
            return Err(refuse(
                "the system prompt",
                "embedding requests have none; apply it to conversations only",
            ));
        }
        if how == SystemEdit::Replace {
            self.drop_system = true;
            self.system = Some(text.to_owned());
            return Ok(());
        }
        if let Some(there) = &mut self.system {
            *there = match how {
                SystemEdit::Prepend => format!("{text}\n\n{there}"),
                _ => format!("{there}\n\n{text}"),
            };
            return Ok(());
        }
        match self.system_value(how) {
            Some(value) => self.extend(value, how, text),
            None => {
                self.system = Some(text.to_owned());
                Ok(())
            }
        }
    }

    /// The value that holds the system text to extend.
    fn system_value(&self, how: SystemEdit) -> Option<Span> {
        if self.view.dialect != Dialect::OpenaiChat {
            let span = self.view.system_span?;
            return if self.view.dialect == Dialect::Gemini {
                member(self.view, span, "parts")
            } else {
                Some(span)
            };
        }
        let leading = self.view.messages.iter().take_while(|m| m.role == Role::System);
        let message = match how {
            SystemEdit::Append => leading.last(),
            _ => leading.into_iter().next(),
        };
        member(self.view, message?.span, "content")
    }

    fn extend(&mut self, value: Span, how: SystemEdit, text: &str) -> Result<(), WireError> {
        let first = how == SystemEdit::Prepend;
        match self.view.bytes(value).first() {
            Some(b'"') => {
                let mut with = Vec::with_capacity(text.len() + 4);
                let empty = value.len() == 2;
                if !first && !empty {
                    with.extend_from_slice(JOINT);
                }
                escape_into(text, &mut with);
                if first && !empty {
                    with.extend_from_slice(JOINT);
                }
                let at = if first { value.start + 1 } else { value.end - 1 };
                self.inner.push(Splice::insert(at, with));
            }
            Some(b'[') => {
                let block = [self.block(text)];
                let (front, back): (&[_], &[_]) = if first { (&block, &[]) } else { (&[], &block) };
                let entries = elements(self.view, value);
                self.inner.extend(cut(&entries, |_| false, value.start + 1, front, back));
            }
            _ => {
                return Err(refuse(
                    "the system prompt",
                    "it is neither a string nor an array; replace it whole",
                ));
            }
        }
        Ok(())
    }

    fn block(&self, text: &str) -> Vec<u8> {
        let kind: &[u8] = if self.view.dialect == Dialect::Gemini { b"" } else { br#""type":"text","# };
        [b"{", kind, br#""text":"#, &quote(text), b"}"].concat()
    }

    /// Turns a whole new system prompt into member edits and splices.
    pub(super) fn settle_system(&mut self) -> Result<(), WireError> {
        let Some(text) = self.system.take() else { return Ok(()) };
        let view = self.view;
        let mut front = Vec::new();
        match view.dialect {
            Dialect::OpenaiChat => front.push(self.system_message(&text)),
            Dialect::OpenaiResponses => self.set_text("instructions", &text)?,
            Dialect::Gemini => {
                let snake = view.member("system_instruction").is_some();
                let key = if snake { "system_instruction" } else { "systemInstruction" };
                self.set(key, [br#"{"parts":["#, self.block(&text).as_slice(), b"]}"].concat())?;
            }
            _ => self.set_text("system", &text)?,
        }
        let Some(span) = view.messages_span.filter(|_| self.drop_system || !front.is_empty()) else {
            return Ok(());
        };
        let entries = elements(view, span);
        let systems: BTreeSet<u32> =
            view.messages.iter().filter(|m| m.role == Role::System).map(|m| m.span.start).collect();
        let gone: Vec<bool> =
            entries.iter().map(|entry| self.drop_system && systems.contains(&entry.start)).collect();
        if entries.is_empty() && front.is_empty() {
            return Ok(());
        }
        self.inner.extend(cut(&entries, |i| gone.get(i) == Some(&true), span.start + 1, &front, &[]));
        Ok(())
    }

    /// A chat message with the system text, in the role that the request uses for it.
    fn system_message(&self, text: &str) -> Vec<u8> {
        let first = self.view.messages.iter().find(|m| m.role == Role::System);
        let role = first.and_then(|m| member(self.view, m.span, "role")).and_then(|at| string(self.view, at));
        let role = quote(role.as_deref().unwrap_or("system"));
        [br#"{"role":"#, role.as_slice(), br#","content":"#, &quote(text), b"}"].concat()
    }
}
