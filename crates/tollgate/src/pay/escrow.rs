//! `tollgate pay escrow`: statements about escrows, and what happens to them.

use super::Printed;
use super::books::{Books, Open, put, read_signed};
use crate::ending::Ending;
use crate::{place, say};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::{Digest, Timestamp};
use tollgate_evidence::proof::{Dossier, verdict};
use tollgate_pay::escrow::{
    ControlPlane, Escrow, Event, Mandate, Objection, Ruling, Side, Signed, Submission, Told,
};
use tollgate_pay::mandate::Addressed;

/// What can be done with escrows.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Apply(ApplyArgs),
    Do(DoArgs),
    Draft(Box<DraftArgs>),
    Show(ShowArgs),
}

/// Record a signed statement: terms, evidence, a verdict, an order, an objection or a ruling
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay escrow apply task.json --data pay
  tollgate pay escrow apply order.json --data pay

Exit code 1 when it cannot happen: a signature is missing, it is about another version, its time is over or not yet there.")]
pub(crate) struct ApplyArgs {
    /// File of the statement
    file: PathBuf,
    #[command(flatten)]
    books: Books,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// What happens without anybody's signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Plain {
    /// The owners of the money allow it; a mandate is counted by the same entry
    Authorize,
    /// The rail holds the funds
    Lock,
    /// The verifiers take the evidence up
    Take,
    /// The payer takes back what was not released, after its time
    Reclaim,
    /// An escrow that was never funded ends, after its time
    Expire,
    /// The rail is asked what became of a call
    Settle,
}

/// Record what needs no signature
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay escrow do authorize 3f2a... --data pay --mandate mandate.txt
  tollgate pay escrow do lock 3f2a... --data pay
  tollgate pay escrow do lock 3f2a... --with 9b01... --data pay     both are held, or none
  tollgate pay escrow do reclaim 3f2a... --data pay")]
pub(crate) struct DoArgs {
    /// What
    what: Plain,
    /// The escrow
    escrow: Digest,
    #[command(flatten)]
    books: Books,
    /// Lock this escrow too: all or none; may be repeated, with `lock` alone
    #[arg(long, value_name = "ESCROW")]
    with: Vec<Digest>,
    /// File of the mandate that authorizes [default: the payer's own signature]
    #[arg(long, value_name = "FILE")]
    mandate: Option<PathBuf>,
    /// Audience and nonce of each delegation of the mandate between the principal's token and the payment, in order
    #[arg(long = "hop", value_name = "AUDIENCE,NONCE", requires = "mandate", value_parser = super::mandate::hop)]
    hops: Vec<Addressed>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// What can be drafted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Kind {
    /// The payee's evidence for a stage
    Evidence,
    /// What the verifiers found
    Verdict,
    /// The order that executes a verdict or ruling, with the proof that it is in the log
    Order,
    /// A party's objection to a verdict
    Dispute,
    /// A party's evidence in a dispute
    Counter,
    /// What the evaluators decided
    Ruling,
}

/// Write a statement about an escrow as it is now, for others to sign
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay escrow draft evidence 3f2a... --evidence report.json --output result.txt --data pay --out evidence.json
  tollgate pay escrow draft verdict 3f2a... --dossier dossier.json --data pay --out verdict.json
  tollgate pay escrow draft verdict 3f2a... --grant 10000 --reasons why.txt --data pay --out verdict.json
  tollgate pay escrow draft order 3f2a... --expires 2026-12-02T12:00:00Z --data pay --out order.json

Sign it with `tollgate pay task sign FILE --key KEY`, and record it with `tollgate pay escrow apply FILE`. A statement is
about one version: when something else happens to the escrow first, draft it anew.")]
pub(crate) struct DraftArgs {
    /// What
    what: Kind,
    /// The escrow
    escrow: Digest,
    #[command(flatten)]
    books: Books,
    /// File of the evidence; only its digest goes into the statement
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// File of what was delivered; only its digest goes into the statement
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Kind of the evidence
    #[arg(long, value_name = "KIND", default_value = "test_result")]
    kind: String,
    /// Minor units that a verdict or ruling grants; 0 gives all back
    #[arg(long, value_name = "MINOR")]
    grant: Option<i128>,
    /// File of the reasons; only its digest goes into the statement
    #[arg(long, value_name = "FILE")]
    reasons: Option<PathBuf>,
    /// File of a dossier (`evidence judge --dossier`): the verdict is what follows from it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["grant", "reasons"])]
    dossier: Option<PathBuf>,
    /// The party that speaks
    #[arg(long, value_name = "SIDE", value_parser = side)]
    by: Option<Side>,
    /// Until when an order counts
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    expires: Option<Timestamp>,
    /// File for the statement [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    printed: Printed,
}

