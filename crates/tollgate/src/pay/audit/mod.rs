//! `tollgate pay audit`: the log of a ledger as files, receipts, and checking both offline.

mod witness;

pub(super) use witness::{cosign, policy};

use super::Printed;
use crate::ending::{Ending, Refusal};
use crate::{place, say};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_gateway::clock::entropy;
use tollgate_pay::PayError;
use tollgate_pay::log::{Note, Policy, Receipt, Role, SigningKey, VerifyingKey};
use tollgate_store::journal::JournalError;
use tollgate_store::journal::audit::{LogFolder, Source, Verified, Verify};

/// What can be done with an audit log.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Keygen(KeygenArgs),
    Publish(PublishArgs),
    Receipt(ReceiptArgs),
    Verify(Box<VerifyArgs>),
    Witness(witness::WitnessArgs),
}

/// Make a signing key for a log or a witness; prints the public key that others check with
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay audit keygen example.com/log --out log.key
  tollgate pay audit keygen witness.example --witness --out witness.key")]
pub(crate) struct KeygenArgs {
    /// The key's name; for a log usually its origin
    name: String,
    /// File for the secret key, readable by its owner only; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Make a key that cosigns checkpoints
    #[arg(long)]
    witness: bool,
    #[command(flatten)]
    printed: Printed,
}

/// Write a ledger's new entries to its log folder, and sign where the log stands
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay audit publish --ledger books --log log --key log.key
  tollgate pay audit publish --ledger books --log log --key log.key --policy witness.policy

The folder holds static files (C2SP tlog-tiles): copy it or serve it as it is. The ledger may be in use meanwhile.")]
pub(crate) struct PublishArgs {
    /// The ledger's folder or its PostgreSQL URL
    #[arg(long, value_name = "PLACE", value_parser = super::source)]
    ledger: Source,
    /// The log's folder
    #[arg(long, value_name = "DIR")]
    log: PathBuf,
    /// File of the log's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The log's unique name [default: the key's name]
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// Policy of witnesses (C2SP tlog-policy); they are asked to cosign. Exit code 1 when too few do
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    printed: Printed,
}

/// Write the proof that an entry is in the log, with the entry itself
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay audit receipt 3 --log log --out payment.tlog-proof")]
pub(crate) struct ReceiptArgs {
    /// Number of the entry
    entry: u64,
    /// The log's folder
    #[arg(long, value_name = "DIR")]
    log: PathBuf,
    /// File for the receipt [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    printed: Printed,
}

/// Check a whole log folder or one receipt, offline
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay audit verify log --key example.com/log+1a2b3c4d+AbCd...
  tollgate pay audit verify log --key ... --replay --older checkpoint-of-last-month
  tollgate pay audit verify payment.tlog-proof --key ... --witness ... --quorum 1
  tollgate pay audit verify payment.tlog-proof --key ... --policy witness.policy

A folder is read whole: signatures, every entry against every tile, the root; with --replay also that each entry follows
from those before by the ledger's rules; with --older that the log continues a checkpoint seen before.
Exit codes: 0 holds, 1 does not hold, 2 cannot be read.")]
pub(crate) struct VerifyArgs {
    /// A log's folder, or the file of a receipt
    path: PathBuf,
    /// The log's public key
    #[arg(long, value_name = "KEY")]
    key: VerifyingKey,
    /// The log's unique name [default: the key's name]
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// Public key of a witness that is trusted; may be repeated
    #[arg(long = "witness", value_name = "KEY")]
    witnesses: Vec<VerifyingKey>,
    /// How many of the witnesses must have cosigned [default: all]
    #[arg(long, value_name = "N", requires = "witnesses")]
    quorum: Option<usize>,
    /// Policy of witnesses (C2SP tlog-policy) that must be met
    #[arg(long, value_name = "FILE", conflicts_with_all = ["witnesses", "quorum"])]
    policy: Option<PathBuf>,
    /// File of an older checkpoint
    #[arg(long, value_name = "FILE")]
    older: Option<PathBuf>,
    /// Replay the entries by the ledger's rules
    #[arg(long)]
    replay: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Keygen(args) => keygen(&args),
        Command::Publish(args) => publish(&args),
        Command::Receipt(args) => receipt(&args),
        Command::Verify(args) => verify(&args),
        Command::Witness(args) => witness::run(&args),
    }
}

