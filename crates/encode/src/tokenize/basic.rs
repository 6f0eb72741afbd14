//! BERT's basic tokenizer: clean, fold, and cut a text into words, keeping where each byte came from.
//!
//! Controls vanish, white space parts, every punctuation mark and CJK ideograph is a word of its own, letters lose case and
//! accents where the model wants it (Devlin et al. 2019, the released code). One pass, linear in the text.

use super::chars::{ACCENTS, OTHER, PUNCTUATION, is_ideograph};
use serde::Deserialize;
use unicode_normalization::char::decompose_canonical;

/// What a tokenizer folds away; `tokenizer_config.json` or the normaliser in `tokenizer.json` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Folding {
    #[serde(default = "yes", alias = "do_lower_case")]
    pub(crate) lowercase: bool,
    /// As `lowercase` where it is not said.
    #[serde(default)]
    pub(crate) strip_accents: Option<bool>,
    #[serde(default = "yes", alias = "tokenize_chinese_chars")]
    pub(crate) handle_chinese_chars: bool,
    /// Whether controls vanish.
    #[serde(default = "yes")]
    pub(crate) clean_text: bool,
}

fn yes() -> bool {
    true
}

impl Default for Folding {
    fn default() -> Self {
        Self { lowercase: true, strip_accents: None, handle_chinese_chars: true, clean_text: true }
    }
}

/// A folded word with the bytes of the text that each of its bytes came from.
#[derive(Default)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// For each byte of `text`, start and end of the character of the source.
    pub(crate) origin: Vec<(u32, u32)>,
}

impl Word {
    fn push(&mut self, c: char, origin: (u32, u32)) {
        self.text.push(c);
        self.origin.resize(self.text.len(), origin);
    }

    fn flush(&mut self, sink: &mut impl FnMut(&Word)) {
        if !self.text.is_empty() {
            sink(self);
            self.text.clear();
            self.origin.clear();
        }
    }
}

/// Calls `sink` with each word of `text`, in order.
pub(crate) fn words(text: &str, folding: Folding, sink: &mut impl FnMut(&Word)) {
    let mut word = Word::default();
    for (at, c) in text.char_indices() {
        let origin = (offset(at), offset(at + c.len_utf8()));
        if c.is_ascii_alphanumeric() {
            word.push(if folding.lowercase { c.to_ascii_lowercase() } else { c }, origin);
        } else if folding.clean_text && is_control(c) {
            // Before white space: a page break is a control, and parts no words.
        } else if c.is_whitespace() {
            word.flush(sink);
        } else if is_punctuation(c) || folding.handle_chinese_chars && is_ideograph(c) {
            word.flush(sink);
            fold(c, folding, &mut |c| word.push(c, origin));
            word.flush(sink);
        } else {
            fold(c, folding, &mut |c| word.push(c, origin));
        }
    }
    word.flush(sink);
}

fn fold(c: char, folding: Folding, sink: &mut impl FnMut(char)) {
    let mut lower = |c: char| {
        if folding.lowercase {
            c.to_lowercase().for_each(&mut *sink);
        } else {
            sink(c);
        }
    };
    if folding.strip_accents.unwrap_or(folding.lowercase) {
        decompose_canonical(c, |part| {
            if part.is_ascii() || !ACCENTS.has(part) {
                lower(part);
            }
        });
    } else {
        lower(c);
    }
}

fn is_control(c: char) -> bool {
    c == '\u{fffd}' || !matches!(c, '\t' | '\n' | '\r') && OTHER.has(c)
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || !c.is_ascii() && PUNCTUATION.has(c)
}

/// Texts are bounded far below 4 GiB before they come here; an offset beyond it stays at the end.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, folding: Folding) -> Vec<String> {
        let mut found = Vec::new();
        words(text, folding, &mut |word| found.push(word.text.clone()));
        found
    }

    #[test]
    fn words_are_cut_and_folded_as_bert_does() {
        let cased = Folding { lowercase: false, ..Folding::default() };
        assert_eq!(
            cut("Héllo,\tWörld! don't", Folding::default()),
            ["hello", ",", "world", "!", "don", "'", "t"]
        );
        assert_eq!(cut("Héllo A\u{301}b", cased), ["Héllo", "A\u{301}b"]);
        assert_eq!(cut("中文ab 한국", Folding::default()).len(), 4);
        assert_eq!(cut("a\u{0}b\u{200b}c\u{fffd}", Folding::default()), ["abc"]);
        assert_eq!(cut("¿Qué? 5+5=10", Folding::default()), ["¿", "que", "?", "5", "+", "5", "=", "10"]);
        assert!(cut(" \n\u{a0}", Folding::default()).is_empty());
        // As the `tokenizers` package cuts them.
        assert_eq!(cut("a\u{c}b\u{b}c\u{85}d\u{1f}e\tf\rg", Folding::default()), ["abcde", "f", "g"]);
        let unclean = Folding { clean_text: false, ..Folding::default() };
        assert_eq!(cut("a\u{c}b\u{85}d\u{1}e", unclean), ["a", "b", "d\u{1}e"]);
    }

    #[test]
    fn each_byte_knows_its_character() {
        words("xÉé", Folding::default(), &mut |word| {
            assert_eq!((word.text.as_str(), &word.origin[..]), ("xee", &[(0, 1), (1, 3), (3, 5)][..]));
        });
    }
}
