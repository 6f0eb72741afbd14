//! What can be typed: the table of commands.

use crate::{bench, config, decisions, fleet, key, pay, policy, serve, shell, wire};
use clap::{Args, Parser, Subcommand};

const AFTER: &str = "Examples:
  tollgate serve                            a working gateway with simulated upstreams
  tollgate policy explain --text 'Prove it step by step'
                                            where a request would go, and why
  tollgate config check tollgate.yaml       everything that is wrong with a configuration

Exit codes:
  0  done
  1  refused, or a check that did not pass
  2  wrong usage, or input that cannot be read";

/// Routes model requests: to the right model, pool and instance, by a policy that explains itself
#[derive(Parser, Debug)]
#[command(name = "tollgate", version, after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Serve(serve::ServeArgs),
    Sim(tollgate_sim::SimArgs),
    /// Check, explain, test and format routing policies
    Policy(Group<policy::Command>),
    /// Check configurations and show what they can hold
    Config(Group<config::Command>),
    /// Create, list, revoke and rotate the keys of callers
    ///
    /// These commands write to the database directly. A running gateway reads keys when it starts; to change keys
    /// while it runs, use its admin API: POST /api/v1/keys.
    Key(Group<key::Command>),
    Decisions(decisions::DecisionsArgs),
    /// Translate requests and answers between dialects
    Wire(Group<wire::Command>),
    /// Keep a ledger, publish and check its audit log, check mandates
    Pay(Group<pay::Command>),
    /// Plan, simulate and compare fleets of GPUs for a workload
    Fleet(Box<Group<fleet::Command>>),
    /// Measure this program on this machine
    Bench(Group<bench::Command>),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

/// A command that only holds others.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Group<C: Subcommand> {
    #[command(subcommand)]
    pub(crate) command: C,
}
