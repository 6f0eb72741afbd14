//! What the compiler says about a text, and the printer that shows it with its line.
//!
//! Invariant: a report holds at most [`limits::MAX_DIAGNOSTICS`] diagnostics and an excerpt at most
//! [`EXCERPT`] characters of a line, so a report is small whatever the input.
//!
//! ```
//! let report = tollgate_policy::diagnose("default { models { \"a\" } pol \"x\" }", &tollgate_policy::Known::any());
//! assert!(report.render("p.tollgate", "default { models { \"a\" } pol \"x\" }").contains("did you mean `pool`"));
//! ```

use super::span::{Lines, Position, Span};
use crate::limits;
use serde::Serialize;
use std::fmt::Write as _;

/// Most characters of a source line that are shown.
const EXCERPT: usize = 120;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The policy cannot be used.
    Error,
    /// It can, but something is likely not meant.
    Warning,
    /// It can, and something is worth knowing.
    Note,
}

/// A second place that explains the first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub message: String,
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for the kind of finding, such as `unknown-name`.
    pub code: &'static str,
    /// What is wrong, lower case.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Other places that matter.
    pub labels: Vec<Label>,
    /// How to put it right.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub(crate) fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, code, message, span, labels: Vec::new(), help: None }
    }

    /// A warning at `span`.
    pub(crate) fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// The same, with a way to put it right.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with "did you mean" when there is a likely word.
    pub(crate) fn meant(self, word: Option<&str>, otherwise: impl FnOnce() -> Option<String>) -> Self {
        match word {
            Some(word) => self.help(format!("did you mean `{word}`?")),
            None => match otherwise() {
                Some(help) => self.help(help),
                None => self,
            },
        }
    }

    /// The same, with a second place.
    pub(crate) fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }
}

/// Everything the compiler found, in order of place.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Report {
    /// The findings that were kept.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there were.
    pub left_out: usize,
    errors: usize,
}

impl Report {
    /// Adds a finding, or only counts it when the report is full. Errors push warnings out.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let is_error = diagnostic.severity == Severity::Error;
        self.errors += usize::from(is_error);
        if self.diagnostics.len() < limits::MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
            return;
        }
        self.left_out += 1;
        let warning = self.diagnostics.iter().rposition(|held| held.severity != Severity::Error);
        if let (true, Some(at)) = (is_error, warning)
            && let Some(slot) = self.diagnostics.get_mut(at)
        {
            *slot = diagnostic;
        }
    }

    /// Sorts by place; the order of findings at one place stays.
    pub(crate) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|found| found.span.start);
    }

    /// How many errors were found, kept or not.
    #[must_use]
    pub const fn errors(&self) -> usize {
        self.errors
    }

    /// Whether the text can be used.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.errors == 0
    }

    /// The report as text, each finding with file, line, column, the line and a caret.
    #[must_use]
    pub fn render(&self, file: &str, text: &str) -> String {
        let lines = Lines::new(text);
        let mut out = String::new();
        for found in &self.diagnostics {
            let word = match found.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            let _ = writeln!(out, "{word}[{}]: {}", found.code, found.message);
            excerpt(&mut out, &lines, file, found.span, "");
            for label in &found.labels {
                excerpt(&mut out, &lines, file, label.span, &label.message);
            }
            if let Some(help) = &found.help {
                let _ = writeln!(out, "  = help: {help}");
            }
            out.push('\n');
        }
        if self.left_out > 0 {
            let _ = writeln!(out, "and {} more", self.left_out);
        }
        out
    }

    /// The report as JSON for an editor: every finding with start and end as line and column.
    #[must_use]
    pub fn to_json(&self, text: &str) -> serde_json::Value {
        let lines = Lines::new(text);
        let range = |span: Span| {
            let (start, end): (Position, Position) = (lines.position(span.start), lines.position(span.end));
            serde_json::json!({ "start": start, "end": end, "bytes": span })
        };
        let findings: Vec<_> = self
            .diagnostics
            .iter()
            .map(|found| {
                let labels: Vec<_> = found
                    .labels
                    .iter()
                    .map(|label| serde_json::json!({ "range": range(label.span), "message": label.message }))
                    .collect();
                serde_json::json!({
                    "severity": found.severity, "code": found.code, "message": found.message,
                    "range": range(found.span), "labels": labels, "help": found.help,
                })
            })
            .collect();
        serde_json::json!({ "errors": self.errors, "left_out": self.left_out, "diagnostics": findings })
    }
}

/// Writes one place: the arrow line, the source line and the carets.
fn excerpt(out: &mut String, lines: &Lines<'_>, file: &str, span: Span, message: &str) {
    let (start, end) = (lines.position(span.start), lines.position(span.end));
    let number = start.line.to_string();
    let gutter = " ".repeat(number.len());
    let arrow = if message.is_empty() { "-->" } else { ":::" };
    let _ = writeln!(out, "{gutter} {arrow} {file}:{}:{}", start.line, start.column);
    let line = lines.line(start.line);
    let column = (start.column as usize).saturating_sub(1);
    // A long line is shown as a window that starts a little before the caret.
    let from = if line.len() > EXCERPT { column.saturating_sub(EXCERPT / 3) } else { 0 };
    // A tab is one column in an editor's count but many on a screen.
    let shown: String =
        line.chars().skip(from).take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let last = if end.line == start.line { end.column as usize - 1 } else { from + shown.chars().count() };
    let carets = last.saturating_sub(column).clamp(1, EXCERPT);
    let _ = writeln!(out, "{gutter} |\n{number} | {shown}");
    let pad = " ".repeat(column - from.min(column));
    let tail = if message.is_empty() { String::new() } else { format!(" {message}") };
    let _ = writeln!(out, "{gutter} | {pad}{}{tail}", "^".repeat(carets));
}
