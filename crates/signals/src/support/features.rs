//! What a sentence shares with a context.

use super::beside::Beside;
use std::collections::{HashMap, HashSet};

/// How many features there are.
pub const FEATURES: usize = 14;

/// Words that carry no matter of their own; ascending.
const EMPTY: &[&str] = &[
    "a", "about", "also", "am", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "did",
    "do", "does", "for", "from", "had", "has", "have", "he", "her", "his", "i", "if", "in", "into", "is",
    "it", "its", "me", "my", "of", "on", "or", "our", "she", "so", "some", "that", "the", "their", "them",
    "there", "they", "this", "to", "was", "we", "were", "what", "which", "who", "will", "with", "would",
    "you", "your",
];
/// Words of the speaker: what is said with them is seldom in a document. Ascending.
const SPEAKER: &[&str] = &[
    "bet",
    "cool",
    "favorite",
    "guess",
    "i",
    "interesting",
    "know",
    "like",
    "love",
    "me",
    "my",
    "oh",
    "really",
    "think",
    "we",
    "wow",
    "you",
    "your",
];
/// Words that turn a statement around; ascending.
const NEGATIVE: &[&str] =
    &["cannot", "neither", "never", "no", "nobody", "none", "nor", "not", "nothing", "without"];
/// Endings of negated verbs.
const NOT: &str = "n't";
/// Share of a sentence's matter that the context must have for a contradiction to be about the same thing.
const SAME_MATTER: f32 = 0.6;
/// Fewest words of matter in such a sentence.
const MATTER_MIN: usize = 2;

/// A text as it is compared.
pub(super) struct Side {
    /// Its words in small letters, numbers without separators.
    pub(super) words: Vec<String>,
    /// Places of words that begin with a capital and do not begin a sentence.
    names: Vec<usize>,
    /// Where each sentence begins, in words.
    starts: Vec<usize>,
    set: HashSet<String>,
    pairs: HashSet<(String, String)>,
    negative: Vec<bool>,
}

pub(super) fn is_number(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit())
}

fn is_empty(word: &str) -> bool {
    EMPTY.binary_search(&word).is_ok()
}

/// A word without the ending that number and tense give it: crude, and the same on both sides.
fn stem(word: &str) -> &str {
    let cut = ["ing", "ed", "es", "s"].iter().find_map(|end| word.strip_suffix(end)).filter(|s| s.len() >= 4);
    cut.unwrap_or(word)
}

impl Side {
    pub(super) fn of(text: &str) -> Self {
        let (mut words, mut names, mut starts, mut negative) = (Vec::new(), Vec::new(), vec![0], Vec::new());
        let mut begins = true;
        for range in super::sentences(text) {
            starts.push(words.len());
            let mut negated = false;
            for raw in text
                .get(range)
                .unwrap_or_default()
                .split(|c: char| c.is_whitespace() || "()[]\"“”;:".contains(c))
            {
                let bare = raw.trim_matches(|c: char| !c.is_alphanumeric());
                if bare.is_empty() {
                    continue;
                }
                let mut word = bare.to_lowercase();
                if is_number(&word) {
                    word.retain(|c| c != ',');
                }
                negated |= NEGATIVE.binary_search(&word.as_str()).is_ok() || word.ends_with(NOT);
                if !begins && bare.starts_with(char::is_uppercase) && bare.len() > 1 {
                    names.push(words.len());
                }
                begins = false;
                words.push(stem(&word).to_owned());
            }
            begins = true;
            negative.push(negated);
        }
        starts.remove(0);
        let set = words.iter().cloned().collect();
        let pairs =
            words.windows(2).filter_map(|two| Some((two.first()?.clone(), two.get(1)?.clone()))).collect();
        Self { words, names, starts, set, pairs, negative }
    }

    /// Words that carry matter.
    fn matter(&self) -> impl Iterator<Item = &String> {
        self.words.iter().filter(|word| !is_empty(word))
    }

    /// Its different words.
    pub(super) const fn set(&self) -> &HashSet<String> {
        &self.set
    }

    /// The words of each sentence.
    pub(super) fn by_sentence(&self) -> impl Iterator<Item = (&[String], bool)> {
        let ends = self.starts.iter().skip(1).copied().chain([self.words.len()]);
        let each = self.starts.iter().zip(ends).zip(&self.negative);
        each.map(|((from, to), negative)| (self.words.get(*from..to).unwrap_or_default(), *negative))
    }
}

fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 { 1.0 } else { part as f32 / whole as f32 }
}

/// Longest run of words that both have, in words.
fn longest_run(words: &[String], context: &Beside) -> usize {
    let (mut best, mut before) = (0, HashMap::new());
    for word in words {
        let mut here = HashMap::new();
        for at in context.places(word) {
            let run = at.checked_sub(1).and_then(|left| before.get(&left)).copied().unwrap_or(0) + 1;
            best = best.max(run);
            here.insert(*at, run);
        }
        before = here;
    }
    best
}

