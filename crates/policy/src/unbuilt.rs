//! Signals that compile as text and cannot be built: a regular expression that is none, a list that is too long.
//!
//! What builds signals knows no text; it names the signal and the parameter, and the place is found here.

use crate::syntax::parse;
use crate::syntax::tree::ItemKind;
use crate::text::diagnostic::{Diagnostic, Report};
use crate::text::span::Span;

/// Adds to a text's report that `signal` cannot be built for its parameter `param`, and why: an error at the parameter's
/// value; at the signal's name where it is not written.
pub fn report_unbuilt(report: &mut Report, text: &str, signal: &str, param: &str, why: &str) {
    let message = format!("`{signal}` cannot be built: `{param}`: {why}");
    report.push(Diagnostic::error("unbuilt-signal", place(text, signal, param), message));
    report.sort();
}

fn place(text: &str, signal: &str, param: &str) -> Span {
    let parsed = parse(text, &mut Report::default());
    let declared = parsed.tree.items.iter().find_map(|item| match &item.kind {
        ItemKind::Signal(found) if found.name.text == signal => Some(found),
        _ => None,
    });
    let Some(declared) = declared else { return Span::default() };
    let argument = declared.arguments.iter().find(|argument| argument.name.text == param);
    argument.map_or(declared.name.span, |argument| argument.value.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_the_value_the_name_or_none() {
        let text = "signal a = keyword any [\"(x\"] method regex\nroute r { when a models { \"m\" } }\ndefault { models { \"d\" } }";
        for (signal, param, want) in
            [("a", "any", "[\"(x\"]"), ("a", "method", "regex"), ("a", "all", "a"), ("tokens", "any", "")]
        {
            let mut report = Report::default();
            report_unbuilt(&mut report, text, signal, param, "no");
            assert!(!report.is_ok());
            let said: Vec<&str> = report.diagnostics.iter().map(|found| found.span.of(text)).collect();
            assert_eq!(said, [want], "{signal} {param}");
        }
    }
}
