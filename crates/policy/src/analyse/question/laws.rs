//! What the atoms say of each other, laid down as clauses when an atom is first met.

use super::Question;
use super::atoms::{Atom, Axis};
use crate::analyse::domain::Domain;
use crate::analyse::relations::Relation;
use crate::effects::like;
use crate::table::Num;
use rustsat::types::Lit;
use std::ops::Bound::{Excluded, Unbounded};

impl<'p> Question<'p> {
    /// Lays down the laws of every atom that was met since the last time; a law may bring further atoms.
    pub(super) fn lay_down_laws(&mut self) {
        while let Some((atom, lit)) = self.atoms.fresh.pop() {
            // The truth of the named conditions in an expression is the solver's business.
            for node in self.flags_of(atom) {
                self.node(node);
            }
            match atom {
                Atom::Flag(signal) => self.relate_flag(signal),
                Atom::Word(signal, word) => self.word(signal, word, lit),
                Atom::Like(signal, pattern) => {
                    self.close(signal);
                    let words: Vec<_> = self.words(signal).to_vec();
                    words.into_iter().for_each(|(word, held)| self.fits(pattern, lit, word, held));
                }
                Atom::Has(..) => {}
                Atom::Cut(axis, at) => self.cut(axis, at, lit),
                Atom::Pair(left, right, strict) => {
                    let other = self.atom(Atom::Pair(left, right, !strict));
                    let (at_least, more) = if strict { (other, lit) } else { (lit, other) };
                    self.solver.add(&[!more, at_least]);
                }
                Atom::Member(group, member) => self.member(group, member, lit),
            }
        }
    }

