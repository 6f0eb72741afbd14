//! The decision table: what a policy compiles to.
//!
//! Flat arrays and indices, no text but labels. Signals are numbered in order of cost, so "the cheapest signal that
//! is still needed" is the smallest index. Routes are sorted into *ranks* (one tier and priority each), best first,
//! and by name within a rank.

use crate::effects::Route;
use crate::syntax::tree::Cmp;
use crate::text::span::Span;
use std::ops::Range;
use std::sync::Arc;
use tollgate_core::signal::SignalSpec;

/// "No signal".
pub(crate) const NONE: u32 = u32::MAX;
/// Stands for infinity in interval arithmetic, so that sums never meet infinity minus infinity.
pub(crate) const HUGE: f64 = 1e300;

/// A node of a `when` expression.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node {
    Leaf(u32),
    /// Children, as a range of [`Table::children`].
    And(u32, u32),
    /// The same, with the confidence of the last alone.
    Given(u32, u32),
    Or(u32, u32),
    Not(u32),
}

/// A test on the value of one signal.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// The signal matched; carries the signal's own confidence, the others are exact.
    Holds,
    Number(Cmp, f64),
    /// The text is one of these.
    OneOf(Vec<String>),
    /// The text fits one of these patterns (`*` stands for anything).
    Like(Vec<String>),
    HasAny(Vec<String>),
    HasAll(Vec<String>),
}

/// A leaf of a `when` expression.
#[derive(Clone, Debug)]
pub(crate) enum Leaf {
    Signal {
        signal: u32,
        test: Test,
    },
    Compare(Num, Cmp, Num),
    Band(u32),
    Member {
        group: u32,
        member: u32,
    },
    /// Any member of the group fires.
    Fires(u32),
}

/// A number.
#[derive(Clone, Debug)]
pub(crate) enum Num {
    Const(f64),
    /// A signal's value (flags: 1 when it matched) and the largest value it may have.
    Value {
        signal: u32,
        most: f64,
    },
    /// A signal's confidence where it matched, else 0.
    Confidence(u32),
    /// A signal's raw score: its value when that is a number, cut to [0, 1], else its confidence where it matched.
    Strength(u32),
    Score(u32),
    /// 1 where the flag's node holds.
    Flag(u32),
    /// The confidence of the flag's node where it holds, else 0.
    FlagConfidence(u32),
    /// 1 where the band holds.
    Band(u32),
    /// The band's confidence where it holds, else 0.
    BandConfidence(u32),
    Entropy(u32),
    Sum(Vec<Num>),
    Scale(f64, Box<Num>),
    Min(Vec<Num>),
    Max(Vec<Num>),
}

impl Num {
    /// What is added up: the parts of a sum, else the number itself.
    pub(crate) fn parts(&self) -> &[Self] {
        match self {
            Self::Sum(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }

    /// Whether it reads one signal and nothing else; what refers to named things counts as more.
    pub(crate) fn reads_one(&self) -> bool {
        let varying = |parts: &[Self]| parts.iter().filter(|part| !matches!(part, Self::Const(_))).count();
        match self {
            Self::Value { .. } | Self::Confidence(_) | Self::Strength(_) => true,
            Self::Scale(_, inner) => inner.reads_one(),
            Self::Sum(parts) | Self::Min(parts) | Self::Max(parts) => {
                varying(parts) == 1 && parts.iter().any(Self::reads_one)
            }
            Self::Const(_)
            | Self::Score(_)
            | Self::Flag(_)
            | Self::FlagConfidence(_)
            | Self::Band(_)
            | Self::BandConfidence(_)
            | Self::Entropy(_) => false,
        }
    }

    /// Calls `visit` on every signal index that this number itself names.
    pub(crate) fn signals(&mut self, visit: &mut impl FnMut(&mut u32)) {
        match self {
            Self::Value { signal, .. } | Self::Confidence(signal) | Self::Strength(signal) => visit(signal),
            Self::Sum(parts) | Self::Min(parts) | Self::Max(parts) => {
                parts.iter_mut().for_each(|part| part.signals(visit));
            }
            Self::Scale(_, inner) => inner.signals(visit),
            Self::Const(_)
            | Self::Score(_)
            | Self::Flag(_)
            | Self::FlagConfidence(_)
            | Self::Band(_)
            | Self::BandConfidence(_)
            | Self::Entropy(_) => {}
        }
    }
}

/// A weighted sum.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    pub(crate) of: Num,
    /// Whether it is cut to [0, 1].
    pub(crate) cut: bool,
    /// For each part, whether it reads one signal alone: it cannot change while that one is unread.
    pub(crate) alone: Vec<bool>,
}

/// A threshold band over a number.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    pub(crate) of: Num,
    pub(crate) bounds: Vec<(Cmp, f64)>,
    pub(crate) slope: f64,
}

