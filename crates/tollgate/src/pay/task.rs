//! `tollgate pay task`: keys, terms and their signatures.

use super::Printed;
use super::books::{put, read_signed};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Digest, Timestamp};
use tollgate_gateway::clock::entropy;
use tollgate_pay::escrow::{
    Evaluator, Event, EvidencePolicy, Fee, Form, Party, Payee, PublicKey, Quorum, Signed, Signer, Source,
    Stage, TaskContract, Verifier,
};
use tollgate_produce::Key;

/// What can be done with tasks.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Keygen(KeygenArgs),
    New(Box<NewArgs>),
    Sign(SignArgs),
    Show(ShowArgs),
}

/// Whose key it is. A key signs only what its role may say
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Kind {
    /// Payer or payee: contracts, evidence, objections
    Party,
    /// Verdicts and release orders
    Verifier,
    /// Rulings on disputes
    Evaluator,
    /// Receipts and answers of who does the work; it moves no money
    Provider,
}

/// Make a secret key for a role; prints the public key
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay task keygen verifier --out verifier-1.key")]
pub(crate) struct KeygenArgs {
    /// The role
    role: Kind,
    /// File for the secret key, readable by its owner only; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    printed: Printed,
}

/// Write the terms of a task, for both parties to sign
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay task new --task translate-7 --asset USD/2 --fund acct_ada=10000 --payee-account acct_bob \\
    --payer ed25519:... --payee ed25519:... --stage 10000,2026-12-01T12:00:00Z --refund-after 2026-12-03T12:00:00Z \\
    --challenge 3600 --verifier ed25519:... --verifier ed25519:... --verifiers-must 2 --evaluator ed25519:... \\
    --fee acct_fees=250 --out task.json")]
pub(crate) struct NewArgs {
    /// What the parties call it
    #[arg(long, value_name = "NAME")]
    task: String,
    /// What amounts are counted in: code and decimal places
    #[arg(long, value_name = "CODE/PLACES", value_parser = asset)]
    asset: Asset,
    /// Where the price comes from, in minor units; may be repeated
    #[arg(long = "fund", value_name = "ACCOUNT=MINOR", required = true, value_parser = named::<i128>)]
    funding: Vec<(AccountId, i128)>,
    /// Who is paid
    #[arg(long, value_name = "ACCOUNT")]
    payee_account: AccountId,
    /// The payer's public key
    #[arg(long, value_name = "KEY")]
    payer: PublicKey,
    /// The payee's public key
    #[arg(long, value_name = "KEY")]
    payee: PublicKey,
    /// A part of the work: minor units, and when its evidence is due; may be repeated, in order
    #[arg(long = "stage", value_name = "MINOR,TIME", required = true, value_parser = stage)]
    stages: Vec<(i128, Timestamp)>,
    /// From when on the payer takes back what was not released
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    refund_after: Timestamp,
    /// How long a verdict can be disputed
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    challenge: i64,
    /// Public key of a verifier; may be repeated
    #[arg(long = "verifier", value_name = "KEY", required = true)]
    verifiers: Vec<PublicKey>,
    /// How many of them must sign [default: all]
    #[arg(long, value_name = "K")]
    verifiers_must: Option<usize>,
    /// Public key of an evaluator; may be repeated
    #[arg(long = "evaluator", value_name = "KEY", required = true)]
    evaluators: Vec<PublicKey>,
    /// How many of them must sign [default: all]
    #[arg(long, value_name = "K")]
    evaluators_must: Option<usize>,
    /// A share of every release, in hundredths of a percent; may be repeated
    #[arg(long = "fee", value_name = "ACCOUNT=BPS", value_parser = named::<u16>)]
    fees: Vec<(AccountId, u16)>,
    /// A kind of evidence that is accepted; may be repeated
    #[arg(long = "evidence", value_name = "KIND", default_values_t = ["test_result".to_owned()])]
    kinds: Vec<String>,
    /// File of the predicate that the evidence must satisfy; its digest goes into the terms
    #[arg(long, value_name = "FILE")]
    predicate: Option<PathBuf>,
    /// File of the policy by which verifiers must judge evidence [default: each by its own]
    #[arg(long, value_name = "FILE")]
    evidence_policy: Option<PathBuf>,
    /// Name of the open mandate under which it is paid, as `pay mandate open` prints it [default: the payer pays itself]
    #[arg(long, value_name = "HEX")]
    mandate: Option<Digest>,
    /// What moves the money: `ledger`, or `evm` or `card` for a folder with such a rail
    #[arg(long, value_name = "RAIL", default_value = tollgate_pay::rail::LEDGER_RAIL)]
    rail: String,
    /// Verdicts may grant a part of a stage
    #[arg(long)]
    partial: bool,
    /// File for the terms [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    printed: Printed,
}

