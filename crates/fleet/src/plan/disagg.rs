//! Prefill and decode on instances of their own.
//!
//! A prefill instance reads one prompt at a time, so their number is that of servers of an M/G/c queue whose service is the
//! prompt's own; the KV cache then crosses a link, and a decode instance runs the output in a batch. The time to first token
//! depends on the prefill side and the link alone, the time per output token on the decode side alone: the cheapest
//! pair is the cheapest of either, and no search over pairs is needed.

use super::demand::{Cut, Demand, Load, Share};
use super::problem::{Problem, Stream};
use super::steady::Pool;
use crate::Error;
use crate::error::positive;
use crate::queue::{Sum, Wait};
use crate::service::{Profile, StepTime};
use serde::Serialize;

/// How the KV cache gets from one side to the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Transfer {
    /// Bytes per second from one instance to another.
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
    /// Instances.
    pub instances: u32,
    /// GPUs.
    pub gpus: u32,
    /// Share of the full rate that is used.
    pub utilisation: f64,
    /// Price of an hour, millionths of a US dollar.
    pub cost_micro_per_hour: i64,
}

/// A fleet of two sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disaggregated {
    /// Reads prompts.
    pub prefill: Side,
    /// Writes outputs.
    pub decode: Side,
    /// Price of an hour, millionths of a US dollar.
    pub cost_micro_per_hour: i64,
    /// By class: percentile of the time to first token, transfer included, milliseconds.
    pub ttft_ms: Vec<f64>,
    /// By class: percentile of the time per output token, milliseconds.
    pub tpot_ms: Vec<f64>,
}

/// The cheapest fleet of prefill and decode instances for all requests of the problem in one context.
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
    let demand = Demand::new(problem);
    let context = problem.space.context;
    let cut = Cut { low: 0, low_top: 0, high: context, high_top: context };
    let mut prefill: Option<(Side, Vec<f64>)> = None;
    let mut decode: Option<(Side, Vec<f64>)> = None;
    for (index, profile) in problem.profiles.iter().enumerate() {
        let Some(load) = demand.load(cut, profile.chunk) else { continue };
        cheaper(&mut prefill, prefill_side(problem, index, &load, transfer));
    }
    let (prefill, ttft_ms) = prefill.ok_or_else(|| refused(problem, "prefill", "ttft_ms"))?;
    for index in 0..problem.profiles.len() {
        // One iteration stands for taking over the cache that was read elsewhere.
        let Some(load) = demand.load(cut, u32::MAX) else { continue };
        cheaper(&mut decode, decode_side(problem, index, &load, &ttft_ms));
    }
    let (decode, tpot_ms) = decode.ok_or_else(|| refused(problem, "decode", "tpot_ms or e2e_ms"))?;
    let cost_micro_per_hour = prefill.cost_micro_per_hour.saturating_add(decode.cost_micro_per_hour);
    Ok(Disaggregated { prefill, decode, cost_micro_per_hour, ttft_ms, tpot_ms })
}

fn cheaper(best: &mut Option<(Side, Vec<f64>)>, found: Option<(Side, Vec<f64>)>) {
    let cost = |side: &Option<(Side, Vec<f64>)>| side.as_ref().map_or(i64::MAX, |s| s.0.cost_micro_per_hour);
    if cost(&found) < cost(best) {
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

fn side(index: usize, profile: &Profile, instances: u32, utilisation: f64) -> Side {
    Side {
        profile: profile.name.clone(),
        profile_index: index,
        instances,
        gpus: instances.saturating_mul(profile.gpus),
        utilisation,
        cost_micro_per_hour: profile.price_micro_per_hour.saturating_mul(i64::from(instances)),
    }
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

fn prefill_side(
    problem: &Problem,
    index: usize,
    load: &Load,
    transfer: Transfer,
) -> Option<(Side, Vec<f64>)> {
    let profile = &problem.profiles[index];
    let times: Vec<Vec<(f64, f64)>> = load.shares.iter().map(|share| reading(profile, share)).collect();
    let weighted = |f: &dyn Fn(f64) -> f64| -> f64 {
        let of = |(share, times): (&Share, &Vec<(f64, f64)>)| {
            share.rate / load.rate * times.iter().map(|&(t, p)| p * f(t)).sum::<f64>()
        };
        load.shares.iter().zip(&times).map(of).sum()
    };
    let (mean, second) = (weighted(&|t| t), weighted(&|t| t * t));
    let cv2 = (second / (mean * mean) - 1.0).max(0.0);
    let moved = |read: f64| transfer.latency_s + read * profile.kv_token_bytes / transfer.bytes_per_s;
    let ttft = |instances: u32| -> Vec<f64> {
        let wait = Wait::of_servers(f64::from(instances), load.rate, mean, cv2, load.arrival_cv2);
        let of = |i: usize, stream: &Stream| {
            let pairs = times[i].iter().zip(&load.shares[i].prefill);
            let both: Vec<(f64, f64)> = pairs.map(|(&(t, p), entry)| (t + moved(entry.2), p)).collect();
            Sum::new(wait, &both).quantile(stream.class.slo.percentile) * 1e3
        };
        problem.streams.iter().enumerate().map(|(i, stream)| of(i, stream)).collect()
    };
    let met = |instances: u32| {
        let pairs = ttft(instances).into_iter().zip(&problem.streams);
        pairs.into_iter().all(|(ms, s)| s.class.slo.ttft_ms.is_none_or(|limit| ms <= limit))
    };
    let first = ((load.rate * mean / problem.limits.utilisation).ceil() as u32).max(1);
    let instances = smallest(first, problem.limits.instances, met)?;
    Some((side(index, profile, instances, load.rate * mean / f64::from(instances)), ttft(instances)))
}

fn decode_side(problem: &Problem, index: usize, load: &Load, ttft_ms: &[f64]) -> Option<(Side, Vec<f64>)> {
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
    Some((side(index, &problem.profiles[index], instances, utilisation), tpot(instances)?))
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