/// A group whose members compete.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) members: Vec<Num>,
    pub(crate) temperature: f64,
    pub(crate) contest: Contest,
    /// Where its name stands.
    pub(crate) name: Span,
}

/// How a group's winner is found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Contest {
    /// All members are in the softmax; the strongest fires when it leads by the margin.
    Exclusive { margin: f64 },
    /// All members are in the softmax; each fires whose share reaches the threshold. Shares sum to 1, so above 1/2 it is one
    /// at most.
    Above { threshold: f64 },
    /// Only members that hold compete; where none does, the default member fires with confidence 1. `softmax`: the
    /// winner's confidence is its share, else its own strength.
    Winner { default: Option<u32>, softmax: bool },
}

impl Contest {
    /// The member that fires where none holds.
    pub(crate) const fn default(self) -> Option<u32> {
        match self {
            Self::Exclusive { .. } | Self::Above { .. } => None,
            Self::Winner { default, .. } => default,
        }
    }

    /// Whether at most one member fires, whatever the signals say.
    pub(crate) const fn is_exclusive(self) -> bool {
        match self {
            Self::Exclusive { .. } | Self::Winner { .. } => true,
            Self::Above { threshold } => threshold > 0.5,
        }
    }
}

/// One route's rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) route: Arc<Route>,
    pub(crate) root: u32,
    /// The leaf over the cheapest signal when it must hold for the route to match.
    pub(crate) gate: Option<u32>,
    /// The cheapest signal of the rule.
    pub(crate) entry: u32,
    /// Where its name stands.
    pub(crate) name: Span,
    /// Where its condition stands.
    pub(crate) when: Span,
    /// Where what is given stands.
    pub(crate) given: Option<Span>,
}

/// Routes of one tier and priority.
#[derive(Clone, Debug)]
pub(crate) struct Rank {
    /// Indices into [`Table::rules`], in order of name.
    pub(crate) rules: Range<u32>,
    /// The same, in order of their entry signal.
    pub(crate) order: Vec<Opening>,
    /// The entry signal of the only rule, when the rule cannot hold unless that signal matched; else [`NONE`].
    pub(crate) door: u32,
}

/// How a rule is first looked at; kept small and dense, since most rules are dropped at their door.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) rule: u32,
    /// The cheapest signal of the rule.
    pub(crate) entry: u32,
    /// The rule cannot hold unless that signal matched.
    pub(crate) door: bool,
}

/// The compiled policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) specs: Vec<SignalSpec>,
    pub(crate) nodes: Vec<Node>,
    /// Where each node stands in the text.
    pub(crate) spans: Vec<Span>,
    pub(crate) children: Vec<u32>,
    /// Where each child stands; a named condition is the child of many.
    pub(crate) places: Vec<Span>,
    pub(crate) leaves: Vec<Leaf>,
    /// The source text of each leaf.
    pub(crate) labels: Vec<Box<str>>,
    pub(crate) scores: Vec<Score>,
    pub(crate) bands: Vec<Band>,
    pub(crate) groups: Vec<Group>,
    /// What is reported by label: the label, and the node that says whether it holds.
    pub(crate) labelled: Vec<(Box<str>, u32)>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) ranks: Vec<Rank>,
}

impl Table {
    pub(crate) fn node(&self, index: u32) -> Option<Node> {
        self.nodes.get(index as usize).copied()
    }

