//! What is asked of the planner, from the options that all planning commands share.

use super::hardware::HardwareArgs;
use super::workload::{Loaded, WorkloadArgs};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use tollgate_fleet::plan::{Expected, Goal, Limits, Problem, Space, Stream};
use tollgate_fleet::power::Site;

/// Boundaries that are tried where none is said.
const BOUNDARIES_TRIED: usize = 16;

/// Which fleets may be chosen
#[derive(Args, Debug, Clone)]
pub(super) struct FleetArgs {
    #[command(flatten)]
    pub(super) workload: WorkloadArgs,
    #[command(flatten)]
    pub(super) hardware: HardwareArgs,
    /// The most tokens, prompt and output, of a request of the short pool; several are a choice [default: a choice over
    /// the lengths]
    #[arg(long, value_name = "B")]
    pub(super) boundary: Vec<u32>,
    /// Requests up to γ times the boundary may be compressed below it; several are a choice [default: 1,
    /// as the gateway compresses no prompts]
    #[arg(long, value_name = "G")]
    pub(super) gamma: Vec<f64>,
    /// The share of such requests whose prompt can be compressed
    #[arg(long, value_name = "SHARE", default_value_t = 0.75)]
    pub(super) compressible: f64,
    /// Most pools
    #[arg(long, value_name = "N", default_value_t = 2)]
    pools: usize,
    /// The longest request that is served, in tokens [default: the longest there is]
    #[arg(long, value_name = "N")]
    pub(super) context: Option<u32>,
    /// The share of time that an instance is up
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub(super) availability: f64,
    /// The probability with which as many instances as needed must be up
    #[arg(long, value_name = "P", default_value_t = Limits::default().confidence)]
    confidence: f64,
    /// The largest share of an instance's full rate that is used
    #[arg(long, value_name = "SHARE", default_value_t = Limits::default().utilisation)]
    utilisation: f64,
    /// What is made small
    #[arg(long, value_enum, default_value_t = Wanted::Cost)]
    goal: Wanted,
    /// Facility power over equipment power
    #[arg(long, value_name = "X", default_value_t = Site::default().pue)]
    pue: f64,
    /// Price of a kilowatt-hour in US dollars, where the GPU's price does not include it
    #[arg(long, value_name = "USD", default_value_t = 0.0)]
    tariff: f64,
    /// Grams of CO₂-equivalent of a kilowatt-hour
    #[arg(long, value_name = "G", default_value_t = Site::default().carbon_g_per_kwh)]
    carbon: f64,
}

/// The requests of a problem with more than `low` and at most `high` tokens, for one pool; `None` where there are none.
pub(super) fn band(problem: &Problem, low: u32, high: u32) -> Option<Problem> {
    let cut = |stream: &Stream| {
        let (share, lengths) = stream.lengths.between(low, high)?;
        let rate_per_s = stream.rate_per_s * share;
        (rate_per_s > 0.0).then(|| Stream { lengths, rate_per_s, ..stream.clone() })
    };
    let streams: Vec<Stream> = problem.streams.iter().filter_map(cut).collect();
    (!streams.is_empty()).then(|| Problem { streams, space: Space::one_pool(high), ..problem.clone() })
}

/// What is made small.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Wanted {
    /// Money: instances, and energy where it has a tariff
    Cost,
    /// Watts at the meter
    Power,
}

impl FleetArgs {
    /// Reads the workload and puts the question together.
    pub(super) fn problem(&self) -> Result<(Loaded, Problem)> {
        let mut loaded = self.workload.load()?;
        let longest = loaded.longest();
        let context = self.context.unwrap_or(longest);
        if longest > context && !self.workload.drop_longer {
            bail!(
                "the longest request has {longest} tokens, the context {context}: raise --context, or say --drop-longer"
            );
        }
        if longest > context {
            loaded.drop_longer(context)?;
        }
        let profiles = self.hardware.profiles(context, &Expected::of(&loaded.streams))?;
        let mut problem = Problem::new(loaded.streams.clone(), profiles, self.space(&loaded, context));
        problem.limits.availability = self.availability;
        problem.limits.confidence = self.confidence;
        problem.limits.utilisation = self.utilisation;
        problem.goal = match self.goal {
            Wanted::Cost => Goal::Cost,
            Wanted::Power => Goal::Power,
        };
        problem.site = Site {
            pue: self.pue,
            tariff_micro_per_kwh: (self.tariff * 1e6).round() as i64,
            carbon_g_per_kwh: self.carbon,
        };
        problem.check()?;
        Ok((loaded, problem))
    }

    fn space(&self, loaded: &Loaded, context: u32) -> Space {
        let tried = || {
            let share = |i: usize| 0.05 + 0.945 * (i as f64 + 0.5) / BOUNDARIES_TRIED as f64;
            // To whole 256s: a boundary is a setting that people read.
            let rounded = |i: usize| ((loaded.cdf.quantile(share(i)) / 256.0).ceil() * 256.0) as u32;
            let mut all: Vec<u32> = (0..BOUNDARIES_TRIED).map(rounded).filter(|b| *b < context).collect();
            all.dedup();
            all
        };
        let boundaries = if self.boundary.is_empty() { tried() } else { self.boundary.clone() };
        Space {
            pools: self.pools,
            boundaries,
            gammas: if self.gamma.is_empty() { vec![1.0] } else { self.gamma.clone() },
            compressible: self.compressible,
            context,
        }
    }
}
