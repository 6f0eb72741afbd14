//! Power against latency when batches are capped (`grid-flex`).

use super::super::trade::FlexArgs;
use super::{CONTEXT, NOTE, knots, one_gpu, rate, slo_ms, yes};
use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use serde_json::json;
use tollgate_fleet::compat::grid::{Fleet, Flex, LEVELS, flex};

const HEAD: [&str; 6] = ["reduction", "cap", "W/GPU", "kW", "P99 TTFT ms", "met"];

/// `fleet flex --compat`: the reference takes the fleet as given, and lets a formula say whether the promise is met.
pub(in crate::fleet) fn run(args: &FlexArgs) -> Result<Ending> {
    let &[gpus] = args.instances.as_slice() else {
        bail!("--compat needs the number of GPUs of its one pool: --instances N");
    };
    let profile = one_gpu(&args.fleet)?;
    let fleet = Fleet {
        profile: &profile,
        gpus: u64::from(gpus),
        context: args.fleet.context.unwrap_or(CONTEXT),
        rate: rate(&args.fleet)?,
        slo_ms: slo_ms(&args.fleet)?,
    };
    let levels = if args.reduction.is_empty() { &LEVELS[..] } else { &args.reduction };
    let curve = flex(&knots(&args.fleet.workload)?, &fleet, levels)?;
    let deepest = curve.iter().filter(|point| point.slo_met).map(|point| point.percent).reduce(f64::max);
    if args.json {
        say::json(
            &json!({"mode": "compat", "met": deepest.is_some(), "deepest_met_percent": deepest, "curve": curve}),
        )?;
    } else {
        say::line(NOTE)?;
        say::table(&HEAD, &curve.iter().map(cells).collect::<Vec<_>>())?;
        match deepest {
            Some(percent) => say::line(&format!("\nthe deepest reduction within the promise: {percent} %"))?,
            None => say::line("\nthe promise is not met at any reduction")?,
        }
    }
    Ok(Ending::of(deepest.is_some()))
}

fn cells(point: &Flex) -> Vec<String> {
    vec![
        format!("{} %", point.percent),
        point.cap.to_string(),
        format!("{:.0}", point.gpu_w),
        format!("{:.1}", point.fleet_kw),
        format!("{:.1}", point.ttft_ms),
        yes(point.slo_met),
    ]
}
