//! Conditions over what is known of signals: `and`, `or`, `not` and their tests, three-valued, with bounds of the
//! confidence.

use super::facts::Facts;
use super::leaf::compare;
use super::number::Numbers as _;
use super::outcome::Verdict;
use super::run::Tri;
use crate::table::{Leaf, NONE, Node};

/// Truth over what is known of signals.
pub(crate) trait Truth<'t>: Facts<'t> {
    /// What is known of the node at `index`, reading nothing new.
    fn node(&mut self, index: u32) -> Tri {
        let table = self.table();
        match table.node(index) {
            Some(Node::Leaf(leaf)) => self.leaf(leaf),
            Some(Node::And(start, end)) => self.and(table.kids(start, end)),
            Some(Node::Given(start, end)) => self.given(table.kids(start, end)),
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
        let mut all = self.every(children, |all, tri| {
            all.refine = all.refine.min(tri.refine);
            all.low += tri.low;
            all.high += tri.high;
        });
        let count = children.len().max(1) as f64;
        all.low /= count;
        all.high /= count;
        all
    }

    /// Holds when every child does; the confidence is that of the last.
    fn given(&mut self, children: &[u32]) -> Tri {
        self.every(children, |all, tri| (all.low, all.high, all.refine) = (tri.low, tri.high, tri.refine))
    }

    /// Holds when every child does; `join` takes up each one's confidence.
    #[inline]
    fn every(&mut self, children: &[u32], join: impl Fn(&mut Tri, Tri)) -> Tri {
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
            join(&mut all, tri);
        }
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

    /// What one test is worth.
    fn leaf(&mut self, index: u32) -> Tri {
        let table = self.table();
        match table.leaves.get(index as usize) {
            Some(Leaf::Signal { signal, test }) => self.test(*signal, test),
            Some(Leaf::Compare(left, cmp, right)) => {
                let (left, right) = (self.number(left), self.number(right));
                let need = left.need.min(right.need);
                match compare(*cmp, (left.low, left.high), (right.low, right.high)) {
                    Some(holds) => Tri::of(holds),
                    // Exact by nature: only the verdict is open.
                    None => Tri { verdict: Verdict::Unknown, low: 1.0, high: 1.0, need, refine: NONE },
                }
            }
            Some(Leaf::Band(band)) => self.band(*band),
            Some(Leaf::Member { group, member }) => self.member(*group, *member),
            Some(Leaf::Fires(group)) => self.fires(*group),
            None => Tri::NO,
        }
    }
}

impl<'t, F: Facts<'t>> Truth<'t> for F {}
