//! A text that is still growing, in windows whose borders follow from the text alone.
//!
//! ```text
//! cuts:     0 ........ c1 ........ c2 ........ c3 ...   a cut every half to whole `stride`, behind white space where there is any
//! windows:  [0,c1]  [0,c2]  [0,c3]  [c1,c4] ...        each `WIDTH` bytes back, so that what is shorter stands whole in one
//! free:       0       c1      c2      c3               handed on is what lies a stride behind what was looked at
//! ```
//!
//! Invariants: windows are the same however the text came in pieces; what is shorter than half a stride is never handed on in
//! part before the window that holds all of it was looked at; only the last window of text is kept.

use std::collections::VecDeque;

/// Bytes of a text that are looked at together, at least.
const WIDTH: usize = 1024;

/// A text that grows.
#[derive(Debug, Default)]
pub(super) struct Growing {
    /// The part of a conversation's answer that it belongs to.
    pub(super) part: u64,
    text: String,
    /// Bytes that came before `text`.
    gone: usize,
    /// Where windows end, the newest last; the first is where the next window may start.
    cuts: VecDeque<usize>,
    /// Bytes that may be handed on.
    free: usize,
    /// Bytes that were looked at ahead of time and not liked.
    disliked: usize,
}

impl Growing {
    pub(super) fn of(part: u64) -> Self {
        Self { part, cuts: VecDeque::from([0]), ..Self::default() }
    }

    /// Bytes so far.
    pub(super) const fn len(&self) -> usize {
        self.gone + self.text.len()
    }

    /// Bytes that may be handed on.
    pub(super) const fn free(&self) -> usize {
        self.free
    }

    pub(super) fn push(&mut self, more: &str) {
        self.text.push_str(more);
    }

    fn last_cut(&self) -> usize {
        self.cuts.back().copied().unwrap_or(self.gone)
    }

    /// The next window that is whole, if there is one, to be looked at now.
    pub(super) fn window(&mut self, stride: usize) -> Option<&str> {
        let from = self.last_cut();
        if self.len() < from + stride {
            return None;
        }
        let to = self.cut(from, stride);
        self.free = from;
        self.cuts.push_back(to);
        self.forget(to, stride);
        Some(self.between(self.cuts.front().copied().unwrap_or(0), to))
    }

    /// The last window: the text is at its end, for now. None where nothing was said since the last one.
    pub(super) fn rest(&mut self, stride: usize) -> Option<&str> {
        let (from, to) = (self.last_cut(), self.len());
        self.free = to;
        if from == to {
            return None;
        }
        self.cuts.push_back(to);
        self.forget(to, stride);
        Some(self.between(self.cuts.front().copied().unwrap_or(0), to))
    }

    /// What there is, to be looked at ahead of time; none where all of it may go on, or it was not liked before.
    pub(super) fn early(&self) -> Option<&str> {
        let to = self.len();
        let waits = self.free < to && self.disliked != to;
        waits.then(|| self.between(self.cuts.front().copied().unwrap_or(0), to))
    }

    /// What came of looking ahead of time.
    pub(super) const fn judged_early(&mut self, liked: bool) {
        if liked {
            self.free = self.len();
        } else {
            self.disliked = self.len();
        }
    }

    /// Where the window that begins at `from` ends: behind the last white space of the stride's second half.
    fn cut(&self, from: usize, stride: usize) -> usize {
        let start = from - self.gone;
        let mut end = start + stride;
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let half = self.text.get(start..end).unwrap_or_default();
        let spaces = half.char_indices().rev().take_while(|(at, _)| *at >= stride / 2);
        let behind = spaces.into_iter().find(|(_, c)| c.is_whitespace()).map(|(at, c)| at + c.len_utf8());
        self.gone + start + behind.unwrap_or(end - start).max(1)
    }

    /// Drops what no later window holds: the first cut that stays is the last one a width before the end.
    fn forget(&mut self, end: usize, stride: usize) {
        let width = WIDTH.max(2 * stride);
        while self.cuts.get(1).is_some_and(|second| second + width <= end) {
            self.cuts.pop_front();
        }
        let first = self.cuts.front().copied().unwrap_or(self.gone);
        self.text.drain(..first - self.gone);
        self.gone = first;
    }

    fn between(&self, from: usize, to: usize) -> &str {
        self.text.get(from - self.gone..to - self.gone).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn windows(pieces: &[&str], stride: usize) -> Vec<String> {
        let (mut growing, mut found) = (Growing::of(0), Vec::new());
        for piece in pieces {
            growing.push(piece);
            while let Some(window) = growing.window(stride) {
                found.push(window.to_owned());
            }
            assert!(growing.len() - growing.free() <= 2 * stride, "no more is held than two strides");
            assert!(growing.text.len() <= WIDTH + 2 * stride, "{}", growing.text.len());
        }
        found.extend(growing.rest(stride).map(str::to_owned));
        assert_eq!(growing.free(), growing.len());
        found
    }

    proptest! {
        /// The windows follow from the text, and whatever is short stands whole in one, before any of it may go on.
        #[test]
        fn windows_do_not_depend_on_pieces(
            words in proptest::collection::vec("[a-zé中]{1,40}[ \\n]?", 0..120),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
            stride in 8_usize..300,
            needle in any::<prop::sample::Index>(),
        ) {
            let text = words.concat();
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let mut places: Vec<usize> = cuts.iter().map(|cut| ends[cut.index(ends.len())]).chain([0, text.len()]).collect();
            places.sort_unstable();
            let pieces: Vec<&str> = places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            // Piece by piece there is more to hold than one piece: only letters bound what is held.
            let letters: Vec<&str> = ends.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let found = windows(&letters, stride);
            let mut growing = Growing::of(0);
            let mut at_once = Vec::new();
            for piece in pieces {
                growing.push(piece);
                while let Some(window) = growing.window(stride) {
                    at_once.push(window.to_owned());
                }
            }
            at_once.extend(growing.rest(stride).map(str::to_owned));
            prop_assert_eq!(&found, &at_once);

            let start = needle.index(ends.len());
            let end = ends[start..].iter().take_while(|end| **end <= ends[start] + stride / 2).last().copied().unwrap_or(0);
            let short = &text[ends[start]..end.max(ends[start])];
            prop_assert!(short.is_empty() || found.iter().any(|window| window.contains(short)));
        }
    }
}
