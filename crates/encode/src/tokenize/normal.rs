//! What a text becomes before it is cut: characters composed (NFC), strings replaced, each byte knowing where it came from.

use super::Token;
use std::ops::Range;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// Bytes of a text that are normalised together, near enough.
const BLOCK_BYTES: usize = 1 << 16;

/// The steps of a normaliser, in order.
#[derive(Default)]
pub(crate) struct Normaliser(pub(super) Vec<Step>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Canonical composition.
    Nfc,
    /// Each of a character becomes another.
    Replace(char, char),
}

/// A normalised part of a text.
pub(crate) struct Normal {
    pub(super) text: String,
    /// For each byte start and end of what it came from; none where `text` is what came, from `start` on.
    origin: Option<Vec<(u32, u32)>>,
    start: usize,
}

impl Normaliser {
    /// Calls `sink` with what becomes of `text`, which begins at byte `start` of the whole, block by block, until it answers
    /// that this is enough. Blocks end before white space, which no step joins to what is before it.
    pub(super) fn apply(&self, text: &str, start: usize, sink: &mut impl FnMut(&Normal) -> bool) {
        let mut at = 0;
        while at < text.len() {
            let end = text.floor_char_boundary(at + BLOCK_BYTES);
            let block = text.get(at..end).unwrap_or_default();
            // A word that fills a block is cut within; its white space stays together.
            let space = |(_, pair): &(usize, (char, char))| !pair.0.is_whitespace() && pair.1.is_whitespace();
            let pairs =
                block.char_indices().map(|(i, _)| i).skip(1).zip(block.chars().zip(block.chars().skip(1)));
            let cut = if end == text.len() { None } else { pairs.filter(space).last().map(|(i, _)| i) };
            let block = cut.and_then(|cut| block.get(..cut)).unwrap_or(block);
            if !sink(&self.block(block, start + at)) {
                return;
            }
            at += block.len();
        }
    }

    fn block(&self, text: &str, start: usize) -> Normal {
        let mut normal = Normal { text: text.to_owned(), origin: None, start };
        for step in &self.0 {
            match step {
                Step::Nfc if is_nfc_quick(normal.text.chars()) == IsNormalized::Yes => {}
                Step::Nfc => normal = normal.rewrite(is_start, |cluster| cluster.nfc().collect()),
                Step::Replace(from, _) if !normal.text.contains(*from) => {}
                Step::Replace(from, to) => {
                    let replaced = |c| if c == *from { *to } else { c };
                    normal = normal.rewrite(|_| true, |cluster| cluster.chars().map(replaced).collect());
                }
            }
        }
        normal
    }
}

/// Whether composition joins nothing to what is before `c`.
fn is_start(c: char) -> bool {
    c.is_ascii() || canonical_combining_class(c) == 0 && is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes
}

impl Normal {
    /// What it becomes when each run of characters from one that `starts` on is made another by `f`.
    fn rewrite(&self, starts: impl Fn(char) -> bool, f: impl Fn(&str) -> String) -> Self {
        let (mut text, mut origin) = (String::with_capacity(self.text.len()), Vec::new());
        let mut begin = 0;
        let ends = self.text.char_indices().skip(1).filter(|(_, c)| starts(*c)).map(|(i, _)| i);
        for end in ends.chain([self.text.len()]) {
            text.push_str(&f(self.text.get(begin..end).unwrap_or_default()));
            origin.resize(text.len(), super::span(self.source(begin..end)));
            begin = end;
        }
        Self { text, origin: Some(origin), start: self.start }
    }

    /// The bytes of the whole that a part came from.
    fn source(&self, part: Range<usize>) -> Range<usize> {
        let Some(origin) = &self.origin else { return self.start + part.start..self.start + part.end };
        let start = origin.get(part.start).map_or(self.start, |from| from.0 as usize);
        let end =
            part.end.checked_sub(1).and_then(|last| origin.get(last)).map_or(start, |from| from.1 as usize);
        start..end.max(start)
    }

    /// A token of a part.
    pub(super) fn token(&self, id: u32, part: Range<usize>) -> Token {
        Token { id, bytes: super::span(self.source(part)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_characters_know_what_they_came_from() {
        let steps = Normaliser(vec![Step::Nfc, Step::Replace(' ', '\u{2581}')]);
        let normal = steps.block("e\u{301} a\u{1100}\u{1161}", 10);
        assert_eq!(normal.text, "é\u{2581}a가");
        assert_eq!(normal.source(0..2), 10..13);
        assert_eq!(normal.source(2..5), 13..14);
        assert_eq!(normal.source(6..9), 15..21);
        assert_eq!(steps.block("plain", 3).source(1..2), 4..5);
    }

    #[test]
    fn blocks_are_the_text() {
        let text = "wörd e\u{301} ".repeat(20_000);
        let (mut whole, mut blocks) = (String::new(), 0);
        Normaliser(vec![Step::Nfc]).apply(&text, 0, &mut |normal| {
            whole.push_str(&normal.text);
            blocks += 1;
            true
        });
        assert!(whole == text.nfc().collect::<String>() && blocks > 3);
    }
}
