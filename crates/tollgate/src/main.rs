//! The command line: arguments → meaning → calls.
//!
//! Every command is a module with its arguments and a `run` that returns how it went. Nothing below this crate
//! prints; here only [`say`] does. Exit codes are in [`ending`].

mod args;
mod bench;
mod config;
mod decisions;
mod ending;
mod fleet;
mod key;
mod models;
mod pay;
mod place;
mod policy;
mod risk;
mod say;
mod serve;
mod shell;
mod signals;
mod wire;

use args::{Cli, Command};
use clap::Parser;
use ending::Ending;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let as_json = matches!(cli.command, Command::Pay(_)) && std::env::args_os().any(|word| word == "--json");
    match run(cli.command) {
        Ok(ending) => ending.code(),
        Err(error) => {
            say::problem(&error);
            if as_json {
                say::problem_json(&error, ending::is_refusal(&error));
            }
            ending::code_of(&error)
        }
    }
}

fn run(command: Command) -> anyhow::Result<Ending> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Sim(args) => Ok(tollgate_sim::run(args).map(|()| Ending::Good)?),
        Command::Policy(args) => policy::run(args.command),
        Command::Config(args) => config::run(args.command),
        Command::Key(args) => key::run(args.command),
        Command::Models(args) => models::run(args.command),
        Command::Decisions(args) => decisions::run(args),
        Command::Wire(args) => wire::run(args.command),
        Command::Pay(args) => pay::run(args.command),
        Command::Fleet(args) => fleet::run(args.command),
        Command::Risk(args) => risk::run(args.command),
        Command::Signals(args) => signals::run(args.command),
        Command::Bench(args) => bench::run(args.command),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
    }
}
