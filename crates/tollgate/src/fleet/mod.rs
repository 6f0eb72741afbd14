//! `tollgate fleet`: from what arrives to the fleet that serves it.
//!
//! A command reads a workload ([`workload`]) and says what it may run on ([`hardware`]); what is asked of the planner is
//! put together in [`problem`]. Everything that computes is in `tollgate_fleet`; here are files, tables and pictures.

mod calibrate;
mod catalogue;
mod compare;
mod compat;
mod files;
mod hardware;
mod operate;
mod plan;
mod pools;
mod problem;
mod report;
mod simulate;
mod trade;
mod workload;

use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;

/// What can be asked.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Plan(plan::PlanArgs),
    Simulate(simulate::SimulateArgs),
    Compare(compare::CompareArgs),
    Pareto(trade::ParetoArgs),
    Split(trade::SplitArgs),
    Flex(trade::FlexArgs),
    Energy(trade::EnergyArgs),
    Tune(operate::TuneArgs),
    Forecast(operate::ForecastArgs),
    Calibrate(calibrate::CalibrateArgs),
    Catalogue(catalogue::CatalogueArgs),
    Report(report::ReportArgs),
}

/// Runs it.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Plan(args) => plan::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Pareto(args) => trade::pareto(&args),
        Command::Split(args) => trade::split(&args),
        Command::Flex(args) => trade::flex(&args),
        Command::Energy(args) => trade::energy(&args),
        Command::Tune(args) => operate::tune(&args),
        Command::Forecast(args) => operate::forecast(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Catalogue(args) => catalogue::run(&args),
        Command::Report(args) => report::run(&args),
    }
}

/// US dollars from millionths, with the places that a price needs.
fn usd(micro: i64) -> String {
    format!("{}.{:02}", micro / 1_000_000, micro.unsigned_abs() % 1_000_000 / 10_000)
}

/// A year of an hourly price in thousands of US dollars (8,760 hours).
fn kusd_a_year(micro_per_hour: i64) -> String {
    format!("{:.1}", micro_per_hour as f64 * 8760.0 / 1e9)
}
