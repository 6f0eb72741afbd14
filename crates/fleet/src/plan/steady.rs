//! The steady state of a pool: what its instances do, how long a request waits, and which objectives hold.
//!
//! An iteration takes `(base + (u + h·L)·n)/(1 − v·λ·P)` on the mean: `n` sequences that hold `L` tokens each, and prompt
//! tokens that arrive at `λ·P` on the instance and take `v` each out of everybody's iterations. A request stays for its
//! iterations and its own prompt's `v·P`, which is linear in `n`: [`Batch`] gives the distribution of `n` and the wait.
//! Percentiles take iterations at the quantile of `n` and of the prefill beside them, not at their means.

use super::demand::{Load, Share};
use super::problem::{Admission, Problem};
use crate::queue::{Batch, Sum, Wait};
use crate::service::Profile;
use crate::workload::Slo;
use serde::Serialize;

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
    /// Mean iteration, seconds.
    pub(super) iteration_s: f64,
    /// Deviation of an iteration's time.
    deviation_s: f64,
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
        let iteration_s = (step.base_s + slope * active) / left;
        // Work's variation: iterations at their mean time, and the own prompt.
        let v = step.per_prefill_token_s;
        let first = load.iterations * iteration_s + v * load.prompt;
        let second = load.iterations_sq * iteration_s * iteration_s
            + 2.0 * v * iteration_s * load.iterations_prompt
            + v * v * load.prompt_sq;
        let work_cv2 = (second / (first * first) - 1.0).max(0.0);
        let room = f64::from(self.slots) - active;
        // An instance's batch varies with the fleet's total, and by about one for uneven placement.
        let uneven = (batch.deviation / n).hypot(1.0).min(room.max(0.0));
        let reading = load.rate / n * load.chunks * iteration_s;
        let chunk = load.prompt / load.chunks;
        let deviation_s = (slope * uneven).hypot(v * chunk * reading.sqrt());
        Some(Steady {
            wait: batch.wait(work_cv2, load.arrival_cv2),
            batch: active,
            iteration_s,
            deviation_s,
            utilisation: batch.utilisation,
        })
    }

    /// The state that endless instances approach: no wait, one sequence at a time.
    fn alone(&self) -> Steady {
        let step = &self.profile.step;
        let iteration_s = step.seconds(1.0, self.load.held, 0.0);
        Steady { wait: Wait::NONE, batch: 1.0, iteration_s, deviation_s: 0.0, utilisation: 0.0 }
    }

    /// Times of prefill at an iteration time: a request arrives half an iteration before the next begins.
    pub(super) fn prefill(&self, share: &Share, iteration_s: f64) -> Vec<(f64, f64)> {
        let v = self.profile.step.per_prefill_token_s;
        share.prefill.iter().map(|&(k, p, read)| ((k + 0.5) * iteration_s + v * read, p)).collect()
    }

    /// Whole times in a slot at an iteration time, ascending.
    pub(super) fn service(&self, share: &Share, iteration_s: f64) -> Vec<(f64, f64)> {
        let v = self.profile.step.per_prefill_token_s;
        let mut times: Vec<(f64, f64)> =
            share.work.iter().map(|&(k, read, p)| ((k + 0.5) * iteration_s + v * read, p)).collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        times
    }

    /// The first objective that does not hold in a state.
    fn missed(&self, steady: &Steady) -> Option<Binding> {
        for (share, stream) in self.load.shares.iter().zip(&self.problem.streams) {
            if share.rate <= 0.0 {
                continue;
            }
            let (slo, name) = (&stream.class.slo, || stream.class.name.clone());
            let iteration_s = steady.iteration_at(slo.percentile);
            if slo.tpot_ms.is_some_and(|limit| iteration_s * 1e3 > limit) {
                return Some(Binding::Tpot(name()));
            }
            let over = |limit: Option<f64>, times: &dyn Fn() -> Vec<(f64, f64)>| {
                limit.is_some_and(|ms| Sum::new(steady.wait, &times()).tail(ms / 1e3) > 1.0 - slo.percentile)
            };
            if over(slo.ttft_ms, &|| self.prefill(share, iteration_s)) {
                return Some(Binding::Ttft(name()));
            }
            if over(slo.e2e_ms, &|| self.service(share, iteration_s)) {
                return Some(Binding::EndToEnd(name()));
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
        (root * (1.0 - 1e-12)).ceil().clamp(1.0, f64::from(u32::MAX)) as u32
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
        Sum::new(steady.wait, &self.prefill(share, steady.iteration_at(percentile))).quantile(percentile)
    }

    /// A percentile of a class's end-to-end time, seconds.
    pub(super) fn e2e_s(&self, steady: &Steady, share: &Share, percentile: f64) -> f64 {
        Sum::new(steady.wait, &self.service(share, steady.iteration_at(percentile))).quantile(percentile)
    }

    /// The largest ratio of a percentile to its objective, over classes and objectives; 0 without any.
    pub(super) fn tightness(&self, steady: &Steady) -> f64 {
        let ratio = |value: f64, limit: Option<f64>| limit.map_or(0.0, |ms| value * 1e3 / ms);
        let of = |share: &Share, slo: &Slo| {
            let q = slo.percentile;
            let e2e = if slo.e2e_ms.is_some() { self.e2e_s(steady, share, q) } else { 0.0 };
            let ttft = ratio(self.ttft_s(steady, share, q), slo.ttft_ms);
            ttft.max(ratio(steady.iteration_at(q), slo.tpot_ms)).max(ratio(e2e, slo.e2e_ms))
        };
        let parts = self.load.shares.iter().zip(&self.problem.streams).filter(|(share, _)| share.rate > 0.0);
        parts.map(|(share, stream)| of(share, &stream.class.slo)).fold(0.0, f64::max)
    }
}

impl Steady {
    /// An iteration's time at a percentile of the batch and of the prefill beside it.
    pub(super) fn iteration_at(&self, percentile: f64) -> f64 {
        self.iteration_s + normal_quantile(percentile).max(0.0) * self.deviation_s
    }
}

/// The quantile of the standard normal distribution (Acklam 2003, relative error below 1.2e-9), for q in (0, 1).
pub(super) fn normal_quantile(q: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if q > 0.5 {
        return -normal_quantile(1.0 - q);
    }
    if q < 0.024_25 {
        let r = (-2.0 * q.ln()).sqrt();
        return horner(&C, r) / (horner(&D, r) * r + 1.0);
    }
    let r = q - 0.5;
    let s = r * r;
    horner(&A, s) * r / (horner(&B, s) * s + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_the_tables() {
        for (q, z) in [(0.5, 0.0), (0.9, 1.281_551_565_5), (0.99, 2.326_347_874_0), (0.999, 3.090_232_306_2)]
        {
            assert!((normal_quantile(q) - z).abs() < 1e-8, "{q}");
            assert!((normal_quantile(1.0 - q) + z).abs() < 1e-8, "{q}");
        }
    }
}
