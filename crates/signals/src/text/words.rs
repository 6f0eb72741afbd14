//! Words of a text: maximal runs of word characters, where each CJK character is a word by itself.

use super::chars::{is_cjk, is_word};

/// One word: where it stands and what can be compared cheaply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word {
    /// First byte.
    pub(crate) start: u32,
    /// One past the last byte.
    pub(crate) end: u32,
    /// Characters in it.
    pub(crate) chars: u32,
    /// One bit per character (code point modulo 64): words that differ in many bits are far apart.
    pub(crate) mask: u64,
}

/// The words of a text in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(pub(crate) Vec<Word>);

const fn bit(c: char) -> u64 {
    1 << (c as u32 % 64)
}

impl Words {
    /// Splits `text`. Linear.
    pub(crate) fn of(text: &str) -> Self {
        let mut words = Vec::with_capacity(text.len() / 6);
        let mut open: Option<Word> = None;
        for (at, c) in text.char_indices() {
            let (start, end) = (at as u32, (at + c.len_utf8()) as u32);
            if !is_word(c) {
                words.extend(open.take());
            } else if is_cjk(c) {
                words.extend(open.take());
                words.push(Word { start, end, chars: 1, mask: bit(c) });
            } else {
                let word = open.get_or_insert(Word { start, end, chars: 0, mask: 0 });
                word.end = end;
                word.chars += 1;
                word.mask |= bit(c);
            }
        }
        words.extend(open);
        Self(words)
    }

    /// Runs of `span` neighbouring words, each as one word from the first's start to the last's end.
    pub(crate) fn windows(&self, span: usize) -> impl Iterator<Item = Word> {
        self.0.windows(span.max(1)).filter_map(|run| {
            let (first, last) = (run.first()?, run.last()?);
            let between = (last.end - first.start).saturating_sub(run.iter().map(|w| w.end - w.start).sum());
            Some(Word {
                start: first.start,
                end: last.end,
                chars: run.iter().map(|w| w.chars).sum::<u32>() + between,
                mask: run.iter().fold(0, |mask, w| mask | w.mask),
            })
        })
    }
}

impl Word {
    /// The word's text in the text it was split from.
    pub(crate) fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Number of words of `text`, without listing them. Linear.
pub(crate) fn count_words(text: &str) -> u64 {
    let (mut count, mut inside) = (0, false);
    if text.is_ascii() {
        // A word starts where a word byte follows another byte; pairs are independent, so this runs in vectors.
        let word = |b: u8| b.is_ascii_alphanumeric() | (b == b'_');
        let bytes = text.as_bytes();
        let first = bytes.first().is_some_and(|b| word(*b));
        let starts = bytes.iter().zip(bytes.iter().skip(1)).filter(|(a, b)| word(**b) & !word(**a)).count();
        return u64::from(first) + starts as u64;
    }
    for c in text.chars() {
        let (cjk, word) = (is_cjk(c), is_word(c));
        count += u64::from(word && (cjk || !inside));
        inside = word && !cjk;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        Words::of(text).0.iter().map(|w| w.of(text)).collect()
    }

    #[test]
    fn splits_words() {
        for (text, words) in [
            ("", vec![]),
            ("don't stop_it 3.5", vec!["don", "t", "stop_it", "3", "5"]),
            ("用python写", vec!["用", "python", "写"]),
            ("e\u{301}te\u{301} 🔥fin", vec!["e\u{301}te\u{301}", "fin"]),
        ] {
            assert_eq!(split(text), words, "{text}");
        }
        let text = "new york, ny";
        let pairs: Vec<_> = Words::of(text).windows(2).map(|w| (w.of(text), w.chars)).collect();
        assert_eq!(pairs, [("new york", 8), ("york, ny", 8)]);
    }

    proptest! {
        #[test]
        fn counting_equals_splitting(text in "\\PC{0,60}|[a-c 中é_.]{0,40}") {
            prop_assert_eq!(count_words(&text), split(&text).len() as u64);
        }
    }
}
