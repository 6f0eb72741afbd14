//! How long the phases of requests take, as histograms. A request's times are counted under one lock: there are a dozen,
//! and a lock for each would take longer than counting them.

use super::metrics::{PhaseLabel, SECONDS};
use super::phases::{PHASES, Phases};
use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::Arc;

/// One histogram.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Per bound of [`SECONDS`], and above the last.
    counts: [u64; SECONDS.len() + 1],
    sum_ns: u64,
}

impl Tally {
    fn add(&mut self, ns: u64) {
        let seconds = ns as f64 / 1e9;
        let bucket = SECONDS.iter().position(|bound| seconds <= *bound).unwrap_or(SECONDS.len());
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_ns = self.sum_ns.saturating_add(ns);
    }

    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let bounds = SECONDS.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts).collect();
        let count = self.counts.iter().sum();
        encoder.encode_histogram::<NoLabelSet>(self.sum_ns as f64 / 1e9, count, &buckets, None)
    }
}

/// The histograms of all phases, and of their sums.
#[derive(Debug, Default)]
struct Tallies {
    phases: [Tally; PHASES.len()],
    overhead: Tally,
}

/// Times by phase; clones share them. As a metric it is the histograms of the phases.
#[derive(Clone, Debug, Default)]
pub struct PhaseHistograms(Arc<Mutex<Tallies>>);

/// The same as the histogram of their sums.
#[derive(Debug)]
pub(super) struct Overhead(pub(super) PhaseHistograms);

impl PhaseHistograms {
    /// Counts a request's phases; one that took no time is not counted.
    pub fn observe(&self, phases: &Phases) {
        let mut tallies = self.0.lock();
        for (tally, ns) in tallies.phases.iter_mut().zip(phases.ns()).filter(|(_, ns)| **ns > 0) {
            tally.add(*ns);
        }
        tallies.overhead.add(phases.total_ns());
    }

    /// Counts one phase of a request that ended after the others were counted.
    pub fn observe_late(&self, phase: usize, ns: u64) {
        if let Some(tally) = self.0.lock().phases.get_mut(phase) {
            tally.add(ns);
        }
    }
}

impl EncodeMetric for PhaseHistograms {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let phases = self.0.lock().phases;
        for (phase, tally) in PHASES.iter().zip(phases) {
            let label = PhaseLabel { phase };
            tally.encode(&mut encoder.encode_family(&label)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl EncodeMetric for Overhead {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let overhead = self.0.0.lock().overhead;
        overhead.encode(&mut encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
