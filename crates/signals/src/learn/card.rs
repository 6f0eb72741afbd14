//! A head's card: what it tells, what it was trained on, and how good it is, as Markdown.

use super::{Interval, Quality};
use crate::head::{Head, HeadError};
use std::fmt::Write as _;

/// What a card says beside the head itself.
#[derive(Debug, Default)]
pub struct Sheet<'a> {
    /// What the head tells, in a sentence.
    pub purpose: &'a str,
    /// How to make it again.
    pub command: &'a str,
    /// A set and its licence.
    pub sets: &'a [(String, String)],
    /// What was judged, and how it came out.
    pub judged: &'a [(String, Quality)],
    /// Figures of their own: name and text.
    pub notes: &'a [(String, String)],
    /// Where it may not be trusted.
    pub limits: &'a [String],
}

fn with_range(figure: Interval) -> String {
    if figure.low == figure.high {
        return format!("{:.3}", figure.value);
    }
    format!("{:.3} ({:.3} to {:.3})", figure.value, figure.low, figure.high)
}

/// The card of a head.
///
/// # Errors
/// As [`Head::to_bytes`].
pub fn card(head: &Head, sheet: &Sheet<'_>) -> Result<String, HeadError> {
    let mut out = String::new();
    let about = head.card();
    let _ = writeln!(out, "# Head `{}`\n\n{}\n", about.name, sheet.purpose);
    let _ = writeln!(out, "- Labels: {}", head.labels().join(", "));
    if let Some(side) = head.grams() {
        let _ = writeln!(
            out,
            "- n-gram side: {} grams{}",
            side.len(),
            if side.surface() { ", and the look of the text" } else { "" }
        );
    }
    if let Some(side) = head.vector() {
        let _ = writeln!(out, "- vector side: {} dimensions of {}", side.dims(), side.encoder());
    }
    let _ = writeln!(out, "- Size: {} bytes", head.to_bytes()?.len());
    let _ = writeln!(
        out,
        "- Trained on {} texts, seed {}, digest of the data {}",
        about.rows, about.seed, about.data
    );
    if !sheet.command.is_empty() {
        let _ = writeln!(out, "- Made by `{}`", sheet.command);
    }
    if !sheet.sets.is_empty() {
        let _ = writeln!(out, "\n## Data\n\n| set | licence |\n| --- | --- |");
        for (set, licence) in sheet.sets {
            let _ = writeln!(out, "| {set} | {licence} |");
        }
    }
    if !sheet.judged.is_empty() {
        let _ = writeln!(out, "\n## Quality\n\nIntervals are the middle 95 % of a bootstrap over texts.\n");
        let _ = writeln!(
            out,
            "| judged on | texts | accuracy | macro-F1 | AUROC | ECE |\n| --- | --- | --- | --- | --- | --- |"
        );
        for (name, quality) in sheet.judged {
            let _ = writeln!(
                out,
                "| {name} | {} | {} | {} | {} | {:.3} |",
                quality.count,
                with_range(quality.accuracy),
                with_range(quality.macro_f1),
                quality.auroc.map_or_else(|| "–".to_owned(), with_range),
                quality.ece
            );
        }
        confusion(&mut out, head, sheet.judged);
    }
    if !sheet.notes.is_empty() {
        let _ = writeln!(out, "\n## Figures of its own\n\n| figure | value |\n| --- | --- |");
        for (name, value) in sheet.notes {
            let _ = writeln!(out, "| {name} | {value} |");
        }
    }
    if !sheet.limits.is_empty() {
        let _ = writeln!(out, "\n## Limits\n");
        sheet.limits.iter().for_each(|limit| {
            let _ = writeln!(out, "- {limit}");
        });
    }
    Ok(out)
}

/// The confusion of what was judged first.
fn confusion(out: &mut String, head: &Head, judged: &[(String, Quality)]) {
    let Some((name, quality)) = judged.first() else { return };
    let _ = writeln!(out, "\nConfusion on {name}: a row is a true label.\n");
    let _ = writeln!(out, "| | {} | F1 |", head.labels().join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(head.labels().len() + 2));
    for ((label, row), f1) in head.labels().iter().zip(&quality.confusion).zip(&quality.f1) {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "| {label} | {} | {f1:.3} |", cells.join(" | "));
    }
}
