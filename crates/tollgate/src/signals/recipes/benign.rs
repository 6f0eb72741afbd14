//! Ordinary text for heads that tell what is not ordinary: short and long, questions, tasks, code and stories.
//!
//! Attacks are long and questions short in most sets; ordinary text of every length is what keeps length from being the
//! reason.

use super::super::sets::Sets;
use super::{grouped, sample};
use anyhow::Result;
use serde_json::Value;
use tollgate_signals::learn::Example;

/// Ordinary text of several sets, with this label.
pub(super) fn benign(sets: &Sets, label: usize) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for row in sample(sets.rows("clinc150/rows.jsonl.gz")?, 900) {
        all.push(Example::new(row.text("text"), label).from("clinc150"));
    }
    for row in sample(sets.rows("llmrouter-9/queries.jsonl.gz")?, 1200) {
        all.push(Example::new(row.text("query"), label).from("llmrouter-9"));
    }
    for row in sample(sets.rows("metatool/queries.jsonl.gz")?, 500) {
        all.push(Example::new(row.text("query"), label).from("metatool"));
    }
    for row in sample(sets.rows("mmlu-pro-28/questions.jsonl.gz")?, 900) {
        let options = row.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let options: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
        let whole = format!("{}\n{}", row.text("question"), options.join("\n"));
        all.push(grouped(Example::new(whole, label).from("mmlu-pro-28"), row.text("question")));
    }
    for (at, row) in sample(sets.rows("hallucination/halueval_general.jsonl.gz")?, 900).iter().enumerate() {
        let (asked, answered) = (row.text("user_query"), row.text("chatgpt_response"));
        // Every third with its answer: long prose, as documents and earlier turns are.
        let text = if at % 3 == 0 { format!("{asked}\n\n{answered}") } else { asked.to_owned() };
        all.push(grouped(Example::new(text, label).from("halueval"), asked));
    }
    for row in sets.rows("jailbreak/rows.jsonl.gz")?.iter().filter(|row| row.text("label") == "benign") {
        all.push(Example::new(row.text("text"), label).from("self-instruct-seed"));
    }
    Ok(all)
}

/// The licences of those sets.
pub(super) const CLINC: (&str, &str) = ("clinc150", "CC BY 3.0");
pub(super) const LLMROUTER: (&str, &str) = ("llmrouter-9", "MIT");
pub(super) const METATOOL: (&str, &str) = ("metatool", "MIT");
pub(super) const MMLU_PRO: (&str, &str) = ("mmlu-pro-28", "MIT, Apache-2.0");
pub(super) const HALUEVAL: (&str, &str) = ("halueval", "MIT");
