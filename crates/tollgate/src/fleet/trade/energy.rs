//! `tollgate fleet energy`: tokens per joule of a plan, by pool and by context, and the decode-only curve beside them.

use super::super::plan::refused;
use super::super::problem::{FleetArgs, band};
use super::super::{compat, usd};
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use tollgate_fleet::Error;
use tollgate_fleet::plan::{Plan, PoolPlan, Problem, plan};
use tollgate_fleet::power::{DecodeOnly, Usage, decode_only};

/// Context windows where none is said, in tokens.
pub(in crate::fleet) const WINDOWS: [u32; 7] = [2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
/// What the decode-only curve is, for those who read it alone.
const CURVE: &str = "decode only, full slots, GPUs alone: an upper bound, not what a fleet uses";

/// Tokens per joule, money and carbon: by pool, by context, and the decode-only 1/W curve
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet energy --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --gpu h100 --tariff 0.12 --carbon 350
  tollgate fleet energy --cdf lengths.json --rate 200 --slo-ttft-ms 500 --gpu h100 --gpu a100 --compat --used 0.2,0.4,0.6
  tollgate fleet energy --cdf lengths.json --rate 200 --slo-ttft-ms 500 --gpu a10g --gpu h100 --boundary 6144 --compat

Exits with 1 when no fleet meets the promises.")]
pub(crate) struct EnergyArgs {
    #[command(flatten)]
    pub(in crate::fleet) fleet: FleetArgs,
    /// Answer as the public reference simulator's `tok-per-watt` does: each --gpu alone, or two pools at one --boundary
    #[arg(long, conflicts_with_all = compat::REFUSED,
        conflicts_with_all = ["slo_tpot_ms", "gamma", "compressible", "availability"])]
    pub(in crate::fleet) compat: bool,
    /// With --compat: also at these shares of the full rate
    #[arg(long, value_name = "SHARE", value_delimiter = ',', requires = "compat")]
    pub(in crate::fleet) used: Vec<f64>,
    /// Context windows of the curves, in tokens [default: 2048 to 131072 by doubling]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(in crate::fleet) window: Vec<u32>,
    /// Print as JSON
    #[arg(long)]
    pub(in crate::fleet) json: bool,
}

/// Requests of a band of lengths, served by a pool of their own.
#[derive(Serialize)]
struct Band {
    above_tokens: u32,
    up_to_tokens: u32,
    rate_per_s: f64,
    profile: Option<String>,
    instances: Option<u32>,
    energy: Option<Usage>,
    why_not: Option<String>,
}

/// Plans, and reckons.
pub(in crate::fleet) fn run(args: &EnergyArgs) -> Result<Ending> {
    if args.compat {
        return compat::energy(args);
    }
    let (loaded, problem) = args.fleet.problem()?;
    let planned = match plan(&problem) {
        Err(Error::Infeasible { why }) => return refused(args.json, &why),
        other => other?,
    };
    let windows = if args.window.is_empty() { &WINDOWS[..] } else { &args.window };
    let bands = bands(&problem, windows);
    let curves = curves(&problem, windows);
    if args.json {
        let curves: Vec<_> =
            curves.iter().map(|(name, points)| json!({"profile": name, "points": points})).collect();
        say::json(&json!({
            "workload": loaded.json(), "site": problem.site, "fleet": planned.energy,
            "pools": planned.pools.iter().map(|p| json!({"up_to_tokens": p.max_total_tokens, "profile": p.profile,
                "instances": p.instances, "power_from": source(&problem, p), "energy": p.energy})).collect::<Vec<_>>(),
            "by_context": bands, "decode_only": {"what": CURVE, "curves": curves},
        }))?;
        return Ok(Ending::Good);
    }
    show_pools(&problem, &planned)?;
    say::line(
        "\nBy context: the requests of each band of lengths alone, at the batch that serves them within the promises",
    )?;
    say::table(&BAND_HEAD, &bands.iter().map(band_row).collect::<Vec<_>>())?;
    say::line(&format!("\n1/W: {CURVE}"))?;
    let rows = curves.iter().flat_map(|(name, points)| points.iter().map(move |p| (name, p)));
    let cells = |(name, p): (&String, &DecodeOnly)| {
        vec![
            name.clone(),
            p.window.to_string(),
            p.slots.to_string(),
            format!("{:.2}", p.iteration_s * 1e3),
            format!("{:.0}", p.gpus_w),
            format!("{:.2}", p.tokens_per_joule),
        ]
    };
    let head = ["instance", "window", "slots", "iteration ms", "W", "tokens/J"];
    say::table(&head, &rows.map(cells).collect::<Vec<_>>())?;
    Ok(Ending::Good)
}

