//! The lexer: text to tokens and comments.
//!
//! Words, numbers (`4_000`, `0.5`), strings (`"with \n escapes"` or `'raw'`, each on one line), marks, and comments
//! from `#` to the end of the line. Invariant: one pass, each byte looked at a bounded number of times.

use crate::text::diagnostic::{Diagnostic, Report};
use crate::text::span::Span;
use std::borrow::Cow;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A name or keyword.
    Word,
    /// A number.
    Number,
    /// A string with its quotes.
    Text,
    /// A mark such as `{` or `>=`.
    Mark(&'static str),
    /// The end of the text.
    End,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where.
    pub(crate) span: Span,
    /// Whether it is the first token on its line.
    pub(crate) first: bool,
}

/// A comment, `#` included, line break excluded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comment {
    /// Where.
    pub(crate) span: Span,
    /// Whether it stands alone on its line.
    pub(crate) own_line: bool,
}

/// A text as tokens, ending with [`Kind::End`].
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
}

/// Longer marks first, so that `>=` is not read as `>` and `=`.
const MARKS: &[&str] =
    &["->", "==", "!=", "<=", ">=", "{", "}", "(", ")", "[", "]", ",", "=", "<", ">", "+", "-", "*", "/"];

/// Splits `text` into tokens; unknown characters are reported and left out.
pub(crate) fn lex(text: &str, report: &mut Report) -> Lexed {
    let mut lexed = Lexed { tokens: Vec::with_capacity(text.len() / 5 + 1), comments: Vec::new() };
    let (mut at, mut first) = (0, true);
    while let Some(rest) = text.get(at..)
        && let Some(byte) = rest.bytes().next()
    {
        let (kind, length) = match byte {
            b'\n' => {
                (at, first) = (at + 1, true);
                continue;
            }
            b' ' | b'\t' | b'\r' => {
                at += 1;
                continue;
            }
            b'#' => {
                let length = rest.find('\n').unwrap_or(rest.len());
                let length = rest.get(..length).map_or(length, |line| line.trim_end().len());
                lexed.comments.push(Comment { span: Span::new(at, at + length), own_line: first });
                at += length;
                continue;
            }
            b'"' | b'\'' => (Kind::Text, text_length(rest, byte, at, report)),
            b'0'..=b'9' => (Kind::Number, number_length(rest)),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                (Kind::Word, run(rest, |b| b.is_ascii_alphanumeric() || b == b'_'))
            }
            _ => match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
                Some(mark) => (Kind::Mark(mark), mark.len()),
                None => {
                    at += skip_unknown(rest, at, report);
                    continue;
                }
            },
        };
        lexed.tokens.push(Token { kind, span: Span::new(at, at + length), first });
        (at, first) = (at + length, false);
    }
    lexed.tokens.push(Token { kind: Kind::End, span: Span::new(text.len(), text.len()), first: true });
    lexed
}

fn run(rest: &str, keep: impl Fn(u8) -> bool) -> usize {
    rest.bytes().position(|byte| !keep(byte)).unwrap_or(rest.len())
}

/// Digits with `_` between, then at most one fraction.
fn number_length(rest: &str) -> usize {
    let digits = |part: &str| run(part, |b| b.is_ascii_digit() || b == b'_');
    let whole = digits(rest);
    match rest.get(whole..).and_then(|tail| tail.strip_prefix('.')) {
        Some(tail) if tail.starts_with(|c: char| c.is_ascii_digit()) => whole + 1 + digits(tail),
        _ => whole,
    }
}

/// Length of a string with its quotes; one that its line does not close ends with the line.
fn text_length(rest: &str, quote: u8, at: usize, report: &mut Report) -> usize {
    let mut escaped = false;
    for (offset, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => return unclosed(at, offset, report),
            _ if escaped => escaped = false,
            b'\\' if quote == b'"' => escaped = true,
            _ if byte == quote => return offset + 1,
            _ => {}
        }
    }
    unclosed(at, rest.len(), report)
}

fn unclosed(at: usize, length: usize, report: &mut Report) -> usize {
    let message = "the string is not closed on its line";
    let help = "end it with the quote it began with; write \\n for a line break";
    report.push(Diagnostic::error("unclosed-text", Span::new(at, at + length), message).help(help));
    length
}

/// Reports a run of characters that no token starts with.
fn skip_unknown(rest: &str, at: usize, report: &mut Report) -> usize {
    let known = |c: char| c.is_ascii_alphanumeric() || "\"'_#{}()[],=<>+-*/\n \t\r".contains(c);
    let length = rest.char_indices().skip(1).find(|(_, c)| known(*c)).map_or(rest.len(), |(i, _)| i);
    let shown: String = rest.chars().take(1).collect();
    let found = Diagnostic::error(
        "unknown-character",
        Span::new(at, at + length),
        format!("{shown:?} has no meaning here"),
    );
    report.push(found.help("texts stand in quotes, comments after #"));
    length
}

/// The value of a string token; wrong escapes are reported and kept as written.
pub(crate) fn decode<'a>(raw: &'a str, span: Span, report: &mut Report) -> Cow<'a, str> {
    let quote = raw.chars().next().unwrap_or('"');
    let inner = raw.strip_prefix(quote).unwrap_or(raw);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    if quote == '\'' || !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some(same @ ('"' | '\\' | '\'')) => out.push(same),
            other => {
                let what = other.map(String::from).unwrap_or_default();
                let found = Diagnostic::error("unknown-escape", span, format!("there is no escape \\{what}"));
                report.push(found.help("use \\n \\t \\r \\\" \\\\, or a raw string in single quotes"));
                out.push('\\');
                out.push_str(&what);
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> (Vec<String>, usize) {
        let mut report = Report::default();
        let lexed = lex(text, &mut report);
        (lexed.tokens.iter().map(|t| t.span.of(text).to_owned()).collect(), report.errors())
    }

    #[test]
    fn splits_words_numbers_texts_and_marks() {
        let (tokens, errors) = kinds("a>=4_000.5 'r\\' \"q\\\"\" -> x # rest\n1.x");
        assert_eq!(tokens, ["a", ">=", "4_000.5", "'r\\'", "\"q\\\"\"", "->", "x", "1", "x", ""]);
        assert_eq!(errors, 1, "the dot of 1.x");
    }

    #[test]
    fn texts_decode() {
        let mut report = Report::default();
        assert_eq!(decode("\"a\\n\\\"b\"", Span::default(), &mut report), "a\n\"b");
        assert_eq!(decode("'\\b'", Span::default(), &mut report), "\\b");
        assert!(report.is_ok());
        assert_eq!(decode("\"\\q\"", Span::default(), &mut report), "\\q");
        assert_eq!(report.errors(), 1);
    }

    #[test]
    fn unclosed_texts_end_with_their_line() {
        let (tokens, errors) = kinds("\"abc\ndef");
        assert_eq!((tokens.len(), errors), (3, 1));
    }
}
