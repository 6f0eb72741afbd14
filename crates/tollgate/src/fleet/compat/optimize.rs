//! The cheapest fleet by formula and by simulation of slots (`optimize`, `whatif`).

use super::super::compare::CompareArgs;
use super::super::plan::PlanArgs;
use super::{NOTE, case, knots, yes};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use serde_json::json;
use tollgate_fleet::compat::{Profile, Report, Row, by_rate, compare_gpus, optimize, rounded, what_if};

/// How many of the cheapest fleets are simulated, and with how many requests, where it is not said: the reference's.
const VERIFIED: (usize, usize) = (3, 40_000);

/// `fleet plan --compat`.
pub(in crate::fleet) fn run(args: &PlanArgs) -> Result<Ending> {
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

/// The head of a table of [`cells`].
const HEAD: [&str; 9] =
    ["γ", "short", "long", "GPUs", "kUSD/year", "P99 short ms", "P99 long ms", "met", "by"];

/// `fleet compare --compat`: the cheapest fleet by formula of each GPU alone, at each rate.
pub(in crate::fleet) fn gpus(args: &CompareArgs) -> Result<Ending> {
    let fleet = &args.fleet;
    let rates = fleet.workload.rate.as_slice();
    let &first = rates.first().context("--compat needs the requests per second: --rate R")?;
    let knots = knots(&fleet.workload)?;
    let named = fleet.hardware.gpu.iter().map(|name| Ok((name.as_str(), Profile::named(name)?)));
    let gpus = named.collect::<Result<Vec<_>>>()?;
    let mut alone = fleet.clone();
    alone.hardware.gpu.truncate(1);
    let found = compare_gpus(&knots, &case(&alone, first)?, &gpus, rates)?;
    let met = found.iter().all(|(_, _, row)| row.slo_met);
    if args.json {
        say::json(&json!({"mode": "compat", "met": met, "rows": by_rate(&found)}))?;
    } else {
        say::line(NOTE)?;
        let head: Vec<&str> = ["GPU", "req/s"].into_iter().chain(HEAD).collect();
        let cells = |(gpu, rate, row): &(&str, f64, Row)| {
            [vec![(*gpu).to_owned(), rate.to_string()], cells(row)].concat()
        };
        say::table(&head, &found.iter().map(cells).collect::<Vec<_>>())?;
    }
    Ok(Ending::of(met))
}

fn cells(row: &Row) -> Vec<String> {
    vec![
        format!("{:.1}", row.gamma),
        row.short.to_string(),
        row.long.to_string(),
        row.gpus.to_string(),
        format!("{:.1}", row.cost_year),
        format!("{:.1}", row.short_ms),
        format!("{:.1}", row.long_ms),
        yes(row.slo_met),
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
