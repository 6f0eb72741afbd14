//! Governance: who may do what, and where data may go.
//!
//! ```text
//! role "analyst" {
//!   models ["sim-*"]
//!   tool "transfer" when "amount" <= 500 and "to.iban" like "DE*"
//!   cost <= 20_000
//! }
//! data personal { when names  on_premise }
//! ```
//!
//! The four words that start a declaration mean that only where the next token fits, so that each may still name a
//! signal and `role` may still begin a line of a condition.

use super::parser::{Parser, Read, Wrong};
use super::token::{Kind, Token};
use super::tree::{Cmp, Expr, ItemKind, Name, Number, Text};
use crate::limits;
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;

/// Words that start a declaration of governance.
pub(super) const GOVERN: &[&str] = &["role", "others", "data", "rule"];

/// Words that start a statement in one.
const STATEMENTS: &[&str] = &[
    "when",
    "models",
    "pools",
    "providers",
    "regions",
    "on_premise",
    "cost",
    "energy",
    "tool",
    "denied",
    "unread",
    "mask",
];

/// Whom or what a declaration is about.
#[derive(Clone, Debug)]
pub(crate) enum Scope<'a> {
    /// Callers with this role.
    Role(Text<'a>),
    /// Callers with none of the declared roles.
    Others(Name<'a>),
    /// Requests that carry this class of data.
    Data(Name<'a>),
    /// All requests, or those on which a condition holds.
    Rule(Name<'a>),
}

/// `role "name" { ... }`, `others { ... }`, `data name { ... }` or `rule name { ... }`.
#[derive(Clone, Debug)]
pub(crate) struct GuardDecl<'a> {
    pub(crate) scope: Scope<'a>,
    pub(crate) body: Vec<Right<'a>>,
    /// Every statement could be read, so one that is missing is really missing.
    pub(crate) whole: bool,
}

impl<'a> GuardDecl<'a> {
    /// Its name and where that stands.
    pub(crate) fn name(&self) -> (&str, Span) {
        match &self.scope {
            Scope::Role(text) => (&text.value, text.span),
            Scope::Others(name) | Scope::Data(name) | Scope::Rule(name) => (name.text, name.span),
        }
    }

    /// The condition, when there is one.
    pub(crate) fn when(&self) -> Option<&Expr<'a>> {
        self.body.iter().find_map(|right| match &right.kind {
            RightKind::When(expr) => Some(expr),
            _ => None,
        })
    }
}

/// One statement.
#[derive(Clone, Debug)]
pub(crate) struct Right<'a> {
    pub(crate) kind: RightKind<'a>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum RightKind<'a> {
    When(Expr<'a>),
    /// `models`, `pools`, `providers` or `regions` with patterns.
    Only(Name<'a>, Vec<Text<'a>>),
    OnPremise(Name<'a>),
    /// `cost` or `energy` with a bound.
    Bound(Name<'a>, Cmp, Number),
    Tool(ToolDecl<'a>),
    /// `strip` or `block`.
    Denied(Name<'a>),
    /// `suspect`, `refuse` or `allow`, with the kinds of content that are meant; all without them.
    Unread(Name<'a>, Option<Vec<Text<'a>>>),
    /// Types of personal data; all usual ones without a list.
    Mask(Option<Vec<Text<'a>>>),
}

/// `tool "pattern"`, with `never` or with a condition on the arguments.
#[derive(Clone, Debug)]
pub(crate) struct ToolDecl<'a> {
    pub(crate) pattern: Text<'a>,
    pub(crate) never: bool,
    pub(crate) when: Option<ArgumentExpr<'a>>,
}

/// A condition on the arguments of a call.
#[derive(Clone, Debug)]
pub(crate) enum ArgumentExpr<'a> {
    Or(Vec<ArgumentExpr<'a>>),
    And(Vec<ArgumentExpr<'a>>),
    Not(Box<ArgumentExpr<'a>>),
    Test(Text<'a>, ArgumentTest<'a>),
}

/// What is asked of an argument.
#[derive(Clone, Debug)]
pub(crate) enum ArgumentTest<'a> {
    Number(Cmp, Number),
    Is(Text<'a>),
    Flag(bool),
    In(Vec<Text<'a>>),
    Like(Vec<Text<'a>>),
    Given,
}

impl<'a> Parser<'a, '_> {
    /// Whether a declaration of governance starts at the next token.
    pub(super) fn guard_follows(&self) -> bool {
        let (next, after) = (self.ahead(1), self.ahead(2));
        let opens = |token: Option<Token>| token.is_some_and(|token| token.kind == Kind::Mark("{"));
        match self.word() {
            Some("role") => next.is_some_and(|token| token.kind == Kind::Text),
            Some("others") => opens(next),
            Some("data" | "rule") => next.is_some_and(|token| token.kind == Kind::Word) && opens(after),
            _ => false,
        }
    }

    pub(super) fn guard(&mut self, word: &str) -> Read<ItemKind<'a>> {
        let span = self.take().span;
        let scope = match word {
            "role" => Scope::Role(self.quoted("the role's name in quotes")?),
            "others" => Scope::Others(Name { text: "others", span }),
            "data" => Scope::Data(self.name("the name of the class of data")?),
            _ => Scope::Rule(self.name("the rule's name")?),
        };
        self.mark("{")?;
        let (mut body, mut whole) = (Vec::new(), true);
        while !self.is_mark("}") {
            let before = self.position();
            if self.peek().kind == Kind::End || self.item_follows() {
                let found = Diagnostic::error("syntax", self.peek().span, "the closing `}` is missing");
                self.report.push(found.help("close it before this line"));
                return Ok(ItemKind::Guard(GuardDecl { scope, body, whole: false }));
            }
            match self.right() {
                Ok(right) => body.push(right),
                Err(Wrong) => {
                    whole = false;
                    self.recover(before, STATEMENTS, true);
                }
            }
        }
        self.mark("}")?;
        Ok(ItemKind::Guard(GuardDecl { scope, body, whole }))
    }

    fn right(&mut self) -> Read<Right<'a>> {
        let start = self.peek().span;
        let Some(word) = self.word() else {
            return self.wrong("a statement such as models, on_premise or tool, or `}`");
        };
        if !STATEMENTS.contains(&word) {
            return self.unknown_word(word, STATEMENTS, "statement");
        }
        let name = Name { text: word, span: self.take().span };
        let kind = match word {
            "when" => RightKind::When(self.expression()?),
            "models" | "pools" | "providers" | "regions" => RightKind::Only(name, self.list()?.0),
            "on_premise" => RightKind::OnPremise(name),
            "cost" | "energy" => {
                let Some(cmp) = self.comparator() else { return self.wrong("`<=` or `>=`") };
                self.take();
                RightKind::Bound(name, cmp, self.number("a number")?)
            }
            "tool" => RightKind::Tool(self.tool()?),
            "unread" => {
                let name = self.name("suspect, refuse or allow")?;
                RightKind::Unread(name, self.list_if_any()?)
            }
            "mask" => RightKind::Mask(self.list_if_any()?),
            _ => RightKind::Denied(self.name("strip or block")?),
        };
        Ok(Right { kind, span: start.to(self.end_of_last()) })
    }

    fn tool(&mut self) -> Read<ToolDecl<'a>> {
        let pattern = self.quoted("the tool's name or pattern in quotes")?;
        let never = self.eat_word("never");
        // A `when` on a line of its own belongs to the declaration, not to the tool.
        let condition = !never && !self.peek().first && self.eat_word("when");
        let when = if condition { Some(self.arguments_or()?) } else { None };
        Ok(ToolDecl { pattern, never, when })
    }

    fn arguments_or(&mut self) -> Read<ArgumentExpr<'a>> {
        let first = self.arguments_and()?;
        let mut parts = vec![first];
        while self.eat_word("or") {
            parts.push(self.arguments_and()?);
        }
        Ok(one_or(parts, ArgumentExpr::Or))
    }

    fn arguments_and(&mut self) -> Read<ArgumentExpr<'a>> {
        let mut parts = vec![self.argument_test()?];
        while self.eat_word("and") {
            parts.push(self.argument_test()?);
        }
        Ok(one_or(parts, ArgumentExpr::And))
    }

    fn argument_test(&mut self) -> Read<ArgumentExpr<'a>> {
        if self.depth >= limits::MAX_DEPTH {
            let message = format!("nested deeper than {} levels", limits::MAX_DEPTH);
            self.report.push(Diagnostic::error("too-deep", self.peek().span, message));
            return Err(Wrong);
        }
        self.depth += 1;
        let found = self.argument_primary();
        self.depth = self.depth.saturating_sub(1);
        found
    }

    fn argument_primary(&mut self) -> Read<ArgumentExpr<'a>> {
        if self.eat_word("not") {
            return Ok(ArgumentExpr::Not(Box::new(self.argument_test()?)));
        }
        if self.eat_mark("(") {
            let inner = self.arguments_or()?;
            self.mark(")")?;
            return Ok(inner);
        }
        let path = self.quoted("the path of an argument in quotes, such as \"to.account\"")?;
        if let Some(cmp) = self.comparator() {
            self.take();
            return Ok(ArgumentExpr::Test(path, ArgumentTest::Number(cmp, self.number("a number")?)));
        }
        let test = match self.word() {
            Some("is") => {
                self.take();
                match self.word() {
                    Some(flag @ ("true" | "false")) => {
                        self.take();
                        ArgumentTest::Flag(flag == "true")
                    }
                    _ => ArgumentTest::Is(self.quoted("a text in quotes, true or false")?),
                }
            }
            Some("in") => {
                self.take();
                ArgumentTest::In(self.list()?.0)
            }
            Some("like") => {
                self.take();
                ArgumentTest::Like(self.one_or_more()?)
            }
            Some("given") => {
                self.take();
                ArgumentTest::Given
            }
            _ => return self.wrong("a comparison, is, in, like or given"),
        };
        Ok(ArgumentExpr::Test(path, test))
    }
}

/// The only part itself, or a chain of several.
fn one_or<'a>(
    mut parts: Vec<ArgumentExpr<'a>>,
    join: fn(Vec<ArgumentExpr<'a>>) -> ArgumentExpr<'a>,
) -> ArgumentExpr<'a> {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}
