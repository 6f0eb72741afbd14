//! `tollgate fleet compare`: the same workload on each GPU, with and without a boundary, at other rates and prices, under
//! other routers.

use super::plan::{compresses, compressor};
use super::problem::FleetArgs;
use super::simulate::{CLASS_HEAD, RunArgs, class_row, routers};
use super::workload::class_times;
use super::{compat, kusd_a_year, usd};
use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use tollgate_fleet::plan::{Plan, Problem, Space, plan};

/// Compare fleets: each GPU alone and all together, one pool and several, other rates, other routers
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet compare --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --gpu h100 --gpu a100
  tollgate fleet compare --trace requests.csv --gpu h100 --times 0.5,1,2,4 --price 80 --simulate
  tollgate fleet compare --cdf lengths.json --rate 200 --slo-ttft-ms 500 --gpu a100 --gpu h100 --gpu a10g --compat")]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(super) fleet: FleetArgs,
    /// Answer as the public reference simulator's `whatif` does: the cheapest fleet by formula of each --gpu alone, at
    /// each --rate
    #[arg(long, conflicts_with_all = compat::REFUSED,
        conflicts_with_all = ["slo_tpot_ms", "times", "class_times", "price", "simulate"],
        conflicts_with_all = compat::SIMULATED)]
    pub(super) compat: bool,
    /// Also at these multiples of the rate
    #[arg(long, value_name = "X", value_delimiter = ',')]
    times: Vec<f64>,
    /// Also with one class at this multiple of its rate, as agent=1.5
    #[arg(long, value_name = "CLASS=X", value_parser = class_times)]
    class_times: Vec<(String, f64)>,
    /// Also with the first GPU's price at this percentage of what it is
    #[arg(long, value_name = "PERCENT")]
    price: Option<u32>,
    /// Also simulate the best fleet under each router
    #[arg(long)]
    simulate: bool,
    #[command(flatten)]
    run: RunArgs,
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A question with its answer.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) plan: Result<Plan, tollgate_fleet::Error>,
}

impl Case {
    /// For programs.
    pub(super) fn json(&self) -> Value {
        match &self.plan {
            Ok(plan) => json!({"name": self.name, "plan": plan}),
            Err(error) => json!({"name": self.name, "why_not": error.to_string()}),
        }
    }
}

/// Compares.
pub(super) fn run(args: &CompareArgs) -> Result<Ending> {
    if args.compat {
        return compat::gpus(args);
    }
    let (loaded, problem) = args.fleet.problem()?;
    known_classes(&args.class_times, &problem)?;
    let mut cases = fleets(&problem);
    cases.extend(what_if(args, &problem));
    let best = cases.first().and_then(|case| case.plan.as_ref().ok());
    if args.simulate && best.is_none() {
        say::remark("nothing is simulated: there is no fleet as asked");
    }
    let mut outcomes = Vec::new();
    if let Some(best) = best.filter(|_| args.simulate) {
        let traffic = args.run.traffic(&args.fleet, &loaded, &problem, best)?;
        for (name, run) in routers(&args.run) {
            outcomes.push((name, run.simulate(&traffic, &problem, best)?));
        }
    }
    if args.json {
        let simulated: Vec<Value> =
            outcomes.iter().map(|(name, outcome)| json!({"router": name, "outcome": outcome})).collect();
        say::json(
            &json!({"cases": cases.iter().map(Case::json).collect::<Vec<_>>(), "simulated": simulated}),
        )?;
        return Ok(Ending::Good);
    }
    say::table(&HEAD, &rows(&cases))?;
    tell_compressor(&cases, &problem)?;
    if !outcomes.is_empty() {
        say::line("\nThe first fleet under each router:")?;
        let head: Vec<&str> = ["router"].into_iter().chain(CLASS_HEAD).collect();
        let rows = outcomes.iter().flat_map(|(name, outcome)| {
            outcome.classes.iter().map(move |class| [vec![(*name).to_owned()], class_row(class)].concat())
        });
        say::table(&head, &rows.collect::<Vec<_>>())?;
    }
    Ok(Ending::Good)
}

