//! Tokens per watt (`tok-per-watt`), and the "1/W" curve of its paper.

use super::super::trade::{EnergyArgs, WINDOWS};
use super::{CONTEXT, NOTE, knots, rate, slo_ms};
use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use tollgate_fleet::compat::watts::{FleetWatts, Pool, Watts, decode_only, fleet, parted, pool};
use tollgate_fleet::compat::{Knots, Profile};
use tollgate_fleet::power::DecodeOnly;

const HEAD: [&str; 9] =
    ["pool", "GPUs", "used", "active", "tokens/J", "W/GPU", "USD/million", "P99 TTFT ms", "power curve"];
/// What the decode-only curve is, for those who read it alone.
const CURVE: &str =
    "decode only, full slots, mean length of half the window: an upper bound, not what a fleet uses";

/// `fleet energy --compat`: each GPU alone at its smallest fleet and at what is asked, or two pools at a boundary.
pub(in crate::fleet) fn run(args: &EnergyArgs) -> Result<Ending> {
    let knots = knots(&args.fleet.workload)?;
    let asked = Asked {
        rate: rate(&args.fleet)?,
        slo_ms: slo_ms(&args.fleet)?,
        context: args.fleet.context.unwrap_or(CONTEXT),
    };
    let named = args.fleet.hardware.gpu.iter().map(|name| Profile::named(name));
    let profiles = named.collect::<Result<Vec<_>, _>>()?;
    match args.fleet.boundary.as_slice() {
        [] => alone(args, &profiles, &knots, &asked),
        &[boundary] => routed(args, &profiles, &knots, &asked, boundary),
        _ => bail!("--compat answers for one --boundary, or for each --gpu alone without one"),
    }
}

struct Asked {
    rate: f64,
    slo_ms: f64,
    context: u32,
}

fn alone(args: &EnergyArgs, profiles: &[Profile], knots: &Knots, asked: &Asked) -> Result<Ending> {
    let mut points = Vec::new();
    let mut curves = Vec::new();
    let windows = if args.window.is_empty() { &WINDOWS[..] } else { &args.window };
    for profile in profiles {
        let label = profile.name.clone();
        let one = Pool { label, profile, knots: knots.clone(), rate: asked.rate };
        for used in [None].into_iter().chain(args.used.iter().copied().map(Some)) {
            points.push(pool(&one, asked.slo_ms, asked.context, used)?);
        }
        let at = windows.iter().map(|window| decode_only(profile, *window));
        curves.push((profile.name.clone(), at.collect::<Result<Vec<DecodeOnly>, _>>()?));
    }
    if args.json {
        let curve = |(gpu, points): &(String, Vec<DecodeOnly>)| json!({"gpu": gpu, "points": points});
        let curves: Vec<Value> = curves.iter().map(curve).collect();
        say::json(
            &json!({"mode": "compat", "pools": points, "decode_only": {"what": CURVE, "curves": curves}}),
        )?;
        return Ok(Ending::Good);
    }
    say::line(NOTE)?;
    say::table(&HEAD, &points.iter().map(cells).collect::<Vec<_>>())?;
    say::line(&format!("\n1/W: {CURVE}; watts of one GPU for an instance of eight"))?;
    let rows = curves.iter().flat_map(|(gpu, points)| points.iter().map(move |p| (gpu, p)));
    let cells = |(gpu, p): (&String, &DecodeOnly)| {
        vec![
            gpu.clone(),
            p.window.to_string(),
            p.slots.to_string(),
            format!("{:.2}", p.iteration_s * 1e3),
            format!("{:.0}", p.gpus_w),
            format!("{:.2}", p.tokens_per_joule),
        ]
    };
    say::table(
        &["GPU", "window", "slots", "iteration ms", "W", "tokens/J"],
        &rows.map(cells).collect::<Vec<_>>(),
    )?;
    Ok(Ending::Good)
}

fn routed(
    args: &EnergyArgs,
    profiles: &[Profile],
    knots: &Knots,
    asked: &Asked,
    boundary: u32,
) -> Result<Ending> {
    let (short, long) = match profiles {
        [both] => (both, both),
        [short, long] => (short, long),
        _ => bail!("--compat takes one --gpu for both pools, or two: short and long"),
    };
    if !args.used.is_empty() || !args.window.is_empty() {
        bail!("--used and --window are for GPUs alone: leave out --boundary");
    }
    let (below, above, share) = parted(knots, boundary);
    let part = |label: &str, profile, knots, rate| Pool { label: label.into(), profile, knots, rate };
    let one = fleet(&[part("all", long, knots.clone(), asked.rate)], asked.slo_ms, asked.context)?;
    let both = [
        part("short", short, below, share * asked.rate),
        part("long", long, above, (1.0 - share) * asked.rate),
    ];
    let both = fleet(&both, asked.slo_ms, asked.context)?;
    if args.json {
        let written = |fleet: &FleetWatts| {
            json!({"fleet_tpw": fleet.tokens_per_watt, "fleet_cost_per_mil": fleet.cost_million,
                "fleet_power_kw": fleet.power_kw, "total_gpus": fleet.gpus, "pools": fleet.pools})
        };
        say::json(&json!({"mode": "compat", "homo": written(&one), "routed": written(&both)}))?;
        return Ok(Ending::Good);
    }
    say::line(NOTE)?;
    for (name, fleet) in [("one pool", &one), ("two pools", &both)] {
        say::line(&format!(
            "{name}: {} GPUs, {:.1} kW, {:.3} tokens per joule, {:.2} USD per million tokens, P99 TTFT {:.1} ms",
            fleet.gpus, fleet.power_kw, fleet.tokens_per_watt, fleet.cost_million, fleet.worst_ms
        ))?;
        say::table(&HEAD, &fleet.pools.iter().map(cells).collect::<Vec<_>>())?;
    }
    Ok(Ending::Good)
}

fn cells(point: &Watts) -> Vec<String> {
    let name =
        if point.label == point.gpu { point.gpu.clone() } else { format!("{} {}", point.label, point.gpu) };
    vec![
        name,
        point.gpus.to_string(),
        format!("{:.2}", point.rho),
        format!("{:.1}", point.active),
        format!("{:.3}", point.tokens_per_watt),
        format!("{:.1}", point.gpu_w),
        format!("{:.2}", point.cost_million),
        format!("{:.1}", point.ttft_ms),
        format!("{:?}", point.quality).to_lowercase(),
    ]
}
