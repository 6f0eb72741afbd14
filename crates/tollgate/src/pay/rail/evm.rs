//! `tollgate pay rail evm`: contracts made, payments and orders signed, and how all of it stands on the chain.

use crate::ending::Ending;
use crate::pay::Printed;
use crate::pay::books::Books;
use crate::{place, say};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::{Digest, Timestamp};
use tollgate_evm::{At, Folder, Key, UnderWay, hex};
use tollgate_gateway::clock::entropy;
use tollgate_pay::escrow::Event;
use tollgate_pay::rail::Outcome;

/// What can be done.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Keygen(KeygenArgs),
    Deploy(DeployArgs),
    Payment(PaymentArgs),
    Sign(SignArgs),
    Status(StatusArgs),
    Reconcile(DeployArgs),
}

/// Make a secret key of the chain, and print its address
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail evm keygen --out pay/evm/sender.key")]
pub(crate) struct KeygenArgs {
    /// File for the key, which must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    printed: Printed,
}

/// Make the contracts, or finish making them
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail evm deploy --data pay

A contract's address follows from its code, the sender and the quorum, so a second time makes nothing. Exit code 1 while some are
not there yet: run it again.")]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    books: Books,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Show the payment that terms mean, and sign it as the payer
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail evm payment task.json --data pay --key payer.key

Without a key, what a wallet has to sign is printed (EIP-712); give its signature with --signature.")]
pub(crate) struct PaymentArgs {
    /// File of the terms
    task: PathBuf,
    #[command(flatten)]
    books: Books,
    /// File of the payer's secret key
    #[arg(long, value_name = "FILE", conflicts_with = "signature")]
    key: Option<PathBuf>,
    /// The payer's signature, made elsewhere
    #[arg(long, value_name = "HEX")]
    signature: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Sign the order that an escrow's release or refund waits for, as a verifier
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail evm sign ESCROW --data pay --key verifier-1.key

The order is what the log decided, with the proof of the verdict there and the expiry of the order there. Where that is over, all verifiers
give the same --expires.")]
pub(crate) struct SignArgs {
    /// The escrow
    escrow: Digest,
    #[command(flatten)]
    books: Books,
    /// File of the verifier's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// From when on the order is void [default: as the logged order]
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    printed: Printed,
}

/// Show what the contracts hold for an escrow
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail evm status ESCROW --data pay")]
pub(crate) struct StatusArgs {
    /// The escrow
    escrow: Digest,
    #[command(flatten)]
    books: Books,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Keygen(args) => keygen(&args),
        Command::Deploy(args) => deploy(&args),
        Command::Payment(args) => payment(&args),
        Command::Sign(args) => sign(&args),
        Command::Status(args) => status(&args),
        Command::Reconcile(args) => reconcile(&args),
    }
}

fn folder(data: &Path) -> Result<Folder> {
    let folder = Folder::read(data).context("docs/rails.md shows what the file says")?;
    folder.with_context(|| format!("{} has no evm/rail.json: docs/rails.md shows one", data.display()))
}

/// Reads a secret key.
fn key(path: &Path) -> Result<Key> {
    let text = place::read_text(path).context("make a key with `tollgate pay rail evm keygen`")?;
    text.parse().with_context(|| path.display().to_string())
}

fn keygen(args: &KeygenArgs) -> Result<Ending> {
    let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
    let address = Key::new(&seed)?.address();
    place::write_secret(&args.out, &hex(&seed))?;
    args.printed.show(&json!({"address": address}), &address.to_string())?;
    Ok(Ending::Good)
}

fn deploy(args: &DeployArgs) -> Result<Ending> {
    let place = folder(&args.books.data)?;
    let mut sender = place.sender(place.checked_chain()?)?;
    let mut rows = Vec::new();
    for mut deployment in place.addresses().deployments() {
        let (name, address) = (deployment.contract.name(), deployment.address);
        let outcome = sender.perform(&deployment.key(), deployment.asked(), &mut deployment)?;
        rows.push((name, address, matches!(outcome, Outcome::Done { .. })));
    }
    let all = rows.iter().all(|(.., there)| *there);
    if args.json {
        let contracts: serde_json::Map<_, _> = rows
            .iter()
            .map(|(name, address, there)| ((*name).to_owned(), json!({"address": address, "there": there})))
            .collect();
        say::json(&json!({"sender": place.submitter(), "contracts": contracts, "all": all}))?;
    } else {
        let row = |(name, address, there): &(&str, tollgate_evm::Address, bool)| {
            vec![
                (*name).to_owned(),
                address.to_string(),
                if *there { "there" } else { "under way" }.to_owned(),
            ]
        };
        say::table(&["contract", "address", ""], &rows.iter().map(row).collect::<Vec<_>>())?;
    }
    Ok(Ending::of(all))
}

