//! Words as GPT-2 cuts them: letters, digits, and other marks each with the space before them, contractions apart, and runs of
//! white space whose last one goes with the word that follows.

use super::chars::{LETTERS, NUMBERS};
use std::ops::Range;

/// Calls `sink` with each word until it answers that this is enough.
pub(super) fn words(text: &str, sink: &mut impl FnMut(Range<usize>) -> bool) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = word(rest).max(1);
        if !sink(at..at + length) {
            return;
        }
        at += length;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Number,
    Space,
    Other,
}

fn kind(c: char) -> Kind {
    match c {
        'a'..='z' | 'A'..='Z' => Kind::Letter,
        '0'..='9' => Kind::Number,
        _ if c.is_whitespace() => Kind::Space,
        _ if c.is_ascii() => Kind::Other,
        _ if LETTERS.has(c) => Kind::Letter,
        _ if NUMBERS.has(c) => Kind::Number,
        _ => Kind::Other,
    }
}

/// Bytes of the word that `text` begins with.
fn word(text: &str) -> usize {
    for ending in ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"] {
        if text.starts_with(ending) {
            return ending.len();
        }
    }
    let run = |text: &str, of: Kind| text.find(|c| kind(c) != of).unwrap_or(text.len());
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return 0 };
    let next = chars.next().map(kind);
    match kind(first) {
        Kind::Space => match next {
            // One space goes with what follows.
            Some(of) if first == ' ' && of != Kind::Space => 1 + run(chars_after(text, 1), of),
            _ => {
                let spaces = run(text, Kind::Space);
                let last = text.get(..spaces).and_then(|s| s.chars().next_back()).map_or(0, char::len_utf8);
                // The last of several is left for the word after them.
                if spaces < text.len() && spaces > last { spaces - last } else { spaces }
            }
        },
        of => run(text, of),
    }
}

fn chars_after(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

/// Bytes as characters that can be seen: those of Latin-1 that print stand for themselves, others for U+0100 and following.
pub(super) fn byte_chars(bytes: impl Iterator<Item = u8>) -> String {
    bytes.map(byte_char).collect()
}

/// The character of one byte.
pub(super) fn byte_char(byte: u8) -> char {
    let printed = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printed(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !printed(*b)).count();
    char::from_u32(0x100 + before as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        words(text, &mut |range| {
            found.push(&text[range]);
            true
        });
        found
    }

    #[test]
    fn words_are_those_of_the_published_expression() {
        assert_eq!(cut("Hello world's  end"), ["Hello", " world", "'s", " ", " end"]);
        assert_eq!(cut("a1 b2\n\n\tc  "), ["a", "1", " b", "2", "\n\n", "\t", "c", "  "]);
        assert_eq!(cut("don't we're I'll 'x"), ["don", "'t", " we", "'re", " I", "'ll", " '", "x"]);
        assert_eq!(cut("né中 ½٣!?\u{a0}z"), ["né中", " ½٣", "!?", "\u{a0}", "z"]);
        assert!(cut("").is_empty());
    }

    #[test]
    fn bytes_have_characters_of_their_own() {
        let all: std::collections::BTreeSet<char> = (0..=255).map(byte_char).collect();
        assert_eq!((all.len(), byte_char(b' '), byte_char(b'\n'), byte_char(b'a')), (256, 'Ġ', 'Ċ', 'a'));
    }
}
