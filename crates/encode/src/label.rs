//! Classifiers of tokens: a model with context, a small head on each token's state, and the pieces of a text that carry a label.
//!
//! Labels are tags (Ramshaw and Marcus 1995): `B-X` begins a piece of `X`, `I-X` goes on with it, `O` is none; a label without such
//! a letter goes on. Neighbouring tokens of one name are one piece, as sure as its tokens in the mean, which is what the
//! `transformers` package calls the simple aggregation.

use crate::classify::{Head, softmax};
use crate::contextual::Contextual;
use crate::tokenize::Token;
use crate::{Card, Windows};
use std::ops::Range;

/// What no piece carries.
const NONE: &str = "O";

/// A piece of a text that carries a label.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its bytes in the text, without the white space around them.
    pub bytes: Range<usize>,
    /// Its label, without the letter of the tag: an index of [`TokenClassifier::labels`].
    pub label: usize,
    /// Mean of the probabilities of its tokens' tags.
    pub sure: f32,
}

/// Texts to pieces with labels. Pure, as an encoder is.
pub struct TokenClassifier {
    body: Contextual,
    head: Head,
    card: Card,
    temperature: f32,
    labels: Vec<String>,
    tags: Vec<Tag>,
}

/// One label of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    /// Whether it begins a piece, whatever stands before it.
    begins: bool,
    /// What neighbours must have in common to be one piece.
    kind: usize,
    /// Its place among the labels without letters; nothing for [`NONE`].
    label: Option<usize>,
}

impl TokenClassifier {
    pub(crate) fn new(body: Contextual, head: Head, card: Card, names: &[String], temperature: f32) -> Self {
        let (labels, tags) = tags(names);
        let card = Card { dims: labels.len(), ..card };
        Self { body, head, card, temperature, labels, tags }
    }

    /// What it is: the digest is that of body, head and temperature, `dims` the number of labels.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// What pieces may carry, without the letters of tags and without `O`.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The pieces of `text`, of which [`Card::max_tokens`] are read, in its order. Two share a character where one token has its first
    /// bytes and another the rest.
    #[must_use]
    pub fn pieces(&self, text: &str) -> Vec<Piece> {
        let tokens = self.body.tokens(text, self.body.room());
        let tagged = self.tagged(&tokens);
        self.joined(text, &tokens, &tagged)
    }

    /// The pieces of the whole of `text`, read in windows: of what two windows share, each says the half that is nearer to its middle,
    /// as there it knows what stands on both sides.
    #[must_use]
    pub fn pieces_in_windows(&self, text: &str, windows: Windows) -> Vec<Piece> {
        let windows = Windows { tokens: windows.tokens.min(self.body.room()), ..windows };
        let tokens = self.body.all_tokens(text);
        let ranges = windows.ranges(tokens.len());
        let mut tagged: Vec<Option<(usize, f32)>> = vec![None; tokens.len()];
        for (at, range) in ranges.iter().enumerate() {
            let from = match at.checked_sub(1).and_then(|before| ranges.get(before)) {
                Some(before) if before.end > range.start => usize::midpoint(before.end, range.start),
                _ => range.start,
            };
            // What is said here of tokens that the next window says better is written over by it.
            let found = self.tagged(tokens.get(range.clone()).unwrap_or_default());
            let (said, into) = (found.get(from - range.start..), tagged.get_mut(from..range.end));
            if let (Some(said), Some(into)) = (said, into) {
                into.copy_from_slice(said);
            }
        }
        self.joined(text, &tokens, &tagged)
    }

    /// The likeliest tag of each token, and its probability.
    fn tagged(&self, tokens: &[Token]) -> Vec<Option<(usize, f32)>> {
        let logits = self.head.logits(self.body.own_states(tokens));
        let likeliest = |logits: &[f32]| {
            let shares = softmax(logits, self.temperature);
            // Of equals the first.
            shares.into_iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })
        };
        logits.chunks_exact(self.tags.len().max(1)).map(likeliest).collect()
    }

    /// Neighbours of one kind become one piece; a token of which nothing is said parts them.
    fn joined(&self, text: &str, tokens: &[Token], tagged: &[Option<(usize, f32)>]) -> Vec<Piece> {
        let mut groups: Vec<(Tag, Range<usize>, f32, f32)> = Vec::new();
        let mut before: Option<usize> = None;
        for (token, said) in tokens.iter().zip(tagged) {
            let said = said.and_then(|(tag, sure)| Some((*self.tags.get(tag)?, sure)));
            let Some((tag, sure)) = said else {
                before = None;
                continue;
            };
            match groups.last_mut() {
                Some((_, bytes, sum, count)) if before == Some(tag.kind) && !tag.begins => {
                    bytes.end = token.range().end;
                    (*sum, *count) = (*sum + sure, *count + 1.0);
                }
                _ => groups.push((tag, token.range(), sure, 1.0)),
            }
            before = Some(tag.kind);
        }
        let piece = |(tag, bytes, sum, count): (Tag, Range<usize>, f32, f32)| {
            let bytes = trimmed(text, bytes);
            (!bytes.is_empty()).then_some(Piece { bytes, label: tag.label?, sure: sum / count })
        };
        groups.into_iter().filter_map(piece).collect()
    }
}

/// Tokens over bytes begin with the space before a word.
fn trimmed(text: &str, bytes: Range<usize>) -> Range<usize> {
    let whole = text.get(bytes.clone()).unwrap_or_default();
    let inner = whole.trim_start();
    let start = bytes.start + (whole.len() - inner.len());
    start..start + inner.trim_end().len()
}

/// The labels of pieces, in the order in which they are first named, and what each name stands for.
fn tags(names: &[String]) -> (Vec<String>, Vec<Tag>) {
    let (mut kinds, mut labels) = (Vec::new(), Vec::new());
    let mut tags = Vec::with_capacity(names.len());
    for name in names {
        let (begins, kind) = match name.split_at_checked(2) {
            Some(("B-", kind)) => (true, kind),
            Some(("I-", kind)) => (false, kind),
            _ => (false, name.as_str()),
        };
        let label = name.split_once('-').map_or(name.as_str(), |(_, label)| label);
        let label = (label != NONE).then(|| place(&mut labels, label));
        tags.push(Tag { begins, kind: place(&mut kinds, kind), label });
    }
    (labels.into_iter().map(str::to_owned).collect(), tags)
}

/// Where `name` stands; at the end from now on where it stands nowhere.
fn place<'n>(all: &mut Vec<&'n str>, name: &'n str) -> usize {
    all.iter().position(|known| *known == name).unwrap_or_else(|| {
        all.push(name);
        all.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_tags_are_no_part_of_labels() {
        let names = ["O", "B-PER", "I-PER", "I-LOC", "MISC", "S-PER"].map(String::from);
        let (labels, tags) = tags(&names);
        assert_eq!(labels, ["PER", "LOC", "MISC"]);
        let told: Vec<_> = tags.iter().map(|tag| (tag.begins, tag.label)).collect();
        let per = Some(0);
        assert_eq!(
            told,
            [(false, None), (true, per), (false, per), (false, Some(1)), (false, Some(2)), (false, per)]
        );
        assert_eq!(tags[1].kind, tags[2].kind);
        assert_ne!(tags[5].kind, tags[2].kind);
    }
}
