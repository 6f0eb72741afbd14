//! What a simulation found: per class and pool, each figure with its 95 % interval over the replications.

use super::run::{ClassTally, Replication, Sample};
use super::scenario::Scenario;
use super::settled::{Unsettled, unsettled};
use super::stats::{Estimate, Sketch, wilson_low};
use serde::Serialize;

/// A duration's mean and percentiles, in milliseconds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Percentiles {
    /// The mean.
    pub mean: Estimate,
    /// The median.
    pub p50: Estimate,
    /// 90 % are at most this.
    pub p90: Estimate,
    /// 95 % are at most this.
    pub p95: Estimate,
    /// 99 % are at most this.
    pub p99: Estimate,
    /// All samples of all replications, in seconds: for pictures.
    #[serde(skip)]
    pub all: Sketch,
}

impl Percentiles {
    fn of(sketches: &[&Sketch]) -> Self {
        let estimate = |value: &dyn Fn(&Sketch) -> f64| {
            let seen: Vec<f64> =
                sketches.iter().filter(|s| s.count() > 0).map(|sketch| value(sketch) * 1e3).collect();
            Estimate::of(&seen)
        };
        let quantile = |share: f64| estimate(&move |sketch: &Sketch| sketch.quantile(share));
        let mut all = Sketch::default();
        sketches.iter().for_each(|sketch| all.merge(sketch));
        Self {
            mean: estimate(&Sketch::mean),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            all,
        }
    }
}

/// How the measured requests of one class fared. Counts are sums over the replications.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ClassOutcome {
    /// The class.
    pub name: String,
    /// Requests that came: each is completed, refused or lost.
    pub offered: u64,
    /// Answered in full.
    pub completed: u64,
    /// Refused because no pool can hold them.
    pub too_long: u64,
    /// Refused because too many waited, or no instance served.
    pub full: u64,
    /// Dropped after waiting too long.
    pub impatient: u64,
    /// Lost with their instance, and with every retry.
    pub lost: u64,
    /// The share of *all* requests that was answered within what is promised. Its interval is the wider of that over replications and, downwards, that of so
    /// many independent requests (Wilson 1927): 16 of 16 prove no 99 %.
    pub attainment: Estimate,
    /// Whether that is at least what is promised, even at the lower end of the interval; `None`: not known, as the promise lies within the
    /// interval, no request of the class was measured, all in one replication, which has no interval, or the run is [`Unsettled`].
    pub met: Option<bool>,
    /// Time to first token.
    pub ttft_ms: Percentiles,
    /// Time per output token after the first.
    pub tpot_ms: Percentiles,
    /// From arrival to the last token.
    pub e2e_ms: Percentiles,
}

/// What a pool did while requests were measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PoolOutcome {
    /// The pool.
    pub name: String,
    /// Measured requests that it answered, over all replications.
    pub served: u64,
    /// Instances paid for, on average.
    pub instances: Estimate,
    /// The share of paid time with at least one active sequence.
    pub busy: Estimate,
    /// The share of [`super::Limits::slots`] of paid instances in use: utilisation. Where memory holds fewer, it stays below 1.
    pub utilisation: Estimate,
    /// Sequences that run together on a paid instance: the mean batch.
    pub batch: Estimate,
    /// Mean power of the pool, in watts.
    pub watts: Estimate,
}

/// What a simulation found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Outcome {
    /// Independent replications.
    pub replications: u32,
    /// Why the run cannot tell that promises hold, where it cannot.
    pub unsettled: Option<Unsettled>,
    /// By class.
    pub classes: Vec<ClassOutcome>,
    /// By pool.
    pub pools: Vec<PoolOutcome>,
    /// Measured requests per second.
    pub rate_per_s: Estimate,
    /// Output tokens of completed requests per second.
    pub output_per_s: Estimate,
    /// Output tokens per joule of the whole fleet; 0 where no power is known.
    pub tokens_per_joule: Estimate,
    /// The fleet over time, in the first replication.
    pub timeline: Vec<Sample>,
}

impl Outcome {
    /// Whether every class meets its objective; `None` where none is known to fail and one is not known.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        let mut known = true;
        for class in &self.classes {
            match class.met {
                Some(false) => return Some(false),
                Some(true) => {}
                None => known = false,
            }
        }
        known.then_some(true)
    }

    pub(super) fn of(scenario: &Scenario, mut runs: Vec<Replication>) -> Self {
        let over = |value: &dyn Fn(&Replication) -> f64| -> Estimate {
            Estimate::of(&runs.iter().map(value).collect::<Vec<f64>>())
        };
        let output =
            |run: &Replication| run.tally.classes.iter().map(|c| c.output_tokens).sum::<u64>() as f64;
        let offered = |run: &Replication| run.tally.classes.iter().map(|c| c.offered).sum::<u64>() as f64;
        let joules = |run: &Replication| run.pools.iter().map(|p| p.joules).sum::<f64>();
        let mut stays = Sketch::default();
        runs.iter().flat_map(|run| &run.tally.classes).for_each(|class| stays.merge(&class.e2e_s));
        let unsettled = unsettled(&scenario.run, &runs, stays.quantile(0.99));
        let mut classes: Vec<ClassOutcome> =
            (0..scenario.classes.len()).map(|at| class_outcome(scenario, &runs, at)).collect();
        if unsettled.is_some() {
            classes.iter_mut().for_each(|class| class.met = class.met.filter(|met| !met));
        }
        let pools = (0..scenario.pools.len()).map(|at| pool_outcome(scenario, &runs, at)).collect();
        Self {
            replications: runs.len() as u32,
            unsettled,
            classes,
            pools,
            rate_per_s: over(&|run| ratio(offered(run), run.span_s)),
            output_per_s: over(&|run| ratio(output(run), run.span_s)),
            tokens_per_joule: over(&|run| ratio(output(run), joules(run))),
            timeline: runs.first_mut().map(|run| std::mem::take(&mut run.samples)).unwrap_or_default(),
        }
    }
}

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

