//! `tollgate fleet tune`: a sliding window over a recording, and when the boundary and γ would have moved.

use super::super::files::style;
use super::super::plan::refused;
use super::super::problem::FleetArgs;
use super::super::simulate::clock;
use super::super::workload::Clock;

use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;
use tollgate_fleet::operate::{Costs, Hysteresis, Kept, Planner, Setting, Tuner, Verdict, Window};
use tollgate_fleet::plan::{Problem, Stream};
use tollgate_fleet::workload::{Class, NS_PER_S, Request, Slo};

/// Nanoseconds in a minute.
const NS_PER_MIN: f64 = 60e9;
/// Most looks at a recording.
const LOOKS_MAX: usize = 100_000;

/// Follow a recording with a sliding window: when boundary and γ would have moved, and what that saves
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet tune --trace requests.csv --slo-ttft-ms 2000 --gpu h100
  tollgate fleet tune --trace log.jsonl --rate 50 --gpu h100 --start 4096:1.2 --window-min 30 --every-min 2 --all

A setting changes at once where it cannot meet its promises; for a saving it must last: see --min-saving, --confirmations
and --hold-min.")]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Minutes that the window holds
    #[arg(long, value_name = "M", default_value_t = 60.0)]
    window_min: f64,
    /// Minutes from one look to the next
    #[arg(long, value_name = "M", default_value_t = 5.0)]
    every_min: f64,
    /// The setting in force at the start, as 4096:1.2 [default: the best of the first window that tells]
    #[arg(long, value_name = "B:G", value_parser = setting)]
    start: Option<Setting>,
    /// Requests that a window must hold to be believed
    #[arg(long, value_name = "N", default_value_t = Hysteresis::default().min_requests)]
    min_requests: u64,
    /// The saving, as a share of the cost, below which nothing changes
    #[arg(long, value_name = "SHARE", default_value_t = Hysteresis::default().min_saving)]
    min_saving: f64,
    /// How many times in a row the same better setting must be seen
    #[arg(long, value_name = "N", default_value_t = Hysteresis::default().confirmations)]
    confirmations: u32,
    /// Minutes that a setting stays at least
    #[arg(long, value_name = "M", default_value_t = 10.0)]
    hold_min: f64,
    /// Show every look, not only changes
    #[arg(long)]
    all: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// What `B:G` is not.
#[derive(Debug, thiserror::Error)]
#[error("write BOUNDARY:GAMMA, as 4096:1.2, with γ from 1")]
struct NoSetting;

fn setting(text: &str) -> Result<Setting, NoSetting> {
    let (boundary, gamma) = text.split_once(':').ok_or(NoSetting)?;
    let boundary = boundary.parse().ok().filter(|b| *b > 0).ok_or(NoSetting)?;
    let gamma = gamma.parse().ok().filter(|g| (1.0..=100.0).contains(g)).ok_or(NoSetting)?;
    Ok(Setting { boundary, gamma })
}

/// One look at the window.
#[derive(Serialize)]
struct Look {
    at_s: f64,
    requests: u64,
    rate_per_s: f64,
    /// In force after it.
    setting: Setting,
    changed: bool,
    saving: Option<f64>,
    why: String,
    /// US dollars an hour, where the promises can be met: as it was at the start, as it is, as it could be.
    cost_at_start: Option<f64>,
    cost: Option<f64>,
    cost_of_best: Option<f64>,
}

