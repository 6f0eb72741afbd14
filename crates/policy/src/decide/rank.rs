//! Who wins a rank: the routes of one tier and priority compete by confidence, then name.
//!
//! The *champion* is the route that holds with the highest confidence so far. A route that cannot beat the champion
//! any more is dropped unread. Signals are read in order of cost over all routes of the rank, and a route whose
//! cheapest signal was not read yet has not even been looked at.

use super::outcome::Verdict;
use super::run::{Run, Tri};
use super::truth::Truth as _;
use crate::table::{NONE, Opening, Rank};
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
    /// Whether a rule is out because the signal at its door, which is read, did not match.
    #[inline]
    fn refused(&mut self, entry: u32) -> bool {
        self.take(entry);
        let found = self.source.read(entry as usize);
        !found.matched && found.failure.is_none()
    }

    /// How many rules are out at their door before the first that is not: most are, so this is the busiest loop.
    fn refusals(&mut self, order: &[Opening]) -> usize {
        order.iter().take_while(|opening| opening.door && self.refused(opening.entry)).count()
    }

    /// Whether the rule's gate is known to be shut, reading the gate's signal.
    #[inline]
    fn shut(&mut self, opening: Opening) -> bool {
        if opening.door {
            return self.refused(opening.entry);
        }
        let gate = self.table.rules.get(opening.rule as usize).and_then(|rule| rule.gate);
        let Some(gate) = gate else { return false };
        self.take(opening.entry);
        self.leaf(gate).verdict == Verdict::False
    }

    fn rule(&mut self, rule: u32) -> Tri {
        self.table.rules.get(rule as usize).map_or(Tri::NO, |rule| self.node(rule.root))
    }

    /// Settles a rank.
    #[inline]
    pub(crate) fn rank(&mut self, rank: &Rank) -> Standing {
        if rank.door != NONE && self.refused(rank.door) {
            return Standing::Nobody;
        }
        match rank.order.as_slice() {
            [only] if !only.door && self.shut(*only) => Standing::Nobody,
            [only] => self.single(only.rule),
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
            if contest.champion.is_none() && contest.waiting.is_empty() {
                contest.opened += self.refusals(contest.rank.order.get(contest.opened..).unwrap_or_default());
            }
            let waits = contest.waiting.peek().map(|Reverse((signal, _))| *signal);
            match contest.rank.order.get(contest.opened) {
                Some(opening) if waits.is_none_or(|signal| opening.entry <= signal) => {
                    contest.opened += 1;
                    if !contest.beaten(opening.rule, 1.0) && !self.shut(*opening) {
                        let tri = self.rule(opening.rule);
                        self.pursue(&mut contest, opening.rule, tri);
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

    /// Whether `rule` may still beat the champion, as far as is known.
    fn rivals(&mut self, contest: &Contest<'_>, rule: u32) -> bool {
        let tri = self.rule(rule);
        tri.verdict != Verdict::False && !contest.beaten(rule, tri.high)
    }

    /// Looks at a rule whose turn has come: reads the signal it waits for, if that still matters.
    fn advance(&mut self, contest: &mut Contest<'_>, signal: u32, rule: u32) {
        let tri = self.rule(rule);
        if tri.next() != signal || contest.beaten(rule, tri.high) {
            return contest.place(rule, tri);
        }
        let champion = contest.champion.is_some_and(|(held, _)| held == rule);
        if champion && !self.has_rival(contest, rule) {
            contest.parked.push(rule);
            return;
        }
        self.take(signal);
        let tri = self.rule(rule);
        self.pursue(contest, rule, tri);
    }

    /// Reads on for one rule while its verdict is open and no other rule waits for a cheaper signal.
    fn pursue(&mut self, contest: &mut Contest<'_>, rule: u32, mut tri: Tri) {
        while tri.verdict == Verdict::Unknown
            && tri.next() < contest.cheapest()
            && !contest.beaten(rule, tri.high)
        {
            self.take(tri.next());
            tri = self.rule(rule);
        }
        contest.place(rule, tri);
    }

    /// Whether any other rule of the rank may still beat the champion.
    fn has_rival(&mut self, contest: &Contest<'_>, champion: u32) -> bool {
        let unopened = contest.rank.order.get(contest.opened..).unwrap_or_default();
        let unopened = unopened.iter().map(|opening| opening.rule);
        let waiting = contest.waiting.iter().map(|Reverse((_, rule))| *rule);
        let mut others = waiting.chain(contest.parked.iter().copied()).chain(unopened);
        others.any(|rule| rule != champion && self.rivals(contest, rule))
    }
}

impl Contest<'_> {
    /// The cheapest signal that another rule of the rank waits for.
    fn cheapest(&self) -> u32 {
        let waits = self.waiting.peek().map_or(NONE, |Reverse((signal, _))| *signal);
        self.rank.order.get(self.opened).map_or(waits, |opening| opening.entry.min(waits))
    }

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
