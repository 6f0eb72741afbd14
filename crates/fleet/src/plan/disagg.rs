//! Prefill and decode on instances of their own.
//!
//! A prefill instance reads one prompt at a time, so their number is that of servers of an M/G/c queue whose service is the
//! prompt's own; the KV cache then crosses that instance's link, one after the other, and a decode instance runs the output in
//! a batch. The time to first token depends on the prefill side and its links alone, the time per output token on the decode
//! side alone: the best pair is the best of either, and no search over pairs is needed.

use super::demand::{Cut, Demand, Load, Share};
use super::problem::{Goal, Problem, Stream};
use super::search::{usage, with_spares};
use super::steady::Pool;
use crate::Error;
use crate::error::{positive, within};
use crate::power::Usage;
use crate::queue::{Sum, Wait};
use crate::service::{Profile, StepTime};
use serde::Serialize;

/// Steps of an exponential wait that is added to other times, in its means, and their number: the rest is below 5 in 100,000.
const WAIT_STEP: f64 = 0.25;
/// How many.
const WAIT_STEPS: usize = 40;

/// How the KV cache gets from one side to the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Transfer {
    /// Bytes per second of the link of each prefill instance, which carries one cache after the other.
    pub bytes_per_s: f64,
    /// Fixed time of a transfer, seconds.
    pub latency_s: f64,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// What its instances are.
    pub profile: String,
    /// Index of that in the problem.
    pub profile_index: usize,
    /// Instances, spares against failures included.
    pub instances: u32,
    /// Instances that must be up.
    pub needed: u32,
    /// GPUs.
    pub gpus: u32,
    /// Share of the full rate that is used.
    pub utilisation: f64,
    /// Price of an hour without energy, millionths of a US dollar.
    pub cost_micro_per_hour: i64,
    /// Power and what it costs.
    pub energy: Usage,
}

/// A fleet of two sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disaggregated {
    /// Reads prompts.
    pub prefill: Side,
    /// Writes outputs.
    pub decode: Side,
    /// Price of an hour, energy included, millionths of a US dollar.
    pub cost_micro_per_hour: i64,
    /// Power of both sides.
    pub energy: Usage,
    /// Share of the link of a prefill instance that is used.
    pub link_utilisation: f64,
    /// By class: percentile of the time to first token, transfer included, milliseconds.
    pub ttft_ms: Vec<f64>,
    /// By class: percentile of the time per output token, milliseconds.
    pub tpot_ms: Vec<f64>,
}

/// Instances of a profile with what their classes get, in milliseconds.
struct Found {
    side: Side,
    times_ms: Vec<f64>,
    link_utilisation: f64,
}

/// The best fleet of prefill and decode instances, by the problem's goal, for all requests of the problem in one context.
///
/// Either side has spares of its own, and a link is used no more than an instance may be. What a prefix cache holds on the prefill side crosses too, as
/// decode needs the keys and values of the whole prompt. Links are taken to be hit at random: a placement that looks at them has shorter waits.
///
/// A request whose decode has to wait for a slot would stall after its first token, so decode is sized until no more than
/// 1 − percentile of requests wait. Objectives end to end are checked on the decode side with the percentile of the
/// time to first token added, which is on the safe side.
///
/// # Errors
/// What [`Problem::check`] refuses; [`Error::Infeasible`] that names the side and the objective.
pub fn disaggregate(problem: &Problem, transfer: Transfer) -> Result<Disaggregated, Error> {
    problem.check()?;
    positive("transfer.bytes_per_s", transfer.bytes_per_s)?;
    within("transfer.latency_s", transfer.latency_s, 0.0, 1e3, "give 0 to 1,000 seconds")?;
    let demand = Demand::new(problem);
    let context = problem.space.context;
    let cut = Cut { low: 0, low_top: 0, high: context, high_top: context };
    let (mut prefill, mut decode): (Option<Found>, Option<Found>) = (None, None);
    for (index, profile) in problem.profiles.iter().enumerate() {
        let Some(load) = demand.load(cut, profile.chunk) else { continue };
        better(problem.goal, &mut prefill, prefill_side(problem, index, &load, transfer));
    }
    let prefill = prefill.ok_or_else(|| refused(problem, "prefill", "ttft_ms"))?;
    for index in 0..problem.profiles.len() {
        // One iteration stands for taking over the cache that was read elsewhere.
        let Some(load) = demand.load(cut, u32::MAX) else { continue };
        better(problem.goal, &mut decode, decode_side(problem, index, &load, &prefill.times_ms));
    }
    let decode = decode.ok_or_else(|| refused(problem, "decode", "tpot_ms or e2e_ms"))?;
    let link_utilisation = prefill.link_utilisation;
    let (ttft_ms, tpot_ms) = (prefill.times_ms, decode.times_ms);
    let (prefill, decode) = (prefill.side, decode.side);
    let written = problem.streams.iter().map(|s| s.rate_per_s * s.lengths.mean_output()).sum::<f64>();
    let energy = problem.site.sum([(&prefill.energy, 0.0), (&decode.energy, written)].into_iter());
    let instances = prefill.cost_micro_per_hour.saturating_add(decode.cost_micro_per_hour);
    let cost_micro_per_hour = instances.saturating_add(energy.tariff_micro_per_hour);
    Ok(Disaggregated { prefill, decode, cost_micro_per_hour, energy, link_utilisation, ttft_ms, tpot_ms })
}