/// Add a signature to terms, a verdict, an order or any other statement
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay task sign task.json --key payer.key

The file is changed in place. The key must be of the role that says such a thing.")]
pub(crate) struct SignArgs {
    /// File of the statement
    file: PathBuf,
    /// File of the secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Show what terms say and who signed them
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay task show task.json

Exit code 1 when the terms make no sense together or a signature is missing.")]
pub(crate) struct ShowArgs {
    /// File of the terms
    file: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// `CODE/PLACES`.
fn asset(text: &str) -> Result<Asset> {
    let (code, places) = text.split_once('/').context("write it as USD/2")?;
    Ok(Asset::new(code, places.parse().context("decimal places are a number")?)?)
}

/// `ACCOUNT=NUMBER`.
fn named<N: std::str::FromStr>(text: &str) -> Result<(AccountId, N)> {
    let (account, number) = text.split_once('=').context("write it as ACCOUNT=NUMBER")?;
    let number = number.parse().ok().with_context(|| format!("{number:?} is not a number that fits here"))?;
    Ok((account.parse()?, number))
}

/// `MINOR,TIME`.
fn stage(text: &str) -> Result<(i128, Timestamp)> {
    let (minor, time) = text.split_once(',').context("write it as MINOR,TIME")?;
    let minor = minor.parse().ok().with_context(|| format!("{minor:?} is not a number"))?;
    Ok((minor, crate::key::time(time).map_err(anyhow::Error::msg)?))
}

pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Keygen(args) => keygen(&args),
        Command::New(args) => new(&args),
        Command::Sign(args) => sign(&args.file, &args.key),
        Command::Show(args) => show(&args),
    }
}

fn keygen(args: &KeygenArgs) -> Result<Ending> {
    let public = make_key(args.role, &args.out)?.to_string();
    args.printed.show(&json!({"key": public}), &public)?;
    Ok(Ending::Good)
}

/// Makes a secret key in a file of its owner.
pub(super) fn make_key(role: Kind, out: &Path) -> Result<PublicKey> {
    let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
    let (public, secret) = match role {
        Kind::Party => {
            (Signer::<Party>::from_seed(&seed).public(), Signer::<Party>::from_seed(&seed).reveal())
        }
        Kind::Verifier => {
            (Signer::<Verifier>::from_seed(&seed).public(), Signer::<Verifier>::from_seed(&seed).reveal())
        }
        Kind::Evaluator => {
            (Signer::<Evaluator>::from_seed(&seed).public(), Signer::<Evaluator>::from_seed(&seed).reveal())
        }
        // The public half is the same for every role.
        Kind::Provider => (Signer::<Party>::from_seed(&seed).public(), Key::from_seed(&seed).reveal()),
    };
    crate::place::write_secret(out, &secret)?;
    Ok(public)
}