    fn words(&self, signal: u32) -> &[(&'p str, Lit)] {
        self.atoms.texts.get(&signal).map(|texts| texts.words.as_slice()).unwrap_or_default()
    }

    /// At most one word holds; of a closed list, one does.
    fn word(&mut self, signal: u32, word: &'p str, lit: Lit) {
        let before = self.atoms.texts.get(&signal).and_then(|texts| texts.any);
        let any = self.one_more(before, lit);
        if let Some(texts) = self.atoms.texts.get_mut(&signal) {
            texts.any = Some(any);
        }
        let patterns = self.atoms.texts.get(&signal).map(|t| t.patterns.clone()).unwrap_or_default();
        patterns.into_iter().for_each(|(pattern, held)| self.fits(pattern, held, word, lit));
        if before.is_none() {
            self.close(signal);
        }
    }

    /// Of a closed list of words one holds.
    fn close(&mut self, signal: u32) {
        if let Domain::Text(all @ [_, ..]) = self.world.domain(signal) {
            let one: Vec<Lit> = all.iter().map(|word| self.atom(Atom::Word(signal, word))).collect();
            self.solver.add(&one);
        }
    }

    /// `lit` and what was there before exclude each other; answers a literal that one of them holds.
    fn one_more(&mut self, before: Option<Lit>, lit: Lit) -> Lit {
        let Some(before) = before else { return lit };
        self.solver.add(&[!lit, !before]);
        let any = self.solver.fresh();
        self.solver.add(&[!lit, any]);
        self.solver.add(&[!before, any]);
        any
    }

    fn fits(&mut self, pattern: &str, pattern_lit: Lit, word: &str, word_lit: Lit) {
        let fits = if like(pattern, word) { pattern_lit } else { !pattern_lit };
        self.solver.add(&[!word_lit, fits]);
    }

    fn relate_flag(&mut self, signal: u32) {
        let world = self.world;
        for relation in world.relations.get(&signal).into_iter().flatten() {
            let (a, b) = relation.ends();
            let (Some(first), Some(second)) =
                (self.atoms.flags.get(&a).copied(), self.atoms.flags.get(&b).copied())
            else {
                continue;
            };
            match relation {
                Relation::Implies(..) => self.solver.add(&[!first, second]),
                Relation::Excludes(..) => self.solver.add(&[!first, !second]),
                Relation::Covers(..) => self.solver.add(&[first, second]),
                Relation::AtMost(..) => {}
            }
        }
    }

    /// A number at least this large is at least each smaller cut; what it bounds from below is as large.
    fn cut(&mut self, axis: Axis, at: i64, lit: Lit) {
        if let Some(cuts) = self.atoms.cuts.get(&axis) {
            let below = cuts.range(..at).next_back().map(|(_, lit)| *lit);
            let above = cuts.range((Excluded(at), Unbounded)).next().map(|(_, lit)| *lit);
            if let Some(below) = below {
                self.solver.add(&[!lit, below]);
            }
            if let Some(above) = above {
                self.solver.add(&[!above, lit]);
            }
        }
        match axis {
            Axis::Signal(signal) => self.relate_number(signal, at, lit),
            Axis::Num(num) => self.positive_num(num, at, lit),
        }
    }

    fn relate_number(&mut self, signal: u32, at: i64, lit: Lit) {
        let world = self.world;
        for relation in world.relations.get(&signal).into_iter().flatten() {
            let Relation::AtMost(small, large) = *relation else { continue };
            let other = if small == signal { large } else { small };
            let bound = crate::analyse::domain::value(at);
            let (whole, most) = match world.domain(other) {
                Domain::Number { whole, most } => (whole, most),
                Domain::Flag(_) | Domain::Text(_) | Domain::Set => continue,
            };
            let from = if whole { bound.ceil() } else { bound };
            let held = self.atoms.at_least(&mut self.solver, Axis::Signal(other), from, (0.0, most));
            if small == signal {
                self.solver.add(&[!lit, held]);
            } else {
                self.solver.add(&[!held, lit]);
            }
        }
    }

    /// A confidence above zero needs its signal or band.
    fn positive_num(&mut self, num: u32, at: i64, lit: Lit) {
        let found = self.atoms.nums.get(num as usize).copied();
        if at > 0
            && let Some(cause) = found.and_then(|num| self.cause(num))
        {
            self.solver.add(&[!lit, cause]);
        }
    }

    /// What must hold for a number to be above zero, where that is one atom.
    fn cause(&mut self, num: &'p Num) -> Option<Lit> {
        match num {
            Num::Confidence(signal) => Some(self.atom(Atom::Flag(*signal))),
            Num::Strength(signal) => match self.world.domain(*signal) {
                Domain::Flag(_) => Some(self.atom(Atom::Flag(*signal))),
                Domain::Number { whole, most } => {
                    let least = if whole { 1.0 } else { 0.0_f64.next_up() };
                    Some(self.atoms.at_least(&mut self.solver, Axis::Signal(*signal), least, (0.0, most)))
                }
                Domain::Text(_) | Domain::Set => None,
            },
            Num::Band(band) | Num::BandConfidence(band) => Some(self.band(*band)),
            Num::Flag(node) | Num::FlagConfidence(node) => Some(self.node(*node)),
            _ => None,
        }
    }

    /// The named conditions that an atom's expressions read.
    pub(super) fn flags_of(&self, atom: Atom<'p>) -> Vec<u32> {
        let table = self.world.table;
        let mut found = Vec::new();
        let mut add = |index: u32| {
            self.atoms.nums.get(index as usize).iter().for_each(|num| table.collect_flags(num, &mut found));
        };
        match atom {
            Atom::Cut(Axis::Num(num), _) => add(num),
            Atom::Pair(left, right, _) => {
                add(left);
                add(right);
            }
            Atom::Member(group, _) => table.collect_flags(&Num::Entropy(group), &mut found),
            Atom::Flag(_)
            | Atom::Word(..)
            | Atom::Like(..)
            | Atom::Has(..)
            | Atom::Cut(Axis::Signal(_), _) => {}
        }
        found
    }

    /// At most one member of an exclusive group fires, and none without strength.
    fn member(&mut self, group: u32, member: u32, lit: Lit) {
        let world = self.world;
        let held = world.table.groups.get(group as usize);
        if held.is_some_and(|group| group.contest.is_exclusive()) {
            let others = self.atoms.groups.get(&group).cloned().unwrap_or_default();
            for (_, other) in others.iter().filter(|(held, _)| *held != member) {
                self.solver.add(&[!lit, !*other]);
            }
        }
        // The default member of a group also wins where nothing holds.
        let held = held.filter(|group| group.contest.default() != Some(member));
        let num = held.and_then(|group| group.members.get(member as usize));
        if let Some(cause) = num.and_then(|num| self.cause(num)) {
            self.solver.add(&[!lit, cause]);
        }
    }
}
