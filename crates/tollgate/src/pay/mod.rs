//! `tollgate pay`: the ledger in a folder or a database, its audit log as files that anybody can check, mandates, escrows.

mod admit;
mod agent;
mod audit;
mod books;
mod demo;
mod dispute;
mod escrow;
mod evidence;
mod issue;
mod ledger;
mod mandate;
mod rail;
mod simulate;
mod task;

use crate::args::Group;
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;
use tollgate_store::journal::audit::Source;

/// What can be done.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Apply commands to a ledger, and read its accounts
    Ledger(Group<ledger::Command>),
    /// Publish the audit log of a ledger, and check one offline
    Audit(Group<audit::Command>),
    /// Keep signed records of agents, and check their keys, cards and accounts
    Agent(Group<agent::Command>),
    /// Check what a mandate allows, and use it once
    Mandate(Group<mandate::Command>),
    /// Write, sign and check the terms of tasks
    Task(Group<task::Command>),
    /// Hold funds until a task is proven to be done
    Escrow(Group<escrow::Command>),
    /// Look after what moves money outside of the ledger
    Rail(Group<rail::Command>),
    /// Check evidence that a task was done
    Evidence(Group<evidence::Command>),
    /// Take a dispute along in one file, and replay it offline
    Dispute(Group<dispute::Command>),
    Demo(demo::DemoArgs),
    Simulate(simulate::SimulateArgs),
}

/// How a command prints what it says.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Printed {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

impl Printed {
    /// Prints a value as JSON, or as the text that people read.
    fn show(self, value: &Value, text: &str) -> Result<()> {
        if self.json { say::json(value) } else { say::text(&format!("{}\n", text.trim_end_matches('\n'))) }
    }

    /// Prints a document that is JSON however it is asked for, in the bytes that are signed.
    fn document(self, text: &str) -> Result<()> {
        say::line(text)
    }
}

/// Where a ledger is kept, as an argument.
fn source(text: &str) -> Result<Source, std::convert::Infallible> {
    Ok(Source::from(text))
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Ledger(group) => ledger::run(group.command),
        Command::Audit(group) => audit::run(group.command),
        Command::Agent(group) => agent::run(group.command),
        Command::Mandate(group) => mandate::run(group.command),
        Command::Task(group) => task::run(group.command),
        Command::Escrow(group) => escrow::run(group.command),
        Command::Rail(group) => rail::run(group.command),
        Command::Evidence(group) => evidence::run(group.command),
        Command::Dispute(group) => dispute::run(group.command),
        Command::Demo(args) => demo::run(&args),
        Command::Simulate(args) => simulate::run(&args),
    }
}
