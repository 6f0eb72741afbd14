//! What is known of signals: a run that has read some of them, or, for the analysis, ranges of what they may say.
//!
//! The rules of truth ([`super::truth::Truth`]) and of numbers ([`super::number::Numbers`]) are written once over this.

use super::number::{Bounds, Numbers as _};
use super::run::Tri;
use crate::table::{Num, Table, Test};

/// A source of bounds.
pub(crate) trait Facts<'t>: Sized {
    fn table(&self) -> &'t Table;

    /// What a test on a signal is worth.
    fn test(&mut self, signal: u32, test: &Test) -> Tri;

    /// A signal's value, cut to [0, most].
    fn value(&mut self, signal: u32, most: f64) -> Bounds;

    /// A signal's confidence where it matched, else 0.
    fn confidence(&mut self, signal: u32) -> Bounds;

    /// What a signal puts into a group; see [`crate::table::Num::Strength`].
    fn strength(&mut self, signal: u32) -> Bounds;

    /// Whether the band at `index` holds.
    fn band(&mut self, index: u32) -> Tri {
        self.band_now(index)
    }

    /// The score at `index`.
    fn score(&mut self, index: u32) -> Bounds {
        self.score_now(index, 0)
    }

    /// Part `at` of all parts of all scores, which is `num`; `alone`: it reads one signal.
    fn part(&mut self, _at: usize, num: &Num, _alone: bool) -> Bounds {
        self.number(num)
    }

    /// What a named condition is worth, where that is known by itself.
    fn named(&self, _node: u32, tri: Tri) -> Tri {
        tri
    }
}
