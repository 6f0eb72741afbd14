//! Whether a run was long enough, and its fleet in balance, so that what it found is of the fleet and not of its start.
//!
//! A fleet starts empty. It is full once the longest stays that matter have passed, so the warm-up has to last as long as the
//! 99th percentile of stays; where more wait in the second half of what is measured than in the first, it still fills, perhaps
//! without end. Such a run may show that a promise fails, never that it holds.

use super::run::Replication;
use super::scenario::RunSpec;
use super::stats::Estimate;
use serde::Serialize;

/// Stays (their 99th percentile) that the measured part has to last.
const STAYS_MEASURED: f64 = 3.0;
/// More requests are proposed than these stays ask for, as stays of a fleet that filled no further are too short.
const MARGIN: f64 = 1.5;
/// Most requests that are proposed: what a run may have.
const REQUESTS_MAX: f64 = 1e12;
/// Growth of the number in flight, as a share, below which a fleet is in balance.
const GROWTH: f64 = 0.05;

/// Why a run cannot tell that promises hold.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Unsettled {
    /// Its warm-up is shorter than the 99th percentile of stays, or what is measured than three of them.
    Short {
        /// The 99th percentile of stays, in seconds.
        stay_s: f64,
        /// Requests of a replication that would do, about.
        requests: u64,
    },
    /// At an even rate more requests are in flight in the second half of what is measured than in the first, in all
    /// likelihood: a queue that grows, or a fleet that still fills.
    Growing {
        /// Mean number in flight in the first half.
        first: f64,
        /// Mean number in flight in the second half.
        second: f64,
    },
}

impl std::fmt::Display for Unsettled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short { stay_s, requests } => write!(
                f,
                "the run is too short to tell that promises hold: a stay's 99th percentile is {stay_s:.1} s, and the fleet \
                 starts empty; ask for about {requests} requests of a replication"
            ),
            Self::Growing { first, second } => write!(
                f,
                "the fleet is not in balance: {first:.0} requests are in flight in the first half and {second:.0} in the \
                 second; give more instances, or more requests where it only fills"
            ),
        }
    }
}

/// What speaks against it, with stays of `stay_s` at the 99th percentile.
pub(super) fn unsettled(run: &RunSpec, runs: &[Replication], stay_s: f64) -> Option<Unsettled> {
    let shortest = |span: fn(&Replication) -> f64| runs.iter().map(span).fold(f64::INFINITY, f64::min);
    let (warm_s, span_s) = (shortest(|run| run.warm_s), shortest(|run| run.span_s));
    if warm_s < stay_s || span_s < STAYS_MEASURED * stay_s {
        // Requests go with time.
        let times = (stay_s / warm_s).max(STAYS_MEASURED * stay_s / span_s);
        let requests = (run.requests as f64 * times * MARGIN).ceil().min(REQUESTS_MAX) as u64;
        return Some(Unsettled::Short { stay_s, requests });
    }
    let mean =
        |half: usize| Estimate::of(&runs.iter().map(|run| run.in_flight[half]).collect::<Vec<_>>()).mean;
    let growth: Vec<f64> = runs.iter().map(|run| run.in_flight[1] - run.in_flight[0]).collect();
    let growth = Estimate::of(&growth);
    let (first, second) = (mean(0), mean(1));
    let grows = growth.mean - growth.half_width > 0.0 && second > first * (1.0 + GROWTH);
    (run.steady && grows).then_some(Unsettled::Growing { first, second })
}
