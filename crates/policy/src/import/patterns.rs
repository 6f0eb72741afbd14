//! Regular expressions of RE2, as the incumbents take them, to those of the signals.
//!
//! `\b`, `\w`, `\d` and `\s` know only ASCII there and all of Unicode here, so each is written out; the rest of the
//! syntax is the same. What the signals would not build is refused here, where it can be told of.
//!
//! Invariant: all that was taken builds together, within the bounds of one scope.

use regex_syntax::ast::{self, AssertionKind, Ast, ClassPerl, ClassPerlKind, ClassSetItem, Span, Visitor};
use std::collections::BTreeSet;
use std::convert::Infallible;
use thiserror::Error;
use tollgate_core::signal::{REGEX_BYTES, REGEX_NEST, REGEX_SET_BYTES, REGEXES};

/// Most compiled size of all of them; what is counted per expression is a bound and not the size, so this is not too near.
const MAX_SIZE: usize = REGEX_SET_BYTES / 4 * 3;

/// Why an expression is not taken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum Refused {
    /// It is no expression.
    #[error("{0}")]
    Syntax(String),
    /// It is larger than one may be.
    #[error("compiled it is too large: {0}")]
    Large(String),
    /// There are too many.
    #[error("the file has more, or larger, expressions than one scope of a policy can have")]
    Many,
}

/// The expressions of a file so far.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    known: BTreeSet<(String, bool)>,
    size: usize,
}

impl Patterns {
    /// The expression as the signals read it; `case` says whether letter case counts.
    ///
    /// # Errors
    /// [`Refused`] when it is no expression, or more than the signals would build.
    pub(crate) fn take(&mut self, text: &str, case: bool) -> Result<String, Refused> {
        let pattern = ascii(text).map_err(|error| Refused::Syntax(last_line(&error.to_string())))?;
        let held = (pattern, case);
        if self.known.contains(&held) {
            return Ok(held.0);
        }
        let size = size(&held.0, case).map_err(|error| Refused::Large(last_line(&error.to_string())))?;
        if self.known.len() >= REGEXES || self.size + size > MAX_SIZE {
            return Err(Refused::Many);
        }
        self.size += size;
        let pattern = held.0.clone();
        self.known.insert(held);
        Ok(pattern)
    }
}

/// A bound on the compiled size, in bytes, within a factor of four.
fn size(pattern: &str, case: bool) -> Result<usize, regex::Error> {
    let mut limit = REGEX_BYTES >> 8;
    loop {
        let built = regex::RegexBuilder::new(pattern)
            .case_insensitive(!case)
            .size_limit(limit)
            .nest_limit(REGEX_NEST)
            .build();
        match built {
            Ok(_) => return Ok(limit),
            Err(error) if limit >= REGEX_BYTES => return Err(error),
            Err(_) => limit *= 4,
        }
    }
}

fn last_line(why: &str) -> String {
    why.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

/// The expression with its classes and word boundaries written for ASCII.
fn ascii(text: &str) -> Result<String, Box<ast::Error>> {
    let tree = ast::parse::Parser::new().parse(text)?;
    let Ok(edits) = ast::visit(&tree, Edits::default());
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (span, written) in edits {
        out.push_str(text.get(from..span.start.offset).unwrap_or_default());
        out.push_str(written);
        from = span.end.offset;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out)
}

/// What is written in place of which part, in the order of the text.
#[derive(Default)]
struct Edits(Vec<(Span, &'static str)>);

impl Edits {
    fn class(&mut self, class: &ClassPerl) {
        // White space has no vertical tab in RE2.
        let written = match (&class.kind, class.negated) {
            (ClassPerlKind::Digit, false) => "[0-9]",
            (ClassPerlKind::Digit, true) => "[^0-9]",
            (ClassPerlKind::Space, false) => r"[\t\n\f\r\x20]",
            (ClassPerlKind::Space, true) => r"[^\t\n\f\r\x20]",
            (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
        };
        self.0.push((class.span, written));
    }
}

impl Visitor for Edits {
    type Output = Vec<(Span, &'static str)>;
    type Err = Infallible;

    fn finish(self) -> Result<Self::Output, Infallible> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Infallible> {
        match ast {
            Ast::ClassPerl(class) => self.class(class),
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::WordBoundary => self.0.push((assertion.span, r"(?-u:\b)")),
                AssertionKind::NotWordBoundary => self.0.push((assertion.span, r"(?-u:\B)")),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Infallible> {
        if let ClassSetItem::Perl(class) = item {
            self.class(class);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_boundaries_are_those_of_ascii() {
        for (text, written) in [
            (r"\btranslate\b", r"(?-u:\b)translate(?-u:\b)"),
            (r"[\w-]+\d{2}", r"[[0-9A-Za-z_]-]+[0-9]{2}"),
            (r"[^\W\s]", r"[^[^0-9A-Za-z_][\t\n\f\r\x20]]"),
            (r"\\b\pL[[:alpha:]]", r"\\b\pL[[:alpha:]]"),
            (r"法\d|(?i)x\B", r"法[0-9]|(?i)x(?-u:\B)"),
        ] {
            assert_eq!(ascii(text).unwrap(), written);
            assert_eq!(Patterns::default().take(text, false).as_deref(), Ok(written));
        }
    }
}
