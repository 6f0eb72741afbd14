//! The steady state of a pool: what its instances do, how long a request waits, and which objectives hold.
//!
//! An iteration takes `(base + (u + h·L)·n)/(1 − v·λ·P)` on the mean: `n` sequences that hold `L` tokens each, and prompt
//! tokens that arrive at `λ·P` on the instance and take `v` each out of everybody's iterations. A request stays for its
//! iterations and its own prompt's `v·P`, which is linear in `n`: [`Batch`] gives the distribution of `n` and the wait.
//! Percentiles count how iterations vary with `n` and the prefill beside them: those of the first token over the joint distribution, those of
//! the whole time at the quantile.

mod first;
mod spread;
mod whole;

use super::demand::{Load, Share};
use super::problem::{Admission, Problem};
use crate::queue::{Batch, Wait, erlang_c};
use crate::service::Profile;
use crate::workload::Slo;
use first::FirstToken;
use serde::Serialize;
use spread::{Spread, normal_quantile, quantile};
use whole::Whole;

/// Factor on the deviations of iterations: what placement that is not quite even adds. Chosen on 400 random fleets against
/// the request-level simulator, checked on 400 others (`tests/confirm.rs`).
const UNEVENNESS: f64 = 1.3;
/// Below this probability of a prompt beside an output it is left out.
const HIT_MIN: f64 = 1e-9;

/// What keeps a pool from being smaller.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// One instance is the fewest.
    Minimum,
    /// Fewer cannot keep up.
    Capacity,
    /// Fewer would exceed the bound on utilisation.
    Utilisation,
    /// Fewer would miss a class's time to first token.
    Ttft(String),
    /// Fewer would miss a class's time per output token.
    Tpot(String),
    /// Fewer would miss a class's end-to-end time.
    EndToEnd(String),
}

/// A pool that serves a load with one profile.
#[derive(Clone, Debug)]
pub(super) struct Pool<'a> {
    pub(super) problem: &'a Problem,
    pub(super) profile: &'a Profile,
    pub(super) load: &'a Load,
    pub(super) slots: u32,
}

/// Its steady state with some instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steady {
    pub(super) wait: Wait,
    /// Mean sequences of an instance.
    pub(super) batch: f64,
    /// Mean iteration that a request sees, seconds.
    pub(super) iteration_s: f64,
    /// An iteration's time while a prompt is read.
    reading: Spread,
    /// Time that the prompts of its own burst take from a request.
    burst_s: f64,
    /// Deviation of an iteration's time by the batch.
    batch_s: f64,
    /// Requests that come to the instance in an iteration, and how they bunch.
    arrivals: f64,
    bursts: f64,
    /// Share of the time that prompts leave to outputs.
    left: f64,
    /// Share of the time that other prompts leave to one that is read.
    first_left: f64,
    /// Factor on the time to the first token, for the safe side.
    margin: f64,
    /// Share of the full rate, or of the time that prompts alone take, whichever is larger.
    pub(super) utilisation: f64,
}

impl<'a> Pool<'a> {
    /// `None` when a sequence of this pool's length does not fit the instance.
    pub(super) fn new(
        problem: &'a Problem,
        profile: &'a Profile,
        load: &'a Load,
        context: u32,
    ) -> Option<Self> {
        let reserved = profile.reserved_slots(context);
        let slots = match problem.limits.admission {
            Admission::Reserved => reserved,
            Admission::Actual { confidence } => profile
                .actual_slots(load.final_mean, load.final_deviation, normal_quantile(confidence))
                .max(reserved),
        };
        (reserved > 0).then_some(Self { problem, profile, load, slots })
    }

    /// A request's time without and for each sequence beside it, and the share of iterations left by prefill.
    fn times(&self, instances: f64) -> Option<(f64, f64, f64)> {
        let (step, load) = (&self.profile.step, self.load);
        let left = 1.0 - step.per_prefill_token_s * load.prompt * load.rate / instances;
        if left <= 1e-6 {
            return None;
        }
        let each = step.per_sequence_s + step.per_context_token_s * load.held;
        let alone_s = load.iterations * step.base_s / left + step.per_prefill_token_s * load.prompt;
        Some((alone_s, load.iterations * each / left, left))
    }

