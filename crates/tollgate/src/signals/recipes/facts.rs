//! What kind of answer is wanted: facts that can be looked up, reasoning, and how hard it is.

use super::super::sets::Sets;
use super::benign::{CLINC, LLMROUTER, MMLU_PRO};
use super::{Made, Recipe, grouped, sample};
use anyhow::Result;
use std::collections::HashMap;
use tollgate_signals::learn::Example;

/// Bound to the label: what can be told apart is which task a text comes from.
const BY_TASK: &str = "The label is the task that a text comes from: figures in distribution are optimistic.";

pub(super) const FACT_CHECK: Recipe = Recipe {
    name: "fact_check",
    purpose: "Tells whether the answer would state facts that can be looked up and should be checked.",
    labels: &["no", "yes"],
    config: |config| config.grams = 6000,
    made: Made::Texts(facts),
    sets: &[
        LLMROUTER,
        CLINC,
        ("self-instruct-seed", "Apache-2.0"),
        ("routellm-2 (MMLU, GSM8K)", "MIT, Apache-2.0"),
    ],
    apart: &["mmlu", "llmrouter-9"],
    limits: &[BY_TASK],
};

pub(super) const REASONING: Recipe = Recipe {
    name: "reasoning",
    purpose: "Tells whether a task takes several steps of reasoning, rather than recall or a short reply.",
    labels: &["no", "yes"],
    config: |config| config.grams = 6000,
    made: Made::Texts(reasoning),
    sets: &[LLMROUTER, CLINC, ("routellm-2 (GSM8K)", "MIT, Apache-2.0")],
    apart: &[],
    limits: &[BY_TASK],
};

pub(super) const DIFFICULTY: Recipe = Recipe {
    name: "difficulty",
    purpose: "Tells how many of the measured models fail at a task: a measured share, not an opinion.",
    labels: &["right", "wrong"],
    config: |config| {
        config.grams = 6000;
        config.surface = true;
        config.strength = 3.0;
    },
    made: Made::Texts(difficulty),
    sets: &[MMLU_PRO, LLMROUTER],
    apart: &["llmrouter-9", "mmlu-pro-28"],
    limits: &[
        "The shares are those of models of 2023 and 2024 on examinations and short tasks: an order, not a rate for the \
         models of today.",
    ],
};

/// Tasks of llmrouter-9 that ask for facts, and for several steps.
const FACTS: &[&str] = &["natural_qa", "trivia_qa"];
const STEPS: &[&str] =
    &["gsm8k", "math", "agentverse-mgsm", "agentverse-logicgrid", "gpqa", "mbpp", "human_eval"];
const NEITHER: &[&str] = &["commongen"];
const RECALL: &[&str] = &["openbook_qa", "arc_challenge", "commonsense_qa"];
/// Subjects of MMLU that ask for facts, and those that ask for steps.
const FACT_SUBJECTS: &[&str] = &[
    "global_facts",
    "high_school_european_history",
    "high_school_us_history",
    "high_school_world_history",
    "high_school_geography",
    "prehistory",
    "world_religions",
    "us_foreign_policy",
    "virology",
    "astronomy",
    "nutrition",
];
const STEP_SUBJECTS: &[&str] = &[
    "abstract_algebra",
    "college_mathematics",
    "elementary_mathematics",
    "high_school_mathematics",
    "formal_logic",
    "logical_fallacies",
    "moral_scenarios",
    "college_computer_science",
];

fn tasks(sets: &Sets, label: &dyn Fn(&str) -> Option<usize>) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for row in sets.rows("llmrouter-9/queries.jsonl.gz")? {
        if let Some(label) = label(row.text("task")) {
            let from = format!("llmrouter-9: {}", row.text("task"));
            all.push(grouped(Example::new(row.text("query"), label).from(&from), row.text("query")));
        }
    }
    Ok(all)
}

fn talk(sets: &Sets, label: usize, most: usize) -> Result<Vec<Example>> {
    let rows = sample(sets.rows("clinc150/rows.jsonl.gz")?, most).into_iter();
    Ok(rows.map(|row| Example::new(row.text("text"), label).from("clinc150")).collect())
}

fn facts(sets: &Sets) -> Result<Vec<Example>> {
    let mut all = tasks(sets, &|task| match task {
        task if FACTS.contains(&task) => Some(1),
        task if NEITHER.contains(&task) => Some(0),
        "gsm8k" | "math" | "mbpp" | "human_eval" | "agentverse-logicgrid" => Some(0),
        _ => None,
    })?;
    if all.is_empty() {
        return Ok(all);
    }
    all.extend(talk(sets, 0, 900)?);
    for row in sets.rows("routellm-2/rows.jsonl.gz")? {
        let prompt = row.text("prompt");
        let stem = prompt.split("\nA. ").next().unwrap_or(prompt);
        let label = match row.text("subject") {
            subject if FACT_SUBJECTS.contains(&subject) => 1,
            subject if STEP_SUBJECTS.contains(&subject) => 0,
            _ => continue,
        };
        all.push(grouped(Example::new(stem, label).from("mmlu"), stem));
    }
    for row in sets.rows("jailbreak/rows.jsonl.gz")?.iter().filter(|row| row.text("label") == "benign") {
        all.push(Example::new(row.text("text"), 0).from("self-instruct-seed"));
    }
    Ok(all)
}

fn reasoning(sets: &Sets) -> Result<Vec<Example>> {
    let mut all = tasks(sets, &|task| match task {
        task if STEPS.contains(&task) => Some(1),
        task if FACTS.contains(&task) || NEITHER.contains(&task) || RECALL.contains(&task) => Some(0),
        _ => None,
    })?;
    if !all.is_empty() {
        all.extend(talk(sets, 0, 900)?);
    }
    Ok(all)
}

/// A share with the label that it is nearer to.
fn share(text: &str, failed: f64, from: &str) -> Example {
    let mut example = grouped(Example::new(text, usize::from(failed > 0.5)).from(from), text);
    example.share = Some(failed as f32);
    example
}

/// The mean of the cells that are there.
fn mean(cells: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = cells.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

fn difficulty(sets: &Sets) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for (folder, questions, scores, text) in [
        ("mmlu-pro-28", "questions.jsonl.gz", "correct.csv.gz", "question"),
        ("llmrouter-9", "queries.jsonl.gz", "score.csv.gz", "query"),
    ] {
        let right: HashMap<String, f64> = sets
            .numbers(&format!("{folder}/{scores}"))?
            .into_iter()
            .filter_map(|(id, cells)| Some((id, mean(&cells)?)))
            .collect();
        for row in sets.rows(&format!("{folder}/{questions}"))? {
            let id = row.get("id").map(ToString::to_string).unwrap_or_default();
            if let Some(right) = right.get(id.trim_matches('"')) {
                all.push(share(row.text(text), 1.0 - right, folder));
            }
        }
    }
    Ok(all)
}
