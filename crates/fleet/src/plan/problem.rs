//! What is asked of the planner.

use crate::Error;
use crate::error::{positive, within};
use crate::power::Site;
use crate::service::Profile;
use crate::workload::{Class, JointLengths, Part};
use serde::Serialize;
use tollgate_core::OutOfRange;

/// Most classes of a problem.
pub const STREAMS_MAX: usize = 64;
/// Most profiles to choose from.
pub const PROFILES_MAX: usize = 64;
/// Most boundaries to choose from.
pub const BOUNDARIES_MAX: usize = 256;
/// Most values of γ to choose from.
pub const GAMMAS_MAX: usize = 64;
/// Most pools of a fleet.
pub const POOLS_MAX: usize = 8;

/// Requests of one class: how many, how bursty, how long, and what they are promised.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Name and objective.
    pub class: Class,
    /// Prompt and output lengths.
    pub lengths: JointLengths,
    /// Requests per second.
    pub rate_per_s: f64,
    /// Squared coefficient of variation of the gaps between arrivals, as measured; 1 is Poisson.
    pub arrival_cv2: f64,
    /// Share of prompt tokens that a prefix cache holds already.
    pub cached: f64,
}

impl Stream {
    /// Poisson arrivals without a prefix cache.
    #[must_use]
    pub const fn new(class: Class, lengths: JointLengths, rate_per_s: f64) -> Self {
        Self { class, lengths, rate_per_s, arrival_cv2: 1.0, cached: 0.0 }
    }

    /// A part of a workload at its mean rate, with the burstiness that was measured of it.
    #[must_use]
    pub fn of_part(part: &Part, arrival_cv2: f64) -> Self {
        let rate = part.arrivals.mean_rate_per_s();
        Self { arrival_cv2, ..Self::new(part.class.clone(), part.lengths.clone(), rate) }
    }

    fn check(&self) -> Result<(), Error> {
        self.class.slo.check()?;
        positive("stream.rate_per_s", self.rate_per_s)?;
        within("stream.arrival_cv2", self.arrival_cv2, 0.0, 1e4, "give 0 to 10,000; 1 is Poisson")?;
        Ok(within("stream.cached", self.cached, 0.0, 0.999, "give a share below 1")?)
    }
}

/// How an engine admits sequences to its KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Each has room for the longest request of its pool.
    Reserved,
    /// Each takes what it needs; the slots are as many as fit with this probability.
    Actual {
        /// Between 0.5 and 1.
        confidence: f64,
    },
}

/// What a fleet must keep to beside the objectives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Largest share of an instance's full rate that is used.
    pub utilisation: f64,
    /// How sequences are admitted.
    pub admission: Admission,
    /// Share of time that an instance is up.
    pub availability: f64,
    /// Probability with which as many instances as needed must be up.
    pub confidence: f64,
    /// Most instances of a pool.
    pub instances: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            utilisation: 0.85,
            admission: Admission::Actual { confidence: 0.99 },
            availability: 1.0,
            confidence: 0.99,
            instances: 100_000,
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), Error> {
        within("limits.utilisation", self.utilisation, 0.01, 0.999, "give a share below 1")?;
        within("limits.availability", self.availability, 0.5, 1.0, "give a share from 0.5 to 1")?;
        within("limits.confidence", self.confidence, 0.5, 1.0 - 1e-9, "give a probability below 1")?;
        within("limits.instances", f64::from(self.instances), 1.0, 1e6, "give 1 to 1,000,000")?;
        if let Admission::Actual { confidence } = self.admission {
            within("limits.admission", confidence, 0.5, 1.0 - 1e-9, "give a probability from 0.5")?;
        }
        Ok(())
    }
}

/// What is made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Money: instances, and energy where it has a tariff.
    Cost,
    /// Watts at the meter.
    Power,
}

/// The fleets that may be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// Most pools.
    pub pools: usize,
    /// Boundaries to choose from, total tokens; those at or above the context are not used.
    pub boundaries: Vec<u32>,
    /// Values of γ to choose from for each boundary: prompts of requests up to γ times it may be compressed to it.
    pub gammas: Vec<f64>,
    /// Share of such requests whose content can be compressed.
    pub compressible: f64,
    /// Longest request of the last pool, total tokens.
    pub context: u32,
}

impl Space {
    /// One pool for everything up to a context.
    #[must_use]
    pub fn one_pool(context: u32) -> Self {
        Self { pools: 1, boundaries: Vec::new(), gammas: vec![1.0], compressible: 0.0, context }
    }

