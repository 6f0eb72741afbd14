//! Similarity of character n-grams: a keyword is found where some words share most of its n-grams.
//!
//! Both sides are padded with `arity − 1` blanks and compared as sets by Jaccard's index |A ∩ B| / |A ∪ B|. One index
//! holds the keywords of all rules with the same text, arity and number of words. A word of the text looks its
//! n-grams up once for all keywords; only a keyword that shares enough of them is compared exactly.

use crate::text::{Word, Words};
use std::collections::BTreeMap;

/// Most bytes of a keyword, and of a text word that is compared (longer ones can't be similar enough to matter).
pub(crate) const GRAM_TEXT_MAX: usize = 256;
/// Slots of the filter; a power of two.
const SLOTS: usize = 4096;

#[derive(Clone, Debug)]
struct Entry {
    /// Sorted, distinct.
    grams: Vec<u64>,
    /// Lowest threshold of the rules that use it.
    threshold: f64,
}

/// Collects keywords with one arity and one number of words.
#[derive(Clone, Debug)]
pub(crate) struct GramIndexBuilder {
    arity: usize,
    span: usize,
    ids: BTreeMap<String, u32>,
    entries: Vec<Entry>,
}

/// The keywords of one arity and one number of words.
#[derive(Clone, Debug)]
pub(crate) struct GramIndex {
    arity: usize,
    span: usize,
    entries: Vec<Entry>,
    /// Which slots are in use; most n-grams of a text end here.
    filter: Vec<bool>,
    postings: BTreeMap<u64, Vec<u32>>,
}

/// Multiplicative hash of the characters of one n-gram (21 bits each; 5 characters wrap, which only mixes).
fn grams_of(text: &str, arity: usize, out: &mut Vec<u64>) {
    out.clear();
    let pad = arity.saturating_sub(1);
    let mut window = [' '; 5];
    let padded = text.chars().chain(std::iter::repeat_n(' ', pad));
    for c in padded {
        window.rotate_left(1);
        window[4] = c;
        let grams = window.get(5 - arity.min(5)..).unwrap_or_default();
        let hash = grams.iter().fold(0_u64, |h, c| {
            (h.rotate_left(21) ^ u64::from(*c as u32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        out.push(hash);
    }
}

const fn slot(gram: u64) -> usize {
    (gram >> 40) as usize % SLOTS
}

impl GramIndexBuilder {
    /// An index of n-grams of `arity` characters over runs of `span` words.
    pub(crate) const fn new(arity: usize, span: usize) -> Self {
        Self { arity, span, ids: BTreeMap::new(), entries: Vec::new() }
    }

    /// The id of a keyword, folded already when case does not count.
    pub(crate) fn keyword(&mut self, text: String, threshold: f64) -> u32 {
        let mut grams = Vec::new();
        grams_of(&text, self.arity, &mut grams);
        grams.sort_unstable();
        grams.dedup();
        let next = self.entries.len() as u32;
        let id = *self.ids.entry(text).or_insert(next);
        match self.entries.get_mut(id as usize) {
            Some(entry) => entry.threshold = entry.threshold.min(threshold),
            None => self.entries.push(Entry { grams, threshold }),
        }
        id
    }

    /// Builds the index.
    pub(crate) fn build(self) -> GramIndex {
        let mut filter = vec![false; SLOTS];
        let mut postings: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for (id, entry) in self.entries.iter().enumerate() {
            for gram in &entry.grams {
                if let Some(used) = filter.get_mut(slot(*gram)) {
                    *used = true;
                }
                postings.entry(*gram).or_default().push(id as u32);
            }
        }
        GramIndex { arity: self.arity, span: self.span, entries: self.entries, filter, postings }
    }
}

impl GramIndex {
    /// The best similarity of each keyword anywhere in `text`; below its threshold it may read as 0.
    pub(crate) fn best(&self, text: &str, words: &Words) -> Vec<f64> {
        let mut best = vec![0.0; self.entries.len()];
        let mut shared = vec![0_u32; self.entries.len()];
        let (mut grams, mut touched) = (Vec::new(), Vec::new());
        let longest =
            self.entries.iter().map(|e| (e.grams.len() as f64 / e.threshold.max(0.05)) as usize).max();
        let longest = longest.unwrap_or_default().min(GRAM_TEXT_MAX);
        for word in words.windows(self.span) {
            if word.chars as usize > longest + 1 {
                continue;
            }
            self.compare(&word, text, &mut grams, &mut shared, &mut touched, &mut best);
        }
        best
    }

    fn compare(
        &self,
        word: &Word,
        text: &str,
        grams: &mut Vec<u64>,
        shared: &mut [u32],
        touched: &mut Vec<u32>,
        best: &mut [f64],
    ) {
        grams_of(word.of(text), self.arity, grams);
        if !grams.iter().any(|g| self.filter.get(slot(*g)).copied().unwrap_or(false)) {
            return;
        }
        grams.sort_unstable();
        grams.dedup();
        touched.clear();
        for gram in grams.iter().filter(|g| self.filter.get(slot(**g)).copied().unwrap_or(false)) {
            for id in self.postings.get(gram).map(Vec::as_slice).unwrap_or_default() {
                if let Some(count) = shared.get_mut(*id as usize) {
                    if *count == 0 {
                        touched.push(*id);
                    }
                    *count += 1;
                }
            }
        }
        for id in touched.iter().map(|id| *id as usize) {
            if let (Some(count), Some(entry), Some(best)) =
                (shared.get_mut(id), self.entries.get(id), best.get_mut(id))
            {
                let union = entry.grams.len() + grams.len() - *count as usize;
                *best = f64::max(*best, f64::from(*count) / union.max(1) as f64);
                *count = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(keyword: &str, arity: usize, text: &str) -> f64 {
        let mut builder = GramIndexBuilder::new(arity, Words::of(keyword).0.len());
        let id = builder.keyword(keyword.into(), 0.1) as usize;
        builder.build().best(text, &Words::of(text))[id]
    }

    #[test]
    fn near_words_share_n_grams() {
        for (keyword, arity, text, low, high) in [
            ("database", 3, "my database", 1.0, 1.0),
            ("database", 3, "two databases", 0.5, 0.99),
            ("database", 3, "a databse", 0.4, 0.99),
            ("database", 3, "basketball", 0.0, 0.2),
            ("credit card", 3, "one credit cards", 0.6, 0.99),
            ("退款申请", 2, "我的退款申请", 1.0, 1.0),
            ("database", 3, "", 0.0, 0.0),
        ] {
            let got = best(keyword, arity, text);
            assert!((low..=high).contains(&got), "{keyword} in {text}: {got}");
        }
    }

    /// By hand: "ab" padded by one blank: {" a", "ab", "b "}; "ac": {" a", "ac", "c "}; 1 of 5 shared.
    #[test]
    fn matches_the_formula() {
        assert!((best("ab", 2, "ac") - 0.2).abs() < 1e-12);
    }

    #[test]
    fn an_index_keeps_the_lowest_threshold() {
        let mut builder = GramIndexBuilder::new(3, 1);
        assert_eq!(builder.keyword("word".into(), 0.9), builder.keyword("word".into(), 0.3));
        assert_eq!(builder.entries[0].threshold, 0.3);
    }
}
