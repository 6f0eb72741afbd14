//! `tollgate bench policy`: decisions, compilation, analysis and signals from words beside the incumbent's figures.
//!
//! Each row is the least time of many runs on one thread: what else the machine does only ever adds. The median of the
//! same runs over their least says how much was added, and stands beside.

mod heuristics;
mod shapes;

use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use shapes::{Fixed, Hang};
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;
use tollgate_core::Clock;
use tollgate_gateway::clock::SystemClock;
use tollgate_policy::{Findings, Known, Policy, analyse, compile};
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};

/// Times that a row is measured at the least and at most.
const RUNS: (usize, usize) = (5, 2_000);
/// Nanoseconds for which a row is measured, beyond the least times.
const BUDGET_NS: u64 = 400_000_000;
/// Bytes of the prompt that keyword rules read, and most that a request may have for it.
const PROMPT: usize = 1 << 20;

/// Measure the policy engine: decisions, compilation, analysis and signals from words
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate bench policy                      about half a minute, one thread
  tollgate bench policy --probes RECIPES --markdown > docs/reports/policy-speed.md

Each row is the least time of many runs. The incumbent's figures are those of the vLLM Semantic
Router's Go code on another machine, one thread; where it has one, the bar is a tenth of it.
With --strict the exit code is 1 when a bar is missed.")]
pub(crate) struct PolicyArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print the report as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Exit with 1 when a bar is missed
    #[arg(long)]
    strict: bool,
    /// A folder of vLLM Semantic Router recipes with probes, whose signals are timed too
    #[arg(long, value_name = "DIR")]
    probes: Option<PathBuf>,
}

/// One row of the report. Times in microseconds.
#[derive(Serialize)]
struct Row {
    what: String,
    least_us: f64,
    /// The median of the runs over the least.
    noise: f64,
    runs: usize,
    incumbent_us: Option<f64>,
    bar_us: Option<f64>,
    met: Option<bool>,
    note: String,
}

/// Measures and shows.
pub(in crate::bench) fn run(args: &PolicyArgs) -> Result<Ending> {
    let mut bench = Bench { clock: SystemClock::new(), rows: Vec::new() };
    bench.decisions()?;
    bench.compilation();
    bench.analysis()?;
    bench.keywords()?;
    bench.words()?;
    if let Some(folder) = &args.probes {
        bench.probes(folder)?;
    }
    bench.governed()?;
    let Bench { rows, .. } = bench;
    if args.json {
        say::json(&json!({ "rows": rows, "missed": missed(&rows) }))?;
    } else if args.markdown {
        say::text(&markdown(&rows))?;
    } else {
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells().to_vec()).collect();
        say::table(&HEAD, &cells)?;
    }
    Ok(ending(args.strict, &rows))
}

/// Missed bars end badly where that was asked for.
fn ending(strict: bool, rows: &[Row]) -> Ending {
    if strict && missed(rows) > 0 { Ending::Refused } else { Ending::Good }
}

fn missed(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.met == Some(false)).count()
}

/// The large policies that are analysed, and how many of their questions may stay open.
const LARGE: [(&str, Hang, usize); 4] = [
    ("a priority each, 400 signals", Hang::Ranked, 0),
    ("one priority, 400 signals", Hang::Flat, 0),
    ("a priority each, nested, 400 signals", Hang::Nested, 0),
    ("a priority each, nested, only 40 signals", Hang::Crowded, 550),
];

/// What an analysis came to.
fn told(found: &Findings) -> String {
    format!("{} findings, {} questions unsettled", found.findings.len(), found.unsettled)
}

struct Bench {
    clock: SystemClock,
    rows: Vec<Row>,
}

