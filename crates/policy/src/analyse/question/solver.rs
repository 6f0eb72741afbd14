//! The SAT solver behind a few words, with a bound on its work.
//!
//! Work is counted in steps of the search and not in time, so that an answer does not depend on the machine. What
//! the bound cuts off is [`Answer::Unknown`]: nothing is claimed then.

use batsat::{SolverInterface as _, lbool};
use rustsat::solvers::{Solve, SolveIncremental, SolverResult};
use rustsat::types::{Clause, Lit, TernaryVal};
use rustsat_batsat::BasicSolver;
use std::cell::Cell;
use std::rc::Rc;

/// What a question costs at the least, in steps, and how many propagated literals are one step.
const LEAST: u64 = 10;
const PROPAGATIONS: u64 = 20;
/// Most clauses of one question.
const MAX_CLAUSES: usize = 1 << 20;

/// What the solver says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Yes,
    /// These assumptions cannot hold together.
    No(Vec<Lit>),
    Unknown,
}

/// An incremental solver.
pub(super) struct Solver {
    inner: BasicSolver,
    vars: u32,
    clauses: usize,
    steps: Rc<Cell<u32>>,
    most: Rc<Cell<u32>>,
    /// Literals that were propagated before the last search.
    propagated: u64,
}

impl Solver {
    pub(super) fn new() -> Self {
        let steps = Rc::new(Cell::new(0_u32));
        let mut inner = BasicSolver::default();
        let most = Rc::new(Cell::new(u32::MAX));
        let (counted, bound) = (Rc::clone(&steps), Rc::clone(&most));
        inner.batsat_mut().cb_mut().set_stop(move || {
            counted.set(counted.get().saturating_add(1));
            counted.get() > bound.get()
        });
        Self { inner, vars: 0, clauses: 0, steps, most, propagated: 0 }
    }

    /// A new variable, as the literal that it is true.
    pub(super) fn fresh(&mut self) -> Lit {
        self.variable(true)
    }

    /// A new variable that clauses settle once all others are: the search need not guess it.
    pub(super) fn gate(&mut self) -> Lit {
        self.variable(false)
    }

    fn variable(&mut self, guessed: bool) -> Lit {
        // What is guessed is guessed to be absent: the fewer signals an example has, the fewer other routes take it.
        self.inner.batsat_mut().new_var(lbool::FALSE, guessed);
        let lit = Lit::new(self.vars, false);
        self.vars += 1;
        lit
    }

    /// Adds a clause: one of these holds.
    pub(super) fn add(&mut self, clause: &[Lit]) {
        self.clauses += 1;
        if self.clauses <= MAX_CLAUSES {
            let clause: Clause = clause.iter().copied().collect();
            // The interface can fail; this solver does not. A clause that is lost would only weaken what is known
            // and a witness is confirmed by the evaluator in any case, so the question is given up instead.
            if self.inner.add_clause(clause).is_err() {
                self.clauses = MAX_CLAUSES + 1;
            }
        }
    }

    /// Whether the clauses can hold under these assumptions, in at most this many steps of search beyond one for each
    /// variable.
    pub(super) fn solve(&mut self, assumptions: &[Lit], most: u32) -> Answer {
        if self.clauses > MAX_CLAUSES {
            return Answer::Unknown;
        }
        self.steps.set(0);
        self.propagated = self.inner.batsat_ref().num_propagations();
        self.most.set(most.saturating_add(self.vars));
        match self.inner.solve_assumps(assumptions) {
            Ok(SolverResult::Sat) => Answer::Yes,
            Ok(SolverResult::Unsat) => {
                let core = self.inner.core().unwrap_or_default();
                Answer::No(core.into_iter().map(|lit| !lit).collect())
            }
            Ok(SolverResult::Interrupted) | Err(_) => Answer::Unknown,
        }
    }

    /// What the last search cost, in steps.
    pub(super) fn cost(&self) -> u64 {
        let propagated = self.inner.batsat_ref().num_propagations() - self.propagated;
        LEAST + u64::from(self.steps.get()) + propagated / PROPAGATIONS
    }

    /// Whether `lit` is true in the model just found.
    pub(super) fn holds(&self, lit: Lit) -> bool {
        matches!(self.inner.lit_val(lit), Ok(TernaryVal::True))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = 10_000;

    #[test]
    fn cores_name_assumptions() {
        let mut solver = Solver::new();
        let (a, b, c) = (solver.fresh(), solver.fresh(), solver.fresh());
        solver.add(&[!a, !b]);
        assert_eq!(solver.solve(&[a, c], MOST), Answer::Yes);
        assert!(solver.holds(a) && !solver.holds(b));
        let Answer::No(mut core) = solver.solve(&[c, a, b], MOST) else {
            unreachable!("a and b exclude each other")
        };
        core.sort_unstable();
        assert_eq!(core, [a, b]);
        assert_eq!(solver.solve(&[b], MOST), Answer::Yes);
    }

    /// Eleven pigeons in ten holes: no short refutation by resolution exists.
    #[test]
    fn what_is_too_hard_is_unknown() {
        let mut solver = Solver::new();
        let holes = 10;
        let at: Vec<Vec<Lit>> = (0..=holes).map(|_| (0..holes).map(|_| solver.fresh()).collect()).collect();
        for pigeon in &at {
            solver.add(pigeon);
        }
        for hole in 0..holes {
            for (one, first) in at.iter().enumerate() {
                for second in &at[one + 1..] {
                    solver.add(&[!first[hole], !second[hole]]);
                }
            }
        }
        assert_eq!(solver.solve(&[], MOST), Answer::Unknown);
    }
}
