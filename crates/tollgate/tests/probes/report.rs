//! The report: counts by recipe, and every miss with its cause.

use super::Outcome;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where it is kept.
pub(crate) fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reports/vsr-probes.md")
}

pub(crate) fn text(outcomes: &[Outcome], bar: &[(&str, usize, usize)]) -> String {
    let mut text = String::from(
        "# Probes of the vLLM Semantic Router

The recipes of the incumbent router, imported with `tollgate policy import vllm-sr` and asked through `POST /api/v1/eval` of
the running gateway. A decision is equal when decision and recipe are the expected ones. The third column is what the
incumbent itself reaches when none of its neural models is loaded; here none is loaded either: word lists, patterns,
likeness of words and, for attacks, the trained head of the program stand in ([how](../moving.md)). The probes are behaviour tests:
nothing was fitted to them.

Made by `UPDATE_REPORT=1 cargo test -p tollgate --test probes`.

| recipe | equal | incumbent without models | without an equivalent |
| --- | --- | --- | --- |
",
    );
    for Outcome { name, asked, equal, gaps, .. } in outcomes {
        let theirs = bar
            .iter()
            .find(|(known, ..)| known == name)
            .map_or_else(|| "-".to_owned(), |(_, least, of)| format!("{least}/{of}"));
        let _ = writeln!(text, "| {name} | {equal}/{asked} | {theirs} | {gaps} |");
    }
    let (equal, asked): (usize, usize) = outcomes
        .iter()
        .fold((0, 0), |(equal, asked), outcome| (equal + outcome.equal, asked + outcome.asked));
    let _ = writeln!(text, "| all | {equal}/{asked} | | |\n\n## Misses\n");
    text += "\"Rests on\" names the models that the incumbent asks for the expected route or for the one that was taken.\n\n";
    text += "| recipe | probe | expected | got | cause |\n| --- | --- | --- | --- | --- |\n";
    for outcome in outcomes {
        for miss in &outcome.misses {
            let _ = writeln!(
                text,
                "| {} | `{}` | {} | {} | {} |",
                outcome.name, miss.id, miss.expected, miss.got, miss.cause
            );
        }
    }
    text
}
