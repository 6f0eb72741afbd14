//! What each archetype asked of each pool, step by step.

use crate::{Error, workload::NS_PER_S};
use tollgate_core::OutOfRange;

/// The most steps of a history (a year of ten minutes).
pub const MAX_STEPS: usize = 52_704;

/// One step: for each archetype its arrivals, and the work it gave each pool.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Arrivals, by archetype.
    pub arrivals: Vec<f64>,
    /// Work (tokens, or whatever pools are sized by), by archetype and pool.
    pub work: Vec<Vec<f64>>,
}

/// A history in equal steps.
#[derive(Clone, PartialEq, Debug)]
pub struct Demand {
    step_s: f64,
    archetypes: usize,
    pools: usize,
    steps: Vec<Step>,
}

impl Demand {
    /// An empty history.
    ///
    /// # Errors
    /// [`Error::Setting`] where a step takes no time; [`Error::Empty`] where there is no archetype or pool.
    pub fn new(step_s: f64, archetypes: usize, pools: usize) -> Result<Self, Error> {
        crate::error::positive("demand.step_s", step_s)?;
        if archetypes == 0 || pools == 0 {
            return Err(Error::Empty { what: "the demand", fix: "name at least one archetype and one pool" });
        }
        Ok(Self { step_s, archetypes, pools, steps: Vec::new() })
    }

    /// Adds an arrival at `at_ns`, with `work` for `pool`. Indices beyond the history's shape are refused.
    ///
    /// # Errors
    /// [`Error::TooMany`] beyond [`MAX_STEPS`]; [`Error::Setting`] for an index.
    pub fn add(
        &mut self,
        at_ns: u64,
        archetype: usize,
        pool: usize,
        arrivals: f64,
        work: f64,
    ) -> Result<(), Error> {
        let step = (at_ns as f64 / (self.step_s * NS_PER_S)) as usize;
        if step >= MAX_STEPS {
            return Err(Error::TooMany { what: "demand steps", limit: MAX_STEPS, fix: "take longer steps" });
        }
        if archetype >= self.archetypes || pool >= self.pools {
            let value = format!("archetype {archetype}, pool {pool}");
            return Err(Error::Setting(OutOfRange {
                field: "demand",
                value,
                fix: "name an archetype and a pool that there are",
            }));
        }
        let (archetypes, pools) = (self.archetypes, self.pools);
        let empty = || Step { arrivals: vec![0.0; archetypes], work: vec![vec![0.0; pools]; archetypes] };
        if step >= self.steps.len() {
            self.steps.resize_with(step + 1, empty);
        }
        let step = &mut self.steps[step];
        step.arrivals[archetype] += arrivals;
        step.work[archetype][pool] += work;
        Ok(())
    }

    /// Seconds in a step.
    #[must_use]
    pub fn step_s(&self) -> f64 {
        self.step_s
    }

    /// How many archetypes.
    #[must_use]
    pub fn archetypes(&self) -> usize {
        self.archetypes
    }

    /// How many pools.
    #[must_use]
    pub fn pools(&self) -> usize {
        self.pools
    }

    /// The steps, from the first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl Step {
    /// The work that all archetypes gave a pool.
    #[must_use]
    pub fn pool_work(&self, pool: usize) -> f64 {
        self.work.iter().filter_map(|pools| pools.get(pool)).sum()
    }
}
