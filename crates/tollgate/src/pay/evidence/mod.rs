//! `tollgate pay evidence`: is this evidence, of what, and by whose word?

mod appraise;
mod attest;
mod judge;
pub(super) mod predicate;
mod rerun;
mod submit;

use crate::args::Group;
use crate::ending::{Ending, Refusal as No};
use crate::pay::Printed;
use crate::{place, say};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::{Clock, Digest, Timestamp};
use tollgate_evidence::{
    Bind, Check, Claims, Collateral, FactType, Kind, Policy, Refusal, Signer, Value, verify,
};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::escrow::{Event, TaskContract, digest, read};

/// What can be done with evidence.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Verify(Box<VerifyArgs>),
    Kinds(KindsArgs),
    Policy(PolicyArgs),
    Bind(BindArgs),
    Attest(attest::AttestArgs),
    Appraise(appraise::AppraiseArgs),
    Pack(judge::PackArgs),
    Judge(Box<judge::JudgeArgs>),
    Submit(Box<submit::SubmitArgs>),
    Run(rerun::RunArgs),
    /// Say what must be shown before money moves
    Predicate(Group<predicate::Command>),
}

/// Check evidence: who stands behind it, whether it still counts, and what it says
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay evidence verify --kind aws-nitro --at 2026-12-01T12:00:00Z document.cbor
  tollgate pay evidence verify --kind amd-sev-snp --collateral vcek.der --collateral chain.pem report.bin
  tollgate pay evidence verify --kind dsse --signer test-runner=runner.pem result.json
  tollgate pay evidence verify --kind reclaim --task task.json --output 3f2a... proof.json

Without --bind or --task the evidence may be of any task. `evidence kinds` lists the kinds and what each says;
`evidence policy` shows whom is trusted when no --policy is given.
Exit codes: 0 accepted, 1 refused with the reason, 2 cannot be read.")]
pub(crate) struct VerifyArgs {
    /// The evidence, `-` for standard input
    file: PathBuf,
    /// Its kind
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// When it is checked, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    at: Option<Timestamp>,
    /// What vendors say: certificates, revocation lists, levels; may be repeated
    #[arg(long, value_name = "FILE")]
    collateral: Vec<PathBuf>,
    /// Whom to trust and what to accept [default: `evidence policy`]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A key that may sign this kind: its role, and a file with a JWK or a public key in PEM; may be repeated
    #[arg(long = "signer", value_name = "ROLE=FILE")]
    signers: Vec<String>,
    /// The issuer for whose tokens these keys speak
    #[arg(long, value_name = "ISSUER", requires = "signers")]
    issuer: Option<String>,
    /// The 64 bytes that it must carry, in hexadecimal digits
    #[arg(long, value_name = "HEX", conflicts_with = "task")]
    bind: Option<Bind>,
    /// Terms of the task that it must be of
    #[arg(long, value_name = "FILE", requires = "output")]
    task: Option<PathBuf>,
    /// SHA-256 of the output that it must be of
    #[arg(long, value_name = "DIGEST", requires = "task")]
    output: Option<Digest>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// List the kinds of evidence and the facts that each can show
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay evidence kinds --json")]
pub(crate) struct KindsArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Print the policy that is used when none is given: a file to start from
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay evidence policy > policy.json")]
pub(crate) struct PolicyArgs {
    /// Print as JSON, as it is anyway
    #[arg(long)]
    json: bool,
}

/// Print what evidence of a task's output must carry
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay evidence bind --task task.json --output 3f2a...

The 64 bytes are a hash over escrow, task, output and nonce. A producer puts them where its kind of evidence has room:
report data, user data, a context. Kinds with room for 32 bytes take the first half.")]
pub(crate) struct BindArgs {
    /// Terms of the task
    #[arg(long, value_name = "FILE")]
    task: PathBuf,
    /// SHA-256 of the output
    #[arg(long, value_name = "DIGEST")]
    output: Digest,
    #[command(flatten)]
    printed: Printed,
}

pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Verify(args) => verify_file(&args),
        Command::Kinds(args) => kinds(&args),
        Command::Policy(PolicyArgs { json: _ }) => {
            say::json(&Policy::default())?;
            Ok(Ending::Good)
        }
        Command::Appraise(args) => appraise::appraise(&args),
        Command::Attest(args) => attest::attest(&args),
        Command::Pack(args) => judge::pack(&args),
        Command::Judge(args) => judge::judge(&args),
        Command::Submit(args) => submit::submit(&args),
        Command::Run(args) => rerun::rerun(&args),
        Command::Predicate(group) => predicate::run(&group.command),
        Command::Bind(args) => {
            let bind = bind(&args.task, &args.output)?.to_string();
            args.printed.show(&json!({"bind": bind}), &bind)?;
            Ok(Ending::Good)
        }
    }
}