/// Says which fleets count on a prompt compressor, and what the first comes to without.
fn tell_compressor(cases: &[Case], problem: &Problem) -> Result<()> {
    let plans = || cases.iter().filter_map(|case| Some((&case.name, case.plan.as_ref().ok()?)));
    let named: Vec<&str> =
        plans().filter(|(_, plan)| compresses(plan, problem)).map(|(name, _)| name.as_str()).collect();
    if !named.is_empty() {
        say::line(&format!("\ncounts on a prompt compressor: {}", named.join(", ")))?;
    }
    if let Some((name, first)) = plans().next()
        && let Some(needed) = compressor(first, problem)?
    {
        say::line(&format!("{name}: {needed}"))?;
    }
    Ok(())
}

/// Whether every class that is named is there.
fn known_classes(named: &[(String, f64)], problem: &Problem) -> Result<()> {
    let there: Vec<&str> = problem.streams.iter().map(|stream| stream.class.name.as_str()).collect();
    if let Some((class, _)) = named.iter().find(|(class, _)| !there.contains(&class.as_str())) {
        bail!("--class-times: there is no class `{class}`; there is {}", there.join(", "));
    }
    Ok(())
}

/// The best of all, then each GPU alone, with and without a boundary.
pub(super) fn fleets(problem: &Problem) -> Vec<Case> {
    let one_pool =
        |problem: &Problem| Problem { space: Space::one_pool(problem.space.context), ..problem.clone() };
    let mut cases = vec![
        Case { name: "as asked".into(), plan: plan(problem) },
        Case { name: "one pool".into(), plan: plan(&one_pool(problem)) },
    ];
    let mut gpus: Vec<&String> = problem.profiles.iter().map(|profile| &profile.gpu).collect();
    gpus.dedup();
    for gpu in gpus.iter().filter(|_| gpus.len() > 1) {
        let profiles = problem.profiles.iter().filter(|profile| &profile.gpu == *gpu).cloned().collect();
        let alone = Problem { profiles, ..problem.clone() };
        cases.push(Case { name: format!("{gpu} alone"), plan: plan(&alone) });
        cases.push(Case { name: format!("{gpu} alone, one pool"), plan: plan(&one_pool(&alone)) });
    }
    cases
}

fn what_if(args: &CompareArgs, problem: &Problem) -> Vec<Case> {
    let mut cases = Vec::new();
    for times in &args.times {
        cases.push(Case { name: format!("rate × {times}"), plan: plan(&problem.with_rate(*times)) });
    }
    for (class, times) in &args.class_times {
        cases.push(Case {
            name: format!("{class} × {times}"),
            plan: plan(&problem.with_class_rate(class, *times)),
        });
    }
    if let (Some(percent), Some(profile)) = (args.price, problem.profiles.first()) {
        let name = format!("{} at {percent} % of its price", profile.gpu);
        cases.push(Case { name, plan: plan(&problem.with_price(&profile.gpu, percent)) });
    }
    cases
}

/// The head of a table of cases.
pub(super) const HEAD: [&str; 7] =
    ["fleet", "pools", "GPUs", "USD/h", "kUSD/year", "against the first", "worst TTFT ms"];

/// Cases as rows, under [`HEAD`].
pub(super) fn rows(cases: &[Case]) -> Vec<Vec<String>> {
    let first = cases.first().and_then(|case| case.plan.as_ref().ok()).map(|plan| plan.cost_micro_per_hour);
    let row = |case: &Case| match &case.plan {
        Ok(plan) => {
            let pools =
                plan.pools.iter().map(|p| format!("{}×{}", p.instances, p.profile)).collect::<Vec<_>>();
            let against = first.filter(|first| *first > 0).map_or_else(String::new, |first| {
                format!("{:+.1} %", (plan.cost_micro_per_hour as f64 / first as f64 - 1.0) * 100.0)
            });
            vec![
                case.name.clone(),
                pools.join(" + "),
                plan.gpus.to_string(),
                usd(plan.cost_micro_per_hour),
                kusd_a_year(plan.cost_micro_per_hour),
                against,
                format!("{:.0}", plan.worst_ttft_ms()),
            ]
        }
        Err(error) => vec![case.name.clone(), error.to_string()],
    };
    cases.iter().map(row).collect()
}