fn payment(args: &PaymentArgs) -> Result<Ending> {
    let place = folder(&args.books.data)?;
    let text = place::read_text(&args.task)?;
    let Event::Propose(signed) = serde_json::from_str(&text).context("the file has no terms")? else {
        bail!("{}: these are no terms", args.task.display());
    };
    let (contract, draft) = (&signed.statement, place.draft(&signed.statement)?);
    let tollgate_evm::Draft { info, payment, authorization, digest, .. } = &draft;
    let signature = match (&args.key, &args.signature) {
        (Some(path), _) => Some(key(path)?.sign(digest)),
        (None, Some(text)) => Some(text.parse()?),
        (None, None) => None,
    };
    if let Some(signature) = &signature {
        place.file_payment(&contract.digest(), &draft, signature)?;
    }
    if args.json {
        let message = json!({
            "from": authorization.from, "to": authorization.to, "value": info.max_amount.to_string(), "validAfter": "0",
            "validBefore": info.pre_approval_expiry.to_string(), "nonce": authorization.nonce,
        });
        say::json(&json!({
            "escrow": contract.digest(), "payment": payment, "info": info, "primaryType": "ReceiveWithAuthorization",
            "message": message, "digest": digest, "signed": signature.is_some(),
        }))?;
        return Ok(Ending::Good);
    }
    say::line(&format!("payment {payment}"))?;
    say::line(&format!("payer   {}, at most {} to {}", info.payer, contract.price, info.receiver))?;
    say::line(&match signature {
        Some(_) => "signed and filed".to_owned(),
        None => format!("to sign {digest} (ReceiveWithAuthorization; --json has its fields)"),
    })?;
    Ok(Ending::Good)
}

fn sign(args: &SignArgs) -> Result<Ending> {
    let place = folder(&args.books.data)?;
    let escrow = args.books.escrow(&args.escrow)?;
    let call = escrow.rail.open().context("the escrow waits for no rail: nothing is to be signed")?;
    let (pote, until) = decided(args)?;
    let expires = u64::try_from(args.expires.unwrap_or(until).seconds()).context("expired before 1970")?;
    let draft = place.order(call, &escrow.contract, pote, expires)?;
    let filed = place.file_order(&args.escrow, &draft, &key(&args.key)?.sign(&draft.digest))?;
    let amount = draft.order.amount;
    let what = if amount == 0 { "a refund".to_owned() } else { format!("a release of {amount}") };
    let needed = draft.quorum.needed;
    let shown =
        json!({"escrow": args.escrow, "amount": amount.to_string(), "filed": filed, "needed": needed});
    args.printed.show(&shown, &format!("signed {what}: {filed} of {needed} signatures"))?;
    Ok(Ending::Good)
}

/// What the log decided last: the digest of the proof, or of a ruling's reasons, and until when its order counts.
fn decided(args: &SignArgs) -> Result<(Digest, Timestamp)> {
    let replayed = crate::pay::dispute::bundle(&args.books, args.escrow)?.replay(&args.books.plane()?)?;
    let (mut pote, mut until) = (None, None);
    for (_, _, event) in &replayed.events {
        match event {
            Event::Verdict(signed) => pote = Some(signed.statement.pote),
            Event::Rule(signed) => pote = Some(signed.statement.reasons),
            Event::Order { order, .. } => until = Some(order.statement.expires),
            _ => {}
        }
    }
    pote.zip(until).context("the log has no order of the verifiers for this escrow: nothing is to be signed")
}

fn status(args: &StatusArgs) -> Result<Ending> {
    let place = folder(&args.books.data)?;
    let escrow = args.books.escrow(&args.escrow)?;
    let infos = place.config().infos(&escrow.contract)?;
    let mut chain = place.checked_chain()?;
    let block = chain.block(At::Latest)?;
    let states = infos.iter().map(|info| Ok((info, place.config().state(&mut chain, info, block.at())?)));
    let states = states.collect::<Result<Vec<_>>>()?;
    // At a former operator, where it was agreed on before.
    let found = states.iter().find(|(_, state)| state.collected).or(states.first());
    let (info, state) = found.context("rail.json names no operator")?;
    let payment = info.hash(place.config().chain_id, place.config().escrow);
    if args.json {
        say::json(&json!({
            "escrow": args.escrow, "payment": payment, "block": block.number, "collected": state.collected,
            "held": state.capturable.to_string(), "paid": state.paid.to_string(), "reclaimed": state.reclaimed,
        }))?;
    } else {
        say::line(&format!("payment {payment} at block {}", block.number))?;
        let word = match (state.collected, state.reclaimed) {
            (false, _) => "nothing was held",
            (true, true) => "held, and taken back after its deadline",
            (true, false) => "held",
        };
        say::line(&format!("{word}: {} held now, {} paid", state.capturable, state.paid))?;
    }
    Ok(Ending::Good)
}

fn reconcile(args: &DeployArgs) -> Result<Ending> {
    let place = folder(&args.books.data)?;
    let told = place.sender(place.checked_chain()?)?.again_all()?;
    let word = |state: &UnderWay| match state {
        UnderWay::Unsent => "nothing sent".to_owned(),
        UnderWay::Sent => "sent again".to_owned(),
        UnderWay::Taken { block, done: true } => format!("in block {block}"),
        UnderWay::Taken { block, done: false } => format!("refused in block {block}"),
        UnderWay::Replaced => "another transaction has its nonce".to_owned(),
    };
    let last = |record: &tollgate_evm::Record| {
        record.attempts.last().map_or_else(String::new, |a| a.hash.to_string())
    };
    if args.json {
        let row = |(record, state): &(tollgate_evm::Record, UnderWay)| json!({"key": record.key, "transaction": last(record), "state": word(state), "sent": record.attempts.len()});
        say::json(&told.iter().map(row).collect::<Vec<_>>())?;
    } else if told.is_empty() {
        say::line("nothing is under way")?;
    } else {
        let row = |(record, state): &(tollgate_evm::Record, UnderWay)| {
            vec![record.key.clone(), last(record), word(state)]
        };
        say::table(&["key", "transaction", ""], &told.iter().map(row).collect::<Vec<_>>())?;
    }
    Ok(Ending::Good)
}
