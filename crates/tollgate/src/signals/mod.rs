//! `tollgate signals`: heads of learned signals, trained, judged and shown.
//!
//! Everything that computes is in `tollgate_signals`; here are files, recipes, bars and tables.

mod eval;
mod recipes;
mod report;
mod sets;
mod train;
mod vectors;

use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;

/// What can be asked.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Train(train::TrainArgs),
    Eval(eval::EvalArgs),
    Report(report::ReportArgs),
}

/// Runs it.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Report(args) => report::run(&args),
    }
}
