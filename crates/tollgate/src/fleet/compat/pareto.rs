//! Every knot as a boundary (`pareto`).

use super::super::trade::ParetoArgs;
use super::{NOTE, case, knots, rate, yes};
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use serde_json::json;
use tollgate_fleet::compat::{Threshold, recommended, thresholds};

const HEAD: [&str; 11] = [
    "boundary",
    "below",
    "short",
    "long",
    "GPUs",
    "kUSD/year",
    "saving",
    "P99 short ms",
    "P99 long ms",
    "met",
    "front",
];

/// `fleet pareto --compat`.
pub(in crate::fleet) fn run(args: &ParetoArgs) -> Result<Ending> {
    let case = case(&args.fleet, rate(&args.fleet)?)?;
    let (one, rows) = thresholds(&knots(&args.fleet.workload)?, &case)?;
    let best = recommended(&rows);
    if args.json {
        say::json(
            &json!({"mode": "compat", "met": best.is_some(), "one_pool": one, "rows": rows, "recommended": best}),
        )?;
        return Ok(Ending::of(best.is_some()));
    }
    say::line(NOTE)?;
    let shown: Vec<Vec<String>> = rows.iter().filter(|row| args.all || row.pareto).map(cells).collect();
    say::table(&HEAD, &shown)?;
    say::line(&format!("\none pool: {} GPUs, {:.1} kUSD a year", one.gpus, one.cost_year))?;
    match best {
        Some(best) => say::line(&format!(
            "the cheapest boundary on the front that meets the promise: {} tokens ({:+.1} %)",
            best.boundary, -best.saving
        ))?,
        None => say::line("no boundary on the front meets the promise")?,
    }
    Ok(Ending::of(best.is_some()))
}

fn cells(row: &Threshold) -> Vec<String> {
    vec![
        row.boundary.to_string(),
        format!("{:.1} %", row.alpha * 100.0),
        row.short.to_string(),
        row.long.to_string(),
        row.gpus.to_string(),
        format!("{:.1}", row.cost_year),
        format!("{:+.1} %", row.saving),
        format!("{:.1}", row.short_ms),
        format!("{:.1}", row.long_ms),
        yes(row.slo_met),
        if row.pareto { "*" } else { "" }.into(),
    ]
}
