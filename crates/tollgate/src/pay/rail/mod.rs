//! `tollgate pay rail`: what moves money outside of our own ledger.

mod evm;
mod place;

pub(super) use place::open;

use crate::args::Group;
use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;

/// Which rail.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Escrow contracts on an EVM chain
    Evm(Group<evm::Command>),
}

/// Does it.
pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Evm(group) => evm::run(group.command),
    }
}
