//! The recorded commands beside `optimize`: what the reference answered, and what the corrected mode does.

use super::command::Command;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tollgate_fleet::compat::{
    self, Billing, Case, Knots, Profile, corrected, disagg, grid, recommended, thresholds, watts,
};
use tollgate_fleet::plan::{
    Admission, Disaggregated, Plan, Problem, Space, Transfer, disaggregate, flex, plan,
};
use tollgate_fleet::workload::Slo;

type Rows = Result<Vec<(String, String)>, Box<dyn Error>>;
/// A command as the reference names it, the rows of the report's list of causes that its differences have, and what both say of it.
type Table = (&'static str, &'static str, fn(&Command, &Knots) -> Rows);

/// The reference's context where none is said.
const CONTEXT: u32 = 8192;
/// A link of 400 Gbit/s, which the reference has no word for.
const LINK: Transfer = Transfer { bytes_per_s: 50e9, latency_s: 0.0 };
const TABLES: [Table; 5] = [
    ("whatif", "1, 2, 3, 4", what_if),
    ("pareto", "1, 2, 3, 4, 10", pareto),
    ("disagg", "9, 11", split),
    ("grid-flex", "1, 2", grid_flex),
    ("tok-per-watt", "1, 2, 4", energy),
];

/// Every recorded run of each command, a row for each of its answers.
pub(super) fn print(files: &[PathBuf], folder: &Path) -> Result<(), Box<dyn Error>> {
    println!("\n| case | | reference | ours | causes |\n|---|---|---|---|---|");
    for (word, causes, of) in TABLES {
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "txt")) {
            let printed = fs::read_to_string(file)?;
            let Some(command) = Command::parse(printed.lines().next().unwrap_or_default(), word) else {
                continue;
            };
            let lengths = command.text("cdf").unwrap_or_default().replace("data/", "");
            let knots = Knots::from_json(&fs::read(folder.join("traces/cdf").join(lengths))?)?;
            let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            for (theirs, ours) in of(&command, &knots)? {
                let (what, theirs) = theirs.split_once('|').unwrap_or(("", &theirs));
                println!("| {name} | {what} | {theirs} | {ours} | {causes} |");
            }
        }
    }
    Ok(())
}

fn gpu(command: &Command, option: &str, usual: &str) -> Result<Profile, tollgate_fleet::Error> {
    Profile::named(command.text(option).unwrap_or(usual))
}

fn case(command: &Command) -> Result<Case, tollgate_fleet::Error> {
    let number = |option, usual| command.number(option).unwrap_or(usual);
    Ok(Case {
        long_context: number("long-max-ctx", 65_536.0) as u32,
        ..Case::new(
            number("lam", 200.0),
            number("slo", 500.0),
            number("b-short", 4096.0) as u32,
            gpu(command, "gpu-short", "a100")?,
            gpu(command, "gpu-long", "a100")?,
        )
    })
}

/// The corrected problem with slots as needed, billed as the reference does, and without cooling, which it does not count.
fn problem(knots: &Knots, case: &Case) -> Result<Problem, tollgate_fleet::Error> {
    let mut asked = corrected(knots, case, Billing::AsStated)?;
    asked.limits.admission = Admission::Actual { confidence: 0.99 };
    asked.site.pue = 1.0;
    Ok(asked)
}

fn one_pool(knots: &Knots, case: &Case) -> Result<Problem, tollgate_fleet::Error> {
    let case = Case { boundary: CONTEXT, long_context: CONTEXT, ..case.clone() };
    let asked = problem(knots, &case)?;
    let profiles = asked.profiles.iter().take(1).cloned().collect();
    Ok(Problem { space: Space::one_pool(CONTEXT), profiles, ..asked })
}

fn fleet(found: &Result<Plan, tollgate_fleet::Error>) -> String {
    match found {
        Ok(plan) => {
            let counts: Vec<String> = plan.pools.iter().map(|pool| pool.instances.to_string()).collect();
            let year = plan.cost_micro_per_hour as f64 * 8760.0 / 1e9;
            format!("{}, ${year:.1}K, {:.0} ms", counts.join("+"), plan.worst_ttft_ms())
        }
        Err(_) => "no fleet meets the objective".into(),
    }
}

fn what_if(command: &Command, knots: &Knots) -> Rows {
    let case = case(command)?;
    let rows = compat::what_if(knots, &case, &command.numbers("lam-range"))?;
    let both = rows.into_iter().map(|(rate, row)| {
        let ours = plan(&problem(knots, &Case { rate, ..case.clone() })?);
        let theirs = format!("{}+{} at γ {}, ${:.1}K", row.short, row.long, row.gamma, row.cost_year);
        Ok((format!("{rate} requests/s|{theirs}"), fleet(&ours)))
    });
    both.collect()
}

fn pareto(command: &Command, knots: &Knots) -> Rows {
    let case = case(command)?;
    let (_, rows) = thresholds(knots, &case)?;
    let Some(best) = recommended(&rows) else { return Ok(Vec::new()) };
    let theirs = format!("{}+{}, ${:.1}K", best.short, best.long, best.cost_year);
    let at = Case { boundary: best.boundary, gammas: vec![1.0], ..case };
    let ours = fleet(&plan(&problem(knots, &at)?));
    Ok(vec![(format!("recommended boundary {}|{theirs}", best.boundary), ours)])
}