/// Show all escrows, or one
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay escrow show --data pay
  tollgate pay escrow show 3f2a... --data pay --json

A folder that is in use can be read. Every escrow is worked out from the log, signatures included.")]
pub(crate) struct ShowArgs {
    /// The escrow
    escrow: Option<Digest>,
    #[command(flatten)]
    books: Books,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn side(text: &str) -> Result<Side, &'static str> {
    match text {
        "payer" => Ok(Side::Payer),
        "payee" => Ok(Side::Payee),
        _ => Err("write payer or payee"),
    }
}

pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Apply(args) => apply(&args),
        Command::Do(args) => act(&args),
        Command::Draft(args) => draft(&args),
        Command::Show(args) => show(&args),
    }
}

/// Digest of a file's bytes, for statements.
pub(super) fn digest_of(path: &Path) -> Result<Digest> {
    Ok(tollgate_pay::escrow::digest(&place::read(path)?))
}

fn apply(args: &ApplyArgs) -> Result<Ending> {
    let event: Event = read_signed("statement", &args.file)?;
    let Some(id) = event.about() else {
        bail!("{}: {} is not about an escrow: use `escrow do`", args.file.display(), event.kind());
    };
    recorded(&args.books, args.json, |open| open.act(id, event))
}

fn act(args: &DoArgs) -> Result<Ending> {
    let id = args.escrow;
    if !args.with.is_empty() {
        ensure!(
            args.what == Plain::Lock,
            "--with is for lock: nothing else is done to several escrows at once"
        );
        let all: Vec<Digest> = args.with.iter().copied().chain([id]).collect();
        return recorded(&args.books, args.json, |open| open.lock_together(&all));
    }
    recorded(&args.books, args.json, |open| {
        let event = match args.what {
            Plain::Settle => return Ok(open.settle(id)?.into_iter().collect()),
            Plain::Authorize => Event::Authorize { mandate: mandate(args)? },
            Plain::Lock => Event::Lock,
            Plain::Take => Event::Take,
            Plain::Reclaim => Event::Reclaim,
            Plain::Expire => Event::Expire,
        };
        open.act(id, event)
    })
}

/// The mandate that was named.
fn mandate(args: &DoArgs) -> Result<Option<Box<Mandate>>> {
    let Some(path) = &args.mandate else { return Ok(None) };
    let (token, hops) = (place::read_text(path)?.trim_end().to_owned(), args.hops.clone());
    Ok(Some(Box::new(Mandate { hops, token })))
}

/// Opens the office, does something, and shows what was recorded.
fn recorded(
    books: &Books,
    as_json: bool,
    act: impl FnOnce(&mut Open) -> Result<Vec<Told>>,
) -> Result<Ending> {
    let mut open = books.open()?;
    let told = act(&mut open);
    open.close();
    for Told { escrow, seq, phase, version } in told? {
        say::line(&if as_json {
            json!({"entry": seq, "escrow": escrow, "phase": phase, "version": version}).to_string()
        } else {
            format!("{seq:>6}  {escrow}  {phase}")
        })?;
    }
    Ok(Ending::Good)
}

fn draft(args: &DraftArgs) -> Result<Ending> {
    let event = drafted(args, &args.books.escrow(&args.escrow)?)?;
    let text = serde_json::to_string(&event)?;
    match &args.out {
        Some(path) => put(Some(path), &text)?,
        None => args.printed.document(&text)?,
    }
    Ok(Ending::Good)
}