fn new(args: &NewArgs) -> Result<Ending> {
    let amount = |minor: i128| Amount::new(minor, args.asset);
    let price = args.funding.iter().try_fold(0i128, |sum, (_, minor)| sum.checked_add(*minor));
    let predicate = args.predicate.as_deref().map(super::evidence::predicate::named).transpose()?;
    let policy = args.evidence_policy.as_deref().map(super::evidence::policy_digest).transpose()?;
    let quorum = |keys: &[PublicKey], must: Option<usize>| Quorum {
        keys: keys.to_vec(),
        threshold: must.unwrap_or(keys.len()),
    };
    let contract = TaskContract {
        challenge_us: args.challenge.checked_mul(1_000_000).context("--challenge is too long")?,
        evaluators: quorum(&args.evaluators, args.evaluators_must),
        evidence: EvidencePolicy {
            kinds: args.kinds.clone(),
            policy,
            predicate: predicate.unwrap_or(Digest([0; 32])),
        },
        fees: args.fees.iter().map(|(account, bps)| Fee { account: account.clone(), bps: *bps }).collect(),
        funding: args
            .funding
            .iter()
            .map(|(account, minor)| Source { account: account.clone(), amount: amount(*minor) })
            .collect(),
        nonce: Digest(entropy().context("the system gave no entropy")?),
        mandate: args.mandate,
        partial: args.partial,
        payee: Payee { account: args.payee_account.clone(), key: args.payee },
        payer: args.payer,
        price: amount(price.context("--fund adds up to more than 128 bits")?),
        rail: args.rail.clone(),
        refund_after: args.refund_after,
        stages: args
            .stages
            .iter()
            .map(|(minor, submit_by)| Stage { amount: amount(*minor), submit_by: *submit_by })
            .collect(),
        task: args.task.clone(),
        r#type: Form::V1,
        verifiers: quorum(&args.verifiers, args.verifiers_must),
    };
    contract.check()?;
    let event = Event::Propose(Box::new(Signed::new(contract, Vec::new())));
    let text = serde_json::to_string(&event)?;
    match &args.out {
        Some(path) => put(Some(path), &text)?,
        None => args.printed.document(&text)?,
    }
    Ok(Ending::Good)
}

/// Adds a signature to the statement in a file.
pub(super) fn sign(file: &Path, key: &Path) -> Result<Ending> {
    let mut event: Event = read_signed("statement", file)?;
    let text = crate::place::read_text(key)?;
    let text = text.trim_end();
    let shown = || key.display().to_string();
    let party = || Signer::<Party>::from_text(text).with_context(shown);
    let verifier = || Signer::<Verifier>::from_text(text).with_context(shown);
    match &mut event {
        Event::Propose(signed) => signed.add(&party()?),
        Event::Submit(signed) => signed.add(&party()?),
        Event::Dispute(signed) | Event::Counter(signed) => signed.add(&party()?),
        Event::Verdict(signed) => signed.add(&verifier()?),
        Event::Order { order, .. } => order.add(&verifier()?),
        Event::Rule(signed) => signed.add(&Signer::<Evaluator>::from_text(text).with_context(shown)?),
        other => bail!("{}: {} is not signed by anybody", file.display(), other.kind()),
    }
    put(Some(file), &serde_json::to_string(&event)?)?;
    Ok(Ending::Good)
}

fn show(args: &ShowArgs) -> Result<Ending> {
    let event: Event = read_signed("terms", &args.file)?;
    let Event::Propose(signed) = event else { bail!("{}: not the terms of a task", args.file.display()) };
    let contract = &signed.statement;
    let sensible = contract.check();
    let has = |who, key| signed.check(who, key).is_ok();
    let (payer, payee) = (has("payer", &contract.payer), has("payee", &contract.payee.key));
    let parts = contract.split(contract.price.minor()).unwrap_or_default();
    ensure!(!parts.is_empty(), "{}: the price is nothing", args.file.display());
    let good = sensible.is_ok() && payer && payee;
    let problem = sensible.err().map(|error| error.to_string());
    if args.json {
        say::json(&json!({
            "escrow": contract.digest(),
            "task": contract.task,
            "price": contract.price,
            "signed_by_payer": payer,
            "signed_by_payee": payee,
            "problem": problem,
            "parts": parts,
        }))?;
        return Ok(Ending::of(good));
    }
    let word = |signed| if signed { "signed" } else { "not signed" };
    say::line(&format!("task {} for {}, escrow {}", contract.task, contract.price, contract.digest()))?;
    say::line(&format!("payer {}: {}", contract.payer, word(payer)))?;
    say::line(&format!("payee {}: {}", contract.payee.key, word(payee)))?;
    let rows: Vec<_> =
        parts.iter().map(|part| vec![part.account.to_string(), part.amount.to_string()]).collect();
    say::table(&["account", "gets of the whole"], &rows)?;
    if let Some(problem) = problem {
        say::line(&problem)?;
    }
    Ok(Ending::of(good))
}