/// Goes through the recording.
pub(in crate::fleet) fn run(args: &TuneArgs) -> Result<Ending> {
    let (loaded, problem) = args.fleet.problem()?;
    let mut requests = args.fleet.workload.recorded(&loaded, Clock::Recorded)?;
    requests.retain(|request| request.total_tokens() <= problem.space.context);
    let growth = growth(&loaded.growth(), &requests);
    let Some(looks) = looks(args, &requests, growth, &together(&problem)?)? else {
        let few = format!(
            "no window of {} minutes holds {} requests and has a fleet that meets the promises",
            args.window_min, args.min_requests
        );
        return refused(args.json, &few);
    };
    let changes = looks.iter().filter(|look| look.changed).count();
    let means = means(&looks);
    if args.json {
        let of = |at: usize| means.map(|(costs, _)| costs[at]);
        say::json(&json!({"looks": looks, "changes": changes, "mean_usd_per_hour":
            {"as_started": of(0), "tuned": of(1), "best_at_every_look": of(2)}}))?;
        return Ok(Ending::Good);
    }
    let shown: Vec<Vec<String>> = looks.iter().filter(|look| args.all || look.changed).map(row).collect();
    if !shown.is_empty() {
        say::table(&HEAD, &shown)?;
    }
    if let Some(last) = looks.last() {
        say::line(&format!(
            "\n{} looks, {changes} changes; now {} tokens and γ {:.1}: {}",
            looks.len(),
            last.setting.boundary,
            last.setting.gamma,
            last.why
        ))?;
    }
    if let Some(([start, tuned, best], count)) = means {
        say::line(&format!(
            "on average over {count} looks: {start:.2} USD/h had nothing moved, {tuned:.2} as it moved, {best:.2} with the best at every look"
        ))?;
    }
    let failing =
        looks.iter().filter(|look| look.cost_at_start.is_none() && look.cost_of_best.is_some()).count();
    if failing > 0 {
        say::line(&format!(
            "at {failing} looks the setting of the start would have met no promise with any fleet"
        ))?;
    }
    Ok(Ending::Good)
}

/// How many requests stand for each recorded one, over all classes.
fn growth(by_class: &[f64], requests: &[Request]) -> f64 {
    let of = |request: &Request| by_class.get(usize::from(request.class)).copied().unwrap_or(1.0);
    requests.iter().map(of).sum::<f64>() / requests.len().max(1) as f64
}

/// All classes as one, with the tightest of their promises.
fn together(problem: &Problem) -> Result<Problem> {
    let slos = problem.streams.iter().map(|stream| stream.class.slo);
    let tightest = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    };
    let joined = |a: Slo, b: Slo| Slo {
        ttft_ms: tightest(a.ttft_ms, b.ttft_ms),
        tpot_ms: tightest(a.tpot_ms, b.tpot_ms),
        e2e_ms: tightest(a.e2e_ms, b.e2e_ms),
        percentile: a.percentile.max(b.percentile),
    };
    let Some((slo, first)) = slos.reduce(joined).zip(problem.streams.first()) else {
        bail!("there is no class")
    };
    let stream = Stream { class: Class { name: "all".into(), slo }, ..first.clone() };
    Ok(Problem { streams: vec![stream], ..problem.clone() })
}