fn drafted(args: &DraftArgs, escrow: &Escrow) -> Result<Event> {
    let file = |path: &Option<PathBuf>, option: &str| -> Result<Digest> {
        digest_of(path.as_deref().with_context(|| format!("name the file with --{option}"))?)
    };
    let granted = || -> Result<_> {
        Ok(escrow.contract.amount(args.grant.context("say with --grant how many minor units are released")?))
    };
    let by = || args.by.context("say with --by who speaks: payer or payee");
    let (contract, version) = (escrow.id, escrow.version);
    Ok(match args.what {
        Kind::Evidence => {
            let (evidence, output) = (file(&args.evidence, "evidence")?, file(&args.output, "output")?);
            let (kind, stage) = (args.kind.clone(), escrow.stage);
            Event::Submit(Signed::new(
                Submission { contract, evidence, kind, output, stage, version },
                vec![],
            ))
        }
        Kind::Verdict => {
            let said = match &args.dossier {
                Some(path) => verdict(escrow, &Dossier::parse(&place::read(path)?)?)?.1,
                None => ControlPlane::verdict(escrow, granted()?, file(&args.reasons, "reasons")?),
            };
            Event::Verdict(Signed::new(said, vec![]))
        }
        Kind::Order => {
            order(&args.books, escrow, args.expires.context("say with --expires until when it counts")?)?
        }
        Kind::Dispute | Kind::Counter => {
            let said =
                Objection { by: by()?, contract, evidence: file(&args.evidence, "evidence")?, version };
            let signed = Signed::new(said, vec![]);
            if args.what == Kind::Dispute { Event::Dispute(signed) } else { Event::Counter(signed) }
        }
        Kind::Ruling => {
            let (granted, reasons) = (granted()?, file(&args.reasons, "reasons")?);
            Event::Rule(Signed::new(Ruling { contract, granted, reasons, version }, vec![]))
        }
    })
}

/// The order for what was decided, with the proof that it is in the log; publishes the log first.
pub(super) fn order(books: &Books, escrow: &Escrow, expires: Timestamp) -> Result<Event> {
    let entry = escrow.grant.as_ref().and_then(|grant| grant.entry);
    let entry = entry.with_context(|| format!("nothing is decided: the escrow is {}", escrow.phase))?;
    let (leaf, proof) = books.proof(entry)?;
    let order = ControlPlane::order(escrow, leaf, expires)?;
    Ok(Event::Order { order: Signed::new(order, vec![]), proof })
}

fn show(args: &ShowArgs) -> Result<Ending> {
    let desk = args.books.desk()?;
    match args.escrow {
        Some(id) => one(desk.escrow(&id).with_context(|| format!("there is no escrow {id}"))?, args.json)?,
        None if args.json => say::json(&desk.escrows().map(Escrow::shown).collect::<Vec<_>>())?,
        None => {
            let row = |escrow: &Escrow| {
                let rail = if escrow.rail.open().is_some() { "asked" } else { "" };
                let (task, price) = (escrow.contract.task.clone(), escrow.contract.price.to_string());
                let (phase, released) = (escrow.phase.to_string(), escrow.released.to_string());
                vec![
                    escrow.id.to_string().chars().take(12).collect(),
                    task,
                    price,
                    phase,
                    released,
                    rail.into(),
                ]
            };
            let rows: Vec<_> = desk.escrows().map(row).collect();
            say::table(&["escrow", "task", "price", "phase", "released", "rail"], &rows)?;
        }
    }
    Ok(Ending::Good)
}

fn one(escrow: &Escrow, as_json: bool) -> Result<()> {
    if as_json {
        return say::json(&escrow.shown());
    }
    let contract = &escrow.contract;
    say::line(&format!("escrow   {}", escrow.id))?;
    say::line(&format!("task     {} for {}", contract.task, contract.price))?;
    say::line(&format!("phase    {}, version {}, since {}", escrow.phase, escrow.version, escrow.time))?;
    say::line(&format!("released {} of {}", escrow.released, contract.price))?;
    if let Some(stage) = contract.stages.get(escrow.stage) {
        let number = escrow.stage + 1;
        say::line(&format!(
            "stage    {number} of {}: {}, due {}",
            contract.stages.len(),
            stage.amount,
            stage.submit_by
        ))?;
    }
    if let Some(grant) = &escrow.grant {
        say::line(&format!("granted  {}, can be executed from {}", grant.amount, grant.from))?;
    }
    if let Some(call) = escrow.rail.open() {
        say::line(&format!("rail     asked by {}: nothing else may happen until it answers", call.key))?;
    }
    say::line(&format!("reclaim  from {}", contract.refund_after))
}