    pub(crate) fn kids(&self, start: u32, end: u32) -> &[u32] {
        self.children.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Children with their places.
    pub(crate) fn placed(&self, start: u32, end: u32) -> impl DoubleEndedIterator<Item = (u32, Span)> {
        let places = self.places.get(start as usize..end as usize).unwrap_or_default();
        self.kids(start, end).iter().copied().zip(places.iter().copied())
    }

    /// Every signal that the subtree at `index` may read, ascending.
    pub(crate) fn reads(&self, index: u32) -> Vec<u32> {
        let mut found = Vec::new();
        self.collect(index, &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Every signal that a leaf may read, ascending.
    pub(crate) fn leaf_reads(&self, leaf: u32) -> Vec<u32> {
        let mut found = Vec::new();
        self.collect_leaf(leaf, &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn collect_leaf(&self, leaf: u32, found: &mut Vec<u32>) {
        match self.leaves.get(leaf as usize) {
            Some(Leaf::Signal { signal, .. }) => found.push(*signal),
            Some(Leaf::Compare(left, _, right)) => {
                self.collect_num(left, found);
                self.collect_num(right, found);
            }
            Some(Leaf::Band(band)) => self.collect_num(&Num::Band(*band), found),
            Some(Leaf::Member { group, .. } | Leaf::Fires(group)) => {
                self.collect_num(&Num::Entropy(*group), found);
            }
            None => {}
        }
    }

    fn collect(&self, index: u32, found: &mut Vec<u32>) {
        match self.node(index) {
            Some(Node::Leaf(leaf)) => self.collect_leaf(leaf, found),
            Some(Node::And(start, end) | Node::Given(start, end) | Node::Or(start, end)) => {
                self.kids(start, end).iter().for_each(|kid| self.collect(*kid, found));
            }
            Some(Node::Not(inner)) => self.collect(inner, found),
            None => {}
        }
    }

    /// The named conditions that a number reads the truth of, itself or by what it refers to.
    pub(crate) fn collect_flags(&self, num: &Num, found: &mut Vec<u32>) {
        match num {
            Num::Flag(node) | Num::FlagConfidence(node) => found.push(*node),
            Num::Score(score) => {
                let inner = self.scores.get(*score as usize);
                inner.iter().for_each(|score| self.collect_flags(&score.of, found));
            }
            Num::Band(band) | Num::BandConfidence(band) => {
                self.bands.get(*band as usize).iter().for_each(|band| self.collect_flags(&band.of, found));
            }
            Num::Entropy(group) => self
                .groups
                .get(*group as usize)
                .iter()
                .flat_map(|group| &group.members)
                .for_each(|member| self.collect_flags(member, found)),
            Num::Scale(_, inner) => self.collect_flags(inner, found),
            Num::Sum(parts) | Num::Min(parts) | Num::Max(parts) => {
                parts.iter().for_each(|part| self.collect_flags(part, found));
            }
            Num::Const(_) | Num::Value { .. } | Num::Confidence(_) | Num::Strength(_) => {}
        }
    }

    pub(crate) fn collect_num(&self, num: &Num, found: &mut Vec<u32>) {
        match num {
            Num::Const(_) => {}
            Num::Value { signal, .. } | Num::Confidence(signal) | Num::Strength(signal) => {
                found.push(*signal);
            }
            Num::Flag(node) | Num::FlagConfidence(node) => self.collect(*node, found),
            Num::Score(score) => {
                let inner = self.scores.get(*score as usize);
                inner.iter().for_each(|score| self.collect_num(&score.of, found));
            }
            Num::Band(band) | Num::BandConfidence(band) => {
                self.bands.get(*band as usize).iter().for_each(|band| self.collect_num(&band.of, found));
            }
            Num::Entropy(group) => self
                .groups
                .get(*group as usize)
                .iter()
                .flat_map(|group| &group.members)
                .for_each(|member| self.collect_num(member, found)),
            Num::Scale(_, inner) => self.collect_num(inner, found),
            Num::Sum(parts) | Num::Min(parts) | Num::Max(parts) => {
                parts.iter().for_each(|part| self.collect_num(part, found));
            }
        }
    }
}
