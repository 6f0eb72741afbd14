//! The formatter: canonical layout from the tokens, comments kept.
//!
//! The layout is a function of the tokens, of where comments stand and of single blank lines; never of the line
//! breaks that were written. So formatting is idempotent, and the formatted text has the same tokens.

use super::body::STATEMENTS;
use super::parser::parse;
use super::token::{Comment, Kind, Token};
use super::tree::{ItemKind, Tree};
use crate::text::diagnostic::Report;

/// Lines are broken after a comma or before `and` / `or` once they are longer than this.
const WIDTH: usize = 110;

/// Where a line must begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// A declaration or the closing brace of one.
    Item,
    /// A statement or a test.
    Inner,
}

/// Formats `text`, or answers what keeps it from parsing.
pub(crate) fn format(text: &str) -> Result<String, Report> {
    let mut report = Report::default();
    let parsed = parse(text, &mut report);
    if !report.is_ok() {
        return Err(report);
    }
    let starts = starts(&parsed.tree, &parsed.tokens, text);
    let mut writer = Writer {
        text,
        out: String::with_capacity(text.len()),
        column: 0,
        fresh: true,
        round: 0,
        last_end: 0,
    };
    let mut comments = parsed.comments.iter().peekable();
    let mut starts = starts.iter().peekable();
    let mut indent = 0;
    let mut last: Option<Token> = None;
    for token in &parsed.tokens {
        let at = token.span.start;
        let start = starts.next_if(|(offset, _)| *offset == at).map(|(_, start)| *start);
        // Comments stand before the token at the indent of the line they introduce.
        let inside = if start == Some(Start::Item) && !is(token, text, "}") { 0 } else { indent };
        while let Some(comment) = comments.next_if(|comment| comment.span.start < at) {
            writer.comment(comment, inside, start.is_none() && token.kind != Kind::End && last.is_some());
        }
        if token.kind == Kind::End {
            break;
        }
        match start {
            Some(Start::Item) => indent = 0,
            Some(Start::Inner) => indent = 1,
            None => {}
        }
        writer.token(token, last.as_ref(), start, indent);
        last = Some(*token);
        if is(token, text, "{")
            && starts.peek().is_some_and(|(_, next)| *next == Start::Inner)
            && start.is_none()
        {
            indent = indent.max(1);
        }
    }
    writer.end_line();
    Ok(writer.out)
}

fn is(token: &Token, text: &str, mark: &str) -> bool {
    token.span.of(text) == mark
}

/// Byte offsets of the tokens that begin a line.
fn starts(tree: &Tree<'_>, tokens: &[Token], text: &str) -> Vec<(u32, Start)> {
    let mut starts = Vec::new();
    for item in &tree.items {
        starts.push((item.span.start, Start::Item));
        match &item.kind {
            ItemKind::Route(route) | ItemKind::Default(route) => {
                starts.extend(route.body.iter().map(|statement| (statement.span.start, Start::Inner)));
            }
            ItemKind::Guard(guard) => {
                starts.extend(guard.body.iter().map(|right| (right.span.start, Start::Inner)));
            }
            ItemKind::Tests(tests) => starts.extend(tests.iter().map(|test| (test.span.start, Start::Inner))),
            _ => continue,
        }
        // The item ends with its closing brace, which begins a line unless the braces are empty.
        let closing = item.span.end.saturating_sub(1);
        let after = tokens.partition_point(|token| token.span.start < closing);
        let before = after.checked_sub(1).and_then(|at| tokens.get(at));
        if before.is_some_and(|token| !is(token, text, "{")) {
            starts.push((closing, Start::Item));
        }
    }
    debug_assert!(STATEMENTS.len() == 13, "the layout knows every statement by its span");
    starts
}

struct Writer<'a> {
    text: &'a str,
    out: String,
    column: usize,
    /// Nothing is on the current line yet.
    fresh: bool,
    /// Open round brackets; a call is not broken at its commas.
    round: usize,
    /// Where the last token or comment ended in the original text.
    last_end: u32,
}

impl Writer<'_> {
    fn end_line(&mut self) {
        if !self.fresh {
            self.out.push('\n');
            (self.column, self.fresh) = (0, true);
        }
    }

    /// Keeps one blank line where the original has one or more.
    fn blank_line(&mut self, next: u32) {
        let between = self.text.get(self.last_end as usize..next as usize).unwrap_or_default();
        if between.matches('\n').count() > 1 && !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn put(&mut self, text: &str, indent: usize) {
        if self.fresh {
            self.out.push_str(&"  ".repeat(indent));
            self.column = indent * 2;
        }
        self.out.push_str(text);
        self.column += text.chars().count();
        self.fresh = false;
    }

    fn comment(&mut self, comment: &Comment, indent: usize, inside: bool) {
        if comment.own_line {
            self.end_line();
            self.blank_line(comment.span.start);
            self.put(comment.span.of(self.text), indent + usize::from(inside));
        } else {
            self.out.push_str("  ");
            self.out.push_str(comment.span.of(self.text));
            self.fresh = false;
        }
        self.last_end = comment.span.end;
        self.end_line();
    }

    fn token(&mut self, token: &Token, last: Option<&Token>, start: Option<Start>, indent: usize) {
        let word = token.span.of(self.text);
        if start.is_some() {
            self.end_line();
            self.blank_line(token.span.start);
            self.put(word, indent);
        } else {
            let space = last.is_some_and(|last| self.spaced(last, token));
            let comma = self.round == 0 && last.is_some_and(|last| is(last, self.text, ","));
            let breakable = comma || matches!(word, "and" | "or");
            if breakable && self.column + 1 + word.chars().count() > WIDTH {
                self.end_line();
            }
            if space && !self.fresh {
                self.put(" ", 0);
            }
            self.put(word, indent + 1);
        }
        match word {
            "(" => self.round += 1,
            ")" => self.round = self.round.saturating_sub(1),
            _ => {}
        }
        self.last_end = token.span.end;
    }

    fn spaced(&self, last: &Token, token: &Token) -> bool {
        let (left, right) = (last.span.of(self.text), token.span.of(self.text));
        let call = last.kind == Kind::Word
            && right == "("
            && !matches!(left, "and" | "or" | "not" | "when" | "given");
        // A minus that was written at its number is a sign.
        let sign = left == "-" && last.span.end == token.span.start && {
            let before = self.text.get(..last.span.start as usize).unwrap_or_default();
            before.ends_with([' ', '\t', '\n', '(', ','])
        };
        !matches!(right, "," | ")" | "]") && !matches!(left, "(" | "[") && !call && !sign
    }
}
