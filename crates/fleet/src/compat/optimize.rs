//! The two-pool optimiser: a sweep over γ, the cheapest few checked by simulation; what-if over rates.

use super::knots::{Knots, length, rounded};
use super::mersenne::Mersenne;
use super::profile::Profile;
use super::sizing::{Calibration, SEED};
use super::slots::SlotPool;
use crate::Error;
use crate::error::{positive, within};
use serde::Serialize;
use serde_json::{Value, json};
use tollgate_core::OutOfRange;

/// Hours of a year, as billed.
const HOURS: f64 = 8760.0;
/// Most γ values of a sweep.
const GAMMAS_MAX: usize = 1000;
/// Most requests of one simulation, which are kept one by one.
const REQUESTS_MAX: usize = 10_000_000;
/// Highest rate, requests per second.
const RATE_MAX: f64 = 1e7;
/// Least share of nodes that are up.
const AVAILABILITY_MIN: f64 = 0.01;

/// What to size: two pools parted at a boundary.
#[derive(Clone, Debug)]
pub struct Case {
    /// Requests per second.
    pub rate: f64,
    /// Objective for the 99th percentile of the time to first token, milliseconds.
    pub slo_ms: f64,
    /// Longest total length of the short pool, tokens.
    pub boundary: u32,
    /// Context of the long pool, tokens.
    pub long_context: u32,
    /// GPU of the short pool.
    pub short: Profile,
    /// GPU of the long pool.
    pub long: Profile,
    /// Values of γ: requests up to γ times the boundary may be compressed into the short pool.
    pub gammas: Vec<f64>,
    /// Share of those that can be.
    pub compressible: f64,
    /// Share of nodes that are up.
    pub availability: f64,
}

impl Case {
    /// A case with the reference's defaults: 65,536 tokens of context, γ from 1.0 to 2.0, three quarters
    /// compressible, no reliability margin.
    #[must_use]
    pub fn new(rate: f64, slo_ms: f64, boundary: u32, short: Profile, long: Profile) -> Self {
        Self {
            rate,
            slo_ms,
            boundary,
            long_context: 65_536,
            short,
            long,
            gammas: gammas_up_to(2.0),
            compressible: 0.75,
            availability: 1.0,
        }
    }

    fn check(&self, knots: &Knots) -> Result<(), Error> {
        positive("rate", self.rate)?;
        within("rate", self.rate, 0.0, RATE_MAX, "give at most 10,000,000 requests per second")?;
        positive("slo_ms", self.slo_ms)?;
        within("availability", self.availability, AVAILABILITY_MIN, 1.0, "give a share from 0.01 to 1")?;
        within("compressible", self.compressible, 0.0, 1.0, "give a share from 0 to 1")?;
        knots.check()?;
        length("boundary", self.boundary.into())?;
        length("context", self.long_context.into())?;
        let setting = |field, value: String, fix| Err(Error::Setting(OutOfRange { field, value, fix }));
        if self.boundary == 0 || self.long_context == 0 {
            return setting("boundary", self.boundary.to_string(), "give lengths of at least one token");
        }
        if self.gammas.is_empty()
            || self.gammas.len() > GAMMAS_MAX
            || self.gammas.iter().any(|g| g.is_nan() || *g < 1.0)
        {
            return setting("gammas", format!("{:?}", self.gammas), "give 1 to 1,000 values of at least 1");
        }
        let largest = self.gammas.iter().copied().fold(1.0, f64::max);
        length("γ times the boundary", largest * f64::from(self.boundary))?;
        let below = knots.0.iter().rfind(|k| k.0 <= self.boundary);
        if below.is_some_and(|k| k.1 <= 0.0) {
            let fix = "raise it: no request is that short, and the reference divides by their share";
            return setting("boundary", self.boundary.to_string(), fix);
        }
        Ok(())
    }

    /// The boundary of the long pool at a γ, the share that the short pool gets, and the rates of both.
    fn part(&self, knots: &Knots, gamma: f64) -> (u32, f64, [f64; 2]) {
        let stretched = (gamma * f64::from(self.boundary)) as u32;
        let base = knots.at(self.boundary);
        let borderline = (knots.at(stretched) - base).max(0.0);
        let share = (base + borderline * self.compressible).min(1.0);
        (stretched, share, [share * self.rate, (1.0 - share) * self.rate])
    }
}

