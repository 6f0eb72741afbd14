//! Byte pair encoding (Sennrich et al. 2016) in the two shapes that encoders use: over bytes written as characters, word by
//! word (GPT-2, ModernBERT), and over characters with bytes for what the vocabulary lacks (Gemma, mmBERT).
//!
//! A word's neighbouring pieces are merged, always the pair that comes first in the list of merges, through a heap of pairs: a
//! word of n characters takes n log n steps. Where no piece holds a space after another character, no merge reaches across
//! one, and a text is cut there first.

use super::added::Added;
use super::normal::{Normal, Normaliser};
use super::split::{byte_chars, words};
use super::{Token, round};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;

/// Longest word that is merged as one, in bytes; a longer one is cut. Nobody writes one, but somebody may send it.
const WORD_BYTES_MAX: usize = 1 << 16;

/// What stands for a space in vocabularies over characters.
pub(super) const SPACE: char = '\u{2581}';

/// For two neighbours the rank of their merge and what it makes.
pub(super) type Merges = HashMap<(u32, u32), (u32, u32)>;

/// A vocabulary with its merges.
pub(crate) struct Bpe {
    pub(super) pieces: HashMap<Box<str>, u32>,
    pub(super) merges: Merges,
    pub(super) added: Added,
    pub(super) normaliser: Normaliser,
    pub(super) shape: Shape,
    pub(super) unknown: Option<u32>,
    /// The special tokens before and after a text.
    pub(super) around: (Vec<u32>, Vec<u32>),
    /// One more than the highest number that a token may have.
    pub(super) numbers: usize,
    /// Whether a word that is a piece is that piece, whatever the merges say.
    pub(super) whole_words: bool,
}

/// What the smallest pieces are.
pub(super) enum Shape {
    /// Bytes, written as characters; the number of each.
    Bytes { numbers: Box<[Option<u32>; 256]>, space_first: bool },
    /// Characters; bytes `<0x00>` to `<0xFF>` for those that are no pieces, where the vocabulary has them.
    Chars { bytes: Option<Box<[u32; 256]>>, spaces_begin: bool },
}

impl Bpe {
    /// Cuts `text` into at most `most` tokens, without special ones; what a caller writes becomes none.
    pub(crate) fn tokens(&self, text: &str, most: usize, tokens: &mut Vec<Token>) {
        let mut work = Work::default();
        self.added.raw(text, &mut |range, token| {
            if tokens.len() >= most {
                return false;
            }
            if let Some(id) = token {
                tokens.push(Token { id, bytes: super::span(range) });
                return true;
            }
            let part = text.get(range.clone()).unwrap_or_default();
            self.normaliser.apply(part, range.start, &mut |normal| {
                self.added.normal(&normal.text, &mut |range, token| {
                    match token {
                        Some(id) => tokens.push(normal.token(id, range)),
                        None => self.words(normal, range, (text, most), &mut work, tokens),
                    }
                    tokens.len() < most
                });
                tokens.len() < most
            });
            true
        });
        tokens.truncate(most);
    }

    /// The words in a part of `normal`.
    fn words(
        &self,
        normal: &Normal,
        range: Range<usize>,
        (text, most): (&str, usize),
        work: &mut Work,
        tokens: &mut Vec<Token>,
    ) {
        let part = normal.text.get(range.clone()).unwrap_or_default();
        let mut sink = |word: Range<usize>| {
            for word in cut(part, word) {
                if tokens.len() < most {
                    let at = range.start + word.start..range.start + word.end;
                    self.word(normal, at, text, work, tokens);
                }
            }
            tokens.len() < most
        };
        match &self.shape {
            Shape::Bytes { .. } => words(part, &mut sink),
            Shape::Chars { spaces_begin: true, .. } => {
                let mut start = 0;
                let mut before = SPACE;
                for (at, c) in part.char_indices() {
                    if c == SPACE && before != SPACE {
                        if !sink(start..at) {
                            return;
                        }
                        start = at;
                    }
                    before = c;
                }
                sink(start..part.len());
            }
            Shape::Chars { .. } => {
                sink(0..part.len());
            }
        }
    }

    fn word(&self, normal: &Normal, at: Range<usize>, text: &str, work: &mut Work, tokens: &mut Vec<Token>) {
        let word = normal.text.get(at.clone()).unwrap_or_default();
        work.parts.clear();
        match &self.shape {
            Shape::Bytes { numbers, space_first } => {
                let space =
                    (*space_first && at.start == 0 && !word.starts_with(char::is_whitespace)).then_some(b' ');
                if self.whole_words
                    && let Some(id) = self.pieces.get(&*byte_chars(space.into_iter().chain(word.bytes())))
                {
                    tokens.push(round(text, normal.token(*id, at)));
                    return;
                }
                let known = |(offset, byte): (usize, u8)| {
                    let id = numbers.get(usize::from(byte)).copied().flatten().or(self.unknown)?;
                    Some((id, offset..offset + 1))
                };
                let space = space.map(|byte| (0, byte)).and_then(known).map(|(id, _)| (id, 0..0));
                work.parts.extend(space.into_iter().chain(word.bytes().enumerate().filter_map(known)));
            }
            Shape::Chars { bytes, .. } => {
                if self.whole_words
                    && let Some(id) = self.pieces.get(word)
                {
                    tokens.push(round(text, normal.token(*id, at)));
                    return;
                }
                for (offset, c) in word.char_indices() {
                    self.character(c, offset, bytes.as_deref(), &mut work.parts);
                }
            }
        }
        work.merge(&self.merges);
        for (id, part) in work.left() {
            let range = at.start + part.start..at.start + part.end;
            tokens.push(round(text, normal.token(id, range)));
        }
    }

