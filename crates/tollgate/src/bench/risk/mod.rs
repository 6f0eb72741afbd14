//! `tollgate bench risk`: what training costs per payment, and how long one user's score takes.
//!
//! Training is measured in CPU time of this process, all of it on one thread; scores in the time that passes, so on a busy
//! machine the least time beside the median says how much the rest of the machine added.

mod made;

use super::process::cpu_us;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use made::{payments, scorer, training};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;
use std::hint::black_box;
use tollgate_core::Clock;
use tollgate_gateway::clock::SystemClock;
use tollgate_risk::Dataset;
use tollgate_risk::generate::{Plan, generate, write};
use tollgate_risk::ingest::Mapping;
use tollgate_risk::linear::Logistic;
use tollgate_risk::net::{NetConfig, Network};
use tollgate_risk::online::{History, Scorer};

/// Payments per user in training, from short to long.
const LENGTHS: [usize; 4] = [256, 1_024, 4_096, 16_384];
/// Passes of a training run: at a quarter of a second a tick of 10 ms is a few in a hundred, well below the bar of flatness.
const PASSES: usize = 8;
/// Runs of which the cheapest counts: what else the machine does only ever adds.
const RUNS: usize = 3;
/// CPU microseconds per payment in training, and by how much lengths may differ.
const TRAIN_BAR_US: f64 = 3.6;
const FLAT_BAR: f64 = 1.25;
/// Payments of the user who is scored.
const USER: usize = 300;
const SCORES: usize = 2_000;
/// Users whose files are scored.
const FILE_USERS: u32 = 2_000;
const MEDIAN_BAR_US: f64 = 300.0;
const TAIL_BAR_US: f64 = 1_000.0;
/// Microseconds for one payment more, and by how much its score may differ from that of a history built anew.
const ADD_BAR_US: f64 = 10.0;
const ADD_BAR_OFF: f64 = 1e-5;

/// Measure the risk models: training per payment, scoring one user, adding one payment
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate bench risk                        about half a minute
  tollgate bench risk --markdown > docs/reports/risk-speed.md

Histories are made up. Training has one thread, width 32, no caps: every payment is encoded, and
the cheapest of three runs counts. The score is that of a blend of all four kinds of models. Folding
is measured by bench/risk-fold.sh, beside polars and duckdb.")]
pub(crate) struct RiskArgs {
    /// Payments of each training run, in thousands
    #[arg(long, value_name = "N", default_value_t = 262, value_parser = clap::value_parser!(u16).range(33..=4096))]
    thousands: u16,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print the report as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// One row of the report.
#[derive(Serialize)]
struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    bar: Option<f64>,
    met: Option<bool>,
    note: String,
}

