//! Words within a small edit distance (optimal string alignment: insert, delete, substitute, swap neighbours).
//!
//! Each word of the text is first compared by length and by its character mask: an edit changes at most one character
//! on each side, so a word with more than `distance` foreign bits can't be near. Only survivors pay for the banded
//! table, O(characters × (2·distance + 1)); a keyword has at most [`KEYWORD_CHARS`] characters.

use crate::text::{Word, Words, is_cjk};

/// Most characters of a fuzzy keyword.
pub(crate) const KEYWORD_CHARS: usize = 64;
/// Largest distance.
pub(crate) const DISTANCE_MAX: usize = 3;
const WIDTH: usize = KEYWORD_CHARS + DISTANCE_MAX + 2;

/// One keyword to be found with errors.
#[derive(Clone, Debug)]
pub(crate) struct FuzzyWord {
    chars: Vec<char>,
    mask: u64,
    distance: usize,
    /// Numbers of neighbouring text words that are compared with it.
    spans: std::ops::RangeInclusive<usize>,
}

impl FuzzyWord {
    /// A keyword, folded already when case does not count.
    pub(crate) fn new(text: &str, distance: usize) -> Self {
        let words = Words::of(text);
        let span = words.0.len().max(1);
        // Where each character is a word, an insertion changes the number of words.
        let slack = if text.chars().any(is_cjk) { distance } else { 0 };
        Self {
            chars: text.chars().take(KEYWORD_CHARS).collect(),
            mask: words.0.iter().fold(0, |mask, w| mask | w.mask),
            distance: distance.min(DISTANCE_MAX),
            spans: span.saturating_sub(slack).max(1)..=span + slack,
        }
    }

    /// The smallest distance of this keyword to a place in `text`, when within bounds.
    pub(crate) fn find(&self, text: &str, words: &Words) -> Option<usize> {
        let near = self.spans.clone().filter_map(|span| match span {
            1 => self.nearest(words.0.iter().copied(), text),
            _ => self.nearest(words.windows(span), text),
        });
        near.min()
    }

    fn nearest(&self, words: impl Iterator<Item = Word>, text: &str) -> Option<usize> {
        let mut best = None;
        for word in words.filter(|w| self.may_be_near(w)) {
            if let Some(distance) = self.distance_to(word.of(text))
                && best.is_none_or(|b| distance < b)
            {
                best = Some(distance);
                if distance == 0 {
                    break;
                }
            }
        }
        best
    }

    /// Its number of characters.
    pub(crate) fn len(&self) -> usize {
        self.chars.len()
    }

    const fn may_be_near(&self, word: &Word) -> bool {
        let limit = self.distance as u32;
        (word.chars as usize).abs_diff(self.chars.len()) <= self.distance
            && (word.mask & !self.mask).count_ones() <= limit
            && (self.mask & !word.mask).count_ones() <= limit
    }

    /// The distance to `word`, when at most [`Self::distance`].
    fn distance_to(&self, word: &str) -> Option<usize> {
        const FAR: usize = usize::MAX / 2;
        let (mut before, mut last, mut row) = ([FAR; WIDTH], [FAR; WIDTH], [FAR; WIDTH]);
        for (j, cell) in last.iter_mut().enumerate().take(self.distance + 1) {
            *cell = j;
        }
        let mut previous = None;
        let mut length = 0;
        for (i, c) in word.chars().enumerate().map(|(i, c)| (i + 1, c)) {
            if i > self.chars.len() + self.distance {
                return None;
            }
            length = i;
            row.fill(FAR);
            let (low, high) = (i.saturating_sub(self.distance), (i + self.distance).min(self.chars.len()));
            let mut nearest = FAR;
            for j in low..=high {
                let value = if j == 0 {
                    i
                } else {
                    let same = self.chars.get(j - 1) == Some(&c);
                    let mut value = (last[j - 1] + usize::from(!same)).min(last[j] + 1).min(row[j - 1] + 1);
                    if j > 1
                        && previous == self.chars.get(j - 1).copied()
                        && self.chars.get(j - 2) == Some(&c)
                    {
                        value = value.min(before[j - 2] + 1);
                    }
                    value
                };
                row[j] = value;
                nearest = nearest.min(value);
            }
            if nearest > self.distance + 1 {
                return None;
            }
            (before, last) = (last, row);
            previous = Some(c);
        }
        debug_assert!(length <= WIDTH);
        last.get(self.chars.len()).copied().filter(|d| *d <= self.distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The textbook full table.
    fn alignment(a: &[char], b: &[char]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let cost = usize::from(a[i - 1] != b[j - 1]);
                    let mut d =
                        (table[i - 1][j - 1] + cost).min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        d = d.min(table[i - 2][j - 2] + 1);
                    }
                    d
                };
            }
        }
        table[a.len()][b.len()]
    }

    fn find(keyword: &str, distance: usize, text: &str) -> Option<usize> {
        FuzzyWord::new(keyword, distance).find(text, &Words::of(text))
    }

    #[test]
    fn finds_misspelt_words() {
        for (keyword, distance, text, found) in [
            ("password", 1, "my passwrod", Some(1)),
            ("password", 1, "my passwrd!", Some(1)),
            ("password", 1, "my pasword password", Some(0)),
            ("password", 2, "pssword reset", Some(1)),
            ("password", 1, "compass words", None),
            ("credit card", 2, "a credti cadr", Some(2)),
            ("credit card", 1, "credit-card", Some(1)),
            ("身份证号", 1, "我的身份号", Some(1)),
            ("身份证号", 1, "我的身分证号", Some(1)),
            ("naïve", 1, "naive", Some(1)),
        ] {
            assert_eq!(find(keyword, distance, text), found, "{keyword} in {text}");
        }
    }

    proptest! {
        #[test]
        fn equals_the_full_table(keyword in "[abc]{3,9}", word in "[abcd]{1,11}", distance in 1_usize..=3) {
            let (a, b): (Vec<_>, Vec<_>) = (word.chars().collect(), keyword.chars().collect());
            let full = alignment(&a, &b);
            prop_assert_eq!(find(&keyword, distance, &word), (full <= distance).then_some(full));
        }
    }
}
