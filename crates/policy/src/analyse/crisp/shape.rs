//! What a route needs at the least, signal by signal: enough to see at a glance that two routes never hold together.

use crate::analyse::World;
use crate::analyse::domain::key;
use crate::analyse::question::Ask;
use crate::syntax::tree::Cmp;
use crate::table::{Leaf, Node, Num, Test};
use std::collections::BTreeMap;

/// What is needed of one thing.
#[derive(Clone, Debug)]
enum Need<'p> {
    /// The flag, or its absence.
    Flag(bool),
    /// A number whose key is in this range.
    Within(i64, i64),
    /// One of these words.
    OneOf(Vec<&'p str>),
    /// This member of a group.
    Member(u32),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Thing {
    Signal(u32),
    Score(u32),
    Group(u32),
}

/// The needs of a route, in order of thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape<'p> {
    needs: Vec<(Thing, Need<'p>)>,
}

impl<'p> Shape<'p> {
    /// The needs of the parts that must all hold; other parts are left out.
    pub(super) fn of(world: &World<'p>, whole: Ask) -> Self {
        let mut needs: BTreeMap<Thing, Need<'p>> = BTreeMap::new();
        for ask in world.conjuncts(whole) {
            for (thing, need) in needed(world, ask.node, true) {
                let joined = match needs.remove(&thing) {
                    Some(held) => join(held, need),
                    None => need,
                };
                needs.insert(thing, joined);
            }
        }
        Self { needs: needs.into_iter().collect() }
    }

    /// Whether the flag must match.
    pub(super) fn needs(&self, signal: u32) -> bool {
        self.needs
            .iter()
            .any(|(thing, need)| *thing == Thing::Signal(signal) && matches!(need, Need::Flag(true)))
    }

    /// Whether the two cannot hold together. `false` says nothing.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        let (mut left, mut right) = (self.needs.iter().peekable(), other.needs.iter().peekable());
        while let (Some((thing, need)), Some((other, wanted))) = (left.peek(), right.peek()) {
            match thing.cmp(other) {
                std::cmp::Ordering::Less => drop(left.next()),
                std::cmp::Ordering::Greater => drop(right.next()),
                std::cmp::Ordering::Equal => {
                    if opposed(need, wanted) {
                        return true;
                    }
                    left.next();
                    right.next();
                }
            }
        }
        false
    }
}

fn opposed(a: &Need<'_>, b: &Need<'_>) -> bool {
    match (a, b) {
        (Need::Flag(a), Need::Flag(b)) => a != b,
        (Need::Within(low, high), Need::Within(other_low, other_high)) => {
            low > other_high || other_low > high
        }
        (Need::OneOf(a), Need::OneOf(b)) => !a.iter().any(|word| b.contains(word)),
        (Need::Member(a), Need::Member(b)) => a != b,
        _ => false,
    }
}

/// Both needs; where that cannot be said, the first alone.
fn join<'p>(a: Need<'p>, b: Need<'p>) -> Need<'p> {
    match (a, b) {
        (Need::Within(low, high), Need::Within(other_low, other_high)) => {
            Need::Within(low.max(other_low), high.min(other_high))
        }
        (a, _) => a,
    }
}

fn needed<'p>(world: &World<'p>, node: u32, holds: bool) -> Vec<(Thing, Need<'p>)> {
    let table = world.table;
    let leaf = match table.node(node) {
        Some(Node::Leaf(leaf)) => table.leaves.get(leaf as usize),
        Some(Node::Not(inner)) => return needed(world, inner, !holds),
        _ => None,
    };
    match leaf {
        Some(Leaf::Signal { signal, test: Test::Holds }) => vec![(Thing::Signal(*signal), Need::Flag(holds))],
        Some(Leaf::Signal { signal, test: Test::Number(cmp, bound) }) => {
            within(*cmp, *bound, holds).map(|need| (Thing::Signal(*signal), need)).into_iter().collect()
        }
        Some(Leaf::Signal { signal, test: Test::OneOf(words) }) if holds => {
            vec![(Thing::Signal(*signal), Need::OneOf(words.iter().map(String::as_str).collect()))]
        }
        Some(Leaf::Compare(Num::Score(score), cmp, Num::Const(bound))) => {
            within(*cmp, *bound, holds).map(|need| (Thing::Score(*score), need)).into_iter().collect()
        }
        Some(Leaf::Band(band)) if holds => match table.bands.get(*band as usize) {
            Some(band) => match band.of {
                Num::Score(score) => {
                    let bound = |(cmp, bound): &(Cmp, f64)| within(*cmp, *bound, true);
                    let needs = band.bounds.iter().filter_map(bound);
                    needs.map(|need| (Thing::Score(score), need)).collect()
                }
                _ => Vec::new(),
            },
            None => Vec::new(),
        },
        Some(Leaf::Member { group, member }) if holds && is_exclusive(world, *group) => {
            vec![(Thing::Group(*group), Need::Member(*member))]
        }
        _ => Vec::new(),
    }
}

fn is_exclusive(world: &World<'_>, group: u32) -> bool {
    world.table.groups.get(group as usize).is_some_and(|group| group.contest.is_exclusive())
}

fn within(cmp: Cmp, bound: f64, holds: bool) -> Option<Need<'static>> {
    let at = key(bound);
    let cmp = match (cmp, holds) {
        (cmp, true) => cmp,
        (Cmp::Lt, false) => Cmp::Ge,
        (Cmp::Le, false) => Cmp::Gt,
        (Cmp::Gt, false) => Cmp::Le,
        (Cmp::Ge, false) => Cmp::Lt,
        (Cmp::Eq, false) => Cmp::Ne,
        (Cmp::Ne, false) => Cmp::Eq,
    };
    Some(match cmp {
        Cmp::Lt => Need::Within(i64::MIN, at - 1),
        Cmp::Le => Need::Within(i64::MIN, at),
        Cmp::Gt => Need::Within(at + 1, i64::MAX),
        Cmp::Ge => Need::Within(at, i64::MAX),
        Cmp::Eq => Need::Within(at, at),
        Cmp::Ne => return None,
    })
}
