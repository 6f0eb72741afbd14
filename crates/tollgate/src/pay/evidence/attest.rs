//! `tollgate pay evidence attest`: a statement about an output, bound to its task, under a party's or an evaluator's key.

use super::{bind, contract};
use crate::ending::Ending;
use crate::{place, say};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use tollgate_core::Digest;
use tollgate_pay::escrow::{Evaluator, Party, Signer};

/// The media type of in-toto statements.
const IN_TOTO: &str = "application/vnd.in-toto+json";

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
    /// File of a party's or an evaluator's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The statement's type
    #[arg(long = "type", value_name = "TYPE", default_value = "tollgate/delivery/v1")]
    kind: String,
    /// What is said: a name, and a whole number, `true`, `false` or text; may be repeated
    #[arg(long = "say", value_name = "NAME=VALUE")]
    says: Vec<String>,
}

pub(super) fn attest(args: &AttestArgs) -> Result<Ending> {
    contract(&args.task)?;
    let mut said = Map::from_iter([("bind".to_owned(), json!(bind(&args.task, &args.output)?.to_string()))]);
    for text in &args.says {
        let (name, value) = text.split_once('=').with_context(|| format!("{text:?} is not NAME=VALUE"))?;
        let value = match (value, value.parse::<i64>()) {
            ("true" | "false", _) => json!(value == "true"),
            (_, Ok(number)) => json!(number),
            _ => json!(value),
        };
        anyhow::ensure!(
            said.insert(name.to_owned(), value).is_none(),
            "{name:?} is said twice, or is the binding"
        );
    }
    let subject = json!([{"digest": {"sha256": args.output}, "name": "output"}]);
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicate": Value::Object(said),
        "predicateType": args.kind, "subject": subject})
    .to_string();
    let text = place::read_text(&args.key)?;
    let key = text.trim_end();
    let party = Signer::<Party>::from_text(key).map(|key| key.envelope(IN_TOTO, statement.as_bytes()));
    let envelope = party.or_else(|_| {
        Signer::<Evaluator>::from_text(key).map(|key| key.envelope(IN_TOTO, statement.as_bytes()))
    });
    say::line(&envelope.with_context(|| args.key.display().to_string())?)?;
    Ok(Ending::Good)
}