    /// Two pools parted at one boundary, γ from 1.0 to 2.0, three quarters compressible: the reference's case.
    #[must_use]
    pub fn two_pools(boundary: u32, context: u32) -> Self {
        let gammas = (10..=20).map(|k| f64::from(k) / 10.0).collect();
        Self { pools: 2, boundaries: vec![boundary], gammas, compressible: 0.75, context }
    }

    fn check(&self) -> Result<(), Error> {
        let bounds = [
            ("boundaries", self.boundaries.len(), BOUNDARIES_MAX),
            ("values of γ", self.gammas.len(), GAMMAS_MAX),
            ("pools", self.pools, POOLS_MAX),
        ];
        for (what, count, limit) in bounds {
            if count > limit {
                return Err(Error::TooMany { what, limit, fix: "give fewer" });
            }
        }
        if self.pools == 0 || self.gammas.is_empty() {
            return Err(Error::Empty { what: "the space of fleets", fix: "allow one pool and give γ = 1" });
        }
        within("space.context", f64::from(self.context), 1.0, 1e9, "give 1 to 1,000,000,000 tokens")?;
        within("space.compressible", self.compressible, 0.0, 1.0, "give a share")?;
        for &gamma in &self.gammas {
            within("space.gammas", gamma, 1.0, 100.0, "give values from 1")?;
        }
        for &boundary in &self.boundaries {
            within("space.boundaries", f64::from(boundary), 1.0, 1e9, "give 1 to 1,000,000,000 tokens")?;
        }
        Ok(())
    }
}

/// Everything that a plan follows from.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What arrives.
    pub streams: Vec<Stream>,
    /// Instances to choose from; each pool takes one kind.
    pub profiles: Vec<Profile>,
    /// Fleets to choose from.
    pub space: Space,
    /// What must hold beside the objectives.
    pub limits: Limits,
    /// Cooling, tariff, carbon.
    pub site: Site,
    /// What is made small.
    pub goal: Goal,
}

impl Problem {
    /// A problem with the usual limits, to be solved for cost.
    #[must_use]
    pub fn new(streams: Vec<Stream>, profiles: Vec<Profile>, space: Space) -> Self {
        let limits = Limits::default();
        Self { streams, profiles, space, limits, site: Site::default(), goal: Goal::Cost }
    }

    /// # Errors
    /// What is out of range, empty or too much, by name.
    pub fn check(&self) -> Result<(), Error> {
        let counts =
            [("streams", self.streams.len(), STREAMS_MAX), ("profiles", self.profiles.len(), PROFILES_MAX)];
        for (what, count, limit) in counts {
            if count == 0 {
                return Err(Error::Empty { what, fix: "give at least one" });
            }
            if count > limit {
                return Err(Error::TooMany { what, limit, fix: "give fewer" });
            }
        }
        self.streams.iter().try_for_each(Stream::check)?;
        self.profiles.iter().try_for_each(Profile::check)?;
        self.limits.check()?;
        self.site.check()?;
        self.space.check()?;
        let longest = self.streams.iter().map(|s| s.lengths.max_total_tokens()).max().unwrap_or(0);
        if longest > self.space.context {
            return Err(Error::Setting(OutOfRange {
                field: "space.context",
                value: self.space.context.to_string(),
                fix: "make it as long as the longest request, or cut the lengths: longer requests are refused",
            }));
        }
        Ok(())
    }

    /// The same with all rates times a factor.
    #[must_use]
    pub fn with_rate(&self, factor: f64) -> Self {
        let mut changed = self.clone();
        changed.streams.iter_mut().for_each(|s| s.rate_per_s *= factor);
        changed
    }

    /// The same with one class's rate times a factor.
    #[must_use]
    pub fn with_class_rate(&self, class: &str, factor: f64) -> Self {
        let mut changed = self.clone();
        changed.streams.iter_mut().filter(|s| s.class.name == class).for_each(|s| s.rate_per_s *= factor);
        changed
    }

    /// The same with the price of one type of GPU at so many percent of what it is.
    #[must_use]
    pub fn with_price(&self, gpu: &str, percent: u32) -> Self {
        let mut changed = self.clone();
        for profile in changed.profiles.iter_mut().filter(|p| p.gpu == gpu) {
            let scaled = i128::from(profile.price_micro_per_hour) * i128::from(percent) / 100;
            profile.price_micro_per_hour = i64::try_from(scaled).unwrap_or(i64::MAX);
        }
        changed
    }
}