impl Row {
    fn new(what: impl Into<String>, value: f64, unit: &'static str, bar: Option<f64>) -> Self {
        let met = bar.map(|bar| value <= bar);
        Self { what: what.into(), value, unit, bar, met, note: String::new() }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn cells(&self) -> [String; 5] {
        let shown = |x: f64| {
            if x != 0.0 && x < 0.01 { format!("{x:.1e}") } else { format!("{x:.2}") }
        };
        [
            self.what.clone(),
            format!("{} {}", shown(self.value), self.unit),
            self.bar.map_or_else(|| "–".into(), |bar| format!("<= {} {}", shown(bar), self.unit)),
            self.met.map_or("–", |met| if met { "yes" } else { "no" }).into(),
            self.note.clone(),
        ]
    }
}

const HEAD: [&str; 5] = ["what", "measured", "bar", "met", ""];

/// Measures and shows.
pub(in crate::bench) fn run(args: &RiskArgs) -> Result<Ending> {
    let clock = SystemClock::new();
    let mut rows = train(usize::from(args.thousands) * 1_000)?;
    let scorer = scorer()?;
    rows.extend(score(&clock, &scorer)?);
    rows.extend(add(&clock, &scorer)?);
    rows.push(files(&scorer)?);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    if args.json {
        say::json(
            &json!({ "load": load, "rows": rows, "missed": rows.iter().filter(|r| r.met == Some(false)).count() }),
        )?;
    } else if args.markdown {
        say::text(&markdown(&rows, &load)?)?;
    } else {
        say::table(&HEAD, &rows.iter().map(|row| row.cells().to_vec()).collect::<Vec<_>>())?;
        say::line(&format!("load of the machine at the end: {load}"))?;
    }
    Ok(Ending::Good)
}

/// CPU time of training per payment, by length of the histories.
fn train(payments: usize) -> Result<Vec<Row>> {
    let me = std::process::id();
    let mut rows = Vec::new();
    let mut costs: Vec<f64> = Vec::new();
    for length in LENGTHS {
        let (data, space) = training(payments, length);
        let start = cpu_us(me)?;
        let features = space.rows(&data);
        let prepared = cpu_us(me)? - start;
        let users: Vec<u32> = (0..data.users.count as u32).collect();
        let labels: Vec<bool> = data.users.labels.iter().map(|l| *l == Some(true)).collect();
        let line = Logistic::fit(&features, &labels, &users, 1_000.0);
        let config = NetConfig {
            epochs: PASSES,
            threads: 1,
            caps: tollgate_risk::fold::Caps { merchants: u32::MAX, behaviours: u32::MAX },
            ..NetConfig::default()
        };
        let mut spent = u64::MAX;
        for _ in 0..RUNS {
            let start = cpu_us(me)?;
            let known = (users.as_slice(), &[][..]);
            let network = Network::train(&data, &features, &space, known, &line, &config, &mut |_, _, _| {})?;
            spent = spent.min(cpu_us(me)? - start);
            black_box(&network);
        }
        let encoded = data.folded.events.len() as f64;
        let cost = spent as f64 / encoded / PASSES as f64;
        costs.push(cost);
        let note = format!(
            "{} merchants per user; features once {:.2} µs per payment",
            data.folded.merchants.len() / data.users.count.max(1),
            prepared as f64 / encoded
        );
        let what = format!("training, {length} payments per user, CPU per payment");
        rows.push(Row::new(what, cost, "µs", Some(TRAIN_BAR_US)).note(note));
    }
    let (least, most) = costs.iter().fold((f64::MAX, 0.0f64), |(l, m), c| (l.min(*c), m.max(*c)));
    rows.push(Row::new("dearest length over cheapest", most / least, "x", Some(FLAT_BAR)));
    Ok(rows)
}

/// Time of one user's score.
///
/// On a machine that is shared a score may wait for a core: the kernel says how long the thread has waited, so scores that
/// did not wait are told apart from those that did. Both are shown.
fn score(clock: &dyn Clock, scorer: &Scorer) -> Result<Vec<Row>> {
    let mut history = History::default();
    let (payments, at) = payments(USER);
    for payment in &payments {
        history.add(scorer, payment).ok().context("a made payment was refused")?;
    }
    let (mut times, mut alone) = (Vec::with_capacity(SCORES), Vec::with_capacity(SCORES));
    for _ in 0..SCORES {
        let waited = waited_ns();
        let start = clock.tick();
        black_box(scorer.score(black_box(&history), at, &[])?);
        let time = clock.tick().since_ns(start) as f64 / 1e3;
        times.push(time);
        if waited.is_some() && waited_ns() == waited {
            alone.push(time);
        }
    }
    let what = |which: &str| format!("score of a user with {USER} payments, {which}");
    let all = sorted(times);
    let mut rows = vec![
        Row::new(what("median"), share_of(&all, 0.5), "µs", Some(MEDIAN_BAR_US))
            .note(format!("least {:.0} µs", share_of(&all, 0.0))),
        Row::new(what("99 of 100"), share_of(&all, 0.99), "µs", Some(TAIL_BAR_US)),
    ];
    if !alone.is_empty() {
        let (count, alone) = (alone.len(), sorted(alone));
        let note = format!(
            "{count} of {SCORES}; the others waited for a core, longest {:.0} µs",
            share_of(&all, 1.0)
        );
        let what = what("99 of 100, never waiting");
        rows.push(Row::new(what, share_of(&alone, 0.99), "µs", Some(TAIL_BAR_US)).note(note));
    }
    Ok(rows)
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times
}

/// The value that a share of sorted values is below.
fn share_of(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// CPU time per user of reading a folder of files and scoring it.
fn files(scorer: &Scorer) -> Result<Row> {
    let folder = std::env::temp_dir().join(format!("tollgate-bench-risk-{}", std::process::id()));
    let made = generate(&Plan { users: FILE_USERS, events: USER as f64, ..Plan::default() });
    let measured = || {
        write(&made, &folder)?;
        let me = std::process::id();
        let start = cpu_us(me)?;
        let data = Dataset::read(&folder, &Mapping::of(&folder)?, None, &mut |_, _| {})?;
        let read = cpu_us(me)? - start;
        black_box(scorer.model().score(&data, None)?);
        Ok::<_, anyhow::Error>((read, cpu_us(me)? - start))
    };
    let spent = measured();
    // The folder is this run's own.
    let _ = std::fs::remove_dir_all(&folder);
    let (read, all) = spent?;
    let each = |us: u64| us as f64 / f64::from(FILE_USERS);
    let payments = made.events.len() as f64 / f64::from(FILE_USERS);
    let what = format!("scoring a folder of CSV, {payments:.0} payments per user, CPU per user");
    Ok(Row::new(what, each(all), "µs", None)
        .note(format!("reading and folding are {:.0} µs of it", each(read))))
}

/// Nanoseconds that this thread was ready to run and had no core, where the kernel counts them (Linux,
/// Documentation/scheduler/sched-stats.rst: the second field).
fn waited_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').nth(1)?.parse().ok()
}

/// Time of one payment more, on short and long histories, and what it changes against a history built anew.
fn add(clock: &dyn Clock, scorer: &Scorer) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut off: f64 = 0.0;
    for length in [USER, 16_384] {
        let (all, at) = payments(length + SCORES);
        let (first, more) = all.split_at(length);
        let mut history = History::default();
        for payment in first {
            history.add(scorer, payment).ok().context("a made payment was refused")?;
        }
        let start = clock.tick();
        for payment in more {
            history.add(scorer, black_box(payment)).ok().context("a made payment was refused")?;
        }
        let each = clock.tick().since_ns(start) as f64 / 1e3 / more.len() as f64;
        let mut again = History::default();
        for payment in &all {
            again.add(scorer, payment).ok().context("a made payment was refused")?;
        }
        let [a, b] = [&history, &again].map(|h| scorer.score(h, at, &[]).map(|s| s.probability));
        off = off.max((a? - b?).abs());
        let what = format!("one payment more on {length}");
        rows.push(Row::new(what, each, "µs", Some(ADD_BAR_US)));
    }
    rows.push(Row::new("grown against built anew, probability", off, "", Some(ADD_BAR_OFF)));
    Ok(rows)
}

fn markdown(rows: &[Row], load: &str) -> Result<String> {
    let build =
        if cfg!(debug_assertions) { "development build, whose checks cost time" } else { "release build" };
    let mut text = format!(
        "# How fast the risk models are\n\nMade by `tollgate bench risk --markdown` from a {build}, on made-up \
histories. Training is CPU time of one thread, width 32, every payment encoded, the cheapest of three runs; the score is that of a blend of all four \
kinds of models. Folding beside polars and duckdb: `bench/risk-fold.sh`, in [the models' report](risk-models.md).\n\n",
    );
    writeln!(text, "| {} |", HEAD.join(" | "))?;
    writeln!(text, "| --- | --: | --: | --- | --- |")?;
    for row in rows {
        writeln!(text, "| {} |", row.cells().join(" | "))?;
    }
    writeln!(text, "\nLoad of the machine at the end (1, 5 and 15 minutes): {load}.")?;
    Ok(text)
}
