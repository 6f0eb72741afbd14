//! The subject of a question: the fourteen of MMLU-Pro.

use super::super::sets::Sets;
use super::benign::{CLINC, LLMROUTER, MMLU_PRO};
use super::{Recipe, grouped, sample};
use anyhow::Result;
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
        config.grams = 6000;
        config.least = 3;
    },
    examples,
    sets: &[MMLU_PRO, ("routellm-2 (MMLU)", "MIT, Apache-2.0"), LLMROUTER, CLINC],
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
    for row in sets.rows("routellm-2/rows.jsonl.gz")? {
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
