//! One evaluation: which signals were read, and what each node is worth so far.

use super::facts::Facts;
use super::leaf::{judge, sure};
use super::number::{Bounds, Numbers as _};
use super::outcome::{SignalSet, Verdict};
use super::truth::Truth;
use crate::table::{NONE, Num, Score, Table, Test};
use smallvec::SmallVec;
use tollgate_core::signal::{OnFailure, Signal, SignalSource, Value};

/// What is known of a node.
///
/// `low` and `high` bound its confidence *if* it holds. `need` is the cheapest unread signal that can settle the
/// verdict, `refine` the cheapest that can narrow the confidence once it holds; [`NONE`] when there is none.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Tri {
    pub(crate) verdict: Verdict,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) need: u32,
    pub(crate) refine: u32,
}

impl Tri {
    pub(crate) const NO: Self =
        Self { verdict: Verdict::False, low: 0.0, high: 0.0, need: NONE, refine: NONE };

    pub(crate) const fn yes(confidence: f64) -> Self {
        Self { verdict: Verdict::True, low: confidence, high: confidence, need: NONE, refine: NONE }
    }

    /// Open until `signal` is read.
    pub(crate) const fn open(signal: u32) -> Self {
        Self { verdict: Verdict::Unknown, low: 0.0, high: 1.0, need: signal, refine: signal }
    }

    pub(crate) const fn of(holds: bool) -> Self {
        if holds { Self::yes(1.0) } else { Self::NO }
    }

    /// The signal to read next for this node alone: its verdict first, then its confidence.
    pub(crate) const fn next(&self) -> u32 {
        if self.need != NONE { self.need } else { self.refine }
    }
}

/// What a signal that was read says, by its failure rule.
pub(crate) enum Fact<'s> {
    Known(&'s Signal),
    /// It failed; the rule says matched or not.
    Failed(bool),
    /// It failed and must not be guessed.
    Blocked,
}

/// The state of one decision.
pub(crate) struct Run<'t, 's> {
    pub(crate) table: &'t Table,
    pub(crate) source: &'s mut dyn SignalSource,
    pub(crate) read: SignalSet,
    /// How many times a signal was taken: what was worked out at an older age may be out of date.
    age: u32,
    /// Bands as they were worked out, each with the age at which it was. Several routes ask for the same band.
    bands: SmallVec<[(u32, Tri); 8]>,
    /// Scores in the same way: several bands stand over one score.
    scores: SmallVec<[Scored; 4]>,
    /// The parts of all scores, one after the other; a part that is a point is not worked out again.
    parts: SmallVec<[Bounds; 16]>,
}

/// A score as it was worked out at some age, and where its parts start among all parts.
struct Scored {
    age: u32,
    bounds: Bounds,
    start: usize,
}

/// The age of what was never worked out.
const NEVER: u32 = u32::MAX;
/// The age of what no further signal can change.
const SETTLED: u32 = u32::MAX - 1;

impl<'t, 's> Run<'t, 's> {
    pub(crate) fn new(table: &'t Table, source: &'s mut dyn SignalSource) -> Self {
        let bands = smallvec::smallvec![(NEVER, Tri::NO); table.bands.len()];
        let mut parts = 0;
        let mut scored = |score: &Score| {
            let start = parts;
            parts += score.of.parts().len();
            Scored { age: NEVER, bounds: Bounds::OPEN, start }
        };
        let scores = table.scores.iter().map(&mut scored).collect();
        let parts = smallvec::smallvec![Bounds::OPEN; parts];
        Self { table, source, read: SignalSet::new(table.specs.len()), age: 0, bands, scores, parts }
    }

    /// A run that has read every signal.
    pub(crate) fn reading_all(table: &'t Table, source: &'s mut dyn SignalSource) -> Self {
        let mut run = Self::new(table, source);
        (0..table.specs.len()).for_each(|signal| run.take(u32::try_from(signal).unwrap_or(NONE)));
        run
    }

    /// Marks a signal as read; its value comes from the source, which remembers it.
    #[inline]
    pub(crate) fn take(&mut self, signal: u32) {
        if !self.read.contains(signal) {
            self.read.insert(signal);
            // One step per signal, so it never comes near the two ages with a meaning.
            self.age += 1;
        }
    }

    const fn knows(&self, age: u32) -> bool {
        age == self.age || age == SETTLED
    }

    /// The band at `index`, as it is known by now.
    pub(super) fn band_once(&mut self, index: u32) -> Tri {
        if let Some((age, tri)) = self.bands.get(index as usize)
            && self.knows(*age)
        {
            return *tri;
        }
        let tri = self.band_now(index);
        if let Some(slot) = self.bands.get_mut(index as usize) {
            let settled = tri.verdict != Verdict::Unknown && tri.next() == NONE;
            *slot = (if settled { SETTLED } else { self.age }, tri);
        }
        tri
    }