/// Every look from the first window that tells on; `None` where there is none.
fn looks(args: &TuneArgs, requests: &[Request], growth: f64, problem: &Problem) -> Result<Option<Vec<Look>>> {
    let planner = Planner::new(problem.clone());
    let mut window = Window::new(args.window_min * 60.0)?;
    let every_ns = (args.every_min * NS_PER_MIN) as u64;
    let end_ns = requests.last().map_or(0, |last| last.arrival_ns);
    let count = usize::try_from(end_ns.checked_div(every_ns).unwrap_or(0))?;
    if every_ns == 0 || count > LOOKS_MAX {
        bail!("--every-min {} gives more than {LOOKS_MAX} looks: look less often", args.every_min);
    }
    let rule = Hysteresis {
        min_requests: args.min_requests,
        min_saving: args.min_saving,
        confirmations: args.confirmations,
        hold_ns: (args.hold_min * NS_PER_MIN) as u64,
    };
    let mut tuner: Option<(Tuner, Setting)> = args.start.map(|start| (Tuner::new(start, rule), start));
    let bar = ProgressBar::new(count as u64);
    bar.set_style(style("{human_pos} of {human_len} looks")?);
    let (mut found, mut next) = (Vec::new(), 0);
    for look in 1..=count as u64 {
        let now_ns = look * every_ns;
        while let Some(request) = requests.get(next).filter(|request| request.arrival_ns < now_ns) {
            window.observe(request);
            next += 1;
        }
        window.advance(now_ns);
        bar.inc(1);
        let Ok(lengths) = window.lengths() else { continue };
        let rate = window.rate_per_s(now_ns) * growth;
        let best = planner.best(&lengths, rate).filter(|_| window.requests() >= args.min_requests);
        if tuner.is_none() {
            tuner = best.map(|(best, _)| (Tuner::new(best, rule), best));
        }
        let Some((tuner, start)) = &mut tuner else { continue };
        let verdict = tuner.consider(now_ns, window.requests(), &lengths, rate, &planner);
        let told = best.is_some();
        found.push(Look {
            at_s: now_ns as f64 / NS_PER_S,
            requests: window.requests(),
            rate_per_s: rate,
            setting: tuner.setting(),
            changed: matches!(verdict, Verdict::Change { .. }),
            saving: saving(verdict),
            why: why(verdict),
            cost_at_start: planner.cost(&lengths, rate, *start).filter(|_| told),
            cost: planner.cost(&lengths, rate, tuner.setting()).filter(|_| told),
            cost_of_best: best.map(|(_, cost)| cost),
        });
    }
    bar.finish_and_clear();
    Ok((!found.is_empty()).then_some(found))
}

const fn saving(verdict: Verdict) -> Option<f64> {
    match verdict {
        Verdict::Change { saving, .. } => saving,
        Verdict::Keep(Kept::NotWorthIt { saving }) => Some(saving),
        Verdict::Keep(_) => None,
    }
}

fn why(verdict: Verdict) -> String {
    match verdict {
        Verdict::Change { saving: Some(saving), .. } => format!("saves {:.1} %", saving * 100.0),
        Verdict::Change { saving: None, .. } => "the setting before meets no promise".into(),
        Verdict::Keep(Kept::TooFew { requests }) => format!("kept: {requests} requests tell too little"),
        Verdict::Keep(Kept::NoneFeasible) => "kept: no setting meets the promises".into(),
        Verdict::Keep(Kept::NotWorthIt { saving }) => {
            format!("kept: another would save {:.1} %", saving.max(0.0) * 100.0)
        }
        Verdict::Keep(Kept::JustChanged) => "kept: changed lately".into(),
        Verdict::Keep(Kept::Unconfirmed { seen }) => format!("kept: a better one was seen {seen} times"),
    }
}

/// Mean costs over the looks at which all three are known, and how many those are.
fn means(looks: &[Look]) -> Option<([f64; 3], usize)> {
    let known = looks.iter().filter_map(|l| Some([l.cost_at_start?, l.cost?, l.cost_of_best?]));
    let (sums, count) = known.fold(([0.0; 3], 0), |(sums, count), costs: [f64; 3]| {
        (std::array::from_fn(|at| sums[at] + costs[at]), count + 1)
    });
    (count > 0).then(|| (sums.map(|sum| sum / count as f64), count))
}

const HEAD: [&str; 7] = ["at", "requests", "req/s", "boundary", "γ", "USD/h", "why"];

fn row(look: &Look) -> Vec<String> {
    vec![
        clock(look.at_s),
        look.requests.to_string(),
        format!("{:.2}", look.rate_per_s),
        look.setting.boundary.to_string(),
        format!("{:.1}", look.setting.gamma),
        look.cost.map_or_else(|| "–".into(), |cost| format!("{cost:.2}")),
        look.why.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_or_refused() {
        assert_eq!(setting("4096:1.2").unwrap(), Setting { boundary: 4096, gamma: 1.2 });
        assert!(["4096", "0:1.2", "4096:0.9", "a:1"].iter().all(|text| setting(text).is_err()));
    }
}
