//! `tollgate pay`: the ledger in a folder, and its audit log as files that anybody can check.

mod audit;
mod ledger;

use crate::args::Group;
use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;

/// What can be done.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Apply commands to a ledger, and read its accounts
    Ledger(Group<ledger::Command>),
    /// Publish the audit log of a ledger, and check one offline
    Audit(Group<audit::Command>),
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Ledger(group) => ledger::run(group.command),
        Command::Audit(group) => audit::run(group.command),
    }
}
