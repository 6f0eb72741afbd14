//! `tollgate risk generate`: histories whose best possible score is known.

use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use tollgate_core::Seed;
use tollgate_risk::evaluate::auc;
use tollgate_risk::generate::{Plan, generate, write};

/// Write made-up histories with a known best score, to try things on
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate risk generate --out payments --users 2000")]
pub(crate) struct GenerateArgs {
    /// The folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Users
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    users: u32,
    /// Mean payments per user
    #[arg(long, value_name = "N", default_value_t = 150, value_parser = clap::value_parser!(u32).range(8..=100_000))]
    events: u32,
    /// From which everything follows
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Generates.
pub(super) fn run(args: &GenerateArgs) -> Result<Ending> {
    let plan =
        Plan { users: args.users, events: f64::from(args.events), seed: Seed(args.seed), ..Plan::default() };
    let made = generate(&plan);
    write(&made, &args.out)?;
    let best = auc(&made.best, &made.labels)
        .map_or_else(String::new, |best| format!(", best possible AUC {best:.4}"));
    say::line(&format!("{} users, {} payments{best}", args.users, made.events.len()))?;
    Ok(Ending::Good)
}