/// 1.0, 1.1, … up to a largest γ.
#[must_use]
pub fn gammas_up_to(largest: f64) -> Vec<f64> {
    let steps = ((largest - 1.0) / 0.1) as u32;
    (0..=steps).map(|k| rounded(1.0 + 0.1 * f64::from(k), 1)).collect()
}

/// Where a row's percentiles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The formula.
    Analytical,
    /// The simulation of slots.
    Simulated,
}

/// One fleet of a sweep. Serialised, the names and the rounding are the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// γ.
    pub gamma: f64,
    /// GPUs of the short pool.
    #[serde(rename = "n_s")]
    pub short: u64,
    /// GPUs of the long pool.
    #[serde(rename = "n_l")]
    pub long: u64,
    /// GPUs of both.
    #[serde(rename = "total_gpus")]
    pub gpus: u64,
    /// US dollars an hour.
    #[serde(skip)]
    pub cost_hour: f64,
    /// Thousands of US dollars a year.
    #[serde(rename = "annualised_cost_kusd", serialize_with = "one_decimal")]
    pub cost_year: f64,
    /// 99th percentile of the short pool's time to first token, milliseconds.
    #[serde(rename = "p99_ttft_short_ms", serialize_with = "one_decimal")]
    pub short_ms: f64,
    /// The long pool's.
    #[serde(rename = "p99_ttft_long_ms", serialize_with = "one_decimal")]
    pub long_ms: f64,
    /// Whether both are within the objective.
    pub slo_met: bool,
    /// Where the percentiles come from.
    pub source: Source,
    /// Share of requests that the short pool serves.
    #[serde(skip)]
    pub share: f64,
}

fn one_decimal<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*value, 1))
}

/// A sweep by formula: one row per γ, cheapest first, equal costs in the order of γ.
///
/// # Errors
///
/// [`Error::Setting`] or [`Error::Empty`] for a case that the reference cannot compute.
pub fn sweep(knots: &Knots, case: &Case) -> Result<Vec<Row>, Error> {
    case.check(knots)?;
    let short = Calibration::new(&knots.below(case.boundary), case.boundary, &case.short, 1)?;
    let found = case.gammas.iter().map(|&gamma| row(knots, case, &short, gamma));
    let mut rows = found.collect::<Result<Vec<Row>, Error>>()?;
    rows.sort_by(|a, b| a.cost_hour.total_cmp(&b.cost_hour));
    Ok(rows)
}

fn row(knots: &Knots, case: &Case, short: &Calibration, gamma: f64) -> Result<Row, Error> {
    let (stretched, share, [to_short, to_long]) = case.part(knots, gamma);
    let up = |gpus: u64| (gpus as f64 / case.availability).ceil() as u64;
    let slo_s = case.slo_ms / 1000.0;
    let short_gpus = up(short.gpus(to_short, slo_s));
    let long = match knots.above(stretched) {
        Some(above) => Calibration::new(&above, case.long_context, &case.long, stretched.max(1))?,
        None => Calibration { rate: 0.01, cv2: 1.0, slots: 1, prefill_s: 0.0 },
    };
    let (long_gpus, long_ms) = if to_long > 0.01 {
        let gpus = up(long.gpus(to_long, slo_s));
        (gpus, long.ttft_p99_ms(gpus, to_long))
    } else {
        (0, 0.0)
    };
    let short_ms = short.ttft_p99_ms(short_gpus, to_short);
    let cost_hour = short_gpus as f64 * case.short.price + long_gpus as f64 * case.long.price;
    Ok(Row {
        gamma,
        short: short_gpus,
        long: long_gpus,
        gpus: short_gpus.saturating_add(long_gpus),
        cost_hour,
        cost_year: cost_hour * HOURS / 1000.0,
        short_ms,
        long_ms,
        slo_met: short_ms <= case.slo_ms && long_ms <= case.slo_ms,
        source: Source::Analytical,
        share,
    })
}

