//! Ranges of what signals may say, as a source of bounds for the evaluator's arithmetic.

use crate::analyse::World;
use crate::analyse::domain::{Domain, key, value};
use crate::decide::Verdict;
use crate::decide::facts::Facts;
use crate::decide::leaf::{compare, judge};
use crate::decide::number::{Bounds, Numbers as _};
use crate::decide::run::Tri;
use crate::table::{HUGE, NONE, Table, Test};
use std::collections::BTreeMap;
use tollgate_core::signal::{Signal, Value};

/// Most words that are put into a set to give it a size.
const MAX_FILL: usize = 64;

/// What one signal may say.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Range {
    /// A flag that did not match.
    Off,
    /// A flag that matched, with this confidence.
    Sure(f64, f64),
    /// A flag that may have matched, then with at least this confidence.
    Maybe(f64),
    /// A number.
    Number { low: f64, high: f64, whole: bool },
    /// A text, when it is settled.
    Text(Option<Signal>),
    /// A set of at least these words, when they are settled, and its size.
    Set { words: Option<Signal>, low: f64, high: f64 },
}

/// Ranges of some signals; the others may say anything of their kind.
#[derive(Clone)]
pub(crate) struct Ranges<'w> {
    world: &'w World<'w>,
    by: BTreeMap<u32, Range>,
    /// Named conditions whose truth is settled, by node.
    flags: BTreeMap<u32, bool>,
    /// The scores and bands that were worked out on these ranges, so that many claims over one score cost one pass over its
    /// parts.
    scores: BTreeMap<u32, Bounds>,
    bands: BTreeMap<u32, Tri>,
}

impl<'w> Ranges<'w> {
    pub(crate) fn new(world: &'w World<'w>, by: BTreeMap<u32, Range>, flags: BTreeMap<u32, bool>) -> Self {
        Self { world, by, flags, scores: BTreeMap::new(), bands: BTreeMap::new() }
    }

    pub(crate) fn signals(&self) -> Vec<u32> {
        self.by.keys().copied().collect()
    }

    pub(crate) fn flags(&self) -> BTreeMap<u32, bool> {
        self.flags.clone()
    }

    /// Forgets or settles the truth of a named condition.
    pub(crate) fn set_flag(&mut self, node: u32, holds: Option<bool>) {
        self.forget();
        match holds {
            Some(holds) => self.flags.insert(node, holds),
            None => self.flags.remove(&node),
        };
    }

    /// A copy for other ranges of the same signals: what was worked out here does not hold there.
    fn fresh(&self) -> Self {
        self.touch(self.by.len() as u64);
        Self::new(self.world, self.by.clone(), self.flags.clone())
    }

    fn forget(&mut self) {
        self.scores.clear();
        self.bands.clear();
    }

    /// Counts reads of signals and work of about that size.
    pub(super) fn touch(&self, reads: u64) {
        self.world.touch(reads);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.world.is_spent()
    }

    fn get(&self, signal: u32) -> Range {
        self.touch(1);
        self.by.get(&signal).cloned().unwrap_or_else(|| anything(self.world.domain(signal)))
    }

    pub(crate) fn put(&mut self, signal: u32, range: Range) {
        self.forget();
        self.by.insert(signal, range);
    }

    /// Lets a signal say anything of its kind; answers what it could say before.
    pub(crate) fn widen(&mut self, signal: u32) -> Range {
        let held = self.get(signal);
        self.put(signal, anything(self.world.domain(signal)));
        held
    }

    /// How far a signal is from being settled, in keys.
    pub(super) fn width(&self, signal: u32) -> i64 {
        match self.get(signal) {
            Range::Off | Range::Text(_) => 0,
            Range::Sure(low, high) | Range::Number { low, high, .. } | Range::Set { low, high, .. } => {
                key(high).saturating_sub(key(low))
            }
            Range::Maybe(_) => i64::MAX,
        }
    }

    /// The two halves of the ranges, cut at one signal.
    pub(super) fn split(&self, signal: u32) -> Option<[Self; 2]> {
        let middle = |low: f64, high: f64| value(key(low) + (key(high) - key(low)) / 2);
        let whole = |low: f64, high: f64| {
            let at = middle(low, high).floor().max(low);
            // Large numbers are whole and further apart than 1.
            (at < high).then_some((at, (at + 1.0).max(at.next_up())))
        };
        let (first, second) = match self.get(signal) {
            Range::Maybe(least) => (Range::Sure(least, 1.0), Range::Off),
            Range::Sure(low, high) if low < high => {
                let at = middle(low, high);
                (Range::Sure(at.next_up(), high), Range::Sure(low, at))
            }
            Range::Number { low, high, whole: true } => {
                let (at, after) = whole(low, high)?;
                let part = |low, high| Range::Number { low, high, whole: true };
                (part(low, at), part(after, high))
            }
            Range::Number { low, high, whole: false } if low < high => {
                let at = middle(low, high);
                let part = |low, high| Range::Number { low, high, whole: false };
                (part(low, at), part(at.next_up(), high))
            }
            Range::Set { words, low, high } => {
                let (at, after) = whole(low, high)?;
                let part = |low, high| Range::Set { words: words.clone(), low, high };
                (part(low, at), part(after, high))
            }
            Range::Off | Range::Text(_) | Range::Sure(..) | Range::Number { .. } => return None,
        };
        let with = |range: Range| {
            let mut part = self.fresh();
            part.put(signal, range);
            part
        };
        Some([with(first), with(second)])
    }

