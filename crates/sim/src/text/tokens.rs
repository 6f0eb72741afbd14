//! Pieces of text, one per token, and the chained hashes of a token sequence.

use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use tollgate_core::Digest;

/// Longest run of letters that is one piece, in characters. English words above it are rare.
const LETTERS_MAX: usize = 9;
/// Longest run of digits that is one piece.
const DIGITS_MAX: usize = 3;
/// Longest run of white space that is one piece, in characters.
const SPACES_MAX: usize = 16;

/// How text is counted and cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCount {
    /// By [`pieces`]: needs no vocabulary; within about 15 % of `o200k_base` on English prose.
    #[default]
    Pieces,
    /// Prompts by the exact `o200k_base` vocabulary, loaded on first use; answers are cut in [`pieces`].
    O200k,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Space,
    Other,
}

fn class(c: char) -> Class {
    // Scripts written without spaces get about one token a character.
    if c.is_alphabetic() && (c as u32) < 0x2e80 {
        Class::Letter
    } else if c.is_ascii_digit() {
        Class::Digit
    } else if c.is_whitespace() {
        Class::Space
    } else {
        Class::Other
    }
}

/// The pieces of `text` in order, none empty; together they are `text`.
///
/// A piece is an optional single space and up to nine letters or three digits, or a run of white space, or any
/// other single character.
#[must_use]
pub fn pieces(text: &str) -> Vec<&str> {
    let mut found = Vec::with_capacity(text.len() / 4 + 1);
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(first_len(rest));
        found.push(piece);
        rest = tail;
    }
    found
}

fn first_len(text: &str) -> usize {
    let spaced = text
        .strip_prefix(' ')
        .filter(|rest| rest.chars().next().is_some_and(|c| matches!(class(c), Class::Letter | Class::Digit)));
    let (offset, rest) = spaced.map_or((0, text), |rest| (1, rest));
    let Some(first) = rest.chars().next() else { return text.len() };
    let kind = class(first);
    let most = match kind {
        Class::Letter => LETTERS_MAX,
        Class::Digit => DIGITS_MAX,
        Class::Space => SPACES_MAX,
        Class::Other => 1,
    };
    let run: usize = rest.chars().take(most).take_while(|c| class(*c) == kind).map(char::len_utf8).sum();
    // A run of spaces leaves its last one to the word that follows.
    let run = if kind == Class::Space && run > 1 && rest.as_bytes().get(run - 1) == Some(&b' ') {
        let word = rest.get(run..).and_then(|tail| tail.chars().next());
        if word.is_some_and(|c| matches!(class(c), Class::Letter | Class::Digit)) { run - 1 } else { run }
    } else {
        run
    };
    offset + run
}

/// Number of tokens of `text`.
#[must_use]
pub fn count(text: &str, by: TokenCount) -> u32 {
    let n = match by {
        TokenCount::Pieces => pieces(text).len(),
        TokenCount::O200k => o200k().count(text),
    };
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn o200k() -> &'static bpe_openai::Tokenizer {
    static LOADED: OnceLock<&'static bpe_openai::Tokenizer> = OnceLock::new();
    LOADED.get_or_init(bpe_openai::o200k_base)
}

/// Chained hashes of the full blocks of a token sequence: block `i`'s hash covers all tokens up to its end, so
/// equal hashes mean equal prefixes.
#[must_use]
pub fn chain<'a>(tokens: impl IntoIterator<Item = &'a str>, block_tokens: u32) -> Vec<u64> {
    let (mut hashes, mut parent, mut filled) = (Vec::new(), [0; 8], 0);
    let mut block = Vec::new();
    for token in tokens {
        block.extend_from_slice(&u32::try_from(token.len()).unwrap_or(u32::MAX).to_le_bytes());
        block.extend_from_slice(token.as_bytes());
        filled += 1;
        if filled == block_tokens {
            let hash = Digest::of_parts([parent.as_slice(), &block]).short();
            hashes.push(hash);
            parent = hash.to_le_bytes();
            block.clear();
            filled = 0;
        }
    }
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_words_numbers_and_marks() {
        let cases: [(&str, &[&str]); 6] = [
            ("Hello, world!", &["Hello", ",", " world", "!"]),
            ("in 12345 days", &["in", " 123", "45", " days"]),
            ("a  b", &["a", " ", " b"]),
            ("internationalisation", &["internati", "onalisati", "on"]),
            ("日本 語", &["日", "本", " ", "語"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn counts_prose_about_as_the_real_vocabulary_does() {
        let text = "The quick brown fox jumps over the lazy dog, and then it sleeps for 100 years; nobody \
                    knows why the dog did not bark when somebody walked through the garden last evening.";
        let (ours, exact) = (count(text, TokenCount::Pieces), count(text, TokenCount::O200k));
        assert!(ours.abs_diff(exact) * 100 <= exact * 15, "{ours} against {exact}");
    }

    #[test]
    fn a_chain_names_prefixes() {
        let a = chain(pieces("one two three four five six"), 2);
        let b = chain(pieces("one two three four FIVE six"), 2);
        assert_eq!((a.len(), &a[..2]), (3, &b[..2]));
        assert_ne!(a[2], b[2]);
        // Equal last blocks after different heads differ.
        assert_ne!(chain(pieces("x y z"), 3), chain(pieces("q y z"), 3));
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in "\\PC{0,200}|[ a-z0-9\\n\\t]{0,200}") {
            let cut = pieces(&text);
            prop_assert!(cut.iter().all(|p| !p.is_empty()));
            prop_assert_eq!(cut.concat(), text);
        }
    }
}
