//! The parser's frame: declarations, and recovery so that one slip does not hide the next.
//!
//! Recovery: after an error the parser skips to the next declaration keyword that starts a line, or inside braces to
//! the next statement keyword that starts a line or the closing brace. Each step consumes a token, so time is linear.

use super::govern::GOVERN;
use super::token::{Comment, Kind, Token, decode, lex};
use super::tree::{Argument, Item, ItemKind, Literal, Name, Number, RouteDecl, TestDecl, Text, Tree};
use crate::limits;
use crate::text::diagnostic::{Diagnostic, Report};
use crate::text::span::Span;
use crate::text::suggest::nearest;

/// Words that start a declaration.
pub(super) const ITEMS: &[&str] = &[
    "policy", "order", "virtual", "global", "signal", "score", "sum", "flag", "band", "group", "route",
    "default", "tests",
];

/// What one text gives: always a tree, and what is wrong with it.
pub(crate) struct Parsed<'a> {
    pub(crate) tree: Tree<'a>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
}

/// A part that could not be read; the error is already in the report.
#[derive(Debug)]
pub(super) struct Wrong;

pub(super) type Read<T> = Result<T, Wrong>;

/// The state of one parse.
pub(super) struct Parser<'a, 'r> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    pub(super) depth: usize,
    pub(super) report: &'r mut Report,
}

/// Parses `text`; never fails, never panics.
pub(crate) fn parse<'a>(text: &'a str, report: &mut Report) -> Parsed<'a> {
    if text.len() > limits::MAX_BYTES {
        let message = format!("the policy has {} bytes; at most {} are read", text.len(), limits::MAX_BYTES);
        report.push(Diagnostic::error("too-large", Span::new(0, 0), message).help("split it"));
        return Parsed { tree: Tree::default(), tokens: Vec::new(), comments: Vec::new() };
    }
    let lexed = lex(text, report);
    let mut parser = Parser { text, tokens: lexed.tokens, at: 0, depth: 0, report };
    let mut tree = Tree::default();
    while parser.peek().kind != Kind::End {
        let before = parser.at;
        match parser.item() {
            Ok(item) => tree.items.push(item),
            Err(Wrong) => parser.recover(before, ITEMS, false),
        }
    }
    Parsed { tree, tokens: parser.tokens, comments: lexed.comments }
}