    /// One point of the ranges: every signal at its low or its high end.
    pub(super) fn corner(&self, high: impl Fn(u32, &Range) -> bool) -> Self {
        let mut point = self.fresh();
        for (signal, range) in &mut point.by {
            let up = high(*signal, range);
            let end = |low: f64, high: f64| if up { high } else { low };
            *range = match range.clone() {
                Range::Maybe(_) if up => Range::Sure(1.0, 1.0),
                Range::Maybe(_) => Range::Off,
                Range::Sure(low, top) => Range::Sure(end(low, top), end(low, top)),
                Range::Number { low, high, whole } => {
                    Range::Number { low: end(low, high), high: end(low, high), whole }
                }
                Range::Set { words, low, high } => {
                    Range::Set { words, low: end(low, high), high: end(low, high) }
                }
                settled @ (Range::Off | Range::Text(_)) => settled,
            };
        }
        point
    }

    /// Puts the low end of numbers and the high end of confidences into `signals`.
    pub(crate) fn say(&self, signals: &mut [Signal]) {
        for (at, range) in &self.by {
            let Some(slot) = signals.get_mut(*at as usize) else { continue };
            match range {
                Range::Sure(_, confidence) => {
                    *slot = Signal { confidence: *confidence, ..Signal::flag(true) }
                }
                Range::Maybe(_) | Range::Off => *slot = Signal::flag(false),
                Range::Number { low, .. } => *slot = Signal::number(*low),
                Range::Set { low, .. } => grow(slot, *low),
                Range::Text(_) => {}
            }
        }
    }
}

/// Fills a set up to a size with words that no policy names.
fn grow(slot: &mut Signal, size: f64) {
    let Value::Set(words) = &slot.value else { return };
    let mut words = words.clone();
    while (words.len() as f64) < size && words.len() < MAX_FILL {
        words.push(format!("other{}", words.len()));
    }
    *slot = Signal::set(words);
}

/// Everything that a signal of this kind may say.
fn anything(domain: Domain) -> Range {
    match domain {
        Domain::Flag(least) => Range::Maybe(least),
        Domain::Number { whole, most } => Range::Number { low: 0.0, high: most, whole },
        Domain::Set => Range::Set { words: None, low: 0.0, high: HUGE },
        Domain::Text(_) => Range::Text(None),
    }
}

/// A test that is exact where it holds.
fn maybe(known: Option<bool>) -> Tri {
    let open = Tri { verdict: Verdict::Unknown, low: 1.0, high: 1.0, need: NONE, refine: NONE };
    known.map_or(open, Tri::of)
}

impl<'t> Facts<'t> for Ranges<'t> {
    fn table(&self) -> &'t Table {
        self.world.table
    }

    fn test(&mut self, signal: u32, test: &Test) -> Tri {
        match (self.get(signal), test) {
            (Range::Off, _) => Tri::NO,
            (Range::Sure(low, high), _) => Tri { low, high, ..Tri::yes(low) },
            (Range::Maybe(_), _) => Tri::open(signal),
            (Range::Number { low, high, .. }, Test::Number(cmp, bound)) => {
                maybe(compare(*cmp, (low, high), (*bound, *bound)))
            }
            (Range::Text(Some(said)) | Range::Set { words: Some(said), .. }, test) => judge(&said, test),
            (Range::Text(None) | Range::Set { .. } | Range::Number { .. }, _) => maybe(None),
        }
    }

    fn value(&mut self, signal: u32, most: f64) -> Bounds {
        let (low, high) = match self.get(signal) {
            Range::Off | Range::Text(_) => (0.0, 0.0),
            Range::Sure(..) => (1.0, 1.0),
            Range::Maybe(_) => (0.0, 1.0),
            Range::Number { low, high, .. } | Range::Set { low, high, .. } => (low, high),
        };
        Bounds::within(low.clamp(0.0, most), high.clamp(0.0, most), signal)
    }

    fn confidence(&mut self, signal: u32) -> Bounds {
        match self.get(signal) {
            Range::Off => Bounds::at(0.0),
            Range::Sure(low, high) => Bounds::within(low, high, signal),
            Range::Maybe(_) | Range::Number { .. } | Range::Text(_) | Range::Set { .. } => {
                Bounds::within(0.0, 1.0, signal)
            }
        }
    }

    fn strength(&mut self, signal: u32) -> Bounds {
        match self.get(signal) {
            Range::Number { .. } => self.value(signal, 1.0),
            _ => self.confidence(signal),
        }
    }

    fn band(&mut self, index: u32) -> Tri {
        if let Some(held) = self.bands.get(&index) {
            return *held;
        }
        let found = self.band_now(index);
        self.bands.insert(index, found);
        found
    }

    fn score(&mut self, index: u32) -> Bounds {
        if let Some(held) = self.scores.get(&index) {
            return *held;
        }
        let found = self.score_now(index, 0);
        self.scores.insert(index, found);
        found
    }

    fn named(&self, node: u32, tri: Tri) -> Tri {
        match (tri.verdict, self.flags.get(&node)) {
            (Verdict::Unknown, Some(true)) => Tri { verdict: Verdict::True, need: NONE, ..tri },
            (Verdict::Unknown, Some(false)) => Tri::NO,
            _ => tri,
        }
    }
}
