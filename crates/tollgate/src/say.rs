//! The one module that prints: results to standard output, everything else to standard error.
//!
//! A reader that goes away (`| head`) ends the printing, not with an error.

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Longest cell of a table, in characters; longer ones are cut with `…`.
const CELL_MAX: usize = 60;

/// Prints text to standard output as it is.
pub(crate) fn text(text: &str) -> Result<()> {
    bytes(text.as_bytes())
}

/// Prints a line to standard output.
pub(crate) fn line(line: &str) -> Result<()> {
    text(&format!("{line}\n"))
}

/// Prints bytes to standard output.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Whether a result was printed as JSON.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Prints data as indented JSON.
pub(crate) fn json(data: &impl Serialize) -> Result<()> {
    SHOWN.store(true, Ordering::Relaxed);
    line(&serde_json::to_string_pretty(data).context("cannot write JSON")?)
}

/// Prints rows under a head, columns aligned, two spaces between.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> Result<()> {
    text(&aligned(head, rows))
}

/// Prints a remark to standard error.
pub(crate) fn remark(line: &str) {
    // With nobody to read it there is nothing left to do.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints an error with its causes as one line of JSON to standard output: where results are JSON, so is what came in place of
/// one. Where a result says already what is wrong, it stands alone.
pub(crate) fn problem_json(error: &anyhow::Error, refused: bool) {
    if SHOWN.load(Ordering::Relaxed) {
        return;
    }
    let shown = json!({"error": told(error), "refused": refused});
    // With nobody to read it there is nothing left to do.
    let _ = line(&shown.to_string());
}

/// Prints an error with its causes to standard error.
pub(crate) fn problem(error: &anyhow::Error) {
    remark(&format!("error: {}", told(error)));
}

fn told(error: &anyhow::Error) -> String {
    let mut shown = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors repeat their cause; once is enough.
        if !shown.ends_with(&cause) {
            shown.push_str(": ");
            shown.push_str(&cause);
        }
    }
    shown.trim_end().to_owned()
}

fn aligned(head: &[&str], rows: &[Vec<String>]) -> String {
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| cut(cell)).collect()).collect();
    let width = |column: usize| {
        let widest = cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        widest.unwrap_or(0).max(head.get(column).map_or(0, |name| name.chars().count()))
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    let mut add = |row: Vec<&str>| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    };
    add(head.to_vec());
    cells.iter().for_each(|row| add(row.iter().map(String::as_str).collect()));
    out
}

fn cut(cell: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    match cell.chars().count() {
        0..=CELL_MAX => cell.chars().map(plain).collect(),
        _ => cell.chars().map(plain).take(CELL_MAX - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cells_bounded() {
        let rows = [vec!["a".into(), "é".repeat(99)], vec!["long name".into(), "x\ty".into()]];
        let shown = aligned(&["name", "value"], &rows);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], "name       value");
        assert_eq!(lines[1].chars().count(), 11 + CELL_MAX);
        assert_eq!(lines[2], "long name  x y");
        assert!(lines[1].ends_with('…'));
    }
}