/// Terms: as `task new` writes them and both parties sign, or bare.
fn contract(task: &Path) -> Result<TaskContract> {
    let text = place::read(task)?;
    let contract = match read("signed terms", &text) {
        Ok(Event::Propose(signed)) => signed.statement,
        _ => read("terms", &text).with_context(|| task.display().to_string())?,
    };
    contract.check()?;
    Ok(contract)
}

fn bind(task: &Path, output: &Digest) -> Result<Bind> {
    Ok(Bind::of(&contract(task)?, output))
}

/// The policy of a file, or that without one.
fn chosen_policy(path: Option<&Path>) -> Result<Policy> {
    let Some(path) = path else { return Ok(Policy::default()) };
    Policy::parse(&place::read(path)?).with_context(|| path.display().to_string())
}

/// The digest by which a contract names the policy in a file.
pub(super) fn policy_digest(path: &Path) -> Result<Digest> {
    Ok(digest(chosen_policy(Some(path))?.canonical().as_bytes()))
}

fn verify_file(args: &VerifyArgs) -> Result<Ending> {
    place::one_from_stdin(
        std::iter::once(Some(args.file.as_path())).chain(args.collateral.iter().map(|p| Some(p.as_path()))),
    )?;
    let mut policy = chosen_policy(args.policy.as_deref())?;
    for signer in &args.signers {
        let (role, file) = signer.split_once('=').with_context(|| format!("{signer:?} is not ROLE=FILE"))?;
        let text = place::read_text(Path::new(file))?;
        policy.signers.push(Signer::of(args.kind, role, args.issuer.as_deref(), &text)?);
    }
    let files = args.collateral.iter().map(|path| place::read(path)).collect::<Result<Vec<_>>>()?;
    let collateral = Collateral::new(files)?;
    let bind = match (&args.task, &args.output) {
        (Some(task), Some(output)) => Some(bind(task, output)?),
        _ => args.bind,
    };
    let at = args.at.unwrap_or_else(|| SystemClock::new().now());
    let check = Check { at, policy: &policy, collateral: &collateral, bind: bind.as_ref() };
    match verify(args.kind, &place::read(&args.file)?, &check) {
        Ok(claims) => show(&claims, args.json),
        Err(refusal) => refuse(&refusal, args.json),
    }
}

fn refuse(refusal: &Refusal, as_json: bool) -> Result<Ending> {
    if as_json {
        say::json(&json!({"accepted": false, "error": refusal.code(), "reason": refusal.to_string()}))?;
    }
    if refusal.unreadable() {
        return Err(refusal.clone().into());
    }
    if as_json { Ok(Ending::Refused) } else { Err(No(format!("{}: {refusal}", refusal.code())).into()) }
}

fn show(claims: &Claims, as_json: bool) -> Result<Ending> {
    if as_json {
        say::json(&json!({"accepted": true, "claims": claims}))?;
        return Ok(Ending::Good);
    }
    let rows = claims.facts.iter().map(|(name, value)| vec![name.clone(), value_text(value)]);
    say::table(&["fact", "value"], &rows.collect::<Vec<_>>())?;
    let made = claims.produced_at.map(|s| format!(", made {}", Timestamp(s.saturating_mul(1_000_000))));
    let bound = if claims.bound { "bound to the task" } else { "not checked for a task" };
    say::line(&format!(
        "accepted: {} by {:?}{}, {bound}",
        claims.kind,
        claims.anchor,
        made.unwrap_or_default()
    ))?;
    Ok(Ending::Good)
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        Value::List(values) => values.join(", "),
    }
}

/// Types as the predicate language calls them.
const fn word(of: FactType) -> &'static str {
    match of {
        FactType::Bool => "bool",
        FactType::Integer => "integer",
        FactType::Text => "text",
        FactType::List => "list",
        FactType::Json => "json",
    }
}

fn kinds(args: &KindsArgs) -> Result<Ending> {
    let all = Kind::ALL.iter().flat_map(|kind| kind.facts().iter().map(move |fact| (kind, fact)));
    if args.json {
        let list: Vec<_> = all
            .map(|(kind, fact)| json!({"kind": kind, "fact": fact.name, "type": word(fact.of), "says": fact.says}))
            .collect();
        say::json(&list)?;
        return Ok(Ending::Good);
    }
    let rows = all.map(|(kind, fact)| {
        vec![kind.to_string(), fact.name.to_owned(), word(fact.of).to_owned(), fact.says.to_owned()]
    });
    say::table(&["kind", "fact", "type", "what it says"], &rows.collect::<Vec<_>>())?;
    Ok(Ending::Good)
}
