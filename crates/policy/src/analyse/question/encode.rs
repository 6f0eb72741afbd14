//! Conditions to clauses: every connective is named once, every test becomes atoms.

use super::Question;
use super::atoms::{Atom, Axis};
use crate::analyse::domain::Domain;
use crate::decide::number::Numbers as _;
use crate::syntax::tree::Cmp;
use crate::table::{Leaf, Node, Num, Test};
use rustsat::types::Lit;

impl<'p> Question<'p> {
    /// The literal that the node at `index` holds.
    pub(super) fn node(&mut self, index: u32) -> Lit {
        if let Some(lit) = self.nodes.get(&index) {
            return *lit;
        }
        let table = self.world.table;
        let lit = match table.node(index) {
            Some(Node::Leaf(leaf)) => self.leaf(leaf),
            Some(Node::And(start, end) | Node::Given(start, end)) => {
                let parts: Vec<Lit> = table.kids(start, end).iter().map(|kid| self.node(*kid)).collect();
                self.atoms.all(&mut self.solver, parts)
            }
            Some(Node::Or(start, end)) => {
                let parts: Vec<Lit> = table.kids(start, end).iter().map(|kid| self.node(*kid)).collect();
                self.atoms.any(&mut self.solver, parts)
            }
            Some(Node::Not(inner)) => !self.node(inner),
            None => !self.atoms.always,
        };
        self.nodes.insert(index, lit);
        lit
    }

    pub(super) fn atom(&mut self, atom: Atom<'p>) -> Lit {
        self.atoms.lit(&mut self.solver, atom)
    }

    fn leaf(&mut self, index: u32) -> Lit {
        let world = self.world;
        match world.table.leaves.get(index as usize) {
            Some(Leaf::Signal { signal, test }) => self.test(*signal, test),
            Some(Leaf::Compare(left, cmp, Num::Const(bound))) => self.against(left, *cmp, *bound),
            Some(Leaf::Compare(Num::Const(bound), cmp, right)) => self.against(right, cmp.flip(), *bound),
            Some(Leaf::Compare(left, cmp, right)) => self.pair(left, *cmp, right),
            Some(Leaf::Band(band)) => self.band(*band),
            Some(Leaf::Member { group, member }) => self.atom(Atom::Member(*group, *member)),
            Some(Leaf::Fires(group)) => {
                let members = world.table.groups.get(*group as usize).map_or(0, |held| held.members.len());
                let parts: Vec<Lit> =
                    (0..members as u32).map(|member| self.atom(Atom::Member(*group, member))).collect();
                self.atoms.any(&mut self.solver, parts)
            }
            None => !self.atoms.always,
        }
    }

    fn test(&mut self, signal: u32, test: &'p Test) -> Lit {
        match test {
            Test::Holds => self.atom(Atom::Flag(signal)),
            Test::Number(cmp, bound) => {
                let (whole, most) = match self.world.domain(signal) {
                    Domain::Number { whole, most } => (whole, most),
                    Domain::Flag(_) | Domain::Text(_) | Domain::Set => (false, crate::table::HUGE),
                };
                self.compare(Axis::Signal(signal), *cmp, *bound, whole, (0.0, most))
            }
            Test::OneOf(words) => self.any_of(words, |word| Atom::Word(signal, word)),
            Test::Like(patterns) => self.any_of(patterns, |pattern| {
                if pattern.contains('*') { Atom::Like(signal, pattern) } else { Atom::Word(signal, pattern) }
            }),
            Test::HasAny(words) => self.any_of(words, |word| Atom::Has(signal, word)),
            Test::HasAll(words) => {
                let parts: Vec<Lit> = words.iter().map(|word| self.atom(Atom::Has(signal, word))).collect();
                self.atoms.all(&mut self.solver, parts)
            }
        }
    }

    fn any_of(&mut self, words: &'p [String], atom: impl Fn(&'p str) -> Atom<'p>) -> Lit {
        let parts: Vec<Lit> = words.iter().map(|word| self.atom(atom(word))).collect();
        self.atoms.any(&mut self.solver, parts)
    }

    /// An expression against a constant: cuts of the expression's axis.
    fn against(&mut self, num: &'p Num, cmp: Cmp, bound: f64) -> Lit {
        let axis = Axis::Num(self.atoms.num(num));
        let range = self.world.anything().number(num);
        self.compare(axis, cmp, bound, false, (range.low, range.high))
    }

    fn compare(&mut self, axis: Axis, cmp: Cmp, bound: f64, whole: bool, range: (f64, f64)) -> Lit {
        let (from, above) =
            if whole { (bound.ceil(), bound.floor() + 1.0) } else { (bound, bound.next_up()) };
        let at_least = self.atoms.at_least(&mut self.solver, axis, from, range);
        if matches!(cmp, Cmp::Ge | Cmp::Lt) {
            return if cmp == Cmp::Ge { at_least } else { !at_least };
        }
        let more = self.atoms.at_least(&mut self.solver, axis, above, range);
        match cmp {
            Cmp::Gt => more,
            Cmp::Le => !more,
            Cmp::Ne => !self.atoms.all(&mut self.solver, [at_least, !more]),
            _ => self.atoms.all(&mut self.solver, [at_least, !more]),
        }
    }

    /// Two expressions against each other.
    fn pair(&mut self, left: &'p Num, cmp: Cmp, right: &'p Num) -> Lit {
        let (left, right) = (self.atoms.num(left), self.atoms.num(right));
        let at_least = self.atom(Atom::Pair(left, right, false));
        let more = self.atom(Atom::Pair(left, right, true));
        match cmp {
            Cmp::Ge => at_least,
            Cmp::Lt => !at_least,
            Cmp::Gt => more,
            Cmp::Le => !more,
            Cmp::Eq => self.atoms.all(&mut self.solver, [at_least, !more]),
            Cmp::Ne => !self.atoms.all(&mut self.solver, [at_least, !more]),
        }
    }

    pub(super) fn band(&mut self, index: u32) -> Lit {
        let world = self.world;
        let Some(band) = world.table.bands.get(index as usize) else { return !self.atoms.always };
        let parts: Vec<Lit> =
            band.bounds.iter().map(|(cmp, bound)| self.against(&band.of, *cmp, *bound)).collect();
        self.atoms.all(&mut self.solver, parts)
    }
}
