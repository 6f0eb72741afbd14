//! Names: personal data that has no form, found by a head over the hidden states of an encoder's tokens.
//!
//! A text is cut into pieces at the ends of lines and sentences; each token of a piece has a state, a word is the mean of its
//! tokens' states with what it and its neighbours look like, and a linear head gives every word a probability of beginning or
//! continuing each type. The likeliest sequence in which nothing continues what did not begin (Viterbi 1967) is what is said.
//! Who has an encoder hands the states in: nothing here runs one.
//!
//! ```text
//! "Ann Lee of Oslo" ─tokens─> states ─words─> B-person I-person O B-location ─> person "Ann Lee", location "Oslo"
//! ```
//!
//! Invariant: linear in the text, which has a bound ([`TEXT_MAX`]); nothing of it is left unread.

mod known;
mod path;
mod words;

pub use known::{Names, Unread, apart};

use crate::content::Found;
use crate::head::{Head, Probe, shipped};
use std::ops::Range;
use tollgate_core::signal::NAMED;

/// Longest text whose names are looked for, in bytes: some 60 passes of an encoder.
pub const TEXT_MAX: usize = 24 << 10;
/// Longest piece that is read at once, in bytes: some hundred tokens.
const PIECE_MAX: usize = 400;
/// How many labels there are: none, and for each type its first word and a further one.
const TAGS: usize = 1 + 2 * NAMED.len();

/// The hidden states of the tokens of a piece.
#[derive(Clone, Debug, Default)]
pub struct States {
    /// The bytes of the piece that each token stands for, in order.
    pub spans: Vec<Range<usize>>,
    /// One row a token.
    pub states: Vec<f32>,
}

/// Labels of words: `-`, then for each type its first word and a further one.
pub fn tags() -> impl Iterator<Item = String> {
    let both = |kind: &str| [format!("{kind} begins"), format!("{kind} goes on")];
    std::iter::once("-".to_owned()).chain(NAMED.into_iter().flat_map(both))
}

/// A head that labels words.
#[derive(Clone, Copy, Debug)]
pub struct Tagger<'h>(&'h Head);

impl Tagger<'static> {
    /// The one that comes with the program.
    #[must_use]
    pub fn shipped() -> Option<Self> {
        Tagger::of(shipped("names")?)
    }
}

impl<'h> Tagger<'h> {
    /// A head as one; none where its labels are others.
    #[must_use]
    pub fn of(head: &'h Head) -> Option<Self> {
        (head.vector().is_some() && tags().eq(head.labels().iter().cloned())).then_some(Self(head))
    }

    /// Whether it reads the states of the encoder that gives this vector for [`PROBE`](crate::head::PROBE).
    #[must_use]
    pub fn reads(self, probe: &[f32]) -> bool {
        self.0.vector().is_some_and(|side| side.probe().agrees(&Probe::of(probe)))
    }

    /// Numbers of a token's state.
    #[must_use]
    pub fn dims(self) -> usize {
        self.0.vector().map_or(0, |side| side.dims().saturating_sub(words::SHAPES))
    }

    /// The names in a text, in its order and apart; `states` gives those of a piece, of the first tokens of it where it has more than
    /// an encoder reads. None for a text longer than [`TEXT_MAX`], and where states are missing.
    pub fn find(self, text: &str, states: &mut dyn FnMut(&str) -> Option<States>) -> Option<Vec<Found>> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
            let piece = rest.get(..piece(rest)).unwrap_or(rest);
            if piece.trim().is_empty() {
                from += piece.len();
                continue;
            }
            let states = states(piece)?;
            if states.states.len() != states.spans.len() * self.dims() {
                return None;
            }
            let read = read_to(piece, &states.spans);
            let piece = piece.get(..read).unwrap_or(piece);
            let here = self.tag(piece, &states);
            found.extend(here.into_iter().map(|f| Found { start: f.start + from, end: f.end + from, ..f }));
            from += piece.len();
        }
        Some(found)
    }

    /// The names of a piece.
    fn tag(self, piece: &str, states: &States) -> Vec<Found> {
        let words = words::words(piece, states);
        let rows = words::rows(piece, &words);
        let scores: Vec<Vec<f32>> = rows.iter().filter_map(|row| Some(self.0.by_vector(row)?.0)).collect();
        let mut found: Vec<Found> = Vec::new();
        for (word, tag) in words.iter().zip(path::best(&scores)) {
            let Some(kind) = tag.checked_sub(1).and_then(|tag| NAMED.get(tag / 2)) else { continue };
            match found.last_mut() {
                Some(last) if tag % 2 == 0 && last.kind == *kind => last.end = word.at.end,
                _ => found.push(Found { kind, start: word.at.start, end: word.at.end }),
            }
        }
        found
    }
}

/// What a word is trained on: its label's place among [`tags`], and the row that heads read.
pub type Row = (usize, Vec<f32>);

/// The rows of a piece's words, where these names are in it: places of types in [`NAMED`] with their bytes.
#[must_use]
pub fn rows(piece: &str, states: &States, names: &[(usize, Range<usize>)]) -> Vec<Row> {
    let words = words::words(piece, states);
    let rows = words::rows(piece, &words);
    let mut before = None;
    let label = |word: &words::Word| {
        let name = names.iter().position(|(_, at)| at.start < word.at.end && word.at.start < at.end);
        let goes_on = name.is_some() && name == before;
        before = name;
        let kind = name.and_then(|name| names.get(name)).map(|(kind, _)| *kind);
        kind.map_or(0, |kind| 1 + 2 * kind + usize::from(goes_on))
    };
    words.iter().map(label).collect::<Vec<_>>().into_iter().zip(rows).collect()
}

/// Where the first piece of a text ends: behind a line or a sentence where one ends in its later half, else behind a word.
fn piece(text: &str) -> usize {
    if text.len() <= PIECE_MAX {
        return text.len();
    }
    let window = crate::text::cut(text, PIECE_MAX);
    let late = |at: &usize| *at >= PIECE_MAX / 2;
    let line = window.rfind('\n').map(|at| at + 1).filter(late);
    let sentence = || window.rfind(". ").map(|at| at + 2).filter(late);
    let word = || window.rfind(char::is_whitespace).map(|at| at + 1).filter(late);
    line.or_else(sentence).or_else(word).unwrap_or(window.len())
}

/// How far a piece was read: to its end, or to that of the last token where letters follow that an encoder had no room for. A piece
/// of which nothing was read counts as read.
fn read_to(piece: &str, spans: &[Range<usize>]) -> usize {
    let last = spans.last().map_or(0, |span| span.end);
    let rest = piece.get(last..).unwrap_or_default();
    if last > 0 && rest.chars().any(char::is_alphanumeric) { last } else { piece.len() }
}

#[cfg(test)]
mod tests;