impl<'a> Parser<'a, '_> {
    pub(super) fn peek(&self) -> Token {
        let end = Token { kind: Kind::End, span: Span::new(self.text.len(), self.text.len()), first: true };
        self.tokens.get(self.at).copied().unwrap_or(end)
    }

    /// The token `by` places after the next.
    pub(super) fn ahead(&self, by: usize) -> Option<Token> {
        self.tokens.get(self.at + by).copied()
    }

    pub(super) fn word(&self) -> Option<&'a str> {
        let token = self.peek();
        (token.kind == Kind::Word).then(|| token.span.of(self.text))
    }

    pub(super) fn take(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    /// The end of the last token taken.
    pub(super) fn end_of_last(&self) -> Span {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or(Span::default(), |token| token.span)
    }

    pub(super) fn wrong<T>(&mut self, wanted: &str) -> Read<T> {
        let token = self.peek();
        let found = match token.kind {
            Kind::End => "the end of the file".to_owned(),
            _ => format!("`{}`", token.span.of(self.text).chars().take(40).collect::<String>()),
        };
        self.report.push(Diagnostic::error(
            "syntax",
            token.span,
            format!("expected {wanted}, found {found}"),
        ));
        Err(Wrong)
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        matches!(self.peek().kind, Kind::Mark(found) if found == mark)
    }

    pub(super) fn eat_mark(&mut self, mark: &str) -> bool {
        let found = self.is_mark(mark);
        self.at += usize::from(found);
        found
    }

    pub(super) fn mark(&mut self, mark: &str) -> Read<()> {
        if self.eat_mark(mark) { Ok(()) } else { self.wrong(&format!("`{mark}`")) }
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word() == Some(word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn name(&mut self, wanted: &str) -> Read<Name<'a>> {
        match self.word() {
            Some(text) if !self.item_follows() => Ok(Name { text, span: self.take().span }),
            _ => self.wrong(wanted),
        }
    }

    pub(super) fn quoted(&mut self, wanted: &str) -> Read<Text<'a>> {
        let token = self.peek();
        if token.kind != Kind::Text {
            return self.wrong(wanted);
        }
        self.at += 1;
        let value = decode(token.span.of(self.text), token.span, self.report);
        Ok(Text { value, span: token.span })
    }

    /// A number with an optional sign.
    pub(super) fn number(&mut self, wanted: &str) -> Read<Number> {
        let start = self.peek().span;
        let negative = self.eat_mark("-");
        let token = self.peek();
        if token.kind != Kind::Number {
            return self.wrong(wanted);
        }
        self.at += 1;
        let value = self.value_of(token.span);
        Ok(Number { value: if negative { -value } else { value }, span: start.to(token.span) })
    }

    /// The value of a number token; one out of range is reported.
    pub(super) fn value_of(&mut self, span: Span) -> f64 {
        let digits: String = span.of(self.text).chars().filter(|c| *c != '_').collect();
        let value = digits.parse().unwrap_or(f64::INFINITY);
        if value <= limits::MAX_NUMBER {
            return value;
        }
        let message = format!("the number is larger than {:e}", limits::MAX_NUMBER);
        self.report.push(Diagnostic::error("range", span, message));
        0.0
    }

    /// `["a", "b"]`; a comma may end the list.
    pub(super) fn list(&mut self) -> Read<(Vec<Text<'a>>, Span)> {
        let start = self.peek().span;
        self.mark("[")?;
        let mut items = Vec::new();
        while !self.is_mark("]") {
            items.push(self.quoted("a text in quotes, or `]`")?);
            if !self.eat_mark(",") && !self.is_mark("]") {
                return self.wrong("`,` or `]`");
            }
        }
        let span = start.to(self.take().span);
        if items.len() > limits::MAX_LIST {
            let message =
                format!("the list has {} texts; at most {} are allowed", items.len(), limits::MAX_LIST);
            self.report.push(Diagnostic::error("too-many", span, message));
            items.truncate(limits::MAX_LIST);
        }
        Ok((items, span))
    }

    pub(super) fn literal(&mut self) -> Read<Literal<'a>> {
        if self.item_follows() {
            return self.wrong("a value");
        }
        Ok(match self.peek().kind {
            Kind::Text => Literal::Text(self.quoted("a text")?),
            Kind::Word => Literal::Word(self.name("a word")?),
            Kind::Mark("[") => {
                let (items, span) = self.list()?;
                Literal::List(items, span)
            }
            _ => Literal::Number(self.number("a value: a text, a number, a word or a list")?),
        })
    }

    /// Whether the next token starts a declaration on a new line, so that something is missing before it.
    pub(super) fn item_follows(&self) -> bool {
        self.peek().first && self.word().is_some_and(|word| ITEMS.contains(&word) || self.guard_follows())
    }

    /// `name value` pairs, until a token that is no name or starts something else on a new line.
    pub(super) fn arguments(&mut self, stop: &[&str]) -> Read<Vec<Argument<'a>>> {
        let mut arguments = Vec::new();
        while let Some(word) = self.word() {
            if self.peek().first && (stop.contains(&word) || self.guard_follows()) {
                break;
            }
            let name = self.name("a parameter")?;
            arguments.push(Argument { name, value: self.literal()? });
        }
        Ok(arguments)
    }

    fn item(&mut self) -> Read<Item<'a>> {
        let start = self.peek().span;
        let kind = match self.word() {
            Some("policy") => {
                self.take();
                ItemKind::Policy(self.quoted("the policy's name in quotes")?)
            }
            Some("signal") => self.signal()?,
            Some("order") => self.order()?,
            Some("virtual") => {
                self.take();
                let (names, span) = self.list()?;
                ItemKind::Virtual(names, span)
            }
            Some("global") => {
                self.take();
                if !self.eat_word("output") {
                    return self.wrong("`output`, which is what holds for every route");
                }
                let (act, signal) = self.output()?;
                ItemKind::Output(act, signal)
            }
            Some(word @ ("score" | "sum")) => self.score(word)?,
            Some("flag") => self.flag()?,
            Some("band") => self.band()?,
            Some("group") => self.group()?,
            Some("route") => {
                self.take();
                let name = self.name("the route's name")?;
                let options = self.arguments(ITEMS)?;
                let (body, whole) = self.body()?;
                ItemKind::Route(RouteDecl { name, options, body, whole })
            }
            Some(text @ "default") => {
                let name = Name { text, span: self.take().span };
                let (body, whole) = self.body()?;
                ItemKind::Default(RouteDecl { name, options: Vec::new(), body, whole })
            }
            Some("tests") => self.tests()?,
            Some(word) if GOVERN.contains(&word) => self.guard(word)?,
            Some(word) => return self.unknown_word(word, &[ITEMS, GOVERN].concat(), "declaration"),
            None => {
                return self
                    .wrong("a declaration such as signal, score, band, group, route, default or tests");
            }
        };
        Ok(Item { kind, span: start.to(self.end_of_last()) })
    }

    pub(super) fn unknown_word<T>(&mut self, word: &str, known: &[&'static str], what: &str) -> Read<T> {
        let shown: String = word.chars().take(40).collect();
        let found = Diagnostic::error("syntax", self.peek().span, format!("`{shown}` starts no {what}"));
        let one_of = || Some(format!("expected one of {}", known.join(", ")));
        self.report.push(found.meant(nearest(word, known.iter().copied()), one_of));
        Err(Wrong)
    }

    fn tests(&mut self) -> Read<ItemKind<'a>> {
        self.take();
        self.mark("{")?;
        let mut tests = Vec::new();
        while !self.is_mark("}") && self.peek().kind != Kind::End {
            let before = self.at;
            match self.test() {
                Ok(test) => tests.push(test),
                Err(Wrong) => self.recover_test(before),
            }
        }
        self.mark("}")?;
        Ok(ItemKind::Tests(tests))
    }

    fn test(&mut self) -> Read<TestDecl<'a>> {
        let start = self.peek().span;
        let fields = if self.eat_mark("{") {
            let fields = self.arguments(&[])?;
            self.mark("}")?;
            fields
        } else {
            let text = self.quoted("a test: \"text\" -> route, or { text \"...\" } -> route")?;
            vec![Argument { name: Name { text: "text", span: text.span }, value: Literal::Text(text) }]
        };
        self.mark("->")?;
        let expect = self.name("a route's name, default or rejected")?;
        let mut test = TestDecl { fields, expect, models: None, tools: None, refused: None, span: start };
        loop {
            match self.word() {
                Some("models") => {
                    self.take();
                    test.models = Some(self.list()?.0);
                }
                Some("tools") => {
                    self.take();
                    test.tools = Some(self.list()?.0);
                }
                Some("refused") => {
                    self.take();
                    test.refused = Some(self.quoted("the guard in quotes, such as \"data personal\"")?);
                }
                _ => break,
            }
        }
        Ok(TestDecl { span: start.to(self.end_of_last()), ..test })
    }

    /// Skips to the next line that can start a test.
    fn recover_test(&mut self, before: usize) {
        self.at = self.at.max(before + 1);
        loop {
            let token = self.peek();
            let starts = matches!(token.kind, Kind::Text | Kind::Mark("{" | "}")) && token.first;
            if token.kind == Kind::End || starts || self.item_follows() {
                return;
            }
            self.take();
        }
    }

    /// Skips to a word of `starts` (or of [`ITEMS`]) at the start of a line; with `braces` also to the closing brace of
    /// the body, past those that the skipped part opened.
    pub(super) fn recover(&mut self, before: usize, starts: &[&str], braces: bool) {
        self.depth = 0;
        if self.at == before {
            self.take();
        }
        let skipped = self.tokens.get(before..self.at).unwrap_or_default();
        let count = |mark| skipped.iter().filter(|token| token.kind == Kind::Mark(mark)).count();
        let mut open = count("{").saturating_sub(count("}"));
        loop {
            let token = self.peek();
            let starts = (token.first && self.word().is_some_and(|word| starts.contains(&word)))
                || self.item_follows();
            if token.kind == Kind::End || starts {
                return;
            }
            match token.kind {
                Kind::Mark("{") => open += 1,
                Kind::Mark("}") if braces && open == 0 => return,
                Kind::Mark("}") => open = open.saturating_sub(1),
                _ => {}
            }
            self.take();
        }
    }

    pub(super) const fn position(&self) -> usize {
        self.at
    }
}
