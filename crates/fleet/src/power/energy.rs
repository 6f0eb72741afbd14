//! From watts to joules per token, money and carbon.

use crate::Error;
use crate::error::within;
use crate::service::Profile;
use serde::{Deserialize, Serialize};

/// What the meter, the bill and the grid add to a GPU's watts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    /// Power usage effectiveness: facility over equipment.
    pub pue: f64,
    /// Price of a kilowatt-hour, millionths of a US dollar. 0 where the GPU's price includes it.
    pub tariff_micro_per_kwh: i64,
    /// Grams of CO₂-equivalent of a kilowatt-hour.
    pub carbon_g_per_kwh: f64,
}

impl Default for Site {
    /// A cloud: the tariff is in the price; cooling and the grid are world averages (Uptime Institute 2024: 1.56;
    /// Ember 2024: 473 g).
    fn default() -> Self {
        Self { pue: 1.56, tariff_micro_per_kwh: 0, carbon_g_per_kwh: 473.0 }
    }
}

impl Site {
    /// # Errors
    /// [`Error::Setting`] where a figure is out of range.
    pub fn check(&self) -> Result<(), Error> {
        within("site.pue", self.pue, 1.0, 5.0, "give 1 to 5")?;
        within("site.tariff_micro_per_kwh", self.tariff_micro_per_kwh as f64, 0.0, 1e9, "give at least 0")?;
        Ok(within("site.carbon_g_per_kwh", self.carbon_g_per_kwh, 0.0, 1e4, "give 0 to 10,000 g")?)
    }

    /// The use of instances at a mean batch that write `output_per_s` tokens together.
    #[must_use]
    pub fn usage(&self, profile: &Profile, instances: f64, batch: f64, output_per_s: f64) -> Usage {
        let gpu_w = profile.power.watts(batch);
        let it_w = instances * (f64::from(profile.gpus) * gpu_w + profile.host_power_w);
        self.of_equipment(gpu_w, it_w, output_per_s)
    }

    fn of_equipment(&self, gpu_w: f64, it_w: f64, output_per_s: f64) -> Usage {
        let facility_w = it_w * self.pue;
        let kwh_per_hour = facility_w / 1000.0;
        Usage {
            gpu_w,
            it_w,
            facility_w,
            tokens_per_joule: if facility_w > 0.0 { output_per_s / facility_w } else { 0.0 },
            tariff_micro_per_hour: self.tariff(facility_w),
            carbon_g_per_hour: self.carbon_g_per_kwh * kwh_per_hour,
        }
    }

    /// Cost of an hour at some watts, in whole millionths; power is rounded up to a milliwatt first.
    fn tariff(&self, watts: f64) -> i64 {
        let milliwatts = (watts * 1000.0).ceil() as i128;
        i64::try_from(i128::from(self.tariff_micro_per_kwh) * milliwatts / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Uses of several pools together.
    #[must_use]
    pub fn sum<'a>(&self, parts: impl Iterator<Item = (&'a Usage, f64)>) -> Usage {
        let (mut it_w, mut output) = (0.0, 0.0);
        for (usage, output_per_s) in parts {
            it_w += usage.it_w;
            output += output_per_s;
        }
        self.of_equipment(0.0, it_w, output)
    }
}

/// Power in use, and what it means.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Usage {
    /// Watts of one GPU (0 for a sum over pools).
    pub gpu_w: f64,
    /// Watts of all GPUs and their hosts.
    pub it_w: f64,
    /// The same with cooling: what the meter shows.
    pub facility_w: f64,
    /// Output tokens per joule at the meter.
    pub tokens_per_joule: f64,
    /// Cost of the energy, millionths of a US dollar an hour.
    pub tariff_micro_per_hour: i64,
    /// Grams of CO₂-equivalent an hour.
    pub carbon_g_per_hour: f64,
}

/// One point of the "1/W" curve.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct DecodeOnly {
    /// Context window, tokens.
    pub window: u32,
    /// Sequences at once.
    pub slots: u32,
    /// Time of an iteration, seconds.
    pub iteration_s: f64,
    /// Watts of the instance's GPUs.
    pub gpus_w: f64,
    /// Output tokens per joule of the GPUs.
    pub tokens_per_joule: f64,
}

/// Decode only, at full slots, with a mean length of half the window (arXiv:2603.17280): an upper bound that leaves out
/// prefill, idle slots, hosts and cooling. Never a forecast of what a fleet uses.
#[must_use]
pub fn decode_only(profile: &Profile, window: u32) -> DecodeOnly {
    let slots = profile.reserved_slots(window);
    let n = f64::from(slots);
    let iteration_s = profile.step.seconds(n, n * f64::from(window) / 2.0, 0.0);
    let gpus_w = f64::from(profile.gpus) * profile.power.watts(n);
    DecodeOnly { window, slots, iteration_s, gpus_w, tokens_per_joule: n / iteration_s / gpus_w }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::{PowerCurve, PowerPoint};
    use crate::service::{Basis, StepTime};

    /// The H100 of the "1/W" paper: 2²⁰ tokens of cache, 4 ms and 0.32 ms a sequence of 8,192 tokens, the logistic curve.
    fn paper() -> Profile {
        let watts = |b: f64| 300.0 + 300.0 / (1.0 + (-(b.log2() - 4.2)).exp());
        let points =
            (0..10).map(|k| f64::from(1u32 << k)).map(|batch| PowerPoint { batch, watts: watts(batch) });
        Profile {
            name: "paper".into(),
            gpu: "h100".into(),
            gpus: 1,
            step: StepTime { per_context_token_s: 0.000_32 / 8192.0, ..StepTime::constant(0.004) },
            kv_tokens: 1 << 20,
            sequences: 100_000,
            chunk: 1024,
            kv_token_bytes: 1.0,
            price_micro_per_hour: 4_020_000,
            power: PowerCurve::of_points(70.0, points.collect(), "formula").unwrap(),
            host_power_w: 0.0,
            basis: Basis::Stated,
        }
    }

    /// The published curve: 17.6 at 4K, 1.5 at 64K.
    #[test]
    fn the_decode_only_curve_is_the_published_one() {
        let at: Vec<String> = [2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072]
            .map(|w| format!("{:.1}", decode_only(&paper(), w).tokens_per_joule))
            .to_vec();
        assert_eq!(at, ["35.0", "17.6", "9.0", "4.7", "2.6", "1.5", "0.9"]);
        assert!((decode_only(&paper(), 4096).iteration_s - 0.024_48).abs() < 1e-12);
    }

    #[test]
    fn hosts_and_cooling_count_and_money_is_whole() {
        let site = Site { pue: 1.5, tariff_micro_per_kwh: 100_000, carbon_g_per_kwh: 400.0 };
        let profile = Profile { host_power_w: 200.0, ..paper() };
        let usage = site.usage(&profile, 2.0, 0.0, 270.0);
        assert_eq!([usage.it_w, usage.facility_w], [540.0, 810.0]);
        assert_eq!(usage.tariff_micro_per_hour, 81_000);
        assert!((usage.tokens_per_joule - 1.0 / 3.0).abs() < 1e-12);
        assert!((usage.carbon_g_per_hour - 324.0).abs() < 1e-9);
        let both = site.sum([(&usage, 270.0), (&usage, 0.0)].into_iter());
        assert_eq!(both.facility_w, 1620.0);
        assert!(Site { pue: 0.9, ..site }.check().is_err());
    }
}
