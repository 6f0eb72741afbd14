//! Passages: the few places of a long context beside which a model reads a sentence, as a pass of it costs milliseconds.
//!
//! A passage is some neighbouring sentences of the context; neighbours share one, so that what is said over two is read together.
//! Those are read that have most of the sentence's words, each worth the more the fewer passages have it (inverse document
//! frequency, Spärck Jones 1972).

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use tollgate_signals::support::sentences;

/// Bytes of a passage, unless one sentence has more: what a model of 256 tokens reads beside a sentence.
const PASSAGE_BYTES: usize = 800;

/// A context cut into passages.
pub(super) struct Passages {
    ranges: Vec<Range<usize>>,
    /// Which passages have a word.
    by_word: HashMap<String, Vec<usize>>,
}

impl Passages {
    pub(super) fn of(context: &str) -> Self {
        let ranges = cut(context);
        let mut by_word: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, range) in ranges.iter().enumerate() {
            for word in words(context.get(range.clone()).unwrap_or_default()) {
                by_word.entry(word).or_default().push(at);
            }
        }
        Self { ranges, by_word }
    }

    /// The `most` passages that fit a sentence best, best first; of equals the earlier one. None where no word is shared.
    pub(super) fn beside(&self, sentence: &str, most: usize) -> Vec<Range<usize>> {
        let mut scores: HashMap<usize, f64> = HashMap::new();
        for word in words(sentence) {
            let found = self.by_word.get(&word).map(Vec::as_slice).unwrap_or_default();
            let worth = (1.0 + self.ranges.len() as f64 / found.len().max(1) as f64).ln();
            found.iter().for_each(|at| *scores.entry(*at).or_default() += worth);
        }
        let mut best: Vec<(usize, f64)> = scores.into_iter().collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        best.into_iter().take(most).filter_map(|(at, _)| self.ranges.get(at).cloned()).collect()
    }
}

/// Neighbouring sentences up to the size of a passage; each passage begins with the last sentence of the one before.
fn cut(context: &str) -> Vec<Range<usize>> {
    let mut passages: Vec<Range<usize>> = Vec::new();
    let mut last: Option<Range<usize>> = None;
    for sentence in sentences(context) {
        match passages.last_mut() {
            Some(passage) if sentence.end - passage.start <= PASSAGE_BYTES => passage.end = sentence.end,
            _ => {
                let near = |last: &Range<usize>| sentence.end - last.start <= PASSAGE_BYTES;
                let start = last.filter(near).map_or(sentence.start, |last| last.start);
                passages.push(start..sentence.end);
            }
        }
        last = Some(sentence);
    }
    passages
}

/// The different words of a text in small letters.
fn words(text: &str) -> HashSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passage_that_has_the_rarest_words_comes_first() {
        let filler = "The committee of the town met on a day of the month. ";
        let text = format!("{}The bridge is 503 metres long. {}", filler.repeat(30), filler.repeat(30));
        let passages = Passages::of(&text);
        let found = passages.beside("The bridge of the town is long.", 2);
        assert!(found.len() == 2 && text[found[0].clone()].contains("503 metres"), "{found:?}");
        assert!(
            passages.beside("Zebras gallop", 2).is_empty() && Passages::of("").beside("The", 2).is_empty()
        );
    }

    #[test]
    fn passages_cover_every_sentence_and_neighbours_share_one() {
        let text: String = (0..60).map(|i| format!("Sentence number {i} says a little. ")).collect();
        let ranges = cut(&text);
        assert!(ranges.len() > 2 && ranges.iter().all(|range| range.len() <= PASSAGE_BYTES));
        for sentence in sentences(&text) {
            assert!(ranges.iter().any(|range| range.start <= sentence.start && sentence.end <= range.end));
        }
        assert!(ranges.windows(2).all(|two| two[1].start < two[0].end), "{ranges:?}");
        // A sentence that is longer than a passage is one all the same.
        assert_eq!(cut(&"word ".repeat(400)).len(), 1);
    }
}