fn split(command: &Command, knots: &Knots) -> Rows {
    let (prompt, output) = disagg::means(knots);
    let number = |option, usual| command.number(option).unwrap_or(usual);
    let asked = disagg::SplitCase {
        rate: number("lam", 100.0),
        ttft_ms: number("slo-ttft", 500.0),
        tpot_ms: number("slo-tpot", 100.0),
        context: number("max-ctx", f64::from(CONTEXT)) as u32,
        prompt: command.number("mean-isl").map_or(prompt, |n| n as u32),
        output: command.number("mean-osl").map_or(output, |n| n as u32),
        prefill: gpu(command, "gpu-prefill", "h100")?,
        decode: gpu(command, "gpu-decode", "a100")?,
    };
    let theirs = disagg::split(&asked).map_or_else(
        || "none".into(),
        |(best, _)| {
            format!(
                "{}+{}, TTFT {:.0} ms, TPOT {:.0} ms",
                best.prefill, best.decode, best.ttft_ms, best.tpot_ms
            )
        },
    );
    let case = Case::new(asked.rate, asked.ttft_ms, CONTEXT, asked.prefill.clone(), asked.decode.clone());
    let mut own = problem(knots, &Case { long_context: CONTEXT, ..case })?;
    for stream in &mut own.streams {
        stream.class.slo = Slo { tpot_ms: Some(asked.tpot_ms), ..stream.class.slo };
    }
    let ours = match disaggregate(&own, LINK) {
        Ok(Disaggregated { prefill, decode, ttft_ms, tpot_ms, .. }) => format!(
            "{}+{} ({} and {}), TTFT {:.0} ms, TPOT {:.0} ms",
            prefill.instances,
            decode.instances,
            prefill.profile,
            decode.profile,
            ttft_ms.first().unwrap_or(&0.0),
            tpot_ms.first().unwrap_or(&0.0)
        ),
        Err(error) => error.to_string(),
    };
    Ok(vec![(format!("prefill+decode|{theirs}"), ours)])
}

fn grid_flex(command: &Command, knots: &Knots) -> Rows {
    let profile = gpu(command, "gpu", "h100")?;
    let number = |option, usual| command.number(option).unwrap_or(usual);
    let given = command.numbers("flex-pcts");
    let levels = if given.is_empty() { grid::LEVELS.to_vec() } else { given };
    let gpus = number("n-gpus", 1.0);
    let asked = grid::Fleet {
        profile: &profile,
        gpus: gpus as u64,
        context: CONTEXT,
        rate: number("lam", 200.0),
        slo_ms: number("slo", 500.0),
    };
    let theirs = grid::flex(knots, &asked, &levels)?;
    let deepest = theirs.iter().filter(|point| point.slo_met).map(|point| point.percent).reduce(f64::max);
    let case = Case::new(asked.rate, asked.slo_ms, CONTEXT, profile.clone(), profile.clone());
    let own = one_pool(knots, &case)?;
    // The fleet is given, whatever it can promise: planned for no promise, then as large as it is said to be.
    let mut free = own.clone();
    free.streams.iter_mut().for_each(|stream| stream.class.slo = Slo { ttft_ms: None, ..stream.class.slo });
    let ours = match plan(&free) {
        Ok(mut found) if found.pools.iter().all(|pool| f64::from(pool.instances) <= gpus) => {
            for pool in &mut found.pools {
                (pool.instances, pool.needed) = (gpus as u32, gpus as u32);
            }
            let curve = flex(&own, &found, &levels)?;
            curve.iter().filter(|point| point.met).map(|point| point.percent).reduce(f64::max)
        }
        _ => None,
    };
    let told = |deepest: Option<f64>| {
        deepest.map_or_else(|| "the promise fails at 0 %".into(), |p| format!("{p} %"))
    };
    Ok(vec![(format!("deepest reduction of {gpus} GPUs|{}", told(deepest)), told(ours))])
}

fn energy(command: &Command, knots: &Knots) -> Rows {
    let number = |option, usual| command.number(option).unwrap_or(usual);
    let (rate, slo) = (number("lam", 200.0), number("slo", 500.0));
    let named: Vec<&str> = command.words("gpus");
    let names = match (command.text("b-short"), named.is_empty()) {
        (Some(_), _) => vec![command.text("gpu-long").unwrap_or("a100")],
        (None, true) => vec!["h100", "a100", "a10g"],
        (None, false) => named,
    };
    let row = |name: &str| {
        let profile = Profile::named(name)?;
        let label = profile.name.clone();
        let pool = watts::Pool { label, profile: &profile, knots: knots.clone(), rate };
        let theirs = watts::pool(&pool, slo, CONTEXT, None)?;
        let case = Case::new(rate, slo, CONTEXT, profile.clone(), profile.clone());
        let ours = plan(&one_pool(knots, &case)?);
        let ours = ours.map_or_else(
            |_| "no fleet meets the objective".into(),
            |plan| {
                format!(
                    "{} instances, {:.2} tokens/J",
                    plan.pools.iter().map(|p| p.instances).sum::<u32>(),
                    plan.energy.tokens_per_joule
                )
            },
        );
        Ok((format!("{name}|{} instances, {:.2} tokens/J", theirs.gpus, theirs.tokens_per_watt), ours))
    };
    names.into_iter().map(row).collect()
}
