//! The subject of a question: the fourteen of MMLU-Pro.

use super::super::sets::Sets;
use super::benign::{CLINC, LLMROUTER, MMLU_PRO};
use super::{Made, Recipe, grouped, judged, sample};
use anyhow::Result;
use std::collections::HashSet;
use tollgate_signals::content::subject_words;
use tollgate_signals::learn::Example;

const LABELS: &[&str] = &[
    "biology",
    "business",
    "chemistry",
    "computer science",
    "economics",
    "engineering",
    "health",
    "history",
    "law",
    "math",
    "other",
    "philosophy",
    "physics",
    "psychology",
];
const BUSINESS: usize = 1;
const COMPUTERS: usize = 3;
const MATH: usize = 9;
const OTHER: usize = 10;

pub(super) const DOMAIN: Recipe = Recipe {
    name: "domain",
    purpose: "Tells the subject of a question: one of the fourteen of MMLU-Pro, where `other` is everyday life and \
              everything that is none of them.",
    labels: LABELS,
    config: |config| {
        config.grams = 8000;
    },
    made: Made::Texts(examples),
    sets: &[
        MMLU_PRO,
        ("routellm-2 (MMLU)", "MIT, Apache-2.0"),
        LLMROUTER,
        CLINC,
        ("questions about the words of each subject, synthetic", "of this project"),
    ],
    apart: &["mmlu-pro: other"],
    limits: &[
        "It learned from examinations: questions in everyday words are told apart less well (see the sources).",
        "English only, but for the words that languages share.",
    ],
};

/// Which of the fourteen a subject of MMLU belongs to, as MMLU-Pro sorts them (arXiv 2406.01574).
fn subject(name: &str) -> usize {
    let label = match name {
        "college_biology" | "high_school_biology" => "biology",
        "business_ethics" | "management" | "marketing" => "business",
        "college_chemistry" | "high_school_chemistry" => "chemistry",
        "college_computer_science"
        | "computer_security"
        | "high_school_computer_science"
        | "machine_learning" => "computer science",
        "econometrics" | "high_school_macroeconomics" | "high_school_microeconomics" => "economics",
        "electrical_engineering" => "engineering",
        "anatomy"
        | "clinical_knowledge"
        | "college_medicine"
        | "human_aging"
        | "medical_genetics"
        | "nutrition"
        | "professional_medicine"
        | "virology" => "health",
        "high_school_european_history"
        | "high_school_us_history"
        | "high_school_world_history"
        | "prehistory" => "history",
        "international_law" | "jurisprudence" | "professional_law" => "law",
        "abstract_algebra"
        | "college_mathematics"
        | "elementary_mathematics"
        | "high_school_mathematics"
        | "high_school_statistics" => "math",
        "formal_logic" | "logical_fallacies" | "moral_disputes" | "moral_scenarios" | "philosophy"
        | "world_religions" => "philosophy",
        "astronomy" | "college_physics" | "conceptual_physics" | "high_school_physics" => "physics",
        "high_school_psychology" | "professional_psychology" => "psychology",
        _ => "other",
    };
    LABELS.iter().position(|known| *known == label).unwrap_or(OTHER)
}

fn examples(sets: &Sets) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for row in sets.rows("mmlu-pro-28/questions.jsonl.gz")? {
        let Some(label) = LABELS.iter().position(|known| *known == row.text("category")) else { continue };
        let from = if row.text("src").starts_with("ori_mmlu") { "mmlu-pro: mmlu" } else { "mmlu-pro: other" };
        all.push(grouped(Example::new(row.text("question"), label).from(from), row.text("question")));
    }
    if all.is_empty() {
        return Ok(all);
    }
    for row in sample(sets.rows("routellm-2/rows.jsonl.gz")?, 5200) {
        // The stem stands before the first choice; MMLU-Pro asks many of the same ones.
        let prompt = row.text("prompt");
        let stem = prompt.split("\nA. ").next().unwrap_or(prompt);
        let (label, from) = match row.text("set") {
            "mmlu" => (subject(row.text("subject")), "routellm: mmlu"),
            _ => (MATH, "routellm: gsm8k"),
        };
        all.push(grouped(Example::new(stem, label).from(from), stem));
    }
    for row in sets.rows("llmrouter-9/queries.jsonl.gz")? {
        let label = match row.text("task") {
            "math" | "gsm8k" | "agentverse-mgsm" => MATH,
            "mbpp" | "human_eval" => COMPUTERS,
            "commongen" => OTHER,
            _ => continue,
        };
        all.push(grouped(Example::new(row.text("query"), label).from("llmrouter-9"), row.text("query")));
    }
    all.extend(everyday(sets)?);
    all.extend(named());
    for row in sample(sets.rows("clinc150/rows.jsonl.gz")?, 3000) {
        let label = match row.text("domain") {
            "banking" | "credit_cards" => BUSINESS,
            "work" | "oos" => continue,
            _ => OTHER,
        };
        all.push(Example::new(row.text("text"), label).from("clinc150"));
    }
    Ok(all)
}

/// How people ask about a thing.
const FORMS: &[&str] = &[
    "What is {}?",
    "Can you explain {} to me in simple words?",
    "I have a question about {}.",
    "Why does {} matter, and how does it work?",
];

/// Questions about the words of each subject's list: synthetic.
fn named() -> Vec<Example> {
    let mut all = Vec::new();
    for (subject, words) in subject_words() {
        let Some(label) = LABELS.iter().position(|known| *known == subject) else { continue };
        for word in words {
            let ask = |form: &&str| {
                let example = Example::new(form.replace("{}", &word), label).from("synthetic questions");
                grouped(example, &format!("synthetic: {word}"))
            };
            all.extend(FORMS.iter().map(ask));
        }
    }
    all
}

/// Questions in everyday words, of which each names its subject: those that MMLU-Pro does not ask. Only judged.
fn everyday(sets: &Sets) -> Result<Vec<Example>> {
    let asked: HashSet<String> = sets
        .rows("mmlu-pro-28/questions.jsonl.gz")?
        .iter()
        .map(|row| grouped(Example::new("", 0), row.text("question")).group)
        .collect();
    let cases = sets.list("vsr-probes/domain_classify_cases.json")?;
    let everyday = cases.iter().filter_map(|row| {
        let label = LABELS.iter().position(|known| *known == row.text("category"))?;
        let example =
            grouped(Example::new(row.text("question"), label).from("everyday"), row.text("question"));
        (!asked.contains(&example.group)).then(|| judged(example))
    });
    Ok(everyday.collect())
}
