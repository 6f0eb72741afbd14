//! Whether a turn repeats an earlier one: words and character 3-grams in common.
//!
//! Similarity is the mean of Dice's coefficient 2·|A ∩ B| / (|A| + |B|) over the sets of words and over the sets of
//! character 3-grams; words catch reordering, 3-grams catch spelling and inflection. Both sides are folded, and only
//! the first and last [`SAMPLE_BYTES`] of a turn are read.

use crate::text::{Words, cut, cut_front, fold};

/// Bytes read from each end of a turn.
const SAMPLE_BYTES: usize = 4 << 10;
/// Most earlier turns that are compared.
pub(crate) const LOOKBACK_MAX: usize = 16;

/// The words and 3-grams of one turn, as sorted sets of hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    words: Vec<u64>,
    grams: Vec<u64>,
}

fn mix(hash: u64, value: u64) -> u64 {
    (hash.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn set(mut hashes: Vec<u64>) -> Vec<u64> {
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

fn dice(a: &[u64], b: &[u64]) -> f64 {
    let (mut i, mut j, mut both) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        both += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    let all = a.len() + b.len();
    if all == 0 { 0.0 } else { 2.0 * both as f64 / all as f64 }
}

impl Fingerprint {
    /// Of one turn's text.
    pub(crate) fn of(text: &str) -> Self {
        let sample = if text.len() <= 2 * SAMPLE_BYTES {
            fold(text)
        } else {
            fold(&[cut(text, SAMPLE_BYTES), cut_front(text, SAMPLE_BYTES)].join("\n"))
        };
        let words = Words::of(&sample);
        let hash = |word: &str| word.bytes().fold(7, |h, b| mix(h, u64::from(b)));
        let mut grams = Vec::with_capacity(sample.len());
        let mut window = [' '; 3];
        let spaced = words.0.iter().flat_map(|w| w.of(&sample).chars().chain([' ']));
        for c in spaced {
            window.rotate_left(1);
            window[2] = c;
            grams.push(window.iter().fold(3, |h, c| mix(h, u64::from(*c as u32))));
        }
        Self { words: set(words.0.iter().map(|w| hash(w.of(&sample))).collect()), grams: set(grams) }
    }

    /// How alike two turns are, in [0, 1]; 0 when one has no words.
    pub(crate) fn similarity(&self, other: &Self) -> f64 {
        if self.words.is_empty() || other.words.is_empty() {
            return 0.0;
        }
        (dice(&self.words, &other.words) + dice(&self.grams, &other.grams)) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> f64 {
        Fingerprint::of(a).similarity(&Fingerprint::of(b))
    }

    #[test]
    fn repeats_score_high_and_new_questions_low() {
        let question = "How do I reset my password on the admin page?";
        for (other, low, high) in [
            (question, 1.0, 1.0),
            ("how do i RESET my password on the admin page", 1.0, 1.0),
            ("On the admin page, how do I reset my password?", 0.9, 1.0),
            ("How can I reset my pasword on the admin page??", 0.7, 0.95),
            ("Thanks! And what does it cost per month?", 0.0, 0.3),
            ("", 0.0, 0.0),
        ] {
            let got = alike(question, other);
            assert!((low..=high).contains(&got), "{other}: {got}");
            assert!((got - alike(other, question)).abs() < 1e-12);
        }
        assert!(alike("怎么重置我的密码？", "我怎么重置密码") > 0.6);
    }

    #[test]
    fn only_both_ends_are_read() {
        let middle =
            |word: &str| format!("{} {} {}", "a ".repeat(4000), word.repeat(4000), "b ".repeat(4000));
        assert_eq!(Fingerprint::of(&middle("x ")), Fingerprint::of(&middle("y ")));
    }
}
