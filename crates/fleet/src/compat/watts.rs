//! The reference's tokens per watt, for one pool and for pools together.

use super::knots::Knots;
use super::profile::Profile;
use super::sizing::Calibration;
use crate::Error;
use crate::error::positive;
use crate::power::DecodeOnly;
use serde::Serialize;

/// How far a power curve rests on measurements, in the reference's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Quality {
    /// Fitted to measurements.
    High,
    /// One measured anchor.
    Fair,
    /// A projection.
    Low,
}

/// A pool at one utilisation. Serialised, the names are the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Watts {
    /// The GPU.
    #[serde(rename = "gpu_name")]
    pub gpu: String,
    /// The pool.
    #[serde(rename = "pool_label")]
    pub label: String,
    /// How many.
    #[serde(rename = "n_gpus")]
    pub gpus: u64,
    /// Utilisation.
    pub rho: f64,
    /// Mean sequences of a GPU.
    #[serde(rename = "n_active")]
    pub active: f64,
    /// Watts of a GPU.
    #[serde(rename = "power_per_gpu_w")]
    pub gpu_w: f64,
    /// Output tokens per joule.
    pub tokens_per_watt: f64,
    /// US dollars per million output tokens.
    #[serde(rename = "cost_per_mil")]
    pub cost_million: f64,
    /// 99th percentile of the time to first token, milliseconds.
    #[serde(rename = "p99_ttft_ms")]
    pub ttft_ms: f64,
    /// How far the power curve is measured.
    #[serde(rename = "power_model_qual")]
    pub quality: Quality,
    /// Whether this is the smallest fleet within the objective.
    pub slo_optimal: bool,
}

/// A pool's share of the traffic.
#[derive(Clone, Debug)]
pub struct Pool<'a> {
    /// What it is called.
    pub label: String,
    /// Its GPU.
    pub profile: &'a Profile,
    /// Its lengths.
    pub knots: Knots,
    /// Its requests per second.
    pub rate: f64,
}

/// Mean output of a distribution: a fifth of the mean of bucket middles.
#[must_use]
pub fn mean_output(knots: &Knots) -> f64 {
    let (mut mass, mut mean, mut before) = (0.0, 0.0, (0.0, 0.0));
    for &(tokens, share) in &knots.0 {
        let (tokens, part) = (f64::from(tokens), share - before.1);
        mean += (before.0 + (tokens - before.0) / 2.0) * part;
        mass += part;
        before = (tokens, share);
    }
    if mass > 0.0 {
        mean /= mass;
    }
    (0.20 * mean).floor().max(1.0)
}

/// The parts of a distribution at and above a boundary, each ending at 1, and the share of the first.
#[must_use]
pub fn parted(knots: &Knots, boundary: u32) -> (Knots, Knots, f64) {
    let beyond_all = knots.0.iter().all(|knot| knot.0 < boundary);
    let last = knots.0.last().map_or(0.0, |knot| knot.1);
    let share = if beyond_all { last } else { knots.at(boundary) };
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    let mut short: Vec<(u32, f64)> =
        knots.0.iter().filter(|k| k.0 <= boundary).map(|&(t, f)| (t, f / share)).collect();
    let mut long: Vec<(u32, f64)> = knots
        .0
        .iter()
        .filter(|k| k.0 > boundary)
        .map(|&(t, f)| (t, ((f - share) / (1.0 - share)).max(0.0)))
        .collect();
    match short.last_mut() {
        Some(knot) if knot.0 >= boundary => knot.1 = 1.0,
        _ => short.push((boundary, 1.0)),
    }
    match long.last_mut() {
        Some(knot) => knot.1 = 1.0,
        None => long.push((boundary.saturating_add(1), 1.0)),
    }
    (Knots(short), Knots(long), share)
}

