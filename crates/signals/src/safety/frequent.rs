//! Words that are frequent in several languages: what a text that is one has, and one in code has not.

/// Frequent words by which a text in English, Spanish, French, German or Italian is known to be one; ascending.
const FREQUENT: &[&str] = &[
    "a",
    "all",
    "and",
    "are",
    "as",
    "at",
    "be",
    "by",
    "can",
    "das",
    "de",
    "der",
    "die",
    "do",
    "el",
    "en",
    "et",
    "for",
    "from",
    "have",
    "how",
    "i",
    "ignore",
    "il",
    "in",
    "instructions",
    "is",
    "ist",
    "it",
    "la",
    "le",
    "les",
    "los",
    "me",
    "my",
    "no",
    "not",
    "now",
    "of",
    "on",
    "or",
    "previous",
    "que",
    "show",
    "system",
    "tell",
    "that",
    "the",
    "this",
    "to",
    "und",
    "what",
    "with",
    "you",
    "your",
];

/// How many words a text has, and how many of them are frequent.
pub(super) fn frequent(sentence: &str) -> (usize, usize) {
    let (mut words, mut found) = (0, 0);
    for word in sentence.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words += 1;
        found += usize::from(
            word.len() <= 12 && FREQUENT.binary_search(&word.to_ascii_lowercase().as_str()).is_ok(),
        );
    }
    (words, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_are_in_order() {
        assert!(FREQUENT.is_sorted());
    }
}
