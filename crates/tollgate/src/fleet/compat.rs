//! `fleet plan --compat`: the public reference simulator's answer to the same question, digit for digit.

use super::files::cdf_bytes;
use super::plan::PlanArgs;
use super::workload::WorkloadArgs;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use serde_json::json;
use tollgate_fleet::compat::{Case, Knots, Profile, Report, Row, optimize};

/// Answers as the reference does: one CDF, one rate, one objective, one boundary, a GPU for each pool.
pub(super) fn run(args: &PlanArgs) -> Result<Ending> {
    let fleet = &args.fleet;
    let ([rate], [slo_ms], &[boundary]) =
        (fleet.workload.rate.as_slice(), fleet.workload.slo_ttft_ms.as_slice(), fleet.boundary.as_slice())
    else {
        bail!("--compat answers for one --rate, one --slo-ttft-ms and one --boundary");
    };
    let profile = |name: &String| Profile::named(name);
    let (short, long) = match fleet.hardware.gpu.as_slice() {
        [both] => (profile(both)?, profile(both)?),
        [short, long] => (profile(short)?, profile(long)?),
        _ => bail!("--compat takes one --gpu for both pools, or two: short and long"),
    };
    let knots = knots(&fleet.workload)?;
    let mut case = Case::new(*rate, *slo_ms, boundary, short, long);
    case.long_context = fleet.context.unwrap_or(case.long_context);
    let report = optimize(&knots, &case, args.verify, args.requests)?;
    let met = report.best_simulated().or(report.best_analytical()).is_some_and(|row| row.slo_met);
    if args.json {
        say::json(&json!({
            "mode": "compat", "met": met, "best_analytical": report.best_analytical(),
            "best_simulated": report.best_simulated(), "rows": report.rows().collect::<Vec<_>>(),
        }))?;
    } else {
        show(&report)?;
    }
    Ok(Ending::of(met))
}

/// The lengths: a CDF as it stands, or a trace reduced to one as the reference reduces it.
fn knots(workload: &WorkloadArgs) -> Result<Knots> {
    match (workload.cdf.as_slice(), workload.trace.as_slice()) {
        ([cdf], []) => {
            Knots::from_json(&cdf_bytes(cdf)?).with_context(|| format!("cannot use {}", cdf.display()))
        }
        ([], [trace]) => Knots::of_lengths(workload.totals(trace)?)
            .with_context(|| format!("{} holds no request", trace.display())),
        _ => bail!("--compat answers for one --cdf or one --trace"),
    }
}

fn show(report: &Report) -> Result<()> {
    say::line(
        "As the reference simulator (vllm-sr-sim 0.1.0) answers, its faults included; without --compat they are mended.\n",
    )?;
    let head = ["γ", "short", "long", "GPUs", "kUSD/year", "P99 short ms", "P99 long ms", "met", "by"];
    let cells = |row: &Row| {
        vec![
            format!("{:.1}", row.gamma),
            row.short.to_string(),
            row.long.to_string(),
            row.gpus.to_string(),
            format!("{:.1}", row.cost_year),
            format!("{:.1}", row.short_ms),
            format!("{:.1}", row.long_ms),
            if row.slo_met { "yes" } else { "no" }.into(),
            format!("{:?}", row.source).to_lowercase(),
        ]
    };
    say::table(&head, &report.rows().map(cells).collect::<Vec<_>>())?;
    for (by, best) in [("formula", report.best_analytical()), ("simulation", report.best_simulated())] {
        if let Some(row) = best {
            say::line(&format!(
                "best by {by}: γ {:.1}, {} + {} = {} GPUs, {:.1} kUSD a year",
                row.gamma, row.short, row.long, row.gpus, row.cost_year
            ))?;
        }
    }
    Ok(())
}