fn keygen(args: &KeygenArgs) -> Result<Ending> {
    let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
    let role = if args.witness { Role::Witness } else { Role::Log };
    let key = SigningKey::from_seed(&args.name, role, &seed)?;
    place::write_secret(&args.out, &key.reveal())?;
    let public = key.public().to_string();
    args.printed.show(&json!({"key": public}), &public)?;
    Ok(Ending::Good)
}

fn publish(args: &PublishArgs) -> Result<Ending> {
    let text = place::read_text(&args.key)?;
    let key = SigningKey::from_text(text.trim_end()).with_context(|| args.key.display().to_string())?;
    let origin = args.origin.as_deref().unwrap_or(key.public().name());
    let log = LogFolder::new(&args.log);
    let checkpoint = log.extend(&args.ledger, None, &key, origin).map_err(no)?;
    if let Some(path) = &args.policy {
        cosign(&log, &policy(path)?)?;
    }
    let shown =
        json!({"origin": checkpoint.origin, "size": checkpoint.size, "checkpoint": checkpoint.text()});
    args.printed.show(&shown, &checkpoint.text())?;
    Ok(Ending::Good)
}

fn receipt(args: &ReceiptArgs) -> Result<Ending> {
    let text = LogFolder::new(&args.log).receipt(args.entry).map_err(no)?.to_string();
    match &args.out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            if args.printed.json {
                say::json(&json!({"entry": args.entry, "out": path}))?;
            }
        }
        None => args.printed.show(&json!({"entry": args.entry, "receipt": text}), &text)?,
    }
    Ok(Ending::Good)
}

/// What does not hold is a "no"; what cannot be read stays an error.
fn no(error: JournalError) -> anyhow::Error {
    match error {
        JournalError::Ledger(refused @ (PayError::NotProven { .. } | PayError::Diverged { .. })) => {
            Refusal(refused.to_string()).into()
        }
        other => other.into(),
    }
}

fn verify(args: &VerifyArgs) -> Result<Ending> {
    let origin = args.origin.clone().unwrap_or_else(|| args.key.name().to_owned());
    let policy = match &args.policy {
        Some(path) => policy(path)?,
        None => Policy::of(&args.witnesses, args.quorum.unwrap_or(args.witnesses.len()))?,
    };
    policy.is_about(&args.key).map_err(|error| no(error.into()))?;
    if args.path.is_file() {
        if args.replay || args.older.is_some() {
            bail!("--replay and --older are about a log's folder, {} is a file", args.path.display());
        }
        return verify_receipt(args, &origin, &policy);
    }
    let older = args.older.as_deref().map(note).transpose()?;
    let wanted = Verify { key: args.key.clone(), origin, witnesses: policy, older, replay: args.replay };
    let Verified { checkpoint, entries, ledger } = LogFolder::new(&args.path).verify(&wanted).map_err(no)?;
    if args.json {
        let ledger = ledger.map(|(accounts, holds)| json!({"accounts": accounts, "open_holds": holds}));
        let shown = json!({"holds": true, "origin": checkpoint.origin, "entries": entries, "ledger": ledger});
        say::json(&shown)?;
        return Ok(Ending::Good);
    }
    say::line(&format!(
        "the log {:?} holds: {entries} entries, all in the tree that was signed",
        checkpoint.origin
    ))?;
    if let Some((accounts, holds)) = ledger {
        say::line(&format!(
            "each entry follows from those before: {accounts} accounts, {holds} holds open, sums equal"
        ))?;
    }
    Ok(Ending::Good)
}

fn note(path: &Path) -> Result<Note> {
    Note::parse(&place::read_text(path)?).with_context(|| path.display().to_string())
}

fn verify_receipt(args: &VerifyArgs, origin: &str, policy: &Policy) -> Result<Ending> {
    let receipt =
        Receipt::parse(&place::read_text(&args.path)?).with_context(|| args.path.display().to_string())?;
    let Some(entry) = receipt.extra.as_deref() else {
        bail!("{}: the receipt does not hold the entry (its `extra` line)", args.path.display());
    };
    let held = receipt
        .verify(entry, &args.key, origin)
        .and_then(|seen| policy.met(&receipt.checkpoint).map(|()| seen));
    let checkpoint = held.map_err(|error| no(error.into()))?;
    let text = String::from_utf8_lossy(entry);
    if args.json {
        let shown = json!({"holds": true, "origin": origin, "index": receipt.index, "size": checkpoint.size, "entry": text});
        say::json(&shown)?;
        return Ok(Ending::Good);
    }
    say::line(&format!("entry {} of {} in the log {origin:?}:", receipt.index, checkpoint.size))?;
    say::line(&text)?;
    Ok(Ending::Good)
}
