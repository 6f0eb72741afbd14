//! What can be typed: the table of commands.

use crate::{bench, config, decisions, fleet, key, models, pay, policy, risk, serve, shell, signals, wire};
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
    #[command(after_help = "Examples:
  tollgate policy check my.tollgate         all errors, with places and likely fixes
  tollgate policy explain --text 'Hello'    which route, and why
  tollgate policy test my.tollgate          the tests inside the file")]
    Policy(Group<policy::Command>),
    /// Check configurations and show what they can hold
    #[command(after_help = "Examples:
  tollgate config default > tollgate.yaml   a file to start from
  tollgate config check tollgate.yaml       everything that is wrong with it
  tollgate config providers                 the kinds of providers")]
    Config(Group<config::Command>),
    /// Create, list, revoke and rotate the keys of callers
    ///
    /// These commands write to the database directly; a gateway that runs on it takes the change over within a second.
    #[command(after_help = "Examples:
  tollgate key create ci --model 'sim-*'    a key for some models
  tollgate key list                         all keys, without their secrets
  tollgate key revoke ID                    ends one")]
    Key(Group<key::Command>),
    /// Fetch, list and check models that read text
    #[command(after_help = "Examples:
  tollgate models list                      those known by name
  tollgate models fetch all-minilm-l6-v2    one of them, into tollgate-data/models
  tollgate models verify all-minilm-l6-v2   its hashes, and that it loads")]
    Models(Group<models::Command>),
    Decisions(decisions::DecisionsArgs),
    /// Translate requests and answers between dialects
    #[command(after_help = "Example:
  tollgate wire translate --from openai_chat --to anthropic request.json")]
    Wire(Group<wire::Command>),
    /// Keep a ledger, publish and check its audit log, check mandates
    Pay(Group<pay::Command>),
    /// Plan, simulate and compare fleets of GPUs for a workload
    Fleet(Box<Group<fleet::Command>>),
    /// Fold payment histories by merchant and learn who defaults
    #[command(after_help = "Examples:
  tollgate risk train --data payments --out model
                                            all kinds of models, and which won on held-out users
  tollgate risk score --model model --data payments --out scores.csv
                                            the probability of a default for every user
  tollgate risk fold --data payments --out folded
                                            histories by user and merchant, with what was refused")]
    Risk(Box<Group<risk::Command>>),
    /// Train, judge and show the heads of learned signals
    #[command(after_help = "Examples:
  tollgate signals train --data rows.jsonl --out intent.head
                                            labelled texts to a head and its card
  tollgate signals eval --data sets         the shipped heads on labelled sets, beside their bars")]
    Signals(Group<signals::Command>),
    /// Measure this program on this machine
    #[command(after_help = "Example:
  tollgate bench gateway                    the gateway beside a floor, as ratios")]
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