fn better(goal: Goal, best: &mut Option<Found>, found: Option<Found>) {
    let score = |found: &Option<Found>| {
        found.as_ref().map_or(i64::MAX, |Found { side, .. }| match goal {
            Goal::Cost => side.cost_micro_per_hour.saturating_add(side.energy.tariff_micro_per_hour),
            Goal::Power => (side.energy.facility_w * 1000.0).ceil() as i64,
        })
    };
    if score(&found) < score(best) {
        *best = found;
    }
}

fn refused(problem: &Problem, side: &str, objective: &str) -> Error {
    let asked = problem.streams.iter().map(|stream| {
        let slo = &stream.class.slo;
        let one = |name: &str, limit: Option<f64>| limit.map(|ms| format!("{name} {ms} ms"));
        let all = [one("TTFT", slo.ttft_ms), one("TPOT", slo.tpot_ms), one("E2E", slo.e2e_ms)];
        let all: Vec<String> = all.into_iter().flatten().collect();
        format!("{}: {} at the {} quantile", stream.class.name, all.join(", "), slo.percentile)
    });
    let asked: Vec<String> = asked.collect();
    Error::Infeasible {
        why: format!(
            "no {side} instances of these profiles meet {objective} ({}): raise it, or give a profile with shorter \
             iterations or a faster transfer",
            asked.join("; ")
        ),
    }
}

/// A side of so many instances that must be up; none where spares make too many. `energy` is of needed and all instances.
fn side(
    problem: &Problem,
    index: usize,
    (needed, utilisation): (u32, f64),
    energy: impl Fn(u32) -> Usage,
) -> Option<Side> {
    let profile = &problem.profiles[index];
    let instances = with_spares(needed, problem.limits.availability, problem.limits.confidence);
    (instances <= problem.limits.instances).then(|| Side {
        profile: profile.name.clone(),
        profile_index: index,
        instances,
        needed,
        gpus: instances.saturating_mul(profile.gpus),
        utilisation,
        cost_micro_per_hour: profile.price_micro_per_hour.saturating_mul(i64::from(instances)),
        energy: energy(instances),
    })
}

/// Times to read the prompts of a class alone on an instance, with their probabilities.
fn reading(profile: &Profile, share: &Share) -> Vec<(f64, f64)> {
    let time = |&(chunks, p, read): &(f64, f64, f64)| {
        // Half of the prompt is held on the mean while it is read.
        let step = profile.step.seconds(1.0, read / 2.0, 0.0);
        (chunks * step + profile.step.per_prefill_token_s * read, p)
    };
    share.prefill.iter().map(time).collect()
}

/// A mean and the squared coefficient of variation.
#[derive(Clone, Copy)]
struct Moments {
    mean: f64,
    cv2: f64,
}

impl Moments {
    /// Of the times of all requests of a load, by class.
    fn of(load: &Load, times: &[Vec<(f64, f64)>]) -> Self {
        let weighted = |f: &dyn Fn(f64) -> f64| -> f64 {
            let of = |(share, times): (&Share, &Vec<(f64, f64)>)| {
                share.rate / load.rate * times.iter().map(|&(t, p)| p * f(t)).sum::<f64>()
            };
            load.shares.iter().zip(times).map(of).sum()
        };
        let (mean, second) = (weighted(&|t| t), weighted(&|t| t * t));
        Self { mean, cv2: (second / (mean * mean) - 1.0).max(0.0) }
    }
}

/// Times of a link to carry the caches of a class, whole prompts, with their probabilities.
fn carrying(profile: &Profile, share: &Share, stream: &Stream, transfer: Transfer) -> Vec<(f64, f64)> {
    let second_a_token = profile.kv_token_bytes / transfer.bytes_per_s;
    share.prefill.iter().map(|&(_, p, read)| (read / (1.0 - stream.cached) * second_a_token, p)).collect()
}

/// A wait as a few times with their probabilities.
fn steps_of(wait: Wait) -> Vec<(f64, f64)> {
    if wait.probability == 0.0 {
        return vec![(0.0, 1.0)];
    }
    let left = |at: usize| (-WAIT_STEP * at as f64).exp();
    let step = |at: usize| {
        let beyond = if at + 1 == WAIT_STEPS { 0.0 } else { left(at + 1) };
        (WAIT_STEP * (at as f64 + 0.5) / wait.decay, wait.probability * (left(at) - beyond))
    };
    std::iter::once((0.0, 1.0 - wait.probability)).chain((0..WAIT_STEPS).map(step)).collect()
}

