//! Pieces that are found in a text before it is cut into words, such as runs of spaces.
//!
//! Only those that are not special: nothing that a caller writes becomes a special token.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

/// Pieces by whether they are looked for in the text as it came, or in what the normaliser made of it.
#[derive(Default)]
pub(crate) struct Added {
    raw: Pieces,
    normal: Pieces,
}

#[derive(Default)]
struct Pieces {
    ids: HashMap<Box<str>, u32>,
    /// Where to look at all.
    firsts: HashSet<char>,
    lengths: BTreeSet<usize>,
}

impl Added {
    /// Another piece.
    pub(super) fn insert(&mut self, piece: &str, id: u32, normalised: bool) {
        let into = if normalised { &mut self.normal } else { &mut self.raw };
        into.firsts.extend(piece.chars().next());
        into.lengths.insert(piece.len());
        into.ids.insert(piece.into(), id);
    }

    /// Calls `sink` with each part of the text as it came, and its number where it is an added piece, until it answers that
    /// this is enough.
    pub(super) fn raw(&self, text: &str, sink: &mut impl FnMut(Range<usize>, Option<u32>) -> bool) {
        self.raw.parts(text, sink);
    }

    /// The same for a normalised text.
    pub(super) fn normal(&self, text: &str, sink: &mut impl FnMut(Range<usize>, Option<u32>) -> bool) {
        self.normal.parts(text, sink);
    }
}

impl Pieces {
    fn parts(&self, text: &str, sink: &mut impl FnMut(Range<usize>, Option<u32>) -> bool) {
        let (mut start, mut at) = (0, 0);
        while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
            let Some((id, length)) = self.firsts.contains(&c).then(|| self.at(text, at)).flatten() else {
                at += c.len_utf8();
                continue;
            };
            if start < at && !sink(start..at, None) || !sink(at..at + length, Some(id)) {
                return;
            }
            at += length;
            start = at;
        }
        if start < text.len() {
            sink(start..text.len(), None);
        }
    }

    /// The longest piece at a place.
    fn at(&self, text: &str, at: usize) -> Option<(u32, usize)> {
        let longest = self.lengths.iter().rev();
        longest.into_iter().find_map(|length| Some((*self.ids.get(text.get(at..at + length)?)?, *length)))
    }
}
