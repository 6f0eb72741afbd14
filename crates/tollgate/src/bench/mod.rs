//! `tollgate bench`: what this machine gives, measured by the program itself.
//!
//! For the gateway, upstream, floor and gateway are processes of their own, because the system accounts CPU time by process; where
//! `taskset` exists the gateway and the floor have one core and everything else another. Only the ratio of two numbers
//! of one run means anything on a machine that does other work too.
//!
//! ```text
//! load (this process) -> floor or gateway (child) -> upstream (child)
//! ```

mod encoder;
mod folder;
mod gateway;
mod learned;
mod ledger;
mod load;
mod part;
mod payload;
mod policy;
mod process;
mod risk;

use crate::ending::Ending;
use anyhow::Result;
use clap::Subcommand;

/// What can be measured.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Encoder(encoder::EncoderArgs),
    Gateway(gateway::GatewayArgs),
    Ledger(ledger::LedgerArgs),
    Policy(policy::PolicyArgs),
    Risk(risk::RiskArgs),
    #[command(hide = true)]
    Part(part::PartArgs),
}

/// Measures, or plays a part in a measurement.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Encoder(args) => encoder::run(&args),
        Command::Gateway(args) => gateway::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Risk(args) => risk::run(&args),
        Command::Part(args) => part::run(&args),
    }
}