/// A pool at its smallest size within the objective, or at a utilisation.
///
/// # Errors
///
/// [`Error::Setting`] for a rate that is not positive or a profile without a power curve, and what
/// [`Calibration::new`] refuses.
pub fn pool(pool: &Pool<'_>, slo_ms: f64, context: u32, rho: Option<f64>) -> Result<Watts, Error> {
    positive("rate", pool.rate)?;
    let c = Calibration::new(&pool.knots, context, pool.profile, 1)?;
    let output = mean_output(&pool.knots);
    let gpus = match rho {
        None => c.gpus(pool.rate, slo_ms / 1000.0),
        Some(rho) => ((pool.rate / (c.rate * rho.clamp(0.05, 0.95))).ceil() as u64).max(1),
    };
    let rho_reached = pool.rate / (gpus as f64 * c.rate);
    let active = rho_reached * c.slots as f64;
    let wait = c.wait_p99_s(gpus, pool.rate);
    let gpu_w = pool.profile.power_w((active as u64).max(1))?;
    let name = &pool.profile.name;
    let quality = match () {
        () if name.contains("H100") || name.contains("H200") => Quality::High,
        () if name.contains("A100") => Quality::Fair,
        () => Quality::Low,
    };
    Ok(Watts {
        gpu: name.clone(),
        label: pool.label.clone(),
        gpus,
        rho: rho_reached,
        active,
        gpu_w,
        tokens_per_watt: c.rate * rho_reached * output / gpu_w,
        cost_million: (gpus as f64 * pool.profile.price / 3600.0) / (pool.rate * output) * 1e6,
        ttft_ms: (wait + c.prefill_s) * 1000.0,
        quality,
        slo_optimal: rho.is_none(),
    })
}

/// Pools together.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetWatts {
    /// Each pool.
    pub pools: Vec<Watts>,
    /// Output tokens per joule of all.
    pub tokens_per_watt: f64,
    /// US dollars per million output tokens.
    pub cost_million: f64,
    /// Kilowatts.
    pub power_kw: f64,
    /// GPUs.
    pub gpus: u64,
    /// The largest 99th percentile, milliseconds.
    pub worst_ms: f64,
}

/// Tokens per watt of a fleet: all output over all power.
///
/// # Errors
///
/// As [`pool`].
pub fn fleet(pools: &[Pool<'_>], slo_ms: f64, context: u32) -> Result<FleetWatts, Error> {
    let points = pools.iter().map(|p| pool(p, slo_ms, context, None)).collect::<Result<Vec<_>, _>>()?;
    let (mut tokens, mut watts, mut dollars) = (0.0, 0.0, 0.0);
    for (spec, point) in pools.iter().zip(&points) {
        tokens += spec.rate * mean_output(&spec.knots);
        watts += point.gpus as f64 * point.gpu_w;
        dollars += point.gpus as f64 * spec.profile.price / 3600.0;
    }
    Ok(FleetWatts {
        tokens_per_watt: tokens / watts,
        cost_million: dollars / tokens * 1e6,
        power_kw: watts / 1000.0,
        gpus: points.iter().map(|p| p.gpus).sum(),
        worst_ms: points.iter().map(|p| p.ttft_ms).fold(0.0, f64::max),
        pools: points,
    })
}

/// One point of the reference's "1/W" curve (arXiv:2603.17280): decode only, full slots, a mean length of half the
/// window, and the watts of one GPU for an instance of eight. Where no sequence fits, nothing is written.
///
/// # Errors
///
/// [`Error::Setting`] for a profile without a power curve.
pub fn decode_only(profile: &Profile, window: u32) -> Result<DecodeOnly, Error> {
    let slots = profile.slots(window);
    let iteration_s = profile.iteration_s(slots, Some(f64::from(window) / 2.0));
    let gpus_w = profile.power_w(slots)?;
    let tokens_per_joule = slots as f64 / iteration_s / gpus_w;
    Ok(DecodeOnly {
        window,
        slots: u32::try_from(slots).unwrap_or(u32::MAX),
        iteration_s,
        gpus_w,
        tokens_per_joule,
    })
}

#[cfg(test)]
mod tests {
    use super::super::profile::h100;
    use super::*;

    /// Knots in no order, and a boundary beyond them all: the first at or above it counts, and the last without any.
    #[test]
    fn the_share_below_a_boundary_is_the_reference_s() {
        let knots = Knots(vec![(22_415, 0.5463), (55_566, 0.8529), (14_346, 0.2682), (3359, 0.0076)]);
        let share = |boundary| parted(&knots, boundary).2;
        assert!((share(16_384) - 0.5463 * 16_384.0 / 22_415.0).abs() < 1e-12);
        assert_eq!(share(60_000), 0.0076);
    }

    /// The published table: 17.6 at 4K, 1.5 at 64K.
    #[test]
    fn the_decode_only_curve_is_the_published_one() {
        let at = [2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
        let points = at.map(|window| decode_only(&h100(), window).unwrap());
        let shown = points.map(|p| format!("{:.1}", p.tokens_per_joule));
        assert_eq!(shown, ["35.0", "17.6", "9.0", "4.7", "2.6", "1.5", "0.9"]);
        assert!(points.iter().all(|p| (p.iteration_s - 0.024_48).abs() < 1e-12));
        let too_long = decode_only(&h100(), 1 << 21).unwrap();
        assert_eq!((too_long.slots, too_long.tokens_per_joule), (0, 0.0));
    }
}
