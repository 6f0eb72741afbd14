//! Who wins a rank: the routes of one tier and priority compete by confidence, then name.
//!
//! The *champion* is the route that holds with the highest confidence so far. A route that cannot beat the champion
//! any more is dropped unread. Signals are read in order of cost over all routes of the rank, and a route whose
//! cheapest signal was not read yet has not even been looked at.

use super::outcome::Verdict;
use super::run::{Run, Tri};
use crate::table::{NONE, Rank};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How a rank ended.
pub(crate) enum Standing {
    /// No route of it holds.
    Nobody,
    /// This rule wins.
    Won(u32, Tri),
    /// This rule cannot be decided: a signal failed that must not be guessed.
    Blocked(u32),
}

/// A rank with several routes, half-way.
struct Contest<'r> {
    rank: &'r Rank,
    /// How many of `rank.order` were looked at.
    opened: usize,
    /// Open rules by the signal they wait for.
    waiting: BinaryHeap<Reverse<(u32, u32)>>,
    /// Rules that nothing more can be learned about.
    parked: Vec<u32>,
    champion: Option<(u32, f64)>,
}

impl Run<'_, '_> {
    /// Whether the rule's gate is known to be shut, reading the gate's signal.
    #[inline]
    fn shut(&mut self, rule: u32) -> bool {
        let Some((gate, entry)) = self.table.rules.get(rule as usize).map(|rule| (rule.gate, rule.entry))
        else {
            return true;
        };
        let Some(gate) = gate else { return false };
        self.take(entry);
        self.leaf(gate).verdict == Verdict::False
    }

    fn rule(&mut self, rule: u32) -> Tri {
        self.table.rules.get(rule as usize).map_or(Tri::NO, |rule| self.node(rule.root))
    }

    /// Settles a rank.
    #[inline]
    pub(crate) fn rank(&mut self, rank: &Rank) -> Standing {
        match rank.order.as_slice() {
            [only] => {
                if self.shut(*only) {
                    return Standing::Nobody;
                }
                self.single(*only)
            }
            _ => self.contest(rank),
        }
    }

    fn single(&mut self, rule: u32) -> Standing {
        loop {
            let tri = self.rule(rule);
            match tri.verdict {
                Verdict::True => return Standing::Won(rule, tri),
                Verdict::False => return Standing::Nobody,
                Verdict::Unknown if tri.need == NONE => return Standing::Blocked(rule),
                Verdict::Unknown => self.take(tri.need),
            }
        }
    }

    fn contest(&mut self, rank: &Rank) -> Standing {
        let mut contest =
            Contest { rank, opened: 0, waiting: BinaryHeap::new(), parked: Vec::new(), champion: None };
        loop {
            let waits = contest.waiting.peek().map(|Reverse((signal, _))| *signal);
            match contest.rank.order.get(contest.opened) {
                Some(rule) if waits.is_none_or(|signal| self.entry(*rule) <= signal) => {
                    contest.opened += 1;
                    if !contest.beaten(*rule, 1.0) && !self.shut(*rule) {
                        let tri = self.rule(*rule);
                        contest.place(*rule, tri);
                    }
                }
                _ => match contest.waiting.pop() {
                    Some(Reverse((signal, rule))) => self.advance(&mut contest, signal, rule),
                    None => break,
                },
            }
        }
        let champion = contest.champion.map(|(rule, _)| rule);
        let parked = std::mem::take(&mut contest.parked);
        let open = parked.into_iter().find(|rule| Some(*rule) != champion && self.rivals(&contest, *rule));
        match (champion, open) {
            (_, Some(rule)) => Standing::Blocked(rule),
            (Some(rule), None) => Standing::Won(rule, self.rule(rule)),
            (None, None) => Standing::Nobody,
        }
    }

    fn entry(&self, rule: u32) -> u32 {
        self.table.rules.get(rule as usize).map_or(NONE, |rule| rule.entry)
    }

    /// Whether `rule` may still beat the champion, as far as is known.
    fn rivals(&mut self, contest: &Contest<'_>, rule: u32) -> bool {
        let tri = self.rule(rule);
        tri.verdict != Verdict::False && !contest.beaten(rule, tri.high)
    }

    /// Looks at a rule whose turn has come: reads the signal it waits for, if that still matters.
    fn advance(&mut self, contest: &mut Contest<'_>, signal: u32, rule: u32) {
        let tri = self.rule(rule);
        if tri.next() != signal {
            return contest.place(rule, tri);
        }
        let champion = contest.champion.is_some_and(|(held, _)| held == rule);
        if contest.beaten(rule, tri.high) {
            return;
        }
        if champion && !self.has_rival(contest, rule) {
            contest.parked.push(rule);
            return;
        }
        self.take(signal);
        let tri = self.rule(rule);
        contest.place(rule, tri);
    }

    /// Whether any other rule of the rank may still beat the champion.
    fn has_rival(&mut self, contest: &Contest<'_>, champion: u32) -> bool {
        let unopened = contest.rank.order.get(contest.opened..).unwrap_or_default();
        let waiting = contest.waiting.iter().map(|Reverse((_, rule))| *rule);
        let mut others = waiting.chain(contest.parked.iter().copied()).chain(unopened.iter().copied());
        others.any(|rule| rule != champion && self.rivals(contest, rule))
    }
}

impl Contest<'_> {
    /// Whether a rule that is at most this sure loses to the champion; rules are numbered by name.
    fn beaten(&self, rule: u32, high: f64) -> bool {
        self.champion.is_some_and(|(held, low)| held != rule && (high < low || (high == low && held < rule)))
    }

    fn place(&mut self, rule: u32, tri: Tri) {
        if tri.verdict == Verdict::False || self.beaten(rule, tri.high) {
            return;
        }
        if tri.verdict == Verdict::True {
            let better = |(held, low): (u32, f64)| tri.low > low || (tri.low == low && rule <= held);
            if self.champion.is_none_or(better) {
                self.champion = Some((rule, tri.low));
            }
        }
        match tri.next() {
            NONE => self.parked.push(rule),
            next => self.waiting.push(Reverse((next, rule))),
        }
    }
}
