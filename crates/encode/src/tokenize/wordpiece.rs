//! WordPiece: each word is cut into the longest pieces that the vocabulary holds, from the left (Wu et al. 2016).

use super::Token;
use super::basic::{Folding, Word, words};
use super::read::PIECES_MAX;
use crate::EncodeError;
use std::collections::HashMap;

/// A longer word is one unknown token.
const WORD_CHARS_MAX: usize = 100;

/// A WordPiece vocabulary with its special tokens.
pub(crate) struct WordPiece {
    /// Pieces that begin a word.
    first: HashMap<Box<str>, u32>,
    /// Pieces that continue one, without their `##`.
    later: HashMap<Box<str>, u32>,
    longest: usize,
    folding: Folding,
    pub(crate) unknown: u32,
    pub(crate) cls: u32,
    pub(crate) sep: u32,
}

impl WordPiece {
    /// A vocabulary from its pieces with their numbers; `place` is how errors call it.
    pub(crate) fn new<'a>(
        place: &str,
        pieces: impl Iterator<Item = (&'a str, u32)>,
        folding: Folding,
    ) -> Result<Self, EncodeError> {
        let (mut first, mut later, mut longest) = (HashMap::new(), HashMap::new(), 1);
        for (piece, id) in pieces {
            if first.len() + later.len() == PIECES_MAX {
                return Err(EncodeError::format(place, format!("more than {PIECES_MAX} pieces")));
            }
            longest = longest.max(piece.len());
            match piece.strip_prefix("##").filter(|rest| !rest.is_empty()) {
                Some(rest) => later.insert(rest.into(), id),
                None => first.insert(piece.into(), id),
            };
        }
        let special = |name: &str| {
            first
                .get(name)
                .copied()
                .ok_or_else(|| EncodeError::format(place, format!("no piece {name}; WordPiece needs it")))
        };
        let (unknown, cls, sep) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        Ok(Self { first, later, longest, folding, unknown, cls, sep })
    }

    /// A vocabulary from the lines of `vocab.txt`, numbered from 0.
    pub(crate) fn from_lines(place: &str, text: &str, folding: Folding) -> Result<Self, EncodeError> {
        // A final line break ends the last piece; it does not begin another.
        let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let lines = lines.map(|line| line.strip_suffix('\r').unwrap_or(line));
        Self::new(place, lines.zip(0..), folding)
    }

    /// Cuts `text` into at most `most` tokens, without special ones. Nothing in a text becomes a special token: `[SEP]`
    /// that a caller writes is punctuation and letters.
    pub(crate) fn tokens(&self, text: &str, most: usize, tokens: &mut Vec<Token>) {
        words(text, self.folding, &mut |word| {
            if tokens.len() < most {
                self.pieces(word, tokens);
            }
        });
        tokens.truncate(most);
    }

    /// One more than the highest number of a piece.
    pub(crate) fn numbers(&self) -> usize {
        self.first.values().chain(self.later.values()).max().map_or(0, |id| *id as usize + 1)
    }

    fn pieces(&self, word: &Word, tokens: &mut Vec<Token>) {
        let text = word.text.as_str();
        let before = tokens.len();
        let mut start = 0;
        let short = text.len() <= WORD_CHARS_MAX || text.chars().count() <= WORD_CHARS_MAX;
        while short && start < text.len() {
            let table = if start == 0 { &self.first } else { &self.later };
            let mut end = text.len().min(start + self.longest);
            let found = loop {
                if text.is_char_boundary(end)
                    && let Some(id) = text.get(start..end).and_then(|t| table.get(t))
                {
                    break Some(*id);
                }
                end -= 1;
                if end <= start {
                    break None;
                }
            };
            let Some(id) = found else { break };
            tokens.push(Token { id, bytes: span(word, start, end) });
            start = end;
        }
        if start < text.len() {
            tokens.truncate(before);
            tokens.push(Token { id: self.unknown, bytes: span(word, 0, text.len()) });
        }
    }
}

fn span(word: &Word, start: usize, end: usize) -> (u32, u32) {
    let first = word.origin.get(start).map_or(0, |o| o.0);
    (first, word.origin.get(end - 1).map_or(first, |o| o.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\n##a\nwant\n##ed\n,\n[\n]\nsep\n";

    fn cut(text: &str) -> Vec<(u32, (u32, u32))> {
        let mut tokens = Vec::new();
        let vocabulary = WordPiece::from_lines("vocab.txt", VOCABULARY, Folding::default()).unwrap();
        vocabulary.tokens(text, 100, &mut tokens);
        tokens.into_iter().map(|t| (t.id, t.bytes)).collect()
    }

    #[test]
    fn the_longest_piece_wins_and_a_word_that_fails_is_unknown_whole() {
        assert_eq!(
            cut("UNaffable,wanted"),
            [(4, (0, 2)), (5, (2, 5)), (6, (5, 9)), (10, (9, 10)), (8, (10, 14)), (9, (14, 16))]
        );
        assert_eq!(cut("unwanted"), [(1, (0, 8))]);
        assert_eq!(cut(&format!("un{}", "a".repeat(98))).len(), 99);
        assert_eq!(cut(&format!("un{}", "a".repeat(99))), [(1, (0, 101))]);
    }

    #[test]
    fn a_caller_cannot_write_special_tokens() {
        assert_eq!(cut("[SEP]").iter().map(|t| t.0).collect::<Vec<_>>(), [11, 13, 12]);
    }

    #[test]
    fn a_vocabulary_without_specials_is_refused() {
        assert!(WordPiece::from_lines("vocab.txt", "a\nb\n", Folding::default()).is_err());
    }
}
