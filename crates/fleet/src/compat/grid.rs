//! The reference's curve of power against latency when the batch is capped for the grid.

use super::knots::Knots;
use super::profile::Profile;
use super::sizing::{Calibration, wait_p99_s};
use crate::Error;
use crate::error::{positive, within};
use serde::Serialize;

/// The reductions that the reference tries, percent.
pub const LEVELS: [f64; 9] = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0];

/// One level of reduction. Serialised, the names are the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flex {
    /// Reduction of power asked for, percent.
    #[serde(rename = "flex_pct")]
    pub percent: f64,
    /// Most sequences of a GPU that stay within it.
    #[serde(rename = "n_max_cap")]
    pub cap: u64,
    /// Watts of a GPU at that cap.
    #[serde(rename = "power_per_gpu_w")]
    pub gpu_w: f64,
    /// Kilowatts of the fleet.
    #[serde(rename = "power_fleet_kw")]
    pub fleet_kw: f64,
    /// 99th percentile of the time to first token, milliseconds; infinite when the fleet cannot keep up.
    #[serde(rename = "p99_ttft_ms")]
    pub ttft_ms: f64,
    /// Whether that is within the objective.
    pub slo_met: bool,
}

/// A fleet of one pool for [`flex`].
#[derive(Clone, Copy, Debug)]
pub struct Fleet<'a> {
    /// The GPU.
    pub profile: &'a Profile,
    /// How many.
    pub gpus: u64,
    /// Context, tokens.
    pub context: u32,
    /// Requests per second.
    pub rate: f64,
    /// Objective, milliseconds.
    pub slo_ms: f64,
}

/// The curve at some levels.
///
/// # Errors
///
/// [`Error::Setting`] for a profile without a power curve or a level outside 0 to 100, and what [`Calibration::new`]
/// refuses.
pub fn flex(knots: &Knots, fleet: &Fleet<'_>, levels: &[f64]) -> Result<Vec<Flex>, Error> {
    positive("rate", fleet.rate)?;
    let full = fleet.profile.slots(fleet.context);
    let mut curve = Vec::with_capacity(levels.len());
    for &percent in levels {
        within("flex", percent, 0.0, 100.0, "give percent from 0 to 100")?;
        let nominal = fleet.profile.power.map_or(0.0, |p| p.nominal_w);
        let cap = full.min(fleet.profile.sequences_within(nominal * (1.0 - percent / 100.0))?);
        let gpu_w = fleet.profile.power_w(cap)?;
        let capped = fleet.profile.capped(cap, fleet.context);
        let calibration = Calibration::new(knots, fleet.context, &capped, 1)?;
        let each = calibration.rate / cap.max(1) as f64;
        let wait = wait_p99_s(fleet.gpus.saturating_mul(cap), fleet.rate, each, calibration.cv2);
        let ttft_ms = (wait + calibration.prefill_s) * 1000.0;
        let fleet_kw = fleet.gpus as f64 * gpu_w / 1000.0;
        curve.push(Flex { percent, cap, gpu_w, fleet_kw, ttft_ms, slo_met: ttft_ms <= fleet.slo_ms });
    }
    Ok(curve)
}
