//! `fleet plan --compat`: the public reference simulator's answer to the same question, digit for digit.

use super::files::cdf_bytes;
use super::plan::PlanArgs;
use super::problem::FleetArgs;
use super::workload::WorkloadArgs;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use serde_json::json;
use tollgate_fleet::compat::{Case, Knots, Profile, Report, Row, optimize, rounded, what_if};

/// Options of `fleet plan` that the reference has no equal of: with `--compat` they are refused, never ignored.
pub(super) const REFUSED: &[&str] = &[
    "output_share",
    "slo_tpot_ms",
    "slo_e2e_ms",
    "percentile",
    "cached",
    "drop_longer",
    "model",
    "model_config",
    "tensor_parallel",
    "weights",
    "kv",
    "sequences",
    "chunk",
    "fitted",
    "gpus",
    "models",
    "pools",
    "pue",
    "tariff",
    "carbon",
    "pools_out",
];
/// The boundary where none is said, tokens: the reference's.
const BOUNDARY: u32 = 4096;
/// How many of the cheapest fleets are simulated, and with how many requests, where it is not said: the reference's.
const VERIFIED: (usize, usize) = (3, 40_000);

/// Answers as the reference does: one distribution, one objective, one boundary, a GPU for each pool.
pub(super) fn run(args: &PlanArgs) -> Result<Ending> {
    let rates = args.fleet.workload.rate.as_slice();
    let (&first, more) = rates.split_first().context("--compat needs the requests per second: --rate R")?;
    let case = case(&args.fleet, first)?;
    let knots = knots(&args.fleet.workload)?;
    if !more.is_empty() {
        if args.verify.or(args.requests).is_some() {
            bail!("--verify and --requests are for one --rate: over several the reference simulates nothing");
        }
        return over_rates(args, &what_if(&knots, &case, rates)?);
    }
    let report =
        optimize(&knots, &case, args.verify.unwrap_or(VERIFIED.0), args.requests.unwrap_or(VERIFIED.1))?;
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

/// What is asked, in the reference's terms; what is not said has the reference's default.
fn case(fleet: &FleetArgs, rate: f64) -> Result<Case> {
    let &[slo_ms] = fleet.workload.slo_ttft_ms.as_slice() else {
        bail!("--compat answers for one --slo-ttft-ms");
    };
    let boundary = match fleet.boundary.as_slice() {
        [] => BOUNDARY,
        [one] => *one,
        _ => bail!("--compat answers for one --boundary"),
    };
    let (short, long) = match fleet.hardware.gpu.as_slice() {
        [both] => (both, both),
        [short, long] => (short, long),
        _ => bail!("--compat takes one --gpu for both pools, or two: short and long"),
    };
    let mut case = Case::new(rate, slo_ms, boundary, Profile::named(short)?, Profile::named(long)?);
    case.long_context = fleet.context.unwrap_or(case.long_context);
    if !fleet.gamma.is_empty() {
        case.gammas.clone_from(&fleet.gamma);
    }
    case.compressible = fleet.compressible;
    case.availability = fleet.availability;
    Ok(case)
}

/// The cheapest fleet by formula at each rate.
fn over_rates(args: &PlanArgs, found: &[(f64, Row)]) -> Result<Ending> {
    let met = found.iter().all(|(_, row)| row.slo_met);
    if args.json {
        let row = |(rate, row): &(f64, Row)| {
            json!({"lam": rate, "n_s": row.short, "n_l": row.long, "total_gpus": row.gpus,
                "annualised_cost_kusd": rounded(row.cost_year, 1), "gamma_opt": row.gamma})
        };
        let rows: Vec<_> = found.iter().map(row).collect();
        say::json(&json!({"mode": "compat", "met": met, "rows": rows}))?;
    } else {
        say::line(NOTE)?;
        let head: Vec<&str> = ["req/s"].into_iter().chain(HEAD).collect();
        let cells = |(rate, row): &(f64, Row)| [vec![rate.to_string()], cells(row)].concat();
        say::table(&head, &found.iter().map(cells).collect::<Vec<_>>())?;
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

/// What stands above every table.
const NOTE: &str = "As the reference simulator (vllm-sr-sim 0.1.0) answers, its faults included; without --compat they are mended.\n";
/// The head of a table of [`cells`].
const HEAD: [&str; 9] =
    ["γ", "short", "long", "GPUs", "kUSD/year", "P99 short ms", "P99 long ms", "met", "by"];

fn cells(row: &Row) -> Vec<String> {
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
}

fn show(report: &Report) -> Result<()> {
    say::line(NOTE)?;
    say::table(&HEAD, &report.rows().map(cells).collect::<Vec<_>>())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command};

    /// Options that [`run`] reads.
    const READ: [&str; 15] = [
        "cdf",
        "trace",
        "fields",
        "rate",
        "slo_ttft_ms",
        "gpu",
        "boundary",
        "gamma",
        "compressible",
        "context",
        "availability",
        "compat",
        "verify",
        "requests",
        "json",
    ];

    #[test]
    fn every_option_is_read_or_refused() {
        let command = PlanArgs::augment_args(Command::new("plan"));
        for option in command.get_arguments().map(|arg| arg.get_id().as_str()) {
            let (read, refused) = (READ.contains(&option), REFUSED.contains(&option));
            assert!(read != refused, "--compat must either read or refuse `{option}`");
        }
    }
}
