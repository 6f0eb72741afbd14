//! BM25 of keyword phrases against a text: the phrases are the documents, the text's words are the query.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), k₁ = 1.2, b = 0.75; idf in the form
//! ln(1 + (N − n + ½)/(n + ½)), which is never negative. A word of the text counts once, so that length alone does
//! not raise a score. English plurals are cut by the S-stemmer (Harman, "How effective is suffixing?", 1991).

use crate::text::Words;
use std::collections::{BTreeMap, BTreeSet};

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// The phrases of one rule.
#[derive(Clone, Debug)]
pub(crate) struct Bm25 {
    terms: BTreeMap<String, u32>,
    /// First bytes and lengths of terms, to turn most words away without a look-up.
    filter: Box<[u64; 256]>,
    /// Per phrase: its terms with what each adds to the score.
    phrases: Vec<Vec<(u32, f64)>>,
}

/// Harman's three rules; anything that is not ASCII stays as it is.
fn stem(word: &str) -> (&str, &str) {
    let ends = |suffix: &str| word.len() > suffix.len() + 1 && word.ends_with(suffix);
    if !word.is_ascii() || !ends("s") {
        return (word, "");
    }
    let cut = |n: usize| word.get(..word.len() - n).unwrap_or(word);
    if ends("ies") && !ends("eies") && !ends("aies") {
        (cut(3), "y")
    } else if ["us", "ss", "aes", "ees", "oes"].iter().any(|suffix| word.ends_with(suffix)) {
        (word, "")
    } else {
        (cut(1), "")
    }
}

fn stemmed(word: &str) -> String {
    let (head, tail) = stem(word);
    format!("{head}{tail}")
}

/// Bit of a word's length; every stem is as long as the word or up to two bytes shorter.
const fn length_bit(length: usize) -> u64 {
    1 << if length > 63 { 63 } else { length }
}

impl Bm25 {
    /// A rule's phrases, folded already when case does not count.
    pub(crate) fn new(phrases: &[String]) -> Self {
        let split: Vec<Vec<String>> =
            phrases.iter().map(|p| Words::of(p).0.iter().map(|w| stemmed(w.of(p))).collect()).collect();
        let mut terms = BTreeMap::new();
        let mut filter = Box::new([0; 256]);
        for word in split.iter().flatten() {
            let next = terms.len() as u32;
            terms.entry(word.clone()).or_insert(next);
            if let Some(slot) = filter.get_mut(usize::from(word.bytes().next().unwrap_or_default())) {
                *slot |= (0..=2).fold(0, |bits, more| bits | length_bit(word.len() + more));
            }
        }
        let documents = split.len() as f64;
        let average = split.iter().map(Vec::len).sum::<usize>().max(1) as f64 / documents.max(1.0);
        let weigh = |phrase: &Vec<String>| {
            let mut frequency: BTreeMap<&String, f64> = BTreeMap::new();
            phrase.iter().for_each(|word| *frequency.entry(word).or_default() += 1.0);
            let score = |(word, tf): (&String, f64)| {
                let containing = split.iter().filter(|p| p.contains(word)).count() as f64;
                let idf = (1.0 + (documents - containing + 0.5) / (containing + 0.5)).ln();
                let norm = K1 * (1.0 - B + B * phrase.len() as f64 / average);
                terms.get(word).map(|id| (*id, idf * tf * (K1 + 1.0) / (tf + norm)))
            };
            frequency.into_iter().filter_map(score).collect()
        };
        let phrases = split.iter().map(weigh).collect();
        Self { terms, filter, phrases }
    }

    /// The score of each phrase.
    pub(crate) fn scores(&self, text: &str, words: &Words) -> Vec<f64> {
        let mut seen: BTreeSet<u32> = BTreeSet::new();
        for word in &words.0 {
            let word = word.of(text);
            let first = usize::from(word.bytes().next().unwrap_or_default());
            if self.filter.get(first).is_none_or(|bits| bits & length_bit(word.len()) == 0) {
                continue;
            }
            let (head, tail) = stem(word);
            let id = if tail.is_empty() { self.terms.get(head) } else { self.terms.get(&stemmed(word)) };
            seen.extend(id);
        }
        let sum = |phrase: &Vec<(u32, f64)>| {
            phrase.iter().filter(|(id, _)| seen.contains(id)).map(|(_, weight)| weight).sum()
        };
        self.phrases.iter().map(sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(phrases: &[&str], text: &str) -> Vec<f64> {
        let phrases: Vec<_> = phrases.iter().map(|p| (*p).to_owned()).collect();
        Bm25::new(&phrases).scores(text, &Words::of(text))
    }

    #[test]
    fn rare_words_and_full_phrases_score_higher() {
        let phrases = ["refund order", "cancel order", "track shipment"];
        let got = scores(&phrases, "please refund my orders");
        assert!(got[0] > got[1] && got[1] > 0.0, "{got:?}");
        assert_eq!(got[2], 0.0);
        assert_eq!(scores(&phrases, "refund refund refund orders"), got);
        assert_eq!(scores(&phrases, ""), [0.0; 3]);
    }

    /// By hand: one phrase of one word: idf = ln(1 + 0.5/1.5), tf part = 2.2/2.2.
    #[test]
    fn matches_the_formula() {
        let got = scores(&["refund"], "a refund");
        assert!((got[0] - (4.0_f64 / 3.0).ln()).abs() < 1e-12, "{got:?}");
    }

    #[test]
    fn stems_plurals_only() {
        for (word, stem) in [
            ("queries", "query"),
            ("orders", "order"),
            ("class", "class"),
            ("bus", "bus"),
            ("is", "is"),
            ("été", "été"),
        ] {
            assert_eq!(stemmed(word), stem);
        }
        assert!(scores(&["database query"], "slow queries")[0] > 0.0);
    }
}
