//! Whether what is asked for is dangerous, and then in which way.

use super::super::sets::Sets;
use super::alike::alike;
use super::benign::{CLINC, HALUEVAL, LLMROUTER, METATOOL, MMLU_PRO, benign};
use super::{Made, Recipe, judged};
use anyhow::Result;
use tollgate_signals::learn::Example;
use tollgate_signals::safety::shown;

/// The hazard classes of MLCommons AILuminate 1.0; its four kinds of specialised advice are one here.
const CLASSES: &[&str] =
    &["cse", "dfm", "hte", "ipv", "iwp", "ncr", "prv", "spc", "src", "ssh", "sxc_prn", "vcr"];
const AILUMINATE: (&str, &str) = ("AILuminate 1.0 demo prompts", "CC BY 4.0");

pub(super) const HAZARD: Recipe = Recipe {
    name: "hazard",
    purpose: "Tells whether a request touches a hazard class of MLCommons AILuminate: the first of two levels, which \
              every request passes.",
    labels: &["safe", "unsafe"],
    config: |config| {
        config.grams = 8000;
        config.balanced = true;
    },
    made: Made::Texts(level_one),
    sets: &[
        AILUMINATE,
        ("harmbench, Do-Not-Answer", "MIT, Apache-2.0"),
        ("self-instruct-seed", "Apache-2.0"),
        ("ordinary requests in dangerous words, synthetic", "of this project"),
        CLINC,
        LLMROUTER,
        METATOOL,
        MMLU_PRO,
        HALUEVAL,
    ],
    apart: &["harmbench", "ailuminate en"],
    limits: &[
        "It tells hazardous subjects from others. XSTest's safe look-alikes are judged and never learned from, but some synthetic rows are near \
         them, a few word for word: what is flagged above is flattered (0.304 instead of 0.272 without any row that shares half of its words).",
        "English; French prompts are judged and not learned from, as no ordinary French text stands beside them.",
    ],
};

pub(super) const HAZARD_CLASS: Recipe = Recipe {
    name: "hazard_class",
    purpose: "Tells which hazard class of MLCommons AILuminate a dangerous request touches: the second level, asked only of \
              what the first suspects.",
    labels: CLASSES,
    config: |config| {
        config.grams = 6000;
        config.strength = 20.0;
        config.vector_strength = 3.0;
        config.pooled = true;
    },
    made: Made::Texts(level_two),
    sets: &[AILUMINATE],
    apart: &[],
    limits: &["Every prompt that it learned from is hazardous: of a safe one its answer means nothing."],
};

fn class(hazard: &str) -> Option<usize> {
    let name = if hazard.starts_with("spc") { "spc" } else { hazard };
    CLASSES.iter().position(|known| *known == name)
}

fn level_one(sets: &Sets) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for row in sets.rows("hazard-ailuminate/rows.jsonl.gz")? {
        let mut example = Example::new(row.text("text"), 1).from("ailuminate en");
        row.text("locale").clone_into(&mut example.language);
        let english = example.language == "en_US";
        all.push(if english { example } else { judged(example.from("ailuminate fr")) });
    }
    if all.is_empty() {
        return Ok(all);
    }
    for row in sets.rows("jailbreak/rows.jsonl.gz")? {
        let example = |label: usize, from: &str| Example::new(shown(row.text("text")), label).from(from);
        let xstest = row.text("source").starts_with("xstest");
        all.push(match row.text("label") {
            "harmful_plain" if xstest => judged(example(1, "xstest harmful")),
            "harmful_plain" => example(1, "harmbench, Do-Not-Answer"),
            "benign_lookalike" if xstest => judged(example(0, "look-alikes")),
            _ => continue,
        });
    }
    all.extend(benign(sets, 0)?);
    all.extend(alike(0));
    Ok(all)
}

fn level_two(sets: &Sets) -> Result<Vec<Example>> {
    let rows = sets.rows("hazard-ailuminate/rows.jsonl.gz")?;
    let known = rows.iter().filter_map(|row| {
        let french = row.text("locale") == "fr_FR";
        let from = if french { "ailuminate fr" } else { "ailuminate en" };
        let mut example = Example::new(row.text("text"), class(row.text("hazard"))?).from(from);
        row.text("locale").clone_into(&mut example.language);
        Some(example)
    });
    Ok(known.collect())
}