    /// The steady state; `None` when the instances cannot keep up.
    pub(super) fn steady(&self, instances: u32) -> Option<Steady> {
        let (n, load, step) = (f64::from(instances), self.load, &self.profile.step);
        let (alone_s, each_s, left) = self.times(n)?;
        let batch = Batch::new(n, f64::from(self.slots), load.rate, alone_s, each_s)?;
        let active = batch.active / n;
        let slope = step.per_sequence_s + step.per_context_token_s * load.held;
        // A burst is spread over the instances; what is left of it meets on each.
        let bursts = 1.0 + (load.arrival_cv2 - 1.0).max(0.0) / n;
        let v = step.per_prefill_token_s;
        let room = (f64::from(self.slots) - active).max(0.0);
        // A request sees what is there without it and itself, and the rest of its burst.
        let seen = active + bursts.min(room);
        let iteration_s = (step.base_s + slope * seen) / left;
        let work_cv2 = self.work_cv2((step.base_s + slope * active) / left);
        // An instance's batch varies with the fleet's total, and by about one for uneven placement.
        let uneven = batch.deviation * load.arrival_cv2.max(1.0).sqrt() / n;
        let by_number = slope * uneven.hypot(bursts.sqrt()).min(room);
        // So many sequences may be long ones or short ones.
        let by_length = step.per_context_token_s * load.held * load.unlike() * active.sqrt();
        let batch_s = UNEVENNESS / left * by_number.hypot(by_length);
        // Prompts being read share the iterations: their number is that of a processor-sharing queue, and each has tokens of its own
        // in an iteration.
        // Placement by the least wait sends a prompt where none is read, as long as there is such an instance.
        let beside = if left < 1.0 { (erlang_c(n, n * (1.0 - left)) / (1.0 - left)).min(1.0) } else { 1.0 };
        let first_left = 1.0 / (1.0 + (1.0 / left - 1.0) * beside);
        let readers = load.rate / n * load.chunks * iteration_s;
        let tokens = load.prompt / load.chunks;
        let spread = load.chunk_sq / (load.chunks * tokens * tokens).max(f64::MIN_POSITIVE);
        let reading = UNEVENNESS * v * tokens * (beside * readers * (spread + readers) * bursts).sqrt();
        let skewness = (1.0 + 2.0 * readers) * (spread * bursts / (readers * (1.0 + readers))).sqrt();
        Some(Steady {
            wait: batch.wait(work_cv2, load.arrival_cv2),
            batch: active,
            iteration_s,
            reading: Spread::new(iteration_s * left / first_left, batch_s, reading, skewness),
            first_left,
            margin: first::margin(1.0 - left, n),
            burst_s: (bursts - 1.0) * v * load.prompt / left,
            batch_s,
            arrivals: load.rate / n * iteration_s,
            bursts,
            left,
            utilisation: batch.utilisation.max(1.0 - left),
        })
    }

    /// Variation of the work: iterations at their mean time, and the own prompt.
    fn work_cv2(&self, iteration_s: f64) -> f64 {
        let (load, v) = (self.load, self.profile.step.per_prefill_token_s);
        let first = load.iterations * iteration_s + v * load.prompt;
        let second = load.iterations_sq * iteration_s * iteration_s
            + 2.0 * v * iteration_s * load.iterations_prompt
            + v * v * load.prompt_sq;
        (second / (first * first) - 1.0).max(0.0)
    }

    /// The state that endless instances approach: no wait, one sequence at a time.
    fn alone(&self) -> Steady {
        let step = &self.profile.step;
        let iteration_s = step.seconds(1.0, self.load.held, 0.0);
        Steady {
            wait: Wait::NONE,
            batch: 1.0,
            iteration_s,
            reading: Spread::none(iteration_s),
            burst_s: 0.0,
            batch_s: 0.0,
            arrivals: 0.0,
            bursts: 1.0,
            left: 1.0,
            first_left: 1.0,
            margin: first::margin(0.0, f64::INFINITY),
            utilisation: 0.0,
        }
    }