/// Reads prompts: the queue for an instance, the prompt, the queue for that instance's link, the transfer.
fn prefill_side(problem: &Problem, index: usize, load: &Load, transfer: Transfer) -> Option<Found> {
    let profile = &problem.profiles[index];
    let times: Vec<Vec<(f64, f64)>> = load.shares.iter().map(|share| reading(profile, share)).collect();
    let links = load.shares.iter().zip(&problem.streams);
    let links: Vec<Vec<(f64, f64)>> =
        links.map(|(s, stream)| carrying(profile, s, stream, transfer)).collect();
    let (read, carried) = (Moments::of(load, &times), Moments::of(load, &links));
    let used = |each: Moments, instances: u32| load.rate * each.mean / f64::from(instances);
    let ttft = |instances: u32| -> Vec<f64> {
        let wait = Wait::of_servers(f64::from(instances), load.rate, read.mean, read.cv2, load.arrival_cv2);
        // What leaves an instance is as bursty as what comes where it idles, and as its service where it does not (Marshall 1968).
        let busy = used(read, instances).powi(2);
        let left_cv2 = (1.0 - busy) * load.arrival_cv2 + busy * read.cv2;
        let rate = load.rate / f64::from(instances);
        let link = steps_of(Wait::of_servers(1.0, rate, carried.mean, carried.cv2, left_cv2));
        let of = |i: usize, stream: &Stream| {
            let pairs = times[i].iter().zip(&links[i]);
            let both = pairs.flat_map(|(&(t, p), &(moved, _))| {
                link.iter().map(move |&(waits, q)| (t + waits + moved + transfer.latency_s, p * q))
            });
            let mut all: Vec<(f64, f64)> = both.collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            Sum::new(wait, &all).quantile(stream.class.slo.percentile) * 1e3
        };
        problem.streams.iter().enumerate().map(|(i, stream)| of(i, stream)).collect()
    };
    let met = |instances: u32| {
        let pairs = ttft(instances).into_iter().zip(&problem.streams);
        pairs.into_iter().all(|(ms, s)| s.class.slo.ttft_ms.is_none_or(|limit| ms <= limit))
    };
    let busiest = read.mean.max(carried.mean);
    let first = ((load.rate * busiest / problem.limits.utilisation).ceil() as u32).max(1);
    let needed = smallest(first, problem.limits.instances, met)?;
    // While it reads, an instance draws what it does with a full batch.
    let energy = |instances: u32| {
        let busy = load.rate * read.mean;
        let full = problem.site.usage(profile, busy, f64::from(profile.sequences), 0.0);
        let idle = problem.site.usage(profile, f64::from(instances) - busy, 0.0, 0.0);
        Usage { gpu_w: full.gpu_w, ..problem.site.sum([(&full, 0.0), (&idle, 0.0)].into_iter()) }
    };
    Some(Found {
        side: side(problem, index, (needed, used(read, needed)), energy)?,
        times_ms: ttft(needed),
        link_utilisation: used(carried, needed),
    })
}

fn decode_side(problem: &Problem, index: usize, load: &Load, ttft_ms: &[f64]) -> Option<Found> {
    // Nothing is read here: prompts come with their cache.
    let step = StepTime { per_prefill_token_s: 0.0, ..problem.profiles[index].step };
    let profile = Profile { step, ..problem.profiles[index].clone() };
    let pool = Pool::new(problem, &profile, load, problem.space.context)?;
    let tpot = |instances: u32| -> Option<Vec<f64>> {
        let steady = pool.steady(instances)?;
        (steady.utilisation <= problem.limits.utilisation).then(|| {
            let of =
                |(s, share): (&Stream, &Share)| pool.tpot_s(&steady, share, s.class.slo.percentile) * 1e3;
            problem.streams.iter().zip(&load.shares).map(of).collect()
        })
    };
    let met = |instances: u32| {
        let (Some(times), Some(steady)) = (tpot(instances), pool.steady(instances)) else { return false };
        let parts = problem.streams.iter().zip(&load.shares).zip(times).zip(ttft_ms);
        parts.into_iter().all(|(((stream, share), ms), ttft)| {
            let slo = &stream.class.slo;
            let e2e = || ttft + pool.e2e_s(&steady, share, slo.percentile) * 1e3;
            steady.wait.probability <= 1.0 - slo.percentile
                && slo.tpot_ms.is_none_or(|limit| ms <= limit)
                && slo.e2e_ms.is_none_or(|limit| e2e() <= limit)
        })
    };
    let instances = smallest(pool.fluid(), problem.limits.instances, met)?;
    let utilisation = pool.steady(instances).map_or(0.0, |s| s.utilisation);
    Some(Found {
        side: side(problem, index, (instances, utilisation), |all| usage(&pool, instances, all))?,
        times_ms: tpot(instances)?,
        link_utilisation: 0.0,
    })
}

/// The smallest number from `first` to `most` that a condition holds for, when it holds for all above one that it holds for.
fn smallest(first: u32, most: u32, holds: impl Fn(u32) -> bool) -> Option<u32> {
    let (mut low, mut high, mut stride) = (first.checked_sub(1)?, first, 1u32);
    while !holds(high) {
        if high >= most {
            return None;
        }
        low = high;
        high = high.saturating_add(stride).min(most);
        stride = stride.saturating_mul(2);
    }
    while high - low > 1 {
        let middle = u32::midpoint(low, high);
        if holds(middle) { high = middle } else { low = middle }
    }
    Some(high)
}
