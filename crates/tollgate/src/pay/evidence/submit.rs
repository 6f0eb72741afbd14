//! `tollgate pay evidence submit`: hands evidence in and has it judged, in a folder or on a server.

use super::predicate;
use crate::ending::Ending;
use crate::pay::books::Books;
use crate::pay::demo::place::{Folder, Place};
use crate::pay::demo::remote::Remote;
use crate::pay::escrow::digest_of;
use crate::place;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use tollgate_core::Digest;
use tollgate_evidence::proof::{Package, verdict};
use tollgate_pay::escrow::{Event, Party, SettlementPlane, Signed, Signer, Submission};
use tollgate_pay::log::VerifyingKey;

/// Hand evidence in for a task, and have it judged by the task's predicate
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay evidence submit 3f2a... --package package.json --predicate wanted.json --output fix.diff --key bob.key \\
    --data pay --verdict verdict.json --dossier dossier.json
  tollgate pay evidence submit 3f2a... --package package.json --predicate wanted.json --output fix.diff --key bob.key \\
    --server http://127.0.0.1:8080 --log \"$(cat log.pub)\" --verdict verdict.json

The payee signs for the package and the output, the verifiers take them up, and the package is judged. A server keeps the dossier;
what it answers is judged again here. The verdict is for verifiers to sign (`task sign`) and to record (`escrow apply`).
Exit codes: 0 the predicate holds, 1 it does not, with the reasons, 2 cannot be read.")]
pub(crate) struct SubmitArgs {
    /// The escrow
    escrow: Digest,
    /// File of the package (`evidence pack`)
    #[arg(long, value_name = "FILE")]
    package: PathBuf,
    /// File of the predicate whose digest the terms name
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
    /// File of what was delivered; only its digest is told
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// File of the payee's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Folder of the escrow
    #[arg(long, value_name = "DIR", required_unless_present = "server", conflicts_with = "server")]
    data: Option<PathBuf>,
    /// The account through which the ledger rail clears, in that folder
    #[arg(long, value_name = "ACCOUNT", default_value = "acct_clearing")]
    clearing: tollgate_core::id::AccountId,
    /// Address of a server
    #[arg(long, value_name = "URL", requires = "log")]
    server: Option<String>,
    /// Public key of the server's log
    #[arg(long, value_name = "KEY")]
    log: Option<VerifyingKey>,
    /// File of a key of the server with the role settle.write [default: none, for loopback]
    #[arg(long, value_name = "FILE", requires = "server")]
    secret: Option<PathBuf>,
    /// File for the verdict that follows, for verifiers to sign
    #[arg(long, value_name = "FILE")]
    verdict: Option<PathBuf>,
    /// File for all that it was made of
    #[arg(long, value_name = "FILE")]
    dossier: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn opened(args: &SubmitArgs) -> Result<Box<dyn Place>> {
    Ok(match (&args.data, &args.server, &args.log) {
        (Some(data), ..) => {
            Box::new(Folder::open(Books { data: data.clone(), clearing: args.clearing.clone() })?)
        }
        (None, Some(url), Some(log)) => {
            let secret = args.secret.as_deref().map(place::read_text).transpose()?;
            let plane = SettlementPlane::new(log.clone(), log.name().into());
            Box::new(Remote::new(url, secret.map(|secret| secret.trim_end().to_owned()), plane)?)
        }
        _ => bail!("name a folder by --data, or a server by --server and its log's key by --log"),
    })
}

fn written(path: Option<&Path>, bytes: &[u8]) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

pub(super) fn submit(args: &SubmitArgs) -> Result<Ending> {
    let package =
        Package::parse(&place::read(&args.package)?).with_context(|| args.package.display().to_string())?;
    let wanted = predicate::read(&args.predicate)?;
    let payee = Signer::<Party>::from_text(place::read_text(&args.key)?.trim_end());
    let (payee, output) = (payee.with_context(|| args.key.display().to_string())?, digest_of(&args.output)?);
    let (mut place, id) = (opened(args)?, args.escrow);
    let escrow = place.escrow(id)?;
    let first = package.exhibits.first().context("the package is empty")?;
    let said = Submission {
        contract: id,
        evidence: package.digest(),
        kind: first.kind.name().to_owned(),
        output,
        stage: escrow.stage,
        version: escrow.version,
    };
    let mark = payee.sign(&said);
    place.act(id, Event::Submit(Signed::new(said, vec![mark])))?;
    place.act(id, Event::Take)?;
    let dossier = place.judge(id, &package, &wanted)?;
    let (pote, verdict) = verdict(&place.escrow(id)?, &dossier)?;
    written(args.dossier.as_deref(), &dossier.canonical())?;
    let draft = serde_json::to_vec(&Event::Verdict(Signed::new(verdict, Vec::new())))?;
    written(args.verdict.as_deref(), &draft)?;
    super::judge::show(&pote, args.json)
}