fn show_pools(problem: &Problem, planned: &Plan) -> Result<()> {
    say::table(&POOL_HEAD, &planned.pools.iter().map(pool_row).collect::<Vec<_>>())?;
    let (all, site) = (&planned.energy, &problem.site);
    say::line(&format!(
        "\nall: {:.1} kW at the meter (PUE {}), {:.3} output tokens per joule, {} USD and {:.1} kg CO₂e an hour",
        all.facility_w / 1000.0,
        site.pue,
        all.tokens_per_joule,
        usd(all.tariff_micro_per_hour),
        all.carbon_g_per_hour / 1000.0
    ))?;
    let mut told: Vec<String> = planned
        .pools
        .iter()
        .map(|pool| format!("power of {}: {}", pool.profile, source(problem, pool)))
        .collect();
    told.dedup();
    told.iter().try_for_each(|line| say::line(line))
}

/// Where a pool's power curve comes from.
fn source(problem: &Problem, pool: &PoolPlan) -> String {
    let profile = problem.profiles.get(pool.profile_index);
    profile.map_or_else(|| "not known".into(), |profile| profile.power.source.clone())
}

/// The head of a table of the energy of pools.
const POOL_HEAD: [&str; 8] =
    ["pool", "instances of", "W per GPU", "kW", "kW at the meter", "tokens/J", "energy USD/h", "kg CO₂e/h"];

fn pool_row(pool: &PoolPlan) -> Vec<String> {
    let energy = &pool.energy;
    vec![
        format!("up to {}", pool.max_total_tokens),
        pool.profile.clone(),
        format!("{:.0}", energy.gpu_w),
        format!("{:.1}", energy.it_w / 1000.0),
        format!("{:.1}", energy.facility_w / 1000.0),
        format!("{:.3}", energy.tokens_per_joule),
        usd(energy.tariff_micro_per_hour),
        format!("{:.1}", energy.carbon_g_per_hour / 1000.0),
    ]
}

/// Each band between two windows as a workload of its own, served by one pool.
fn bands(problem: &Problem, windows: &[u32]) -> Vec<Band> {
    let context = problem.space.context;
    let mut edges: Vec<u32> = windows.iter().copied().filter(|w| *w < context).chain([context]).collect();
    edges.sort_unstable();
    edges.dedup();
    let lows = [0].into_iter().chain(edges.iter().copied());
    lows.zip(&edges).filter_map(|(low, &high)| served(problem, low, high)).collect()
}

fn served(problem: &Problem, low: u32, high: u32) -> Option<Band> {
    let alone = band(problem, low, high)?;
    let rate_per_s = alone.streams.iter().map(|stream| stream.rate_per_s).sum();
    let empty = Band {
        above_tokens: low,
        up_to_tokens: high,
        rate_per_s,
        profile: None,
        instances: None,
        energy: None,
        why_not: None,
    };
    Some(match plan(&alone) {
        Ok(found) => Band {
            profile: found.pools.first().map(|pool| pool.profile.clone()),
            instances: found.pools.first().map(|pool| pool.instances),
            energy: Some(found.energy),
            ..empty
        },
        Err(error) => Band { why_not: Some(error.to_string()), ..empty },
    })
}

const BAND_HEAD: [&str; 7] =
    ["above", "up to", "req/s", "instances of", "instances", "kW at the meter", "tokens/J"];

fn band_row(band: &Band) -> Vec<String> {
    let mut row =
        vec![band.above_tokens.to_string(), band.up_to_tokens.to_string(), format!("{:.2}", band.rate_per_s)];
    match (&band.energy, &band.profile) {
        (Some(energy), Some(profile)) => row.extend([
            profile.clone(),
            band.instances.unwrap_or(0).to_string(),
            format!("{:.1}", energy.facility_w / 1000.0),
            format!("{:.3}", energy.tokens_per_joule),
        ]),
        _ => row.push(band.why_not.clone().unwrap_or_default()),
    }
    row
}

fn curves(problem: &Problem, windows: &[u32]) -> Vec<(String, Vec<DecodeOnly>)> {
    problem.profiles.iter().map(|profile| (profile.name.clone(), curve(profile, windows))).collect()
}

/// The decode-only points of the windows that fit.
pub(in crate::fleet) fn curve(
    profile: &tollgate_fleet::service::Profile,
    windows: &[u32],
) -> Vec<DecodeOnly> {
    let fits = windows.iter().copied().filter(|window| profile.reserved_slots(*window) > 0);
    fits.map(|window| decode_only(profile, window)).collect()
}