    fn first_token<'b>(&self, steady: &Steady, share: &'b Share) -> FirstToken<'b> {
        FirstToken {
            wait: steady.wait,
            margin: steady.margin,
            iteration: steady.reading,
            prefill: &share.prefill,
            // A delay busy period: what its tokens take lets more prompts arrive.
            token_s: self.profile.step.per_prefill_token_s / steady.first_left,
            burst_s: steady.burst_s,
        }
    }

    fn whole(&self, steady: &Steady, share: &Share) -> Whole {
        let token_s = self.profile.step.per_prefill_token_s;
        Whole::new(steady.wait, &share.work, token_s, |iterations| self.writing(steady, iterations))
    }

    /// The time per output token of a request with so many: its distribution without and with prompts that are read in
    /// its iterations, each with its probability. Prompts come in clumps of a Poisson number, so the shorter the output, the
    /// rarer and the heavier the hit.
    fn writing(&self, steady: &Steady, output: f64) -> [(f64, Spread); 2] {
        let (v, load) = (self.profile.step.per_prefill_token_s, self.load);
        // The first token comes with the prompt: the gaps are one fewer.
        let output = (output - 1.0).max(1.0);
        let quiet_s = steady.iteration_s * steady.left + steady.burst_s / output;
        let quiet = Spread::new(quiet_s, steady.batch_s, 0.0, 0.0);
        let clumps = steady.arrivals * output / steady.bursts;
        let hit = -(-clumps).exp_m1();
        if v == 0.0 || hit < HIT_MIN {
            return [(1.0, quiet), (0.0, quiet)];
        }
        // Moments of a compound Poisson, given that it is not zero.
        let (b, m) = (steady.bursts, clumps);
        let [p1, p2, p3] = [b * load.prompt, b * b * load.prompt_sq, b * b * b * load.prompt_cube];
        let first = m * p1 / hit;
        let second = (m * p2 + m * m * p1 * p1) / hit;
        let third = (m * p3 + 3.0 * m * m * p1 * p2 + m * m * m * p1 * p1 * p1) / hit;
        let variance = (second - first * first).max(1e-9 * second);
        let skewness = (third - 3.0 * first * second + 2.0 * first * first * first) / variance.powf(1.5);
        // A delay busy period: what prompts take lets more prompts arrive.
        let deviation = UNEVENNESS * v * variance.sqrt() / output / steady.left;
        let loud = Spread::new(quiet_s + v * first / output, steady.batch_s, deviation, skewness);
        [(1.0 - hit, quiet), (hit, loud)]
    }

    /// Probability that a class's time per output token exceeds so many seconds.
    fn tpot_tail(&self, steady: &Steady, share: &Share, seconds: f64) -> f64 {
        let tail =
            |(weight, spread): (f64, Spread)| if weight > 0.0 { weight * spread.tail(seconds) } else { 0.0 };
        let of =
            |&(output, p): &(f64, f64)| p * self.writing(steady, output).into_iter().map(tail).sum::<f64>();
        share.outputs.iter().map(of).sum()
    }

    /// What keeps a class from its promise in a state: a request must be within all its objectives at once, so that what misses one
    /// or another is added up.
    fn missed(&self, steady: &Steady) -> Option<Binding> {
        for (share, stream) in self.load.shares.iter().zip(&self.problem.streams) {
            if share.rate <= 0.0 {
                continue;
            }
            let (slo, name) = (&stream.class.slo, stream.class.name.clone());
            let mut left = 1.0 - slo.percentile;
            let mut misses = |late: f64| {
                left -= late;
                left < 0.0
            };
            if slo.tpot_ms.is_some_and(|ms| misses(self.tpot_tail(steady, share, ms / 1e3))) {
                return Some(Binding::Tpot(name));
            }
            if slo.ttft_ms.is_some_and(|ms| misses(self.first_token(steady, share).tail(ms / 1e3))) {
                return Some(Binding::Ttft(name));
            }
            if slo.e2e_ms.is_some_and(|ms| misses(self.whole(steady, share).tail(ms / 1e3))) {
                return Some(Binding::EndToEnd(name));
            }
        }
        None
    }

    /// Why so many instances are too few; `None` when they are enough.
    pub(super) fn short_of(&self, instances: u32) -> Option<Binding> {
        let Some(steady) = self.steady(instances) else { return Some(Binding::Capacity) };
        if steady.utilisation > self.problem.limits.utilisation {
            return Some(Binding::Utilisation);
        }
        self.missed(&steady)
    }

    /// The objective that no number of instances can meet, if there is one.
    pub(super) fn impossible(&self) -> Option<Binding> {
        self.missed(&self.alone())
    }

    /// Fewest instances that the bound on utilisation allows: a lower bound of [`Pool::instances`].
    pub(super) fn fluid(&self) -> u32 {
        // Utilisation falls with the instances; prefill's share falls too, so start where both can hold.
        let (load, step) = (self.load, &self.profile.step);
        let slots = f64::from(self.slots);
        let slope = step.per_sequence_s + step.per_context_token_s * load.held;
        let v = step.per_prefill_token_s * load.prompt;
        // λ(K(b + s·m)/(1 − vλ/N) + v)/(N·m) = u, solved for N: (N·m·u/λ − v)(1 − vλ/N) = K(b + s·m).
        let (k, u) = (load.iterations * (step.base_s + slope * slots), self.problem.limits.utilisation);
        let (a, b, c) = (slots * u / load.rate, -(v + slots * u * v + k), v * v * load.rate);
        let root = (-b + (b * b - 4.0 * a * c).max(0.0).sqrt()) / (2.0 * a);
        let reading = v * load.rate / u;
        (root.max(reading) * (1.0 - 1e-12)).ceil().clamp(1.0, f64::from(u32::MAX)) as u32
    }

    /// The fewest instances that meet everything, and what binds them; `None` when none up to the limit do.
    pub(super) fn instances(&self) -> Option<(u32, Binding)> {
        if self.impossible().is_some() {
            return None;
        }
        let most = self.problem.limits.instances;
        let first = self.fluid();
        if first > most {
            return None;
        }
        let Some(mut why) = self.short_of(first) else {
            return Some((first, if first == 1 { Binding::Minimum } else { Binding::Utilisation }));
        };
        let (mut low, mut stride) = (first, 1u32);
        let mut high = loop {
            let next = low.saturating_add(stride).min(most);
            match self.short_of(next) {
                None => break next,
                Some(_) if next == most => return None,
                Some(reason) => (low, why) = (next, reason),
            }
            stride = stride.saturating_mul(2);
        };
        while high - low > 1 {
            let middle = u32::midpoint(low, high);
            match self.short_of(middle) {
                None => high = middle,
                Some(reason) => (low, why) = (middle, reason),
            }
        }
        Some((high, why))
    }

    /// A percentile of a class's time to first token, seconds.
    pub(super) fn ttft_s(&self, steady: &Steady, share: &Share, percentile: f64) -> f64 {
        self.first_token(steady, share).quantile(percentile)
    }

    /// A percentile of a class's end-to-end time, seconds.
    pub(super) fn e2e_s(&self, steady: &Steady, share: &Share, percentile: f64) -> f64 {
        self.whole(steady, share).quantile(percentile)
    }

    /// A percentile of a class's time per output token, seconds.
    pub(super) fn tpot_s(&self, steady: &Steady, share: &Share, percentile: f64) -> f64 {
        quantile(percentile, 2.0 * steady.iteration_s, |seconds| self.tpot_tail(steady, share, seconds))
    }

    /// A class's mean time per output token, seconds.
    pub(super) fn tpot_mean_s(&self, steady: &Steady, share: &Share) -> f64 {
        let mean = |output| self.writing(steady, output).into_iter().map(|(w, s)| w * s.mean).sum::<f64>();
        share.outputs.iter().map(|&(output, p)| p * mean(output)).sum()
    }

    /// The largest ratio of a percentile to its objective, over classes and objectives; 0 without any.
    pub(super) fn tightness(&self, steady: &Steady) -> f64 {
        let ratio = |value: f64, limit: Option<f64>| limit.map_or(0.0, |ms| value * 1e3 / ms);
        let of = |share: &Share, slo: &Slo| {
            let q = slo.percentile;
            let e2e = if slo.e2e_ms.is_some() { self.e2e_s(steady, share, q) } else { 0.0 };
            let tpot = if slo.tpot_ms.is_some() { self.tpot_s(steady, share, q) } else { 0.0 };
            let ttft = ratio(self.ttft_s(steady, share, q), slo.ttft_ms);
            ttft.max(ratio(tpot, slo.tpot_ms)).max(ratio(e2e, slo.e2e_ms))
        };
        let parts = self.load.shares.iter().zip(&self.problem.streams).filter(|(share, _)| share.rate > 0.0);
        parts.map(|(share, stream)| of(share, &stream.class.slo)).fold(0.0, f64::max)
    }
}
