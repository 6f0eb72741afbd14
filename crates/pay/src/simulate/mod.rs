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
mod world;

pub use cast::Cast;
pub use world::{Crash, Machine, Shared};

use crate::PayError;
use crate::remembered::Remembering;
use tollgate_core::Seed;

/// What was simulated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Schedules.
    pub schedules: u64,
    /// Steps of all schedules.
    pub steps: u64,
    /// Events that were recorded.
    pub recorded: u64,
    /// Events that were refused.
    pub refused: u64,
    /// Times that the office died.
    pub crashes: u64,
    /// Rail calls with an unknown outcome.
    pub unknown: u64,
    /// Escrows that ended released, refunded, expired.
    pub released: u64,
    /// See [`Tally::released`].
    pub refunded: u64,
    /// See [`Tally::released`].
    pub expired: u64,
    /// Escrows that were disputed at some time.
    pub disputed: u64,
}

impl Tally {
    /// Adds what another part of the run counted.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.schedules, other.schedules),
            (&mut self.steps, other.steps),
            (&mut self.recorded, other.recorded),
            (&mut self.refused, other.refused),
            (&mut self.crashes, other.crashes),
            (&mut self.unknown, other.unknown),
            (&mut self.released, other.released),
            (&mut self.refunded, other.refunded),
            (&mut self.expired, other.expired),
            (&mut self.disputed, other.disputed),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
    }
}

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
    let _remembering = Remembering::begin();
    play::Play::new(cast, seed).whole()
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