impl Bench {
    /// Adds a row: the least time of `work`, beside the incumbent's and the bar.
    fn row(&mut self, what: &str, incumbent_us: Option<f64>, bar_us: Option<f64>, mut work: impl FnMut()) {
        let begun = self.clock.tick();
        let mut times: Vec<u64> = Vec::new();
        while times.len() < RUNS.0 || (times.len() < RUNS.1 && self.clock.tick().since_ns(begun) < BUDGET_NS)
        {
            let start = self.clock.tick();
            work();
            times.push(self.clock.tick().since_ns(start));
        }
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0) as f64 / 1e3;
        let least_us = at(0);
        let bar_us = bar_us.or(incumbent_us.map(|there| there / 10.0));
        self.rows.push(Row {
            what: what.to_owned(),
            least_us,
            noise: at(50) / least_us.max(0.001),
            runs: times.len(),
            incumbent_us,
            bar_us,
            met: bar_us.map(|bar| least_us <= bar),
            note: String::new(),
        });
    }

    /// Adds a row that was measured already, each part of it the least of several runs.
    fn push(&mut self, what: String, us: f64, incumbent_us: Option<f64>) {
        let bar_us = incumbent_us.map(|there| there / 10.0);
        let met = bar_us.map(|bar| us <= bar);
        self.rows.push(Row {
            what,
            least_us: us,
            noise: 1.0,
            runs: 1,
            incumbent_us,
            bar_us,
            met,
            note: String::new(),
        });
    }

    /// The time of the last row.
    fn last_us(&self) -> f64 {
        self.rows.last().map_or(0.0, |row| row.least_us)
    }

    fn note(&mut self, note: String) {
        if let Some(row) = self.rows.last_mut() {
            row.note = note;
        }
    }

    fn decisions(&mut self) -> Result<()> {
        for (routes, matching, incumbent) in [
            (100, "no route", 3.7),
            (100, "one route", 6.5),
            (100, "every route", 490.0),
            (1_000, "every route", 30_800.0),
        ] {
            for ranked in [true, false] {
                let policy = policy(&shapes::routes(routes, ranked))?;
                let mut source = Fixed::of(&policy, |route| match matching {
                    "no route" => false,
                    "one route" => route == routes / 2,
                    _ => true,
                });
                let order = if ranked { "a priority each" } else { "one priority" };
                let what = format!("decide: {routes} routes of 5 conditions, {matching} holds, {order}");
                self.row(&what, Some(incumbent), None, || {
                    black_box(black_box(&policy).decide(&mut source, false));
                });
            }
        }
        Ok(())
    }

    fn compilation(&mut self) {
        for (bytes, incumbent) in [(4_800, 1_100.0), (84_000, 33_000.0)] {
            let text = shapes::sized(bytes);
            let what = format!("compile {:.1} KB", text.len() as f64 / 1e3);
            self.row(&what, Some(incumbent), None, || {
                black_box(compile(black_box(&text), &Known::any()));
            });
        }
    }

    fn analysis(&mut self) -> Result<()> {
        for (what, hang, _) in LARGE {
            let policy = policy(&shapes::hanging(1_000, hang))?;
            let mut found = analyse(&policy);
            self.row(&format!("analyse 1,000 routes of 20 conditions, {what}"), None, Some(2e6), || {
                found = analyse(black_box(&policy));
            });
            self.note(told(&found));
        }
        let policy = policy(&shapes::scored(15, 30))?;
        let mut found = analyse(&policy);
        self.row("analyse 15 routes over 3 bands of a score of 30 terms", None, Some(2e6), || {
            found = analyse(black_box(&policy));
        });
        self.note(told(&found));
        Ok(())
    }

    fn keywords(&mut self) -> Result<()> {
        let policy = policy(&shapes::keywords(100))?;
        let set = SignalSet::compile(policy.specs()).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        let words = "the quick brown fox jumps over a lazy dog and then asks for nothing in particular ";
        let text = words.repeat(PROMPT / words.len() + 1);
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": text}]}).to_string();
        let view = peek(Dialect::OpenaiChat, Bytes::from(body), &Limits::default()).context("the prompt")?;
        let (input, clock) = (Input::new(&view), SystemClock::new());
        self.row("100 keyword rules over a prompt of 1 MiB", None, Some(10_000.0), || {
            let mut reading = Reading::new(&set, &input, &clock);
            black_box(policy.decide(&mut reading, false));
        });
        Ok(())
    }

    /// The same decision with and without governance; both end with what a dispatch asks.
    fn governed(&mut self) -> Result<()> {
        let routes = shapes::routes(100, true);
        for (what, text) in [
            ("decide: 100 routes, one holds, and clear: not governed", routes.clone()),
            (
                "decide: 100 routes, one holds, and clear: 3 roles, 2 classes of data, 2 rules",
                shapes::governed(&routes),
            ),
        ] {
            let policy = policy(&text)?;
            let roles = ["analyst".to_owned()];
            let mut source = Fixed::of(&policy, |route| route == 50);
            ensure!(policy.decide(&mut source, false).route_name() == "r50", "another route was chosen");
            self.row(what, None, None, || {
                let decision = black_box(&policy).decide(&mut source, false);
                black_box(policy.clearance(&roles, &decision.binding));
            });
        }
        Ok(())
    }
}