    /// Part `at` of all parts of all scores: as it was worked out if that is a point or waits for its only signal,
    /// else worked out now.
    fn part_once(&mut self, at: usize, num: &Num, alone: bool) -> Bounds {
        match self.parts.get(at) {
            Some(bounds) if bounds.is_point() => *bounds,
            Some(bounds) if alone && bounds.need != NONE && !self.read.contains(bounds.need) => *bounds,
            _ => {
                let bounds = self.number(num);
                if let Some(slot) = self.parts.get_mut(at) {
                    *slot = bounds;
                }
                bounds
            }
        }
    }

    /// The score at `index`, as it is known by now.
    fn score_once(&mut self, index: u32) -> Bounds {
        let Some(known) = self.scores.get(index as usize) else { return Bounds::at(0.0) };
        if self.knows(known.age) {
            return known.bounds;
        }
        let bounds = self.score_now(index, known.start);
        let age = if bounds.is_point() { SETTLED } else { self.age };
        if let Some(known) = self.scores.get_mut(index as usize) {
            (known.age, known.bounds) = (age, bounds);
        }
        bounds
    }

    /// What a signal says, absent while it is unread.
    #[inline]
    pub(crate) fn fact(&mut self, signal: u32) -> Option<Fact<'_>> {
        if !self.read.contains(signal) {
            return None;
        }
        let found = self.source.read(signal as usize);
        if found.failure.is_none() {
            return Some(Fact::Known(found));
        }
        let rule = self.table.specs.get(signal as usize).map(|spec| spec.on_failure);
        Some(match rule.unwrap_or_default() {
            OnFailure::NoMatch => Fact::Failed(false),
            OnFailure::Match => Fact::Failed(true),
            OnFailure::Reject => Fact::Blocked,
        })
    }

    /// What is known of the node at `index`, reading nothing new.
    #[inline]
    pub(crate) fn node(&mut self, index: u32) -> Tri {
        Truth::node(self, index)
    }

    /// A failed signal with `on_failure reject` on which the node at `index` depends.
    pub(crate) fn blocker(&mut self, index: u32) -> Option<(u32, String)> {
        let reads = self.table.reads(index);
        reads.into_iter().find_map(|signal| match self.fact(signal)? {
            Fact::Blocked => {
                let why = self.source.read(signal as usize).failure.clone().unwrap_or_default();
                Some((signal, why))
            }
            Fact::Known(_) | Fact::Failed(_) => None,
        })
    }
}

impl<'t> Facts<'t> for Run<'t, '_> {
    fn table(&self) -> &'t Table {
        self.table
    }

    fn test(&mut self, signal: u32, test: &Test) -> Tri {
        match self.fact(signal) {
            None => Tri::open(signal),
            Some(Fact::Known(found)) => judge(found, test),
            Some(Fact::Failed(true)) => Tri::yes(0.0),
            Some(Fact::Failed(false)) => Tri::NO,
            Some(Fact::Blocked) => Tri::open(NONE),
        }
    }

    fn value(&mut self, signal: u32, most: f64) -> Bounds {
        self.signal_number(signal, most, |found| match &found.value {
            Value::Number(value) if value.is_nan() => 0.0,
            Value::Flag(_) => f64::from(u8::from(found.matched)),
            value => value.as_number(),
        })
    }

    fn confidence(&mut self, signal: u32) -> Bounds {
        self.signal_number(signal, 1.0, |found| if found.matched { sure(found) } else { 0.0 })
    }

    fn strength(&mut self, signal: u32) -> Bounds {
        self.signal_number(signal, 1.0, |found| match &found.value {
            Value::Number(value) if value.is_nan() => 0.0,
            Value::Number(value) => *value,
            _ if found.matched => sure(found),
            _ => 0.0,
        })
    }

    fn band(&mut self, index: u32) -> Tri {
        self.band_once(index)
    }

    fn score(&mut self, index: u32) -> Bounds {
        self.score_once(index)
    }

    fn part(&mut self, at: usize, num: &Num, alone: bool) -> Bounds {
        self.part_once(at, num, alone)
    }
}

impl Run<'_, '_> {
    /// The number of one signal, cut to [0, most]. A failed one counts as 0, or as 1 of a yes-or-no signal whose
    /// rule is `match`.
    fn signal_number(&mut self, signal: u32, most: f64, value: impl FnOnce(&Signal) -> f64) -> Bounds {
        match self.fact(signal) {
            None => Bounds::within(0.0, most, signal),
            Some(Fact::Known(found)) => Bounds::at(value(found).clamp(0.0, most)),
            Some(Fact::Failed(_)) => Bounds::at(0.0),
            Some(Fact::Blocked) => Bounds::within(0.0, most, NONE),
        }
    }
}
