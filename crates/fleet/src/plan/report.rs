//! A plan: the fleet that was chosen, what it does, and why it is so.

use super::problem::Problem;
use super::search::{Chosen, Effort, usage};
use super::steady::{Binding, Pool};
use crate::Error;
use crate::power::Usage;
use crate::service::Basis;
use serde::Serialize;

/// A fleet that meets every objective. Times are milliseconds, money millionths of a US dollar.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Pools by rising boundary.
    pub pools: Vec<PoolPlan>,
    /// GPUs of all pools, spares included.
    pub gpus: u32,
    /// Price of an hour, energy included where it has a tariff.
    pub cost_micro_per_hour: i64,
    /// Power, energy and carbon of all pools.
    pub energy: Usage,
    /// Why the fleet is as it is, in sentences.
    pub why: Vec<String>,
    /// How much of the space was looked at.
    pub effort: Effort,
}

/// One pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolPlan {
    /// Longest total length that it serves.
    pub max_total_tokens: u32,
    /// Prompts of requests up to γ times that may be compressed to it.
    pub gamma: f64,
    /// What its instances are.
    pub profile: String,
    /// Index of that in the problem.
    pub profile_index: usize,
    /// Where its times come from.
    pub basis: Basis,
    /// Instances that are paid for.
    pub instances: u32,
    /// Instances that must be up.
    pub needed: u32,
    /// GPUs of all instances.
    pub gpus: u32,
    /// Requests per second.
    pub rate_per_s: f64,
    /// Of those, compressed to fit.
    pub compressed_per_s: f64,
    /// Burstiness of what arrives here.
    pub arrival_cv2: f64,
    /// Share of the full rate of the needed instances that is used.
    pub utilisation: f64,
    /// Mean sequences of an instance.
    pub batch: f64,
    /// Most sequences of an instance.
    pub slots: u32,
    /// Probability of waiting for a slot.
    pub waits: f64,
    /// Mean time of an iteration.
    pub iteration_ms: f64,
    /// What keeps it from being smaller.
    pub binding: Binding,
    /// Price of an hour, without energy.
    pub cost_micro_per_hour: i64,
    /// Power, energy and carbon.
    pub energy: Usage,
    /// Largest percentile over its objective, over classes: below 1 when all are met.
    pub tightness: f64,
    /// What each class gets.
    pub classes: Vec<ClassPlan>,
}

/// What a class gets in a pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassPlan {
    /// Its name.
    pub class: String,
    /// Requests per second.
    pub rate_per_s: f64,
    /// The percentile that its objectives are of.
    pub percentile: f64,
    /// Median time to first token.
    pub ttft_p50_ms: f64,
    /// The percentile of the time to first token.
    pub ttft_ms: f64,
    /// Mean time per output token.
    pub tpot_mean_ms: f64,
    /// Its percentile.
    pub tpot_ms: f64,
    /// The percentile of arrival to last token.
    pub e2e_ms: f64,
}

impl Plan {
    pub(super) fn of(problem: &Problem, fleet: &[Chosen], effort: Effort) -> Result<Self, Error> {
        let pools =
            fleet.iter().map(|chosen| PoolPlan::of(problem, chosen)).collect::<Result<Vec<_>, _>>()?;
        let output = |chosen: &Chosen| chosen.load.rate * chosen.load.output;
        let energy = problem.site.sum(pools.iter().map(|p| &p.energy).zip(fleet.iter().map(output)));
        let instances = pools.iter().map(|p| p.cost_micro_per_hour).fold(0i64, i64::saturating_add);
        let mut why: Vec<String> =
            fleet.iter().zip(&pools).map(|(chosen, pool)| pool.sentence(chosen)).collect();
        why.push(basis(&pools));
        Ok(Self {
            gpus: pools.iter().map(|p| p.gpus).sum(),
            cost_micro_per_hour: instances.saturating_add(energy.tariff_micro_per_hour),
            energy,
            why,
            effort,
            pools,
        })
    }

    /// The largest percentile over its objective.
    #[must_use]
    pub fn tightness(&self) -> f64 {
        self.pools.iter().map(|p| p.tightness).fold(0.0, f64::max)
    }