fn class_outcome(scenario: &Scenario, runs: &[Replication], at: usize) -> ClassOutcome {
    let class = &scenario.classes[at];
    let tallies: Vec<&ClassTally> = runs.iter().map(|run| &run.tally.classes[at]).collect();
    let sum = |count: &dyn Fn(&ClassTally) -> u64| tallies.iter().map(|tally| count(tally)).sum::<u64>();
    let sketches = |of: fn(&ClassTally) -> &Sketch| {
        Percentiles::of(&tallies.iter().map(|tally| of(tally)).collect::<Vec<&Sketch>>())
    };
    let shares: Vec<f64> =
        tallies.iter().filter(|t| t.offered > 0).map(|t| ratio(t.within as f64, t.offered as f64)).collect();
    // Requests that every replication repeats are no further evidence.
    let repeated = if scenario.run.repeats { runs.len().max(1) as f64 } else { 1.0 };
    let independent = sum(&|t| t.offered) as f64 / repeated;
    let attainment = attained(&shares, independent);
    ClassOutcome {
        name: class.name.clone(),
        offered: sum(&|t| t.offered),
        completed: sum(&|t| t.completed),
        too_long: sum(&|t| t.too_long),
        full: sum(&|t| t.full),
        impatient: sum(&|t| t.impatient),
        lost: sum(&|t| t.lost),
        met: judged(&shares, &attainment, class.slo.percentile),
        attainment,
        ttft_ms: sketches(|t| &t.ttft_s),
        tpot_ms: sketches(|t| &t.tpot_s),
        e2e_ms: sketches(|t| &t.e2e_s),
    }
}

/// The share over replications; its interval is never narrower than that of so many independent requests is downwards.
fn attained(shares: &[f64], requests: f64) -> Estimate {
    let over = Estimate::of(shares);
    Estimate { half_width: over.half_width.max(over.mean - wilson_low(over.mean, requests)), ..over }
}

/// Whether a share is at least what is promised. One replication can show a failure, but nothing else for certain.
fn judged(shares: &[f64], attainment: &Estimate, promised: f64) -> Option<bool> {
    match shares.len() {
        0 => None,
        1 => (attainment.mean < promised).then_some(false),
        _ if attainment.mean - attainment.half_width >= promised => Some(true),
        _ => (attainment.mean < promised).then_some(false),
    }
}

fn pool_outcome(scenario: &Scenario, runs: &[Replication], at: usize) -> PoolOutcome {
    let pool = &scenario.pools[at];
    let over = |value: &dyn Fn(&super::run::PoolUse, f64) -> f64| {
        let values = runs.iter().filter_map(|run| run.pools.get(at).map(|used| value(used, run.span_s)));
        Estimate::of(&values.collect::<Vec<f64>>())
    };
    let slots = f64::from(pool.limits.slots);
    PoolOutcome {
        name: pool.name.clone(),
        served: runs.iter().filter_map(|run| run.pools.get(at)).map(|used| used.served).sum(),
        instances: over(&|used, span| ratio(used.paid_s, span)),
        busy: over(&|used, _| ratio(used.busy_s, used.paid_s)),
        utilisation: over(&|used, _| ratio(used.slot_s, used.paid_s * slots)),
        batch: over(&|used, _| ratio(used.slot_s, used.paid_s)),
        watts: over(&|used, span| ratio(used.joules, span)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_or_once_only_is_not_known_to_be_met() {
        let of = |shares: &[f64]| judged(shares, &attained(shares, 10_000.0), 0.99);
        assert_eq!([of(&[]), of(&[1.0]), of(&[0.98])], [None, None, Some(false)]);
        assert_eq!([of(&[1.0, 1.0]), of(&[0.98, 1.0])], [Some(true), None], "the interval holds both");
        assert_eq!(of(&[0.97, 0.99]), Some(false));
    }

    #[test]
    fn a_few_requests_prove_no_high_percentile() {
        let all = [1.0, 1.0];
        let of = |requests: f64, promised: f64| judged(&all, &attained(&all, requests), promised);
        assert_eq!([of(16.0, 0.99), of(200.0, 0.99), of(300.0, 0.999)], [None; 3]);
        assert_eq!([of(16.0, 0.5), of(400.0, 0.99)], [Some(true); 2]);
        // Wilson's interval of 81 of 263 (Newcombe 1998, table I): 0.2553 to 0.3662.
        assert!((wilson_low(81.0 / 263.0, 263.0) - 0.2553).abs() < 1e-4);
        assert!(wilson_low(1.0, 0.0) == 0.0);
    }
}
