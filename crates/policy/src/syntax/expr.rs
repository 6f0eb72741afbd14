//! Expressions, by precedence: `or`, `and`, `not`, comparisons, `+ -`, `* /`, unary minus.
//!
//! One grammar reads truth and numbers; the checker tells them apart. Nesting is counted, so that the deepest text
//! costs a bounded stack.

use super::parser::{Parser, Read};
use super::token::Kind;
use super::tree::{Cmp, Expr, ExprKind, Name, Text, WordTest};
use crate::limits;
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;

impl<'a> Parser<'a, '_> {
    /// An expression of truth or number.
    pub(super) fn expression(&mut self) -> Read<Expr<'a>> {
        self.chain("or", |parser| parser.chain("and", Self::unary, ExprKind::And), ExprKind::Or)
    }

    fn chain(
        &mut self,
        word: &str,
        mut part: impl FnMut(&mut Self) -> Read<Expr<'a>>,
        join: fn(Vec<Expr<'a>>) -> ExprKind<'a>,
    ) -> Read<Expr<'a>> {
        let first = part(self)?;
        if self.word() != Some(word) {
            return Ok(first);
        }
        let start = first.span;
        let mut parts = vec![first];
        while self.eat_word(word) {
            parts.push(part(self)?);
        }
        Ok(Expr { kind: join(parts), span: start.to(self.end_of_last()) })
    }

    /// Runs `inside` one level deeper, or reports that the text nests too deeply.
    fn nested(&mut self, inside: impl FnOnce(&mut Self) -> Read<Expr<'a>>) -> Read<Expr<'a>> {
        if self.depth >= limits::MAX_DEPTH {
            let message = format!("nested deeper than {} levels", limits::MAX_DEPTH);
            let found = Diagnostic::error("too-deep", self.peek().span, message);
            self.report.push(found.help("name a part with `score` or `band`, or split the route"));
            return Err(super::parser::Wrong);
        }
        self.depth += 1;
        let result = inside(self);
        self.depth = self.depth.saturating_sub(1);
        result
    }

    fn unary(&mut self) -> Read<Expr<'a>> {
        let start = self.peek().span;
        if self.eat_word("not") {
            let inner = self.nested(Self::unary)?;
            let span = start.to(inner.span);
            return Ok(Expr { kind: ExprKind::Not(Box::new(inner)), span });
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Read<Expr<'a>> {
        let left = self.sum()?;
        if let ExprKind::Name(subject) = left.kind
            && let Some(test) = self.word_test(subject)?
        {
            return Ok(test);
        }
        let Some(cmp) = self.comparator() else { return Ok(left) };
        self.take();
        let right = self.sum()?;
        let span = left.span.to(right.span);
        if self.comparator().is_some() {
            let found = Diagnostic::error("syntax", self.peek().span, "comparisons do not chain");
            self.report.push(found.help("join two comparisons with `and`"));
            return Err(super::parser::Wrong);
        }
        Ok(Expr { kind: ExprKind::Compare(Box::new(left), cmp, Box::new(right)), span })
    }

    pub(super) fn comparator(&self) -> Option<Cmp> {
        match self.peek().kind {
            Kind::Mark(mark) => Cmp::parse(mark),
            _ => None,
        }
    }

    /// `is`, `in`, `like` and `has` after a name; absent when none follows.
    fn word_test(&mut self, subject: Name<'a>) -> Read<Option<Expr<'a>>> {
        let (negated, test, words) = match self.word() {
            Some("is") => {
                self.take();
                let negated = self.eat_word("not");
                if self.peek().kind == Kind::Word {
                    let member = self.name("a member")?;
                    let span = subject.span.to(member.span);
                    return Ok(Some(Expr { kind: ExprKind::Member(subject, negated, member), span }));
                }
                (negated, WordTest::Is, vec![self.quoted("a text in quotes, or a member of a group")?])
            }
            Some("not") => {
                self.take();
                if !self.eat_word("in") {
                    return self.wrong("`in`");
                }
                (true, WordTest::In, self.list()?.0)
            }
            Some("in") => {
                self.take();
                (false, WordTest::In, self.list()?.0)
            }
            Some("like") => {
                self.take();
                (false, WordTest::Like, self.one_or_more()?)
            }
            Some("has") => {
                self.take();
                if self.eat_word("any") {
                    (false, WordTest::HasAny, self.list()?.0)
                } else if self.eat_word("all") {
                    (false, WordTest::HasAll, self.list()?.0)
                } else {
                    (false, WordTest::Has, vec![self.quoted("a text in quotes, `any [...]` or `all [...]`")?])
                }
            }
            _ => return Ok(None),
        };
        let span = subject.span.to(self.end_of_last());
        Ok(Some(Expr { kind: ExprKind::Words(subject, negated, test, words), span }))
    }

    pub(super) fn one_or_more(&mut self) -> Read<Vec<Text<'a>>> {
        if self.is_mark("[") { Ok(self.list()?.0) } else { Ok(vec![self.quoted("a text or a list")?]) }
    }

    fn sum(&mut self) -> Read<Expr<'a>> {
        self.terms("+", "-", Self::product, ExprKind::Sum)
    }

    fn product(&mut self) -> Read<Expr<'a>> {
        self.terms("*", "/", Self::primary, ExprKind::Product)
    }

    fn terms(
        &mut self,
        plain: &str,
        inverse: &str,
        part: fn(&mut Self) -> Read<Expr<'a>>,
        join: fn(Vec<(bool, Expr<'a>)>) -> ExprKind<'a>,
    ) -> Read<Expr<'a>> {
        let first = part(self)?;
        let start = first.span;
        let mut parts = vec![(false, first)];
        loop {
            let inverted = self.is_mark(inverse);
            if !inverted && !self.is_mark(plain) {
                break;
            }
            self.take();
            parts.push((inverted, part(self)?));
        }
        match parts.pop() {
            Some((_, only)) if parts.is_empty() => Ok(only),
            Some(last) => {
                parts.push(last);
                Ok(Expr { kind: join(parts), span: start.to(self.end_of_last()) })
            }
            None => self.wrong("an expression"),
        }
    }

    fn primary(&mut self) -> Read<Expr<'a>> {
        let token = self.peek();
        let kind = match token.kind {
            Kind::Number => {
                self.take();
                ExprKind::Number(self.value_of(token.span))
            }
            Kind::Text => {
                self.take();
                ExprKind::Text
            }
            Kind::Mark("-") => {
                self.take();
                ExprKind::Negate(Box::new(self.nested(Self::primary)?))
            }
            Kind::Mark("(") => {
                self.take();
                let inner = self.nested(Self::expression)?;
                self.mark(")")?;
                let span = token.span.to(self.end_of_last());
                // Brackets keep a chain a child of its own: `(a and b) and c` weighs c as one half.
                return Ok(Expr { kind: inner.kind, span });
            }
            Kind::Word => return self.named(),
            _ => return self.wrong("a signal, a number or `(`"),
        };
        Ok(Expr { kind, span: token.span.to(self.end_of_last()) })
    }

    /// A name, or a call.
    fn named(&mut self) -> Read<Expr<'a>> {
        // `tools` is also a fact; the other statement words at the start of a line mean that something is missing.
        let statement = |word: &str| word != "tools" && super::body::STATEMENTS.contains(&word);
        if self.item_follows() || (self.peek().first && self.word().is_some_and(statement)) {
            return self.wrong("an expression");
        }
        let name = self.name("a name")?;
        if matches!(name.text, "and" | "or" | "is" | "in" | "has" | "like" | "not") {
            let found =
                Diagnostic::error("syntax", name.span, format!("`{}` needs something before it", name.text));
            self.report.push(found.help("write a signal's name there"));
            return Err(super::parser::Wrong);
        }
        if !self.eat_mark("(") {
            return Ok(Expr { kind: ExprKind::Name(name), span: name.span });
        }
        let mut arguments = Vec::new();
        while !self.is_mark(")") {
            arguments.push(self.nested(Self::expression)?);
            if !self.eat_mark(",") && !self.is_mark(")") {
                return self.wrong("`,` or `)`");
            }
        }
        let span: Span = name.span.to(self.take().span);
        Ok(Expr { kind: ExprKind::Call(name, arguments), span })
    }
}
