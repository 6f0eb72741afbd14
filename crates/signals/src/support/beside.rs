//! A context, made ready once for all sentences that are judged beside it.
//!
//! Invariant: what a sentence costs is bounded by its own words and the places at which the context has them; nothing of the
//! context is built again for each.

use super::features::{Side, grams, is_number};
use std::collections::{HashMap, HashSet};

/// Places of a word at which a run is looked for: of a word with very many they say nothing.
const PLACES_MAX: usize = 256;

/// See the module.
pub(super) struct Beside {
    pub(super) side: Side,
    /// Where each word stands, the first of them.
    places: HashMap<String, Vec<u32>>,
    /// The sentences that have each word, each once.
    sentences: HashMap<String, Vec<u32>>,
    /// The four-letter runs of its words.
    pub(super) grams: HashSet<[char; 4]>,
    /// The different numbers of each sentence, and whether it is negated.
    numbers: Vec<(HashSet<String>, bool)>,
}

impl Beside {
    pub(super) fn of(text: &str) -> Self {
        let side = Side::of(text);
        let (mut places, mut sentences): (HashMap<String, Vec<u32>>, HashMap<String, Vec<u32>>) =
            (HashMap::new(), HashMap::new());
        // A context is cut to 256 KiB before it comes here.
        for (at, word) in (0..).zip(&side.words) {
            let all = places.entry(word.clone()).or_default();
            if all.len() < PLACES_MAX {
                all.push(at);
            }
        }
        let mut numbers = Vec::new();
        for (at, (words, negated)) in (0..).zip(side.by_sentence()) {
            for word in words {
                let all = sentences.entry(word.clone()).or_default();
                if all.last() != Some(&at) {
                    all.push(at);
                }
            }
            numbers.push((words.iter().filter(|word| is_number(word)).cloned().collect(), negated));
        }
        let grams = side.set().iter().flat_map(|word| grams(word)).collect();
        Self { places, sentences, grams, numbers, side }
    }

    /// Places of a word.
    pub(super) fn places(&self, word: &str) -> &[u32] {
        self.places.get(word).map(Vec::as_slice).unwrap_or_default()
    }

    /// For each sentence how many of `words` it has, each as often as it comes among them.
    pub(super) fn shared<'w>(&self, words: impl Iterator<Item = &'w str>) -> Vec<usize> {
        let mut times: HashMap<&str, usize> = HashMap::new();
        words.for_each(|word| *times.entry(word).or_default() += 1);
        let mut shared = vec![0; self.numbers.len()];
        for (word, times) in times {
            for at in self.sentences.get(word).into_iter().flatten() {
                if let Some(shared) = shared.get_mut(*at as usize) {
                    *shared += times;
                }
            }
        }
        shared
    }

    /// Whether a sentence has a number that is none of `known`, and whether it is negated.
    pub(super) fn about(&self, sentence: usize, known: &HashSet<String>) -> (bool, bool) {
        self.numbers.get(sentence).map_or((false, false), |(numbers, negated)| {
            (numbers.iter().any(|n| !known.contains(n)), *negated)
        })
    }
}
