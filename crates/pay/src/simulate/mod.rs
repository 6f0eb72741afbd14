//! Escrows in a world that crashes, forgets, repeats and delays, driven from one seed.
//!
//! A schedule is two escrows on one ledger: an office that dies before or after any write, a rail behind a network with
//! every fault of [`crate::rail::kit::Fault`], verifiers on the other side of a partition whose messages come late, twice,
//! in another order, or to the wrong escrow, clocks that jump to a deadline, past it and back, and parties who try what
//! they may not. After each step and at the end the invariants are looked at. The same seed is the same schedule.

mod actors;
mod cast;
mod check;
mod play;
mod stock;
mod tally;
mod world;

pub use cast::Cast;
pub use tally::{Count, Tally};
pub use world::{Crash, Machine, Shared};

use crate::PayError;
use crate::remembered::Remembering;
use tollgate_core::Seed;

/// Every so many seeds have every signature verified whenever it is looked at. The others take it that a signature made here
/// holds over the bytes that it was made for.
const ALL_VERIFIED: u64 = 64;

/// An invariant that a schedule broke.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("seed {seed}, step {step}: {what}")]
pub struct Broken {
    /// The schedule's seed.
    pub seed: u64,
    /// After which step.
    pub step: u32,
    /// What does not hold.
    pub what: String,
    /// The steps before, the last ones.
    pub trace: Vec<String>,
}

/// Plays the schedule of one seed.
///
/// # Errors
/// [`Broken`] when an invariant does not hold.
pub fn schedule(cast: &Cast, seed: u64) -> Result<Tally, Box<Broken>> {
    let _remembering = (!seed.is_multiple_of(ALL_VERIFIED)).then(Remembering::begin);
    let play = |traces| play::Play::new(cast, seed, traces)?.whole();
    // The trace of steps costs more than what it traces: only a schedule that fails is played again for it.
    play(false).or_else(|_| play(true))
}

/// A stream of random numbers.
#[derive(Clone, Copy, Debug)]
struct Rng(Seed);

impl Rng {
    /// A number below `limit`, or 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.next();
        self.0.bits().checked_rem(limit).unwrap_or(0)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of a list that is not empty.
    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let count = u64::try_from(of.len()).unwrap_or(0);
        of.get(usize::try_from(self.below(count)).unwrap_or(0)).copied()
    }
}

/// A fault of the simulation itself.
fn broken(what: &str, error: &PayError) -> String {
    format!("{what}: {error}")
}
