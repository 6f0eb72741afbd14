//! How far requests get: one question that grows with the routes, for those whose own question does not settle them.
//!
//! Routes are taken in their order. The front is the requests that no route of an earlier rank takes; it is kept as
//! one question, to which the absence of an earlier route is added for good as soon as an example shows that it
//! matters, and in which everything that was learned for one route serves the next. Examples are kept too: one that
//! was found for a route is on the front for as long as no route takes it, and often shows that the next one is chosen.
//! When nothing is left on the front, no later route is ever chosen, and the question is over.

use crate::analyse::World;
use crate::analyse::question::{Ask, Found, Question};
use std::collections::BTreeSet;
use tollgate_core::signal::Signal;

/// Most examples that are kept.
const MAX_EXAMPLES: usize = 32;
/// Most steps of a search on the front, and for the routes that end it.
const STEPS: u32 = 20_000;
const ENDING_STEPS: u32 = 50_000;
/// Most examples that are looked at for one route.
const MAX_ROUNDS: usize = 400;

/// What is known of the requests that get as far as some rank.
pub(super) struct Front<'w> {
    question: Question<'w>,
    /// The routes whose absence was added, by number.
    passed: BTreeSet<u32>,
    /// Requests that no route before the rank takes.
    examples: Vec<Vec<Signal>>,
    /// The rank that was reached.
    rank: usize,
    /// Routes of which one holds, whatever the request, where the front has ended.
    end: Option<Vec<u32>>,
}

/// What the front says of a route.
pub(super) enum Reached {
    /// Some request chooses it.
    Chosen,
    /// None does: these conditions of the route itself exclude what is on the front.
    Never,
    /// No request gets as far.
    Ended,
    /// It holds there, but another route of its rank wins.
    Rivalled,
    Unknown,
}

impl<'w> Front<'w> {
    pub(super) fn new(world: &'w World<'w>) -> Self {
        Self {
            question: Question::bounded(world, STEPS),
            passed: BTreeSet::new(),
            examples: Vec::new(),
            rank: 0,
            end: None,
        }
    }

    /// Moves on to the rank of `rule`, or behind the last; examples that are taken before it are let go.
    pub(super) fn advance(&mut self, world: &World<'_>, rule: Option<u32>) {
        let rank = rule.map_or(world.table.ranks.len(), |rule| world.rank(rule));
        let between = world.table.ranks.get(self.rank..rank).unwrap_or_default();
        self.rank = self.rank.max(rank);
        let taken = |signals: &[Signal]| {
            between.iter().any(|rank| rank.rules.clone().any(|rule| world.is_true(rule, signals)))
        };
        self.examples.retain(|signals| !taken(signals));
    }

    /// Whether a kept example chooses the route.
    pub(super) fn has_example(&self, world: &World<'_>, rule: u32) -> bool {
        let chooses =
            |signals: &Vec<Signal>| world.is_true(rule, signals) && world.winner(signals) == Some(rule);
        self.examples.iter().rev().any(chooses)
    }

    /// Keeps an example that a route was chosen by.
    pub(super) fn keep(&mut self, signals: Vec<Signal>) {
        if self.examples.len() >= MAX_EXAMPLES {
            self.examples.remove(0);
        }
        self.examples.push(signals);
    }

    /// Routes of which one always holds before the rank, where that is known already.
    pub(super) fn ended(&self) -> Option<&[u32]> {
        self.end.as_deref()
    }

    /// The same where no request is left on the front: few of them, where they are found within bounds.
    pub(super) fn end(&mut self, world: &World<'_>) -> &[u32] {
        let passed = self.passed();
        self.end.get_or_insert_with(|| {
            let asks: Vec<Ask> = passed.iter().map(|rule| world.ask(*rule, false)).collect();
            match Question::bounded(world, ENDING_STEPS).excluded(&asks) {
                Some(core) => {
                    passed.into_iter().filter(|rule| core.contains(&world.ask(*rule, false))).collect()
                }
                None => passed,
            }
        })
    }

    /// The routes whose absence was added.
    pub(super) fn passed(&self) -> Vec<u32> {
        self.passed.iter().copied().collect()
    }

    /// Whether a request on the front meets `own` and chooses `rule` (the default where there is none).
    pub(super) fn ask(&mut self, world: &World<'_>, own: &[Ask], rule: Option<u32>) -> Reached {
        for _ in 0..MAX_ROUNDS {
            match self.question.ask(own) {
                Found::Unknown => return Reached::Unknown,
                Found::Never(core) if core.is_empty() => return Reached::Ended,
                Found::Never(_) => return Reached::Never,
                Found::Witness(signals) => {
                    let winner = world.winner(&signals);
                    if winner == rule {
                        self.keep(signals);
                        return Reached::Chosen;
                    }
                    if winner.is_none_or(|by| world.rank(by) >= self.rank) {
                        return Reached::Rivalled;
                    }
                    let before = self.passed.len();
                    for held in world.holding(&signals) {
                        if world.rank(held) < self.rank && self.passed.insert(held) {
                            self.question.insist(world.ask(held, false));
                        }
                    }
                    if self.passed.len() == before {
                        return Reached::Unknown;
                    }
                }
            }
        }
        Reached::Unknown
    }
}
