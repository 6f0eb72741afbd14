//! One evaluation: which signals were read, and what each node is worth so far.

use super::outcome::{SignalSet, Verdict};
use crate::table::{NONE, Node, Table};
use smallvec::SmallVec;
use tollgate_core::signal::{OnFailure, Signal, SignalSource};

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
}

/// The age of what was never worked out.
const NEVER: u32 = u32::MAX;

impl<'t, 's> Run<'t, 's> {
    pub(crate) fn new(table: &'t Table, source: &'s mut dyn SignalSource) -> Self {
        let bands = smallvec::smallvec![(NEVER, Tri::NO); table.bands.len()];
        Self { table, source, read: SignalSet::new(table.specs.len()), age: 0, bands }
    }

    /// Marks a signal as read; its value comes from the source, which remembers it.
    #[inline]
    pub(crate) fn take(&mut self, signal: u32) {
        if !self.read.contains(signal) {
            self.read.insert(signal);
            self.age = self.age.wrapping_add(1);
        }
    }

    /// The band at `index`, as it is known by now.
    pub(crate) fn band(&mut self, index: u32) -> Tri {
        if let Some((age, tri)) = self.bands.get(index as usize)
            && *age == self.age
        {
            return *tri;
        }
        let tri = self.band_now(index);
        if let Some(slot) = self.bands.get_mut(index as usize) {
            *slot = (self.age, tri);
        }
        tri
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
    pub(crate) fn node(&mut self, index: u32) -> Tri {
        let table = self.table;
        match table.node(index) {
            Some(Node::Leaf(leaf)) => self.leaf(leaf),
            Some(Node::And(start, end)) => self.and(table.kids(start, end)),
            Some(Node::Or(start, end)) => self.or(table.kids(start, end)),
            Some(Node::Not(inner)) => {
                let inner = self.node(inner);
                match inner.verdict {
                    Verdict::True => Tri::NO,
                    Verdict::False => Tri::yes(1.0),
                    Verdict::Unknown => {
                        Tri { verdict: Verdict::Unknown, low: 1.0, high: 1.0, need: inner.need, refine: NONE }
                    }
                }
            }
            // The checker hands out no such index.
            None => Tri::NO,
        }
    }

    /// Holds when every child does; the confidence is the children's mean.
    fn and(&mut self, children: &[u32]) -> Tri {
        let mut all = Tri { verdict: Verdict::True, low: 0.0, high: 0.0, need: NONE, refine: NONE };
        for child in children {
            let tri = self.node(*child);
            match tri.verdict {
                Verdict::False => return Tri::NO,
                Verdict::True => {}
                Verdict::Unknown => {
                    all.verdict = Verdict::Unknown;
                    all.need = all.need.min(tri.need);
                }
            }
            all.refine = all.refine.min(tri.refine);
            all.low += tri.low;
            all.high += tri.high;
        }
        let count = children.len().max(1) as f64;
        all.low /= count;
        all.high /= count;
        all
    }

    /// Holds when a child does; the confidence is that of the best child that holds.
    fn or(&mut self, children: &[u32]) -> Tri {
        let mut best = Tri { verdict: Verdict::False, low: 0.0, high: 0.0, need: NONE, refine: NONE };
        let mut open_low = 1.0_f64;
        for child in children {
            let tri = self.node(*child);
            match tri.verdict {
                Verdict::False => continue,
                Verdict::True => {
                    best.verdict = Verdict::True;
                    best.low = best.low.max(tri.low);
                }
                Verdict::Unknown => {
                    if best.verdict == Verdict::False {
                        best.verdict = Verdict::Unknown;
                    }
                    best.need = best.need.min(tri.need);
                    open_low = open_low.min(tri.low);
                }
            }
            best.high = best.high.max(tri.high);
        }
        match best.verdict {
            Verdict::False => Tri::NO,
            Verdict::Unknown => {
                best.low = open_low;
                best.refine = best.need;
                best
            }
            Verdict::True => {
                best.need = NONE;
                if best.high > best.low {
                    best.refine = self.or_refine(children, best.low);
                }
                best
            }
        }
    }

    /// The cheapest signal of a child that may still be surer than `low`.
    fn or_refine(&mut self, children: &[u32], low: f64) -> u32 {
        let mut refine = NONE;
        for child in children {
            let tri = self.node(*child);
            if tri.verdict != Verdict::False && tri.high > low {
                refine = refine.min(tri.need).min(tri.refine);
            }
        }
        refine
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
