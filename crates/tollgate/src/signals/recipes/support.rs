//! Whether a context supports a sentence.

use super::super::sets::Sets;
use super::{Made, Recipe, grouped, judged};
use anyhow::Result;
use tollgate_signals::learn::Example;
use tollgate_signals::support::features;

pub(super) const SUPPORT: Recipe = Recipe {
    name: "support",
    purpose: "Tells whether a context supports a sentence of an answer, from what the two share: words, runs of words and of \
              characters, names and numbers.",
    labels: &["not supported", "supported"],
    config: |config| {
        config.grams = 0;
        config.vector_strength = 100.0;
        config.encoder = "shared words".to_owned();
    },
    made: Made::Texts(examples),
    sets: &[
        ("BEGIN, Wizard of Wikipedia (dev)", "CC BY 4.0"),
        ("BEGIN, Topical-Chat (dev)", "CDLA-Sharing 1.0"),
    ],
    apart: &[],
    limits: &[
        "Answers of dialogue models of 2021, mostly taken from the context word by word: support in other words is missed.",
        "What contradicts is found by rules beside this head (numbers, names, negation), not by it.",
    ],
};

fn examples(sets: &Sets) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for row in sets.rows("hallucination/begin.jsonl.gz")? {
        let label = usize::from(row.text("label") == "Fully attributable");
        let from = row.text("set").trim_start_matches("begin:");
        let mut example =
            grouped(Example::new(row.text("response"), label).from(from), row.text("knowledge"));
        example.vector = Some(features(row.text("response"), row.text("knowledge")));
        // The part of CMU-DoG is for judging only, and so is the test part.
        let learned = row.text("split") == "train" && !from.contains("cmu");
        all.push(if learned { example } else { judged(example) });
    }
    Ok(all)
}
