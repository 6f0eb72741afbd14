//! The report: counts by recipe, and every miss with its cause.

use super::Outcome;
use super::heads::MEASURED;
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
nothing was fitted to them. Some probes also name signals that must match: the fourth column counts those that do.

Made by `UPDATE_REPORT=1 cargo test -p tollgate --test probes`.

| recipe | equal | incumbent without models | signals that match | without an equivalent |
| --- | --- | --- | --- | --- |
",
    );
    for Outcome { name, asked, equal, gaps, signals, matched, .. } in outcomes {
        let theirs = bar
            .iter()
            .find(|(known, ..)| known == name)
            .map_or_else(|| "-".to_owned(), |(_, least, of)| format!("{least}/{of}"));
        let _ = writeln!(text, "| {name} | {equal}/{asked} | {theirs} | {matched}/{signals} | {gaps} |");
    }
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    let (equal, asked) = (sum(|outcome| outcome.equal), sum(|outcome| outcome.asked));
    let (matched, signals) = (sum(|outcome| outcome.matched), sum(|outcome| outcome.signals));
    let _ = writeln!(text, "| all | {equal}/{asked} | | {matched}/{signals} | |\n");
    heads(outcomes, &mut text);
    text += "## Misses\n\n";
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
    text += "\n## Signals that do not match\n\n| recipe | probe | signal |\n| --- | --- | --- |\n";
    for outcome in outcomes {
        for (id, signal) in &outcome.unmatched {
            let _ = writeln!(text, "| {} | `{id}` | `{signal}` |", outcome.name);
        }
    }
    text
}

fn heads(outcomes: &[Outcome], text: &mut String) {
    *text += "## Word lists or trained heads

The program has trained heads for subjects (`domain … method head`) and for facts to check (`fact_check`). The importer writes
word lists for both, as the heads decide no recipe better: they learned from examinations and from questions, and give an answer
to every request, where the recipes mean a signal that fires on what is plainly said. Equal decisions:

| recipe | word lists | head for subjects | head for facts | both heads |
| --- | --- | --- | --- | --- |
";
    for Outcome { name, equal, .. } in outcomes {
        if let Some((_, [domain, facts, both])) = MEASURED.iter().find(|(known, _)| known == name) {
            let _ = writeln!(text, "| {name} | {equal} | {domain} | {facts} | {both} |");
        }
    }
    *text += "\nMeasured by `cargo test -p tollgate --test probes`.\n\n";
}
