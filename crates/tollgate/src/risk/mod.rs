//! `tollgate risk`: from payment histories to the probability of a default.
//!
//! Everything that computes is in `tollgate_risk`; here are arguments, bars and tables.

mod data;
mod explain;
mod fold;
mod generate;
mod monitor;
mod report;
mod score;
mod settled;
mod terms;
mod train;

use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;

/// What can be asked.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Fold(fold::FoldArgs),
    Train(train::TrainArgs),
    Eval(score::EvalArgs),
    Score(score::ScoreArgs),
    Explain(explain::ExplainArgs),
    Monitor(monitor::MonitorArgs),
    Report(report::ReportArgs),
    Terms(terms::TermsArgs),
    Settled(settled::SettledArgs),
    Generate(generate::GenerateArgs),
}

/// Runs it.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Fold(args) => fold::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => score::eval(&args),
        Command::Score(args) => score::score(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Monitor(args) => monitor::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Terms(args) => terms::run(&args),
        Command::Settled(args) => settled::run(&args),
        Command::Generate(args) => generate::run(&args),
    }
}
