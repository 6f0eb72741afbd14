//! `tollgate pay evidence attest`: a statement about an output, bound to its task, under the key of a party, an evaluator or a provider.

use super::contract;
use crate::ending::Ending;
use crate::pay::Printed;
use crate::place;
use anyhow::{Context, Result};
use clap::Args;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tollgate_core::Digest;
use tollgate_pay::escrow::{Evaluator, Party, Signer};
use tollgate_produce::{IN_TOTO, Key, Statement, Task};

/// Sign a statement about a task's output: a delivery, a test result, a usage receipt
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay evidence attest --task task.json --output 3f2a... --key bob.key \\
    --type tollgate/test-result/v1 --say passed=41 --say failed=0 > result.json

Prints an in-toto statement in a DSSE envelope, evidence of kind dsse. It carries the task's binding. Payer, payee and
evaluators of a task may sign for it without being in anybody's policy; other signers are named there.")]
pub(crate) struct AttestArgs {
    /// Terms of the task
    #[arg(long, value_name = "FILE")]
    task: PathBuf,
    /// SHA-256 of the output
    #[arg(long, value_name = "DIGEST")]
    output: Digest,
    /// File of a party's, an evaluator's or a provider's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The statement's type
    #[arg(long = "type", value_name = "TYPE", default_value = "tollgate/delivery/v1")]
    kind: String,
    /// What is said: a name, and a whole number, `true`, `false` or text; may be repeated
    #[arg(long = "say", value_name = "NAME=VALUE")]
    says: Vec<String>,
    #[command(flatten)]
    printed: Printed,
}

pub(super) fn attest(args: &AttestArgs) -> Result<Ending> {
    let contract = contract(&args.task)?;
    let task = Task { contract: contract.digest(), nonce: contract.nonce };
    let mut statement = Statement::new(&args.kind, &[args.output]).of(&task);
    let mut names = BTreeSet::from(["bind"]);
    for text in &args.says {
        let (name, value) = text.split_once('=').with_context(|| format!("{text:?} is not NAME=VALUE"))?;
        anyhow::ensure!(names.insert(name), "{name:?} is said twice, or is the binding");
        statement = match (value, value.parse::<i64>()) {
            ("true" | "false", _) => statement.say(name, value == "true"),
            (_, Ok(number)) => statement.say(name, number),
            _ => statement.say(name, value),
        };
    }
    let statement = statement.text();
    let text = place::read_text(&args.key)?;
    let key = text.trim_end();
    let party = Signer::<Party>::from_text(key).map(|key| key.envelope(IN_TOTO, statement.as_bytes()));
    let envelope = party.or_else(|_| {
        Signer::<Evaluator>::from_text(key).map(|key| key.envelope(IN_TOTO, statement.as_bytes()))
    });
    let provider = |_| Key::from_text(key).map(|key| key.envelope(IN_TOTO, statement.as_bytes()));
    let envelope = envelope.or_else(provider);
    args.printed.document(&envelope.with_context(|| args.key.display().to_string())?)?;
    Ok(Ending::Good)
}
