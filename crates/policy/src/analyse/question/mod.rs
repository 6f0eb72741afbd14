//! One question to the policy: can these conditions hold together, and by which signals?
//!
//! The conditions' truth goes to a SAT solver, each test as an atom: a number's tests as an order of cuts, a text's
//! as words of which one holds at most, a set's as members. Formulas are turned into clauses by naming each
//! connective once, so that nothing is multiplied out. What the atoms of scores, bands, groups and patterns mean is
//! left to the search for a witness; where it proves that there is none, the solver learns why and looks elsewhere.
//!
//! Invariant: `Never` is proven; a witness makes every asked condition hold by the evaluator's own rules.

mod atoms;
mod encode;
mod laws;
mod model;
mod solver;

use super::World;
use crate::Span;
use crate::decide::Verdict;
use crate::decide::run::Run;
use atoms::Atoms;
use rustsat::types::Lit;
use solver::{Answer, Solver};
use std::collections::HashMap;
use tollgate_core::signal::Signal;

/// Most steps of one search where nothing else is said.
const MAX_STEPS: u32 = 10_000;
/// Most times that a model is taken to the search for a witness and refuted.
const MAX_ROUNDS: usize = 200;

/// Most conditions that exclude each other of which it is tried to leave out each.
const MAX_CORE: usize = 64;

/// A condition that is asked for: a node of the table, the truth that it shall have, and the place that it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ask {
    pub(super) node: u32,
    pub(super) holds: bool,
    pub(super) place: Span,
}

/// The answer.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Found {
    /// One signal for each of the policy's, under which everything asked holds.
    Witness(Vec<Signal>),
    /// It cannot be; these of the conditions already exclude each other.
    Never(Vec<Ask>),
    /// It took too long to say.
    Unknown,
}

/// A question in work; it may be asked several times with other conditions and keeps what it learned.
pub(super) struct Question<'p> {
    world: &'p World<'p>,
    solver: Solver,
    atoms: Atoms<'p>,
    /// The literal of each node that was turned into clauses.
    nodes: HashMap<u32, Lit>,
    /// What holds in every answer.
    insisted: Vec<Lit>,
    /// Most steps of one search.
    most: u32,
}

impl<'p> Question<'p> {
    pub(super) fn new(world: &'p World<'p>) -> Self {
        Self::bounded(world, MAX_STEPS)
    }

    /// A question whose searches take at most this many steps each.
    pub(super) fn bounded(world: &'p World<'p>, most: u32) -> Self {
        let mut solver = Solver::new();
        let atoms = Atoms::new(&mut solver);
        Self { world, solver, atoms, nodes: HashMap::new(), insisted: Vec::new(), most }
    }

    /// From now on everything asked for shall hold together with this.
    pub(super) fn insist(&mut self, ask: Ask) {
        let lit = self.lit(ask);
        self.solver.add(&[lit]);
        self.insisted.push(lit);
    }

    /// Whether all of `asks` can hold together.
    pub(super) fn ask(&mut self, asks: &[Ask]) -> Found {
        let lits: Vec<Lit> = asks.iter().map(|ask| self.lit(*ask)).collect();
        let roots: Vec<Lit> = lits.iter().chain(&self.insisted).copied().collect();
        for _ in 0..MAX_ROUNDS {
            if self.world.is_spent() {
                return Found::Unknown;
            }
            self.lay_down_laws();
            let answer = self.solver.solve(&lits, self.most);
            self.world.spend(self.solver.cost());
            match answer {
                Answer::Unknown => return Found::Unknown,
                Answer::No(core) => {
                    let used = asks.iter().zip(&lits).filter(|(_, lit)| core.contains(lit));
                    return Found::Never(used.map(|(ask, _)| *ask).collect());
                }
                Answer::Yes => match self.realise(&roots) {
                    Ok(signals) if self.confirmed(asks, &signals) => return Found::Witness(signals),
                    Ok(_) | Err(model::Refusal::Unknown) => return Found::Unknown,
                    Err(model::Refusal::Because(cause)) => {
                        let clause: Vec<Lit> = cause.into_iter().map(|lit| !lit).collect();
                        self.solver.add(&clause);
                    }
                },
            }
        }
        Found::Unknown
    }

    /// Whether these exclude each other, with a smallest set of them that does: none can be left out, unless more than
    /// [`MAX_CORE`] are needed as far as the solver saw.
    pub(super) fn excluded(&mut self, asks: &[Ask]) -> Option<Vec<Ask>> {
        let Found::Never(mut core) = self.ask(asks) else { return None };
        if core.len() > MAX_CORE {
            return Some(core);
        }
        let mut at = 0;
        while let Some(left_out) = core.get(at).copied() {
            let rest: Vec<Ask> = core.iter().copied().filter(|ask| *ask != left_out).collect();
            match self.ask(&rest) {
                Found::Never(smaller) => core = smaller,
                Found::Witness(_) | Found::Unknown => at += 1,
            }
        }
        Some(core)
    }

    /// Whether the node holds always or never, as its tests' ranges alone tell.
    pub(super) fn is_settled(&mut self, node: u32) -> bool {
        self.node(node).var() == self.atoms.always.var()
    }

    fn lit(&mut self, ask: Ask) -> Lit {
        let lit = self.node(ask.node);
        if ask.holds { lit } else { !lit }
    }

    /// Whether the evaluator agrees; a witness that it does not confirm is never shown.
    fn confirmed(&self, asks: &[Ask], signals: &[Signal]) -> bool {
        self.world.evaluated();
        let mut source = super::witness::Given(signals);
        let mut run = Run::reading_all(self.world.table, &mut source);
        asks.iter().all(|ask| {
            let verdict = if ask.holds { Verdict::True } else { Verdict::False };
            run.node(ask.node).verdict == verdict
        })
    }
}
