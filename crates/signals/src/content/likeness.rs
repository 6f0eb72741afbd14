//! Likeness of a text to examples.
//!
//! Each example is scored by words and 3-grams in common ([`crate::measure::Fingerprint`]); the whole is ¾ of the best
//! plus ¼ of the mean of the best two, so that one lucky example counts less than two, or the mean of all.

use crate::measure::Fingerprint;

/// Examples of one signal.
#[derive(Debug)]
pub(crate) struct Examples {
    examples: Vec<Fingerprint>,
    mean: bool,
}

impl Examples {
    /// Fingerprints of `texts`; with `mean` the score is the mean over all of them.
    pub(crate) fn new(texts: &[String], mean: bool) -> Self {
        Self { examples: texts.iter().map(|text| Fingerprint::of(text)).collect(), mean }
    }

    /// How alike `text` is, in [0, 1].
    pub(crate) fn score(&self, text: &Fingerprint) -> f64 {
        let (mut best, mut second, mut sum) = (0.0_f64, 0.0_f64, 0.0);
        for example in &self.examples {
            let score = example.similarity(text);
            sum += score;
            if score > best {
                (best, second) = (score, best);
            } else {
                second = second.max(score);
            }
        }
        match self.examples.len() {
            0 => 0.0,
            count if self.mean => sum / count as f64,
            1 => best,
            _ => 0.75 * best + 0.25 * (best + second) / 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(examples: &[&str], mean: bool, text: &str) -> f64 {
        let examples: Vec<String> = examples.iter().map(|e| (*e).to_owned()).collect();
        Examples::new(&examples, mean).score(&Fingerprint::of(text))
    }

    #[test]
    fn near_wordings_are_alike() {
        let examples = ["What is the boiling point of water?", "Name the largest planet."];
        assert!(score(&examples, false, "What's the boiling point of water") > 0.6);
        assert!(score(&examples, false, "Refactor this service") < 0.2);
        assert_eq!(score(&examples[..1], false, examples[0]), 1.0);
        assert!(
            (score(&examples, true, examples[0]) - 0.5).abs() < 0.1,
            "the mean of one and nearly nothing"
        );
        assert_eq!(score(&[], false, "x"), 0.0);
    }
}
