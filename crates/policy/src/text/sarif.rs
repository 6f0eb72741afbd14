//! A report as SARIF 2.1.0 (OASIS), the format that code hosts and editors read findings in.

use super::diagnostic::{Report, Severity};
use super::span::{Lines, Span};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl Report {
    /// The report on `text`, which came from `file`, as one SARIF run of the tool `tollgate` of this `version`.
    /// `help` says what a code means, in a sentence.
    #[must_use]
    pub fn to_sarif(
        &self,
        file: &str,
        text: &str,
        version: &str,
        help: impl Fn(&str) -> Option<&'static str>,
    ) -> Value {
        let lines = Lines::new(text);
        let place = |span: Span| {
            let (start, end) = (lines.position(span.start), lines.position(span.end));
            json!({
                "artifactLocation": { "uri": uri(file) },
                "region": {
                    "startLine": start.line, "startColumn": start.column,
                    "endLine": end.line, "endColumn": end.column,
                },
            })
        };
        let codes: BTreeMap<&str, usize> = self
            .diagnostics
            .iter()
            .map(|found| found.code)
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .zip(0..)
            .collect();
        let rules: Vec<Value> = codes
            .keys()
            .map(|code| json!({ "id": code, "shortDescription": { "text": help(code).unwrap_or(code) } }))
            .collect();
        let results: Vec<Value> = self
            .diagnostics
            .iter()
            .map(|found| {
                let mut message = found.message.clone();
                if let Some(help) = &found.help {
                    let _ = write!(message, "\n{}", help.replace("\n  = ", "\n"));
                }
                let related: Vec<Value> = (1..)
                    .zip(&found.labels)
                    .map(|(id, label)| json!({ "id": id, "message": { "text": label.message }, "physicalLocation": place(label.span) }))
                    .collect();
                json!({
                    "ruleId": found.code,
                    "ruleIndex": codes.get(found.code),
                    "level": level(found.severity),
                    "message": { "text": message },
                    "locations": [{ "physicalLocation": place(found.span) }],
                    "relatedLocations": related,
                })
            })
            .collect();
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": { "name": "tollgate", "version": version, "rules": rules } },
                "columnKind": "unicodeCodePoints",
                "results": results,
            }],
        })
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// A file's name as a URI reference: what may not stand in one is written as percent and two digits.
fn uri(file: &str) -> String {
    let mut out = String::new();
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