/// The four-letter runs of a word, with what stands around it.
pub(super) fn grams(word: &str) -> impl Iterator<Item = [char; 4]> + use<> {
    let chars: Vec<char> = std::iter::once(' ').chain(word.chars()).chain([' ']).collect();
    let runs: Vec<[char; 4]> = chars.array_windows().copied().collect();
    runs.into_iter()
}

/// Share of the four-letter runs of the sentence's matter that the context's words have.
fn runs(sentence: &Side, context: &Beside) -> f32 {
    let (mut known, mut all) = (0, 0);
    for run in sentence.matter().flat_map(|word| grams(word)) {
        known += usize::from(context.grams.contains(&run));
        all += 1;
    }
    share(known, all)
}

/// The features of a sentence beside a context, each in [0, 1] or near it.
#[must_use]
pub fn features(sentence: &str, context: &str) -> Vec<f32> {
    between(&Side::of(sentence), &Beside::of(context))
}

pub(super) fn between(sentence: &Side, beside: &Beside) -> Vec<f32> {
    let context = &beside.side;
    let count = sentence.words.len();
    let matter = sentence.matter().count();
    let shared = sentence.matter().filter(|word| context.set.contains(*word)).count();
    let all = sentence.words.iter().filter(|word| context.set.contains(*word)).count();
    let pairs: Vec<_> = sentence.words.windows(2).collect();
    let pair = |two: &&&[String]| match two {
        [a, b] => context.pairs.contains(&(a.clone(), b.clone())),
        _ => false,
    };
    let two = share(pairs.iter().filter(pair).count(), pairs.len());
    let run = longest_run(&sentence.words, beside);
    let name = |at: &&usize| sentence.words.get(**at).is_some_and(|word| !context.set.contains(word));
    let new_names = sentence.names.iter().filter(name).count();
    let new_numbers = sentence.words.iter().filter(|w| is_number(w) && !context.set.contains(*w)).count();
    let most = beside.shared(sentence.matter().map(String::as_str)).into_iter().max();
    let best = most.map_or(0.0, |most| share(most, matter));
    let speaker = sentence.words.iter().filter(|w| SPEAKER.binary_search(&w.as_str()).is_ok()).count();
    let matter_share = share(shared, matter);
    let missing = (matter - shared) as f32;
    vec![
        matter_share,
        share(all, count),
        two,
        share(run, count),
        (run as f32).min(16.0) / 16.0,
        runs(sentence, beside),
        best,
        share(new_names, sentence.names.len().max(1)),
        (new_numbers as f32).min(3.0) / 3.0,
        share(speaker, count.max(1)),
        (count as f32).ln_1p() / 4.0,
        missing.min(12.0) / 12.0,
        matter_share * matter_share,
        two * two,
    ]
}

/// Whether the context says otherwise: it has most of the sentence's matter in one of its own sentences, and beside it another
/// number or name, or a negation that the other has not.
pub(super) fn contradicts(sentence: &Side, beside: &Beside) -> bool {
    let context = &beside.side;
    let negative = sentence.negative.iter().any(|negated| *negated);
    let turns = |word: &str| NEGATIVE.binary_search(&word).is_ok() || word.ends_with(NOT);
    let special = |at: usize, word: &str| is_number(word) || sentence.names.contains(&at);
    let plain: Vec<&String> = sentence
        .words
        .iter()
        .enumerate()
        .filter(|(at, word)| !special(*at, word) && !is_empty(word) && !turns(word))
        .map(|(_, word)| word)
        .collect();
    let strange: Vec<&String> = sentence
        .words
        .iter()
        .enumerate()
        .filter(|(at, word)| special(*at, word) && !context.set.contains(*word))
        .map(|(_, word)| word)
        .collect();
    let least = MATTER_MIN - usize::from(!strange.is_empty());
    let about = |same: usize| same > 0 && plain.len() >= least && share(same, plain.len()) >= SAME_MATTER;
    let shared = beside.shared(plain.iter().map(|word| word.as_str()));
    shared.into_iter().enumerate().filter(|(_, same)| about(*same)).any(|(at, same)| {
        // Beside the same matter the context has a number or a name of its own where the sentence has another one.
        let (own_number, negated) = beside.about(at, &sentence.set);
        let other = strange.iter().any(|word| !is_number(word) || own_number) && !strange.is_empty();
        other || negative != negated && plain.len() >= MATTER_MIN && same == plain.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_features_by_hand() {
        assert!(EMPTY.is_sorted() && SPEAKER.is_sorted() && NEGATIVE.is_sorted());
        let same = features("The cat sat on the mat.", "The cat sat on the mat.");
        assert_eq!(same.len(), FEATURES);
        assert_eq!((same[0], same[2], same[3]), (1.0, 1.0, 1.0));
        let none = features("Ships sail north.", "The cat sat.");
        assert_eq!((none[0], none[1], none[2], none[3]), (0.0, 0.0, 0.0, 0.0));
        let words: Vec<String> = "a b c d".split(' ').map(str::to_owned).collect();
        assert_eq!(longest_run(&words, &Beside::of("x b c d a b")), 3);
    }
}