fn policy(text: &str) -> Result<Policy> {
    Ok(Policy::load("bench", text, &Known::any())?)
}

const HEAD: [&str; 7] = ["what", "least", "median / least", "incumbent", "ratio", "bar", "bar met"];

impl Row {
    fn cells(&self) -> [String; 7] {
        let none = || "–".to_owned();
        let what =
            if self.note.is_empty() { self.what.clone() } else { format!("{} ({})", self.what, self.note) };
        [
            what,
            time(self.least_us),
            format!("{:.1}", self.noise),
            self.incumbent_us.map_or_else(none, time),
            self.incumbent_us.map_or_else(none, |there| format!("{:.0} x", there / self.least_us)),
            self.bar_us.map_or_else(none, |bar| format!("<= {}", time(bar))),
            self.met.map_or_else(none, |met| if met { "yes".to_owned() } else { "**no**".to_owned() }),
        ]
    }
}

/// Three digits with the unit that suits.
fn time(us: f64) -> String {
    let (value, unit) = match us {
        us if us < 1.0 => (us * 1e3, "ns"),
        us if us < 1e3 => (us, "us"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {unit}")
}

fn markdown(rows: &[Row]) -> String {
    let mut out = String::from(
        "# How fast the policy engine is

Made by `tollgate bench policy --probes RECIPES --markdown`, release build, one thread. Each row is the least time of many runs (from 5 to 2,000,
for at most about half a second); the median of the same runs over the least says how much the rest of the machine added. The
incumbent's figures are those of the vLLM Semantic Router's Go code on one thread of another machine of this kind; the bar is
a tenth of each where it has one.

",
    );
    let line = |out: &mut String, cells: &[String]| {
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    };
    line(&mut out, &HEAD.map(str::to_owned));
    line(&mut out, &["---", "--:", "--:", "--:", "--:", "--:", "---"].map(str::to_owned));
    rows.iter().for_each(|row| line(&mut out, &row.cells()));
    let judged = rows.iter().filter(|row| row.met.is_some()).count();
    let met = rows.iter().filter(|row| row.met == Some(true)).count();
    let _ = writeln!(out, "\n{met} of {judged} bars are met.");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_policy::limits::MAX_ANALYSIS_STEPS;

    /// The bar is two seconds; steps stand for it, as they are the same on every machine.
    #[test]
    fn large_policies_are_analysed_within_the_bound_on_steps() {
        for (what, hang, open) in LARGE {
            let found = analyse(&policy(&shapes::hanging(1_000, hang)).unwrap());
            // The step that is being taken when the bound is met is finished: a search of at most 50,000.
            assert!(found.steps <= MAX_ANALYSIS_STEPS + 50_000, "{what}: {} steps", found.steps);
            assert!(found.unsettled <= open, "{what}: {} questions unsettled", found.unsettled);
            assert_eq!(found.open_routes.is_empty(), open == 0, "{what}");
        }
    }

    #[test]
    fn a_missed_bar_ends_badly_where_that_is_asked_for() {
        let mut bench = Bench { clock: SystemClock::new(), rows: Vec::new() };
        bench.push("met".to_owned(), 1.0, Some(20.0));
        assert_eq!(ending(true, &bench.rows), Ending::Good);
        bench.push("missed".to_owned(), 3.0, Some(20.0));
        assert_eq!((ending(true, &bench.rows), ending(false, &bench.rows)), (Ending::Refused, Ending::Good));
    }
}
