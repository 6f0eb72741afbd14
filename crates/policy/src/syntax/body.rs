//! The statements inside a route.
//!
//! ```text
//! when code and tokens > 4000
//! models { "large" weight 3 effort high, "medium" }
//! ```

use super::parser::{Parser, Read, Wrong};
use super::token::Kind;
use super::tree::{ModelDecl, Name, Statement, StatementKind, Text};
use crate::text::diagnostic::Diagnostic;

/// Words that start a statement.
pub(super) const STATEMENTS: &[&str] = &[
    "given",
    "when",
    "models",
    "algorithm",
    "pool",
    "system",
    "mask",
    "header",
    "param",
    "tools",
    "output",
    "answer",
    "note",
];

impl<'a> Parser<'a, '_> {
    /// `{ statement ... }`, and whether every statement could be read.
    pub(super) fn body(&mut self) -> Read<(Vec<Statement<'a>>, bool)> {
        self.mark("{")?;
        let (mut statements, mut whole) = (Vec::new(), true);
        while !self.is_mark("}") {
            let before = self.position();
            if self.peek().kind == Kind::End || self.item_follows() {
                let found = Diagnostic::error("syntax", self.peek().span, "the route's `}` is missing");
                self.report.push(found.help("close it before this line"));
                return Ok((statements, false));
            }
            match self.statement() {
                Ok(statement) => statements.push(statement),
                Err(Wrong) => {
                    whole = false;
                    self.recover(before, STATEMENTS, true);
                }
            }
        }
        self.mark("}")?;
        Ok((statements, whole))
    }

    fn statement(&mut self) -> Read<Statement<'a>> {
        let start = self.peek().span;
        let Some(word) = self.word() else {
            return self.wrong("a statement such as when, models or pool, or `}`");
        };
        if !STATEMENTS.contains(&word) {
            return self.unknown_word(word, STATEMENTS, "statement");
        }
        self.take();
        let kind = match word {
            "given" => StatementKind::Given(self.expression()?),
            "when" => StatementKind::When(self.expression()?),
            "models" => StatementKind::Models(self.models()?),
            "algorithm" => StatementKind::Algorithm(self.name("an algorithm: static or weighted")?),
            "pool" => StatementKind::Pool(self.quoted("the pool's name in quotes")?),
            "system" => {
                let mode = self.name("append, prepend or replace")?;
                StatementKind::System(mode, self.quoted("the prompt in quotes")?)
            }
            "mask" => StatementKind::Mask(self.list_if_any()?),
            "header" => self.header()?,
            "param" => self.param()?,
            "tools" => {
                let mode = self.name("keep or drop")?;
                StatementKind::Tools(mode, self.list()?.0)
            }
            "output" => {
                let (act, signal) = self.output()?;
                StatementKind::Output(act, signal)
            }
            "note" => {
                let key = self.name("the note's key")?;
                StatementKind::Note(key, self.quoted("the note's text in quotes")?)
            }
            _ => {
                let status = self.number("a status such as 403")?;
                StatementKind::Answer(status, self.quoted("the answer's text in quotes")?)
            }
        };
        Ok(Statement { kind, span: start.to(self.end_of_last()) })
    }

    /// `block harmful`: what follows, and the signal that it follows from.
    pub(super) fn output(&mut self) -> Read<(Name<'a>, Name<'a>)> {
        Ok((self.name("block, safer, annotate or audit")?, self.name("a signal's name")?))
    }

    /// A list, where one follows.
    pub(super) fn list_if_any(&mut self) -> Read<Option<Vec<Text<'a>>>> {
        if self.is_mark("[") { Ok(Some(self.list()?.0)) } else { Ok(None) }
    }

    fn models(&mut self) -> Read<Vec<ModelDecl<'a>>> {
        self.mark("{")?;
        let mut models = Vec::new();
        while !self.is_mark("}") {
            let model = self.quoted("a model's name in quotes, or `}`")?;
            models.push(ModelDecl { model, options: self.arguments(&[])? });
            if !self.eat_mark(",") && !self.is_mark("}") {
                return self.wrong("`,` or `}`");
            }
        }
        self.take();
        Ok(models)
    }

    fn header(&mut self) -> Read<StatementKind<'a>> {
        match self.word() {
            Some("set") => {
                self.take();
                let name = self.quoted("the header's name in quotes")?;
                Ok(StatementKind::HeaderSet(name, self.quoted("the header's value in quotes")?))
            }
            Some("remove") => {
                self.take();
                Ok(StatementKind::HeaderRemove(self.quoted("the header's name in quotes")?))
            }
            _ => self.wrong("`set` or `remove`"),
        }
    }

    fn param(&mut self) -> Read<StatementKind<'a>> {
        match self.word() {
            Some("set") => {
                self.take();
                let name = self.name("the parameter's name")?;
                Ok(StatementKind::ParamSet(name, self.literal()?))
            }
            Some("cap") => {
                self.take();
                let name = self.name("the parameter's name")?;
                Ok(StatementKind::ParamCap(name, self.number("a number")?))
            }
            Some("remove") => {
                self.take();
                Ok(StatementKind::ParamRemove(self.name("the parameter's name")?))
            }
            _ => self.wrong("`set`, `cap` or `remove`"),
        }
    }
}
