//! `tollgate risk report`: a model on one page, and its card.

use super::data::ModelArgs;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tollgate_core::Clock;
use tollgate_gateway::clock::SystemClock;
use tollgate_risk::explain::Reasons;
use tollgate_risk::monitor::monitor;
use tollgate_risk::online::Scorer;
use tollgate_risk::report::{Report, card, page};

/// Users who are asked for their first reason, spread over all.
const ASKED: usize = 500;
/// Length of a period of decisions, in days.
const DAYS: u32 = 90;

/// Write a page about a model: curves, calibration, reasons, drift, cost
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate risk report --model model --data payments --out report.html --card card.md

One file, without scripts. Figures are those of the declared test part of the data, where there is one.")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Where the page goes, as HTML
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the model's card goes, as Markdown
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
}

/// Reports.
pub(super) fn run(args: &ReportArgs) -> Result<Ending> {
    let (model, data) = args.model.open(true)?;
    let clock = SystemClock::new();
    let start = clock.tick();
    let scores: Vec<f64> = model.score(&data, None)?.iter().map(|s| s.probability).collect();
    // One thread scores; on a busy machine this is more than its CPU time.
    let cost_us = clock.tick().since_ns(start) as f64 / 1e3 / scores.len().max(1) as f64;
    let features = model.features(&data)?;
    let watched = monitor(&model, &data, &features, &scores, DAYS);
    let scorer = Scorer::of_tables(model)?;
    let lookup = scorer.model().card.space.lookup(&data.names);
    let reasons = Reasons::new(&scorer);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for user in (0..data.users.count).step_by(data.users.count.div_ceil(ASKED).max(1)) {
        if let Some(reason) = reasons.of(&data, &lookup, user).first() {
            *counts.entry(reason.text.clone()).or_default() += 1;
        }
    }
    let mut causes: Vec<(String, usize)> = counts.into_iter().collect();
    causes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let command = format!(
        "tollgate risk report --model {} --data {} --out {}",
        args.model.model.display(),
        args.model.data.data.display(),
        args.out.display()
    );
    let report = Report {
        model: scorer.model(),
        data: &data,
        scores: &scores,
        watched: &watched,
        causes: &causes,
        cost_us,
        command: &command,
    };
    let write = |path: &PathBuf, text: String| {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write(&args.out, page(&report))?;
    args.card.iter().try_for_each(|path| write(path, card(&report)))?;
    say::line(&format!("the page is in {}", args.out.display()))?;
    Ok(Ending::Good)
}
