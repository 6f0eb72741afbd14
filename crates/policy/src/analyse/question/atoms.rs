//! The atoms of a question, each a variable of the solver.

use super::solver::Solver;
use crate::analyse::domain::key;
use crate::table::Num;
use rustsat::types::{Lit, Var};
use std::collections::{BTreeMap, HashMap};

/// What a variable stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Atom<'p> {
    /// The flag matched.
    Flag(u32),
    /// The text is this.
    Word(u32, &'p str),
    /// The text fits this pattern.
    Like(u32, &'p str),
    /// The set has this.
    Has(u32, &'p str),
    /// The number's key is at least this.
    Cut(Axis, i64),
    /// The first number is at least the second, or (strictly) more.
    Pair(u32, u32, bool),
    /// The member of a group fires.
    Member(u32, u32),
}

/// Something with an order: a signal's number, or an expression.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Axis {
    Signal(u32),
    /// Index into [`Atoms::nums`].
    Num(u32),
}

/// The atoms and what is known of their order.
pub(super) struct Atoms<'p> {
    /// A literal that is always true.
    pub(super) always: Lit,
    lits: HashMap<Atom<'p>, Lit>,
    meanings: HashMap<Var, Atom<'p>>,
    /// The parts of each named conjunction.
    pub(super) gates: HashMap<Var, Vec<Lit>>,
    /// The cuts of each axis in order.
    pub(super) cuts: BTreeMap<Axis, BTreeMap<i64, Lit>>,
    /// Expressions by index.
    pub(super) nums: Vec<&'p Num>,
    num_index: HashMap<String, u32>,
    /// Atoms whose laws were not laid down yet.
    pub(super) fresh: Vec<(Atom<'p>, Lit)>,
    /// Words, patterns and members of each signal.
    pub(super) texts: BTreeMap<u32, Texts<'p>>,
    pub(super) flags: BTreeMap<u32, Lit>,
    /// Each group with its members and a literal that one of those so far won.
    pub(super) groups: BTreeMap<u32, Vec<(u32, Lit)>>,
}

/// The atoms of one text or set.
#[derive(Default)]
pub(super) struct Texts<'p> {
    pub(super) words: Vec<(&'p str, Lit)>,
    pub(super) patterns: Vec<(&'p str, Lit)>,
    pub(super) has: Vec<(&'p str, Lit)>,
    /// One of the words so far holds.
    pub(super) any: Option<Lit>,
}

impl<'p> Atoms<'p> {
    pub(super) fn new(solver: &mut Solver) -> Self {
        let always = solver.fresh();
        solver.add(&[always]);
        Self {
            always,
            lits: HashMap::new(),
            meanings: HashMap::new(),
            gates: HashMap::new(),
            cuts: BTreeMap::new(),
            nums: Vec::new(),
            num_index: HashMap::new(),
            fresh: Vec::new(),
            texts: BTreeMap::new(),
            flags: BTreeMap::new(),
            groups: BTreeMap::new(),
        }
    }

    /// The literal of an atom, new when it was never met.
    pub(super) fn lit(&mut self, solver: &mut Solver, atom: Atom<'p>) -> Lit {
        if let Some(lit) = self.lits.get(&atom) {
            return *lit;
        }
        let lit = solver.fresh();
        self.lits.insert(atom, lit);
        self.meanings.insert(lit.var(), atom);
        self.fresh.push((atom, lit));
        match atom {
            Atom::Flag(signal) => drop(self.flags.insert(signal, lit)),
            Atom::Word(signal, word) => self.texts.entry(signal).or_default().words.push((word, lit)),
            Atom::Like(signal, word) => self.texts.entry(signal).or_default().patterns.push((word, lit)),
            Atom::Has(signal, word) => self.texts.entry(signal).or_default().has.push((word, lit)),
            Atom::Cut(axis, at) => drop(self.cuts.entry(axis).or_default().insert(at, lit)),
            Atom::Member(group, member) => self.groups.entry(group).or_default().push((member, lit)),
            Atom::Pair(..) => {}
        }
        lit
    }

    /// What a variable stands for, unless it names a connective.
    pub(super) fn meaning(&self, lit: Lit) -> Option<Atom<'p>> {
        self.meanings.get(&lit.var()).copied()
    }

    /// The index of an expression; equal expressions have one.
    pub(super) fn num(&mut self, num: &'p Num) -> u32 {
        let next = u32::try_from(self.nums.len()).unwrap_or(u32::MAX);
        let found = *self.num_index.entry(format!("{num:?}")).or_insert(next);
        if found == next {
            self.nums.push(num);
        }
        found
    }

    /// A literal that all of `parts` hold.
    pub(super) fn all(&mut self, solver: &mut Solver, parts: impl IntoIterator<Item = Lit>) -> Lit {
        let mut kept: Vec<Lit> = Vec::new();
        for part in parts {
            if part == !self.always || kept.contains(&!part) {
                return !self.always;
            }
            if part != self.always && !kept.contains(&part) {
                kept.push(part);
            }
        }
        match kept.as_slice() {
            [] => self.always,
            [only] => *only,
            _ => {
                let gate = solver.gate();
                let mut whole = vec![gate];
                for part in &kept {
                    solver.add(&[!gate, *part]);
                    whole.push(!*part);
                }
                solver.add(&whole);
                self.gates.insert(gate.var(), kept);
                gate
            }
        }
    }

    /// A literal that one of `parts` holds.
    pub(super) fn any(&mut self, solver: &mut Solver, parts: impl IntoIterator<Item = Lit>) -> Lit {
        !self.all(solver, parts.into_iter().map(|part| !part))
    }

    /// A literal that the number on `axis` is at least `bound`, where the axis runs from `least` to `most`.
    pub(super) fn at_least(&mut self, solver: &mut Solver, axis: Axis, bound: f64, range: (f64, f64)) -> Lit {
        if bound <= range.0 {
            self.always
        } else if bound > range.1 {
            !self.always
        } else {
            self.lit(solver, Atom::Cut(axis, key(bound)))
        }
    }
}
