//! `tollgate pay rail`: what moves money outside of our own ledger.

mod card;
mod evm;

use crate::args::Group;
use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;
use std::path::Path;
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_store::escrows::OtherRail;

/// Which rail.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Cards, through a Stripe-compatible API
    Card(Group<card::Command>),
    /// Escrow contracts on an EVM chain
    Evm(Group<evm::Command>),
}

/// Does it.
pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Card(group) => card::run(group.command),
        Command::Evm(group) => evm::run(group.command),
    }
}

/// The rails of a data folder beside our own ledger.
pub(super) fn open(data: &Path, clock: &Arc<dyn Clock>) -> Result<Vec<OtherRail>> {
    let mut rails = Vec::new();
    if let Some(folder) = tollgate_evm::Folder::read(data)? {
        rails.push(OtherRail::Here(Box::new(folder.rail(folder.checked_chain()?)?)));
    }
    if let Some(folder) = tollgate_card::Folder::read(data)? {
        rails.push(OtherRail::Here(Box::new(folder.rail(Arc::clone(clock))?)));
    }
    Ok(rails)
}
