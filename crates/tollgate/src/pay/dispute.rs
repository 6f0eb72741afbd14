//! `tollgate pay dispute`: a dispute in one file, and its replay by somebody who has nothing else.

use super::Printed;
use super::books::{Books, put};
use crate::ending::{Ending, Refusal};
use crate::{place, say};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_core::Digest;
use tollgate_evidence::proof::{Dossier, judge_again};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Bundle, Needs, SettlementPlane};
use tollgate_pay::log::VerifyingKey;

/// What can be done with disputes.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Bundle(BundleArgs),
    Replay(Box<ReplayArgs>),
}

/// Write all that happened to an escrow to one file: terms, statements, signatures, each with its proof
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay dispute bundle 3f2a... --data pay --out dispute.json

A dispute itself is opened by `pay escrow draft dispute`, answered by `counter` and decided by `ruling`.")]
pub(crate) struct BundleArgs {
    /// The escrow
    escrow: Digest,
    #[command(flatten)]
    books: Books,
    /// File for the bundle [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    printed: Printed,
}

/// Check a bundle offline: every proof, every signature, every step, and with dossiers every verdict
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay dispute replay dispute.json --key example.com/books+1a2b3c4d+AbCd...

Exit codes: 0 all of it holds, 1 it does not, 2 cannot be read.")]
pub(crate) struct ReplayArgs {
    /// File of the bundle
    file: PathBuf,
    /// The log's public key
    #[arg(long, value_name = "KEY")]
    key: VerifyingKey,
    /// The log's unique name [default: the key's name]
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// Policy of witnesses (C2SP tlog-policy) that every proof must meet
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// File of what a verdict was made of (`evidence judge --dossier`), to judge again; may be repeated
    #[arg(long = "dossier", value_name = "FILE")]
    dossiers: Vec<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Bundle(args) => {
            let text = bundle(&args.books, args.escrow)?.text();
            match &args.out {
                Some(path) => put(Some(path), &text)?,
                None => args.printed.document(&text)?,
            }
            Ok(Ending::Good)
        }
        Command::Replay(args) => replay(&args),
    }
}

/// All entries of an escrow, each with its proof in the log as it is now.
pub(super) fn bundle(books: &Books, escrow: Digest) -> Result<Bundle> {
    let (escrow, mut mine) = (books.escrow(&escrow)?, Vec::new());
    let mut needs = Needs::new(&escrow);
    books.ledger().each(|entry| {
        mine.extend(needs.wants(&entry.command)?.then_some(entry.seq));
        Ok(())
    })?;
    let receipts = mine.into_iter().map(|entry| books.receipt(entry)).collect::<Result<Vec<_>>>()?;
    Ok(Bundle::new(escrow.id, &receipts))
}

fn replay(args: &ReplayArgs) -> Result<Ending> {
    let bundle = Bundle::parse(&place::read(&args.file)?)?;
    let origin = args.origin.clone().unwrap_or_else(|| args.key.name().to_owned());
    let mut plane = SettlementPlane::new(args.key.clone(), origin);
    if let Some(path) = &args.policy {
        let about = |error: PayError| Refusal(error.to_string());
        plane = plane.witnessed(Arc::new(super::audit::policy(path)?)).map_err(about)?;
    }
    let dossiers = args
        .dossiers
        .iter()
        .map(|path| Dossier::parse(&place::read(path)?).with_context(|| path.display().to_string()));
    let dossiers = dossiers.collect::<Result<Vec<_>>>()?;
    let again = |replayed| judge_again(&replayed, &dossiers).map(|proofs| (replayed, proofs));
    let (replayed, proofs) = match bundle.replay(&plane).and_then(again) {
        Ok(found) => found,
        Err(error) if args.json => {
            say::json(&json!({"holds": false, "reason": error.to_string()}))?;
            return Ok(Ending::Refused);
        }
        Err(error) => return Err(Refusal(error.to_string()).into()),
    };
    let escrow = &replayed.escrow;
    if args.json {
        let events: Vec<_> = replayed
            .events
            .iter()
            .map(|(entry, at, event)| json!({"entry": entry, "at": at, "event": event.kind().word()}))
            .collect();
        let judged: Vec<_> = proofs
            .iter()
            .map(
                |(entry, pote)| json!({"entry": entry, "pote": pote.digest(), "predicate_holds": pote.holds}),
            )
            .collect();
        say::json(
            &json!({"holds": true, "escrow": escrow.id, "phase": escrow.phase, "released": escrow.released, "log_size": replayed.log_size, "events": events, "judged_again": judged}),
        )?;
        return Ok(Ending::Good);
    }
    let rows = replayed
        .events
        .iter()
        .map(|(entry, at, event)| vec![entry.to_string(), at.to_string(), event.kind().to_string()]);
    say::table(&["entry", "at", "what happened"], &rows.collect::<Vec<_>>())?;
    for (entry, pote) in &proofs {
        let holds = if pote.holds { "holds" } else { "does not hold" };
        say::line(&format!(
            "the verdict of entry {entry}, judged again: the predicate {holds}, and the proof is the same"
        ))?;
    }
    say::line(&format!(
        "all of it holds, up to entry {} of the log: the escrow is {}, {} of {} released",
        replayed.log_size, escrow.phase, escrow.released, escrow.contract.price
    ))?;
    Ok(Ending::Good)
}