    /// The slowest percentile of the time to first token, milliseconds.
    #[must_use]
    pub fn worst_ttft_ms(&self) -> f64 {
        self.pools.iter().flat_map(|p| &p.classes).map(|c| c.ttft_ms).fold(0.0, f64::max)
    }
}

/// Where the times of all pools come from, each basis once.
fn basis(pools: &[PoolPlan]) -> String {
    let mut told: Vec<String> = Vec::new();
    for pool in pools {
        let one = match pools.iter().all(|other| other.basis == pool.basis) {
            true => pool.basis.to_string(),
            false => format!("{} {}", pool.profile, pool.basis),
        };
        if !told.contains(&one) {
            told.push(one);
        }
    }
    format!("times: {}", told.join("; "))
}

impl PoolPlan {
    fn of(problem: &Problem, chosen: &Chosen) -> Result<Self, Error> {
        let profile = &problem.profiles[chosen.profile];
        let gone =
            || Error::Infeasible { why: format!("a pool up to {} tokens lost its room", chosen.cut.high) };
        let pool = Pool::new(problem, profile, &chosen.load, chosen.cut.high).ok_or_else(gone)?;
        let steady = pool.steady(chosen.needed).ok_or_else(gone)?;
        let shares = chosen.load.shares.iter().zip(&problem.streams).filter(|(share, _)| share.rate > 0.0);
        let classes = shares.map(|(share, stream)| {
            let percentile = stream.class.slo.percentile;
            ClassPlan {
                class: stream.class.name.clone(),
                rate_per_s: share.rate,
                percentile,
                ttft_p50_ms: pool.ttft_s(&steady, share, 0.5) * 1e3,
                ttft_ms: pool.ttft_s(&steady, share, percentile) * 1e3,
                tpot_mean_ms: pool.tpot_mean_s(&steady, share) * 1e3,
                tpot_ms: pool.tpot_s(&steady, share, percentile) * 1e3,
                e2e_ms: pool.e2e_s(&steady, share, percentile) * 1e3,
            }
        });
        Ok(Self {
            max_total_tokens: chosen.cut.high,
            gamma: chosen.gamma,
            profile: profile.name.clone(),
            profile_index: chosen.profile,
            basis: profile.basis.clone(),
            instances: chosen.instances,
            needed: chosen.needed,
            gpus: chosen.instances.saturating_mul(profile.gpus),
            rate_per_s: chosen.load.rate,
            compressed_per_s: chosen.load.compressed,
            arrival_cv2: chosen.load.arrival_cv2,
            utilisation: steady.utilisation,
            batch: steady.batch,
            slots: pool.slots,
            waits: steady.wait.probability,
            iteration_ms: steady.iteration_s * 1e3,
            binding: chosen.binding.clone(),
            cost_micro_per_hour: profile.price_micro_per_hour.saturating_mul(i64::from(chosen.instances)),
            energy: usage(&pool, chosen.needed, chosen.instances),
            tightness: pool.tightness(&steady),
            classes: classes.collect(),
        })
    }

    fn sentence(&self, chosen: &Chosen) -> String {
        let binding = match &self.binding {
            Binding::Minimum => "one is the fewest".to_owned(),
            Binding::Capacity => "fewer cannot keep up".to_owned(),
            Binding::Utilisation => "fewer would exceed the bound on utilisation".to_owned(),
            Binding::Ttft(class) => format!("fewer would miss the time to first token of {class}"),
            Binding::Tpot(class) => format!("fewer would miss the time per output token of {class}"),
            Binding::EndToEnd(class) => format!("fewer would miss the end-to-end time of {class}"),
        };
        let spares = match self.instances - self.needed {
            0 => String::new(),
            spares => format!(", {spares} of them against failures"),
        };
        let compressed = match self.compressed_per_s {
            0.0 => String::new(),
            rate => format!("; {rate:.2} requests/s are compressed into it at γ = {}", self.gamma),
        };
        format!(
            "{} to {} tokens: {:.2} requests/s on {} of {}{spares}: {binding} ({:.0} % used, {:.1} of {} slots){compressed}",
            chosen.cut.low.saturating_add(1),
            self.max_total_tokens,
            self.rate_per_s,
            self.instances,
            self.profile,
            self.utilisation * 100.0,
            self.batch,
            self.slots,
        )
    }
}
