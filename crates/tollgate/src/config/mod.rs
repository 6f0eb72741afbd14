//! `tollgate config`: check a configuration, and print what one can hold.

mod check;
mod show;

use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;

/// What can be done with configurations.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Check(check::CheckArgs),
    Default(show::DefaultArgs),
    Providers(show::ProvidersArgs),
    Schema(show::SchemaArgs),
}

/// Runs one of them.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Default(_) => show::default(),
        Command::Providers(args) => show::providers(&args),
        Command::Schema(_) => show::schema(),
    }
}