/// The same fleet with percentiles of the slot simulation over `requests` requests a pool.
///
/// # Errors
///
/// As [`sweep`], and [`Error::Setting`] for more than 10,000,000 requests.
pub fn simulate(knots: &Knots, case: &Case, row: &Row, requests: usize) -> Result<Row, Error> {
    case.check(knots)?;
    if requests > REQUESTS_MAX {
        let value = requests.to_string();
        return Err(Error::Setting(OutOfRange { field: "requests", value, fix: "give at most 10,000,000" }));
    }
    let (stretched, _, [to_short, to_long]) = case.part(knots, row.gamma);
    let mut random = Mersenne::new(SEED);
    let short = SlotPool {
        knots: &knots.below(case.boundary),
        shortest: 0,
        context: case.boundary,
        profile: &case.short,
        gpus: row.short,
        arrivals: to_short,
        exclusive: false,
    };
    let short_ms = short.ttft_p99_ms(&mut random, requests);
    let above = knots.above(stretched).unwrap_or_else(|| Knots(vec![(case.long_context, 1.0)]));
    let long = SlotPool {
        knots: &above,
        shortest: stretched,
        context: case.long_context,
        profile: &case.long,
        gpus: row.long,
        arrivals: to_long,
        exclusive: true,
    };
    let long_ms = if to_long > 0.1 && row.long > 0 { long.ttft_p99_ms(&mut random, requests) } else { 0.0 };
    let slo_met = short_ms <= case.slo_ms && long_ms <= case.slo_ms;
    Ok(Row { short_ms, long_ms, slo_met, source: Source::Simulated, ..row.clone() })
}

/// Everything that the reference reports of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The sweep, cheapest first.
    pub analytical: Vec<Row>,
    /// Its first few, simulated.
    pub simulated: Vec<Row>,
}

impl Report {
    /// The cheapest row by formula that meets the objective, or else the cheapest.
    #[must_use]
    pub fn best_analytical(&self) -> Option<&Row> {
        best(&self.analytical)
    }

    /// The same of the simulated rows.
    #[must_use]
    pub fn best_simulated(&self) -> Option<&Row> {
        best(&self.simulated)
    }

    /// All rows, formulas first: the reference's output file.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.analytical.iter().chain(&self.simulated)
    }
}

fn best(rows: &[Row]) -> Option<&Row> {
    rows.iter().filter(|r| r.slo_met).min_by(|a, b| a.cost_hour.total_cmp(&b.cost_hour)).or(rows.first())
}

/// Sweeps, then simulates the `verify` cheapest fleets with `requests` requests each (the reference's defaults: 3
/// and 40,000).
///
/// # Errors
///
/// As [`simulate`].
pub fn optimize(knots: &Knots, case: &Case, verify: usize, requests: usize) -> Result<Report, Error> {
    let analytical = sweep(knots, case)?;
    let checked = if requests == 0 { 0 } else { verify };
    let simulated = analytical.iter().take(checked).map(|row| simulate(knots, case, row, requests));
    let simulated = simulated.collect::<Result<_, _>>()?;
    Ok(Report { analytical, simulated })
}

/// The best fleet by formula at each of some rates, with its rate.
///
/// # Errors
///
/// As [`sweep`].
pub fn what_if(knots: &Knots, case: &Case, rates: &[f64]) -> Result<Vec<(f64, Row)>, Error> {
    let mut found = Vec::with_capacity(rates.len());
    for &rate in rates {
        let rows = sweep(knots, &Case { rate, ..case.clone() })?;
        found.extend(best(&rows).cloned().map(|row| (rate, row)));
    }
    Ok(found)
}

/// The best fleet by formula of each GPU alone at each of some rates: GPU by GPU, with its name and the rate.
///
/// # Errors
///
/// As [`sweep`].
pub fn compare_gpus<'a>(
    knots: &Knots,
    case: &Case,
    gpus: &[(&'a str, Profile)],
    rates: &[f64],
) -> Result<Vec<(&'a str, f64, Row)>, Error> {
    let mut found = Vec::with_capacity(gpus.len() * rates.len());
    for (name, gpu) in gpus {
        let alone = Case { short: gpu.clone(), long: gpu.clone(), ..case.clone() };
        found.extend(what_if(knots, &alone, rates)?.into_iter().map(|(rate, row)| (*name, rate, row)));
    }
    Ok(found)
}

/// What [`compare_gpus`] found as the reference's `whatif --gpu-compare` writes it: rate by rate, each GPU's row under its name.
#[must_use]
pub fn by_rate(found: &[(&str, f64, Row)]) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    for of_one in found.chunk_by(|a, b| a.0 == b.0) {
        for (at, (name, rate, best)) in of_one.iter().enumerate() {
            if at == rows.len() {
                rows.push(json!({ "lam": rate }));
            }
            rows[at][name] = json!({
                "total_gpus": best.gpus,
                "cost_per_hr": rounded(best.cost_hour, 2),
                "annualised_cost_kusd": rounded(best.cost_year, 1),
                "p99_ttft_short_ms": rounded(best.short_ms, 1),
                "slo_met": best.slo_met,
            });
        }
    }
    rows
}
