//! `tollgate pay evidence pack` and `judge`: from files to a package, and from a package to a verdict that repeats.

use super::{chosen_policy, contract, predicate};
use crate::ending::{Ending, Refusal as No};
use crate::pay::Printed;
use crate::pay::books::Books;
use crate::{place, say};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::{Clock, Digest, Timestamp};
use tollgate_evidence::Kind;
use tollgate_evidence::proof::{Blob, Dossier, Exhibit, Package, Pote};
use tollgate_gateway::clock::SystemClock;

/// Put pieces of evidence into one file, for a submission to name
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay evidence pack --out package.json \\
    --exhibit dsse=result.json --exhibit amd-sev-snp=report.bin,vcek.der,chain.pem

Prints the package's SHA-256, which is what `escrow draft submission` puts into the submission.")]
pub(crate) struct PackArgs {
    /// A piece: its kind, its file, and files of collateral; may be repeated
    #[arg(long = "exhibit", value_name = "KIND=FILE[,FILE...]", required = true)]
    exhibits: Vec<String>,
    /// File for the package
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    printed: Printed,
}

/// Judge a package by a task's predicate: what the verifiers sign
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay evidence judge package.json --task task.json --predicate wanted.json --output 3f2a... \\
    --data pay --dossier dossier.json --out pote.json

Evidence is judged as of when it was handed in, whoever gets to it when; --data finds that time in the log. A dossier of another time drafts
no verdict.
The proof goes into the verdict by `escrow draft verdict --reasons pote.json`. The dossier is all that it was made of;
`dispute replay --dossier` makes it anew.
Exit codes: 0 the predicate holds, 1 it does not, with the reasons, 2 cannot be read.")]
pub(crate) struct JudgeArgs {
    /// File of the package
    package: PathBuf,
    /// Terms of the task
    #[arg(long, value_name = "FILE")]
    task: PathBuf,
    /// File of the predicate whose digest the terms name
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
    /// SHA-256 of the output that was delivered
    #[arg(long, value_name = "DIGEST")]
    output: Digest,
    /// When it was handed in, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    at: Option<Timestamp>,
    /// Data folder whose log says when it was handed in
    #[arg(long, value_name = "DIR", conflicts_with = "at")]
    data: Option<PathBuf>,
    /// Whom to trust and what to accept [default: `evidence policy`]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// File for all that the verdict was made of
    #[arg(long, value_name = "FILE")]
    dossier: Option<PathBuf>,
    /// File for the proof
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn exhibit(text: &str) -> Result<Exhibit> {
    let (kind, files) = text.split_once('=').with_context(|| format!("{text:?} is not KIND=FILE"))?;
    let kind: Kind = kind.parse()?;
    let mut files = files.split(',').map(|file| place::read(Path::new(file)).map(Blob));
    let evidence = files.next().context("a file is missing")??;
    Ok(Exhibit { collateral: files.collect::<Result<_>>()?, evidence, kind })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

pub(super) fn pack(args: &PackArgs) -> Result<Ending> {
    let exhibits = args.exhibits.iter().map(|text| exhibit(text)).collect::<Result<Vec<_>>>()?;
    let package = Package::new(exhibits)?;
    write(&args.out, &package.canonical())?;
    let digest = package.digest();
    args.printed.show(&json!({"digest": digest}), &digest.to_string())?;
    Ok(Ending::Good)
}

pub(super) fn judge(args: &JudgeArgs) -> Result<Ending> {
    let package =
        Package::parse(&place::read(&args.package)?).with_context(|| args.package.display().to_string())?;
    let contract = contract(&args.task)?;
    let policy = chosen_policy(args.policy.as_deref())?;
    let at = match &args.data {
        Some(data) => {
            let escrow = Books::of(data)?.escrow(&contract.digest())?;
            escrow.submitted.context("the log has nothing that was handed in for this task")?
        }
        None => args.at.unwrap_or_else(|| SystemClock::new().now()),
    };
    let dossier = Dossier::new(at, args.output, package, policy, predicate::read(&args.predicate)?);
    let pote = dossier.judge(&contract)?;
    if let Some(path) = &args.dossier {
        write(path, &dossier.canonical())?;
    }
    if let Some(path) = &args.out {
        write(path, &pote.canonical())?;
    }
    show(&pote, args.json)
}

pub(super) fn show(pote: &Pote, as_json: bool) -> Result<Ending> {
    if as_json {
        say::json(&json!({"digest": pote.digest(), "pote": pote}))?;
        return Ok(Ending::of(pote.holds));
    }
    let rows = pote.exhibits.iter().map(|exhibit| {
        let verdict = exhibit.refusal.as_ref().map_or_else(|| "accepted".into(), |why| why.says.clone());
        vec![exhibit.kind.to_string(), exhibit.evidence.to_string().chars().take(16).collect(), verdict]
    });
    say::table(&["kind", "evidence", "verdict"], &rows.collect::<Vec<_>>())?;
    if pote.holds {
        say::line(&format!("the predicate holds; the proof is {}", pote.digest()))?;
        return Ok(Ending::Good);
    }
    let reasons: Vec<_> =
        pote.reasons.iter().map(|reason| format!("{}: {}", reason.place, reason.says)).collect();
    Err(No(format!("the predicate does not hold\n  {}", reasons.join("\n  "))).into())
}