    /// The pieces of one character: itself, its bytes, or one that stands for a run of unknown ones.
    fn character(
        &self,
        c: char,
        offset: usize,
        bytes: Option<&[u32; 256]>,
        parts: &mut Vec<(u32, Range<usize>)>,
    ) {
        let range = offset..offset + c.len_utf8();
        let mut buffer = [0; 4];
        let written = c.encode_utf8(&mut buffer);
        if let Some(id) = self.pieces.get(&*written) {
            parts.push((*id, range));
        } else if let Some(numbers) = bytes {
            let ids = written.bytes().filter_map(|byte| numbers.get(usize::from(byte)).copied());
            parts.extend(ids.map(|id| (id, range.clone())));
        } else if let Some(id) = self.unknown {
            match parts.last_mut() {
                Some((last, run)) if *last == id => run.end = range.end,
                _ => parts.push((id, range)),
            }
        }
    }
}

/// `word` in pieces of at most [`WORD_BYTES_MAX`] bytes.
fn cut(part: &str, word: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = word.start;
    std::iter::from_fn(move || {
        if start >= word.end {
            return None;
        }
        let end = part.floor_char_boundary(word.end.min(start + WORD_BYTES_MAX));
        let piece = start..end.max(start + 1).min(word.end);
        start = piece.end;
        Some(piece)
    })
}

/// What words are merged in; kept from word to word.
#[derive(Default)]
struct Work {
    parts: Vec<(u32, Range<usize>)>,
    /// For each part those before and after it that are left; itself where there is none.
    links: Vec<(usize, usize)>,
    gone: Vec<bool>,
    heap: BinaryHeap<Reverse<Offer>>,
}

/// A pair that could be merged: the first of the list, and of those the leftmost, goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Offer {
    rank: u32,
    left: usize,
    /// What the two were when the pair was found.
    pair: (u32, u32),
    made: u32,
}

impl Work {
    fn merge(&mut self, merges: &Merges) {
        let count = self.parts.len();
        self.links.clear();
        self.links.extend((0..count).map(|i| (i.saturating_sub(1), (i + 1).min(count - 1))));
        self.gone.clear();
        self.gone.resize(count, false);
        self.heap.clear();
        for left in 1..count {
            self.offer(left - 1, left, merges);
        }
        while let Some(Reverse(Offer { left, pair, made, .. })) = self.heap.pop() {
            let right = self.links[left].1;
            // The pair may have been merged with others since.
            if self.gone[left] || right == left || (self.parts[left].0, self.parts[right].0) != pair {
                continue;
            }
            self.parts[left] = (made, self.parts[left].1.start..self.parts[right].1.end);
            self.gone[right] = true;
            let after = self.links[right].1;
            self.links[left].1 = if after == right { left } else { after };
            if after != right {
                self.links[after].0 = left;
                self.offer(left, after, merges);
            }
            let before = self.links[left].0;
            if before != left && !self.gone[before] {
                self.offer(before, left, merges);
            }
        }
    }

    fn offer(&mut self, left: usize, right: usize, merges: &Merges) {
        let pair = (self.parts[left].0, self.parts[right].0);
        if let Some((rank, made)) = merges.get(&pair) {
            self.heap.push(Reverse(Offer { rank: *rank, left, pair, made: *made }));
        }
    }

    /// The parts that are left, in order.
    fn left(&self) -> impl Iterator<Item = (u32, Range<usize>)> {
        self.parts.iter().zip(&self.gone).filter(|(_, gone)| !**gone).map(|(part, _)| part.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The heap finds what looking at every pair, again and again, finds.
        #[test]
        fn merges_are_those_of_the_plain_rule(
            word in prop::collection::vec(0u32..4, 0..40), merges in prop::collection::vec((0u32..12, 0u32..12), 0..30),
        ) {
            // What merge `rank` makes has the number 4 + rank.
            let mut table = HashMap::new();
            for (rank, pair) in (0..).zip(merges) {
                table.entry(pair).or_insert((rank, 4 + rank));
            }
            let mut plain: Vec<(u32, Range<usize>)> =
                word.iter().enumerate().map(|(at, id)| (*id, at..at + 1)).collect();
            let mut work = Work { parts: plain.clone(), ..Work::default() };
            loop {
                let ranked = plain.windows(2).enumerate().filter_map(|(at, pair)| Some((table.get(&(pair[0].0, pair[1].0))?, at)));
                let Some(((_, made), at)) = ranked.min() else { break };
                let after = plain.remove(at + 1);
                plain[at] = (*made, plain[at].1.start..after.1.end);
            }
            work.merge(&table);
            prop_assert_eq!(work.left().collect::<Vec<_>>(), plain);
        }
    }
}
