//! Whether one condition is at least as sure as another whenever both hold, as far as their shapes tell.
//!
//! Confidences are means, maxima and 1. Each step here holds for the floating-point numbers too: rounding is monotone,
//! and the mean of two equal numbers is that number.

use crate::analyse::World;
use crate::analyse::question::Ask;
use crate::table::{Leaf, Node, Test};

/// How deep and how wide conditions are compared; of deeper or wider ones nothing is said.
const MAX_DEPTH: usize = 6;
const MAX_PARTS: usize = 16;

impl World<'_> {
    /// Whether `a` is never less sure than `b` where both hold. `false` says nothing.
    pub(super) fn at_least_as_sure(&self, a: u32, b: u32) -> bool {
        self.no_less(a, b, MAX_DEPTH)
    }

    /// Whether `a` is surer than `b` wherever both hold. `false` says nothing.
    pub(super) fn is_surer(&self, a: u32, b: u32) -> bool {
        self.is_exact(a) && self.is_always(b)
    }

    /// The parts of the disjunctions in a condition: what of them holds may make it surer.
    pub(super) fn choices(&self, whole: Ask, found: &mut Vec<Ask>) {
        let (start, end, or) = match self.table.node(whole.node) {
            Some(Node::And(start, end) | Node::Given(start, end)) => (start, end, false),
            Some(Node::Or(start, end)) => (start, end, true),
            _ => return,
        };
        for (node, place) in self.table.placed(start, end) {
            let part = Ask { node, holds: true, place };
            found.extend(or.then_some(part));
            self.choices(part, found);
        }
    }

    /// Whether the node is `always`, whose confidence is 0.
    fn is_always(&self, node: u32) -> bool {
        matches!(self.table.node(node), Some(Node::And(start, end)) if start >= end)
    }

    fn no_less(&self, a: u32, b: u32, depth: usize) -> bool {
        if a == b || self.is_exact(a) || self.is_always(b) {
            return true;
        }
        let (Some(depth), false) = (depth.checked_sub(1), self.is_always(a)) else { return false };
        self.spend(1);
        let (Some(first), Some(second)) = (self.table.node(a), self.table.node(b)) else { return false };
        let kids = |start: u32, end: u32| self.table.kids(start, end);
        let all = |parts: &[u32], holds: &dyn Fn(u32) -> bool| {
            parts.len() <= MAX_PARTS && parts.iter().all(|part| holds(*part))
        };
        match (first, second) {
            (Node::Leaf(one), Node::Leaf(other)) => one == other || self.asks_the_same(one, other),
            // The confidence is that of the last part.
            (Node::Given(start, end), _) => {
                kids(start, end).last().is_some_and(|last| self.no_less(*last, b, depth))
            }
            (_, Node::Given(start, end)) => {
                kids(start, end).last().is_some_and(|last| self.no_less(a, *last, depth))
            }
            // Of a disjunction the surest part that holds counts: every part of the other is held against `a`.
            (_, Node::Or(start, end)) if all(kids(start, end), &|part| self.no_less(a, part, depth)) => true,
            // Where `b` holds, so does the part that it is; else whichever part holds must do.
            (Node::Or(start, end), _) => {
                kids(start, end).iter().any(|kid| self.is_same(*kid, b, depth))
                    || all(kids(start, end), &|part| self.no_less(part, b, depth))
            }
            (Node::And(start, end), Node::And(from, to)) if end - start == to - from => {
                self.pairwise(kids(start, end), kids(from, to), depth)
            }
            // The mean of at most two lies between them; that of more may be rounded beyond.
            (Node::And(start, end), _) if end - start <= 2 => {
                all(kids(start, end), &|part| self.no_less(part, b, depth))
            }
            (_, Node::And(start, end)) if end - start <= 2 => {
                all(kids(start, end), &|part| self.no_less(a, part, depth))
            }
            _ => false,
        }
    }

    /// Sums in one order, or of two numbers in either.
    fn pairwise(&self, first: &[u32], second: &[u32], depth: usize) -> bool {
        let no_less = |a: &u32, b: &u32| self.no_less(*a, *b, depth);
        if first.len() > MAX_PARTS {
            return false;
        }
        let straight = first.iter().zip(second).all(|(a, b)| no_less(a, b));
        straight
            || match (first, second) {
                ([a, b], [c, d]) => no_less(a, d) && no_less(b, c),
                _ => false,
            }
    }

    /// Whether two conditions are written alike.
    fn is_same(&self, a: u32, b: u32, depth: usize) -> bool {
        let alike = |(start, end): (u32, u32), (from, to): (u32, u32)| {
            let (one, other) = (self.table.kids(start, end), self.table.kids(from, to));
            let pairs = one.iter().zip(other);
            depth > 0
                && one.len() == other.len()
                && pairs.into_iter().all(|(a, b)| self.is_same(*a, *b, depth - 1))
        };
        match (self.table.node(a), self.table.node(b)) {
            _ if a == b => true,
            (Some(Node::Leaf(one)), Some(Node::Leaf(other))) => {
                one == other || self.asks_the_same(one, other)
            }
            (Some(Node::And(start, end)), Some(Node::And(from, to)))
            | (Some(Node::Or(start, end)), Some(Node::Or(from, to))) => alike((start, end), (from, to)),
            _ => false,
        }
    }

    /// Two tests whose confidence is that of one thing: a signal that matched, a band, a group.
    fn asks_the_same(&self, one: u32, other: u32) -> bool {
        let leaf = |index: u32| self.table.leaves.get(index as usize);
        match (leaf(one), leaf(other)) {
            (
                Some(Leaf::Signal { signal: a, test: Test::Holds }),
                Some(Leaf::Signal { signal: b, test: Test::Holds }),
            ) => a == b,
            (Some(Leaf::Band(a)), Some(Leaf::Band(b))) | (Some(Leaf::Fires(a)), Some(Leaf::Fires(b))) => {
                a == b
            }
            (Some(Leaf::Member { group: a, member }), Some(Leaf::Member { group: b, member: other })) => {
                (a, member) == (b, other)
            }
            _ => false,
        }
    }
}
