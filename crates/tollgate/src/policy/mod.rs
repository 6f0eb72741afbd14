//! `tollgate policy`: check, explain, test, format and import policies, and list what they can ask.

mod cases;
mod catalogue;
mod check;
mod diff;
mod explain;
mod graph;
mod import;
mod lsp;
mod models;
mod sample;
mod source;
mod tidy;
mod trace;

use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;

/// What can be done with policies.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Test(cases::TestArgs),
    Diff(diff::DiffArgs),
    Fmt(tidy::FmtArgs),
    Graph(graph::GraphArgs),
    Lsp(lsp::LspArgs),
    Catalogue(catalogue::CatalogueArgs),
    Import(import::ImportArgs),
}

/// Runs one of them.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Test(args) => cases::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::Lsp(args) => lsp::run(&args),
        Command::Fmt(args) => tidy::run(&args),
        Command::Catalogue(args) => catalogue::run(&args),
        Command::Import(args) => import::run(&args),
    }
}
