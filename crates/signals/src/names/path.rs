//! The likeliest sequence of labels in which a type goes on only where it has begun.

use super::TAGS;

/// The least probability that is told from none.
const LEAST: f32 = 1e-9;

/// Whether a word of label `next` may follow one of label `before`.
const fn follows(before: usize, next: usize) -> bool {
    next == 0 || next % 2 == 1 || before == next || before + 1 == next
}

/// The label of each word, of its probabilities (Viterbi 1967). Linear.
pub(super) fn best(words: &[Vec<f32>]) -> Vec<usize> {
    let log = |word: &[f32], tag: usize| word.get(tag).copied().unwrap_or(0.0).max(LEAST).ln();
    // Nothing stands before the first word: what goes on there has not begun.
    let mut sums = [f32::NEG_INFINITY; TAGS];
    sums[0] = 0.0;
    let mut came = Vec::with_capacity(words.len());
    for word in words {
        let mut next = [f32::NEG_INFINITY; TAGS];
        let mut from = [0_usize; TAGS];
        for (tag, (sum, from)) in next.iter_mut().zip(&mut from).enumerate() {
            for (before, so_far) in sums.iter().enumerate().filter(|(before, _)| follows(*before, tag)) {
                if *so_far > *sum {
                    (*sum, *from) = (*so_far, before);
                }
            }
            *sum += log(word, tag);
        }
        came.push(from);
        sums = next;
    }
    let mut tag = (0..TAGS).max_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap_or(0);
    let mut path = vec![0; words.len()];
    for (slot, from) in path.iter_mut().zip(&came).rev() {
        *slot = tag;
        tag = from[tag];
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All sequences of three words, the best that is allowed.
    fn brute(words: &[Vec<f32>]) -> f32 {
        let mut most = f32::NEG_INFINITY;
        for code in 0..TAGS.pow(words.len() as u32) {
            let tags: Vec<usize> = (0..words.len()).map(|at| code / TAGS.pow(at as u32) % TAGS).collect();
            most = most.max(sum(words, &tags));
        }
        most
    }

    fn sum(words: &[Vec<f32>], tags: &[usize]) -> f32 {
        let mut before = 0;
        let mut sum = 0.0;
        for (word, tag) in words.iter().zip(tags) {
            if !follows(before, *tag) {
                return f32::NEG_INFINITY;
            }
            before = *tag;
            sum += word[*tag].max(LEAST).ln();
        }
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_allowed_sequence_is_likelier(words in prop::collection::vec(prop::collection::vec(0.0_f32..1.0, TAGS), 0..4)) {
            let path = best(&words);
            prop_assert_eq!(path.len(), words.len());
            prop_assert!((sum(&words, &path) - brute(&words)).abs() < 1e-3);
        }
    }
}
