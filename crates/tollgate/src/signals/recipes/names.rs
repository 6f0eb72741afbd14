//! Names: people, places, organisations, dates and what else has no form, word by word.
//!
//! The set is synthetic: templates with values from lists. Rows that it keeps for judging stay out, a quarter of the others is learned
//! in small letters once more, as people type, and ordinary text of other sets teaches which words are no names: what is named there
//! (a theorem's finder, a town in a question) counts as none, since it is nobody's own.

use super::super::sets::{Row, Sets};
use super::benign::{CLINC, LLMROUTER, MMLU_PRO};
use super::{Made, Recipe, grouped, sample};
use anyhow::{Context, Result};
use serde_json::Value;
use std::ops::Range;
use tollgate_core::signal::NAMED;
use tollgate_encode::TextEncoder;
use tollgate_signals::learn::Example;
use tollgate_signals::names::{States, rows};

/// Labels as [`tollgate_signals::names::tags`] has them.
const LABELS: &[&str] = &[
    "-",
    "person begins",
    "person goes on",
    "location begins",
    "location goes on",
    "organization begins",
    "organization goes on",
    "date begins",
    "date goes on",
    "age begins",
    "age goes on",
    "title begins",
    "title goes on",
    "group begins",
    "group goes on",
];
/// Types of the set that have no form, with ours.
pub(crate) const KINDS: &[(&str, &str)] = &[
    ("PERSON", "person"),
    ("LOCATION", "location"),
    ("GPE", "location"),
    ("ADDRESS", "location"),
    ("STREET_ADDRESS", "location"),
    ("ZIP_CODE", "location"),
    ("ORGANIZATION", "organization"),
    ("DATE_TIME", "date"),
    ("AGE", "age"),
    ("TITLE", "title"),
    ("PREFIX", "title"),
    ("NRP", "group"),
];
/// Which rows are learned in small letters, too: every so manieth.
const SMALL: usize = 4;
/// Bytes of an ordinary text that are read.
const ORDINARY: usize = 400;

pub(super) const NAMES: Recipe = Recipe {
    name: "names",
    purpose: "Tells of each word whether it begins or continues a name: of a person, a place or part of an address, an organisation, a \
              date or time, an age, a title, a group of people. It reads the hidden states of an encoder's tokens and what words look \
              like; rows below are words.",
    labels: LABELS,
    config: |config| {
        config.grams = 0;
        config.vector_strength = 0.1;
        config.folds = 3;
    },
    made: Made::Words(examples),
    sets: &[
        ("presidio-research, synthetic sentences (training templates)", "MIT"),
        ("banking77", "CC BY 4.0"),
        CLINC,
        LLMROUTER,
        MMLU_PRO,
    ],
    apart: &[],
    limits: &[
        "Sentences of templates: names in long prose, in tables and in other languages are found less well.",
        "Well-known people and places count too where they stand as a caller's would; ordinary questions about them may be flagged.",
        "Organisations are the weakest type.",
    ],
};

/// The names of a row: places of types in [`NAMED`], with their bytes.
pub(crate) fn named(row: &Row) -> Vec<(usize, Range<usize>)> {
    let text = row.text("text");
    // The set counts characters.
    let byte = |at: &Value| {
        let at = usize::try_from(at.as_u64()?).ok()?;
        Some(text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte))
    };
    let spans = row.get("spans").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name = |span: &Value| {
        let theirs = span.get(2)?.as_str()?;
        let (_, ours) = KINDS.iter().find(|(kind, _)| *kind == theirs)?;
        let kind = NAMED.iter().position(|known| known == ours)?;
        Some((kind, byte(span.get(0)?)?..byte(span.get(1)?)?))
    };
    spans.iter().filter_map(name).collect()
}

/// The states of a piece's tokens.
pub(crate) fn states(encoder: &dyn TextEncoder, piece: &str) -> Result<States> {
    let found = encoder.token_states(piece).context("the encoder gives no states of tokens")?;
    Ok(States { spans: found.spans, states: found.states })
}

/// Words as examples, each with its row.
fn words(
    encoder: &dyn TextEncoder,
    (text, names): (&str, &[(usize, Range<usize>)]),
    (source, group): (&str, &str),
) -> Result<Vec<Example>> {
    let made = rows(text, &states(encoder, text)?, names).into_iter().map(|(label, row)| {
        let mut example = grouped(Example::new("", label).from(source), group);
        example.vector = Some(row);
        example
    });
    let mut made: Vec<Example> = made.collect();
    // The whole of the text stands once, so that the digest of the data is one of the texts.
    made.iter_mut().take(1).for_each(|example| text.clone_into(&mut example.text));
    Ok(made)
}

fn examples(sets: &Sets, encoder: &dyn TextEncoder) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    let learned = |row: &&Row| row.text("split") == "train";
    for (at, row) in sets.rows("pii-presidio/rows.jsonl.gz")?.iter().filter(learned).enumerate() {
        let (text, names) = (row.text("text"), named(row));
        let template = row.get("template").map(Value::to_string).unwrap_or_default();
        let group = format!("{} {template}", row.text("source"));
        all.extend(words(encoder, (text, &names), ("presidio", &group))?);
        let small = text.to_lowercase();
        if at % SMALL == 0 && small.len() == text.len() {
            all.extend(words(encoder, (&small, &names), ("presidio, small letters", &group))?);
        }
    }
    if all.is_empty() {
        return Ok(all);
    }
    for (source, text) in ordinary(sets)? {
        let text: String = text.chars().take(ORDINARY).collect();
        all.extend(words(encoder, (&text, &[]), (source, &text))?);
    }
    Ok(all)
}

/// Texts of subjects in which people and places of the caller's own do not occur.
fn ordinary(sets: &Sets) -> Result<Vec<(&'static str, String)>> {
    const TASKS: &[&str] = &["mbpp", "math", "human_eval", "arc_challenge", "openbook_qa"];
    const SUBJECTS: &[&str] =
        &["math", "physics", "chemistry", "engineering", "computer science", "biology", "psychology"];
    const INTENTS: &[&str] =
        &["banking", "credit_cards", "kitchen_and_dining", "home", "utility", "small_talk", "meta"];
    let mut all = Vec::new();
    let mut add = |source, file: &str, most, (text, kind, kinds): (&str, &str, &[&str])| -> Result<()> {
        let mut rows = sets.rows(file)?;
        rows.retain(|row| kinds.is_empty() || kinds.contains(&row.text(kind)));
        all.extend(sample(rows, most).iter().map(|row| (source, row.text(text).to_owned())));
        Ok(())
    };
    add("llmrouter-9", "llmrouter-9/queries.jsonl.gz", 300, ("query", "task", TASKS))?;
    add("mmlu-pro-28", "mmlu-pro-28/questions.jsonl.gz", 300, ("question", "category", SUBJECTS))?;
    add("clinc150", "clinc150/rows.jsonl.gz", 150, ("text", "domain", INTENTS))?;
    add("banking77", "banking77/rows.jsonl.gz", 150, ("text", "", &[]))?;
    Ok(all)
}
